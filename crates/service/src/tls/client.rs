//! The client's TLS configuration.

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;
use time::OffsetDateTime;

use super::error::TlsError;
use super::trusted_roots::TrustedRoots;
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
