//! Who may come in.

use std::sync::Arc;

use http::StatusCode;

use super::refusal::Refusal;
use crate::Fingerprint;
use crate::tls::{ClientIdentity, ServerTls};

/// How a service knows its clients.
pub enum Door {
    /// By certificates of the authority, over TLS.
    Certificates(Arc<ServerTls>),
    /// Not at all: for one machine, without TLS.
    InsecureLocal,
}

/// Who sent a request.
#[derive(Debug, Clone)]
pub struct Caller(pub Option<Arc<ClientIdentity>>);

impl Caller {
    /// A name for the log.
    pub fn name(&self) -> &str {
        self.0.as_ref().map_or("-", |identity| &identity.name)
    }
}

impl Door {
    /// Whether a caller may act for the keys `key`.
    pub fn admit(&self, caller: &Caller, key: Fingerprint) -> Result<(), Refusal> {
        let tls = match self {
            Self::InsecureLocal => return Ok(()),
            Self::Certificates(tls) => tls,
        };
        let Some(identity) = &caller.0 else {
            let text = "this needs a client certificate of the provider's authority";
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, text));
        };
        // Connections may outlive certificates.
        tls.still_valid(identity).map_err(|error| Refusal::new(StatusCode::FORBIDDEN, error.to_string()))?;
        if identity.keys != key {
            let text = format!(
                "the certificate of {} is for the keys {}, but the request is for {key}",
                identity.name, identity.keys
            );
            return Err(Refusal::new(StatusCode::FORBIDDEN, text));
        }
        Ok(())
    }
}
