//! The operator's decisions: which requests get a certificate, and whether a root may be replaced without its key.

use sottovoce_protocol::Fingerprint;

use crate::tls::model_manifest::CertifiedModel;

/// The operator's decision about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    pub(super) key: Fingerprint,
    pub(super) days: u32,
    pub(super) allows_other_keys: bool,
    pub(super) models: Vec<CertifiedModel>,
}

impl Approval {
    /// Approves a certificate for `days`, if the request has the public key with the fingerprint `key`, which the sender of the
    /// request told over another channel. The key has signed all that the request names.
    #[must_use]
    pub fn new(key: Fingerprint, days: u32) -> Self {
        Self { key, days, allows_other_keys: false, models: Vec::new() }
    }

    /// Also approves keys other than those in a valid certificate of the same client or for the same host.
    #[must_use]
    pub fn with_other_keys(mut self) -> Self {
        self.allows_other_keys = true;
        self
    }

    /// Lists models in a provider's certificate, for which the authority vouches. Clients' certificates list none.
    #[must_use]
    pub fn with_models(mut self, models: Vec<CertifiedModel>) -> Self {
        self.models = models;
        self
    }
}

/// Permission to make another root without the private key of the former one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormerKey {
    /// The key must be in the folder.
    Required,
    /// The key is lost: the former root's list cannot be signed any more.
    Lost,
}
