//! The client's side of a connection.

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;

use super::{Root, TlsError, key_pair, profile};

/// A client's connections, to providers that hold a certificate of the authority with the certificate `root`. They show
/// the certificate and use the private key of `identity`, if there is one.
///
/// A provider that refuses the certificate says so after the handshake, which for the client has ended by then: the
/// first read fails.
///
/// # Errors
/// If a file cannot be used.
pub fn client_tls(root: &Path, identity: Option<(&Path, &Path)>) -> Result<Arc<ClientConfig>, TlsError> {
    let root = Root::read(root)?;
    let builder = ClientConfig::builder_with_provider(profile::crypto())
        .with_protocol_versions(profile::VERSIONS)?
        .with_root_certificates(root.store());
    let mut configuration = match identity {
        Some((certificate, private_key)) => {
            builder.with_client_cert_resolver(key_pair::read(certificate, private_key)?)
        }
        None => builder.with_no_client_auth(),
    };
    configuration.alpn_protocols = vec![profile::PROTOCOL.to_vec()];
    configuration.resumption = Resumption::disabled();
    Ok(Arc::new(configuration))
}
