//! A service's knowledge of a client.

use serde::{Deserialize, Serialize};

/// A client with registered keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientEntry {
    /// Name in the client's certificate. `None` if the client has none, or has not used the keys since an earlier version of
    /// this program stored them.
    pub name: Option<String>,
    /// Fingerprint of the keys.
    pub keys: String,
    /// Serial number of the certificate in hexadecimal.
    pub serial: Option<String>,
    /// Serial number of its issuer's certificate in hexadecimal, if it is known.
    pub issuer: Option<String>,
    /// End of the certificate's validity in Unix seconds.
    pub not_after: Option<i64>,
    /// State of the certificate.
    pub state: CertificateState,
    /// The keys are for the parameters of the running service. `None` if it is stopped.
    pub has_current_parameters: Option<bool>,
    /// Time of the registration in Unix seconds, if it is known.
    pub registered: Option<i64>,
    /// Time of the last use in Unix seconds.
    pub last_used: i64,
    /// Bytes of the registration on disk.
    pub bytes: u64,
    /// Number of batches that are received, waiting or evaluated. `None` if the service is stopped.
    pub batches: Option<usize>,
    /// Number of answers that wait. `None` if the service is stopped.
    pub answers: Option<usize>,
    /// Number of open connections. `None` if the service is stopped, or serves clients without certificates.
    pub connections: Option<usize>,
}

/// State of a client's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CertificateState {
    /// The certificate has not ended. A stopped service does not know whether it is revoked.
    Valid,
    /// The certificate has expired.
    Expired,
    /// The authority has revoked the certificate.
    Revoked,
    /// The authority has revoked the issuer of the certificate.
    #[serde(rename = "issuer revoked")]
    IssuerRevoked,
    /// No root that the service trusts has certified the issuer of the certificate.
    #[serde(rename = "issuer unknown")]
    IssuerUnknown,
    /// No certificate is known.
    Unknown,
}

impl CertificateState {
    /// Returns whether the client can no longer use its keys.
    #[must_use]
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Expired | Self::Revoked | Self::IssuerRevoked | Self::IssuerUnknown)
    }
}
