//! Why a provider's service does not do what it was asked for.

use std::error::Error;
use std::io;

use http::StatusCode;

use super::ProviderAddress;
use crate::ProtocolError;

/// A request that failed for good: whatever may pass by itself was tried again before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The provider did not do it within the time that was allowed.
    #[error("{address} did not {what} within {seconds} s; the last reason was: {reason}")]
    GaveUp {
        /// The provider.
        address: ProviderAddress,
        /// What was asked for.
        what: &'static str,
        /// Seconds without any progress.
        seconds: u64,
        /// Why the last try failed.
        reason: String,
    },
    /// One side does not accept the other's certificate.
    #[error("no secure connection to {address}: {reason}")]
    Certificate {
        /// The provider.
        address: ProviderAddress,
        /// Why.
        reason: String,
    },
    /// The provider refuses.
    #[error("{address} refused to {what}: {reason} (status {status})")]
    Refused {
        /// The provider.
        address: ProviderAddress,
        /// What was asked for.
        what: &'static str,
        /// The provider's reason.
        reason: String,
        /// HTTP's status.
        status: StatusCode,
    },
    /// The provider sends what it should not.
    #[error("{address} sent what is no answer to \"{what}\": {reason}")]
    Nonsense {
        /// The provider.
        address: ProviderAddress,
        /// What was asked for.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The address needs TLS and there is no trust in any authority, or the other way round.
    #[error("{address} needs {needed}")]
    Setup {
        /// The provider.
        address: ProviderAddress,
        /// What is missing.
        needed: &'static str,
    },
    /// A message of the provider was refused, or one of the client's cannot be made.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The system gives no threads.
    #[error("cannot start a thread for connections")]
    Runtime(#[source] io::Error),
}

/// Why one try failed.
#[derive(Debug)]
pub enum Failure {
    /// The line broke, or was not to be had: it may work the next time.
    Line(String),
    /// Certificates: they will be the same the next time.
    Certificate(String),
    /// A response that is too long or not whole.
    Nonsense(String),
}

impl Failure {
    /// What is behind an error of the connection.
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let mut texts = vec![error.to_string()];
        let mut cause = Some(error);
        while let Some(error) = cause {
            let io = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            if let Some(refusal) = io.and_then(|inner| inner.downcast_ref()).and_then(Self::of_tls) {
                return refusal;
            }
            let text = error.to_string();
            if texts.last().is_none_or(|last| !last.contains(&text)) {
                texts.push(text);
            }
            cause = error.source();
        }
        Self::Line(texts.join(": "))
    }

    /// What TLS says of certificates.
    pub fn of_tls(error: &rustls::Error) -> Option<Self> {
        let reason = match error {
            rustls::Error::AlertReceived(alert) => format!("the provider refused this client: {alert:?}"),
            rustls::Error::InvalidCertificate(_) => {
                format!("the provider's certificate is not accepted: {error}")
            }
            _ => return None,
        };
        Some(Self::Certificate(reason))
    }
}
