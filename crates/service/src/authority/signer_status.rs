//! The state of roots and issuers, for the operator.

use time::OffsetDateTime;

use crate::tls::serial_number::SerialNumber;

/// A root or an issuer, and its list of revoked certificates.
#[derive(Debug, Clone)]
pub struct SignerStatus {
    /// Name of the authority.
    pub name: String,
    /// The signer is a root.
    pub is_root: bool,
    /// The signer is the newest root, or the issuer that signs at present.
    pub is_present: bool,
    /// Serial number of its certificate.
    pub serial_number: SerialNumber,
    /// End of the certificate's validity.
    pub not_after: OffsetDateTime,
    /// The signer's private key is in the folder.
    pub has_key: bool,
    /// That key is encrypted with a passphrase.
    pub is_key_encrypted: bool,
    /// Time of the revocation of an issuer.
    pub revoked: Option<OffsetDateTime>,
    /// End of its list, and number of certificates on it, if there is a list.
    pub list: Option<(OffsetDateTime, usize)>,
    /// Number of certificates that are revoked in the ledger, but not on the signer's list.
    pub unlisted: usize,
}
