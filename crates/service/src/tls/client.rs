//! The client's TLS configuration.

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;
use sottovoce_protocol::Fingerprint;
use time::OffsetDateTime;

use super::certificate::Certificate;
use super::error::TlsError;
use super::identity::ClientIdentity;
use super::trusted_roots::TrustedRoots;
use super::validity::{RENEWAL_WARNING, Validity, date_text};
use super::{pem_files, profile};

/// Returns a configuration for connections to providers with certificates of the authorities whose certificates are in the file
/// `root`. Roots that are not valid now are not trusted. `identity` names the files of the client's own certificate and private
/// key, if it has them.
///
/// A provider refuses a client's certificate after the client's side of the handshake has ended, so the client's first read
/// fails.
///
/// # Errors
/// If a file cannot be used, or no root is valid.
pub fn load_client_tls(root: &Path, identity: Option<(&Path, &Path)>) -> Result<Arc<ClientConfig>, TlsError> {
    let roots = TrustedRoots::read(root)?.store(OffsetDateTime::now_utc())?;
    let builder = ClientConfig::builder_with_provider(profile::crypto())
        .with_protocol_versions(profile::VERSIONS)?
        .with_root_certificates(roots);
    let mut configuration = match identity {
        Some((certificate, private_key)) => {
            let chain = pem_files::read_certificates(certificate)?;
            builder.with_client_cert_resolver(pem_files::read_certified_key(chain, certificate, private_key)?)
        }
        None => builder.with_no_client_auth(),
    };
    configuration.alpn_protocols = vec![profile::PROTOCOL.to_vec()];
    configuration.resumption = Resumption::disabled();
    Ok(Arc::new(configuration))
}

/// Returns the fingerprint of the keys for packed evaluation that a client's certificate names, if it names any.
///
/// # Errors
/// If the file has no certificate of a client.
pub fn certified_packed_keys(certificate: &Path) -> Result<Option<Fingerprint>, TlsError> {
    let chain = pem_files::read_certificates(certificate)?;
    let Some(leaf) = chain.first() else { return Ok(None) };
    let identity = ClientIdentity::from_der(leaf)
        .map_err(|error| TlsError::Certificate { path: certificate.to_owned(), reason: error.to_string() })?;
    Ok(identity.packed_keys)
}

/// Returns the end of a client's certificate, such as `2026-11-28T07:59:28Z`, if it should be renewed: less than 30 days and less
/// than a third of its life remain.
///
/// # Errors
/// If the file has no certificate that can be used.
pub fn renewal_date(certificate: &Path) -> Result<Option<String>, TlsError> {
    let chain = pem_files::read_certificates(certificate)?;
    let Some(leaf) = chain.into_iter().next() else { return Ok(None) };
    let unusable = |reason| TlsError::Certificate { path: certificate.to_owned(), reason };
    let Validity { not_before, not_after } = Certificate::parse(leaf).map_err(unusable)?.validity();
    let left = not_after - OffsetDateTime::now_utc();
    let is_due = left.is_positive() && left < RENEWAL_WARNING && left < (not_after - not_before) / 3;
    Ok(is_due.then(|| date_text(not_after)))
}
