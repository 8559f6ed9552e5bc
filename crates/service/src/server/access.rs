//! Decides which clients may use which keys.

use std::sync::Arc;

use sottovoce_protocol::Fingerprint;

use super::refusal::Refusal;
use crate::tls::identity::{ClientIdentity, IdentityError};
use crate::tls::server::ServerTls;

/// How a service authenticates its clients.
pub enum AccessPolicy {
    /// Clients need a certificate of the authority, over TLS.
    Certificates(Arc<ServerTls>),
    /// Every program on this machine is a client, without TLS. The server listens on loopback addresses only.
    InsecureLocal,
}

/// The client that sent a request, if it has a certificate.
#[derive(Debug, Clone)]
pub struct Caller(pub Option<Arc<ClientIdentity>>);

impl Caller {
    /// Returns the client's name for the log.
    pub fn name(&self) -> &str {
        self.0.as_ref().map_or("-", |identity| &identity.name)
    }

    /// Returns the keys by which the service knows the client, which may use other `keys` as well. A client without a certificate is known by the
    /// keys that it uses.
    pub fn client(&self, keys: Fingerprint) -> Fingerprint {
        self.0.as_ref().map_or(keys, |identity| identity.keys)
    }
}

impl AccessPolicy {
    /// Checks that the certificate of a connected client is still valid.
    pub fn check_still_valid(&self, identity: &ClientIdentity) -> Result<(), IdentityError> {
        match self {
            Self::InsecureLocal => Ok(()),
            Self::Certificates(tls) => tls.check_still_valid(identity),
        }
    }

    /// Checks that a client may use the keys `key`.
    pub fn check(&self, caller: &Caller, key: Fingerprint) -> Result<(), Refusal> {
        let tls = match self {
            Self::InsecureLocal => return Ok(()),
            Self::Certificates(tls) => tls,
        };
        let Some(identity) = &caller.0 else {
            return Err(Refusal::no_certificate());
        };
        // A connection can last longer than the certificate with which it was made.
        tls.check_still_valid(identity).map_err(|error| Refusal::certificate_ended(&error))?;
        tls.check_lists_current(identity).map_err(|error| Refusal::outdated_revocation_list(&error))?;
        if !identity.may_use(key) {
            return Err(Refusal::certificate_of_other_keys(identity, key));
        }
        Ok(())
    }

    /// Returns whether a client's certificate has expired or is revoked, or its issuer is revoked or unknown.
    pub fn is_ended(&self, client: &ClientIdentity) -> bool {
        self.check_still_valid(client).is_err_and(|error| error.is_end())
    }
}
