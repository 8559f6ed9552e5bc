//! Errors of requests to a provider.

use std::error::Error;
use std::io;

use http::StatusCode;
use rustls::{AlertDescription, CertificateError, InvalidMessage};
use sottovoce_network::UntrustedText;
use sottovoce_protocol::ProtocolError;

use super::address::ProviderAddress;
use crate::tls::model_manifest::ModelManifestError;
use crate::tls::validity::unix_date_text;

/// Reason of an address with TLS where the other side does not speak TLS.
const NO_TLS: &str = "the other side does not speak TLS. A provider that was started with --insecure-local is addressed with \
                      http:// and --insecure-local, on its own machine only; if the provider has a certificate, check the address \
                      and the port";

/// Reason of an address without TLS where the other side does not speak HTTP/2 without TLS.
pub const NO_PLAIN_HTTP2: &str = "the other side does not speak HTTP/2 without TLS. A provider with a certificate is addressed with \
                                  https://; if the provider was started with --insecure-local, check the port";

/// A request failed. Requests that failed for a temporary reason have been sent again before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The request made no progress for as long as the retry budget allows.
    #[error("{address} did not {action} within {seconds} s; the last reason was: {reason}")]
    Stalled {
        /// Address of the provider.
        address: ProviderAddress,
        /// Requested action.
        action: &'static str,
        /// Seconds without progress.
        seconds: u64,
        /// Reason for which the last attempt failed.
        reason: UntrustedText,
    },
    /// One side refuses the other side's certificate.
    #[error("no secure connection to {address}: {reason}")]
    Certificate {
        /// Address of the provider.
        address: ProviderAddress,
        /// Reason.
        reason: UntrustedText,
    },
    /// The other side speaks another protocol, and would do so at every attempt.
    #[error("no connection to {address}: {reason}")]
    OtherProtocol {
        /// Address of the provider.
        address: ProviderAddress,
        /// Reason, and what to do.
        reason: UntrustedText,
    },
    /// The provider's certificate does not list the model that is used.
    #[error("the model is not used at {address}")]
    Manifest {
        /// Address of the provider.
        address: ProviderAddress,
        /// Reason.
        source: ModelManifestError,
    },
    /// The provider refused the request.
    #[error("{address} refused to {action}: {reason} (status {status})")]
    Refused {
        /// Address of the provider.
        address: ProviderAddress,
        /// Requested action.
        action: &'static str,
        /// Reason that the provider gave.
        reason: UntrustedText,
        /// Status of the response.
        status: StatusCode,
    },
    /// The provider sent an invalid response.
    #[error("{address} was asked to {action}, and its response is invalid: {reason}")]
    InvalidResponse {
        /// Address of the provider.
        address: ProviderAddress,
        /// Requested action.
        action: &'static str,
        /// Reason for which the response is invalid.
        reason: UntrustedText,
    },
    /// The address needs TLS and there is no configuration for it, or the other way round.
    #[error("{address} needs {needed}")]
    Setup {
        /// Address of the provider.
        address: ProviderAddress,
        /// Certificates that the address needs, or does not need.
        needed: &'static str,
    },
    /// A message of the provider was refused, or a message of the client cannot be made.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The operating system starts no thread.
    #[error("cannot start a thread for connections")]
    Runtime(#[source] io::Error),
}

impl RemoteError {
    /// Returns whether the provider does not have what was asked for.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::NOT_FOUND, .. })
    }
}

/// Reason for which one attempt of a request failed. Texts of libraries may repeat what the provider sent.
#[derive(Debug)]
pub enum AttemptError {
    /// The connection broke or could not be opened. Another attempt may succeed.
    Connection(UntrustedText),
    /// A certificate was refused. Another attempt would fail too.
    Certificate(UntrustedText),
    /// The other side speaks another protocol. Another attempt would fail too.
    OtherProtocol(UntrustedText),
    /// The provider's certificate does not list the model. Another attempt would fail too.
    Manifest(ModelManifestError),
    /// The response is too long.
    InvalidResponse(UntrustedText),
}

impl AttemptError {
    /// Returns the error of a connection that may succeed at another attempt.
    pub fn connection(reason: &str) -> Self {
        Self::Connection(UntrustedText::new(reason))
    }

    /// Finds the reason behind an error of a connection.
    pub fn from_error(error: &(dyn Error + 'static)) -> Self {
        let mut texts = vec![error.to_string()];
        let mut cause = Some(error);
        while let Some(error) = cause {
            let io = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            if let Some(refusal) = io.and_then(|inner| inner.downcast_ref()).and_then(Self::from_tls) {
                return refusal;
            }
            let text = error.to_string();
            if texts.last().is_none_or(|last| !last.contains(&text)) {
                texts.push(text);
            }
            cause = error.source();
        }
        Self::connection(&texts.join(": "))
    }

    /// Returns the reason if TLS refused a certificate, or the other side does not speak TLS.
    pub fn from_tls(error: &rustls::Error) -> Option<Self> {
        let reason = match error {
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
                return Some(Self::OtherProtocol(UntrustedText::new(NO_TLS)));
            }
            rustls::Error::PeerIncompatible(_) => {
                return Some(Self::OtherProtocol(
                    format!("the other side does not speak TLS 1.3: {error}").into(),
                ));
            }
            rustls::Error::AlertReceived(alert) => {
                let advice = match alert {
                    AlertDescription::CertificateUnknown => {
                        "; probably it lacks the authority's newest revoked.pem, with the list of this certificate's issuer: ask \
                         its operator to copy it. Or certificate.pem holds more than three certificates"
                    }
                    AlertDescription::UnknownCA => {
                        "; it does not trust the authority that issued this client's certificate: ask its operator for the \
                         authority, or whether it has the newest root.pem"
                    }
                    _ => "",
                };
                format!("the provider refused this client: {alert:?}{advice}")
            }
            rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { time, not_after }) => {
                format!(
                    "the provider's certificate, or its issuer's, was valid until {}, and now it is {} by this machine's clock; check the \
                 clock, or ask the provider's operator for a new certificate",
                    unix_date_text(*not_after),
                    unix_date_text(*time)
                )
            }
            rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext { time, not_before }) => {
                format!(
                    "the provider's certificate, or its issuer's, is not valid before {}, and now it is {} by this machine's clock; \
                     check the clock, or ask the provider's operator",
                    unix_date_text(*not_before),
                    unix_date_text(*time)
                )
            }
            rustls::Error::InvalidCertificate(_) => {
                format!("the provider's certificate is not accepted: {error}")
            }
            _ => return None,
        };
        Some(Self::Certificate(reason.into()))
    }
}
