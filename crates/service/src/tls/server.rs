//! The provider's TLS configuration.

use std::path::Path;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::SingleCertAndKey;
use time::OffsetDateTime;

use super::error::TlsError;
use super::identity::{ClientIdentity, IdentityError};
use super::revocation_file::RevocationFile;
use super::revocation_list::client_verifier;
use super::root_certificate::RootCertificate;
use super::{pem_files, profile};

/// The provider's TLS configuration, which follows the revocation list.
#[derive(Debug)]
pub struct ServerTls {
    key: Arc<SingleCertAndKey>,
    state: Mutex<State>,
}

/// Everything that changes with the revocation list.
#[derive(Debug)]
struct State {
    revocations: Option<RevocationFile>,
    configuration: Arc<ServerConfig>,
    /// The current file was refused. This is logged once, and not at every connection.
    is_outdated: bool,
}

impl ServerTls {
    /// Reads the provider's certificate (with its chain) and private key. Clients may have certificates of the authority whose
    /// certificate is in `root`, if they are not on the list in `revoked`.
    ///
    /// # Errors
    /// If a file cannot be used.
    pub fn load(
        certificate: &Path,
        private_key: &Path,
        root: &Path,
        revoked: Option<&Path>,
    ) -> Result<Self, TlsError> {
        let key = pem_files::read_certified_key(certificate, private_key)?;
        let root = RootCertificate::read(root)?;
        let revocations = revoked.map(|path| RevocationFile::read(path, &root)).transpose()?;
        let verifier = match &revocations {
            Some(revocations) => revocations.list().verifier(),
            None => {
                let general = |error: rustls::server::VerifierBuilderError| {
                    TlsError::Setup(rustls::Error::General(error.to_string()))
                };
                client_verifier(&root, Vec::new()).map_err(general)?
            }
        };
        let configuration = configuration(&key, verifier)?;
        let state = State { revocations, configuration, is_outdated: false };
        Ok(Self { key, state: Mutex::new(state) })
    }

    /// Returns the configuration for the next connection. Reads a revocation list that has changed. If it cannot be used, the
    /// list before it stays in use, and a warning is logged.
    ///
    /// A client without ALPN gets a connection too. The caller finds out whether it uses HTTP/2.
    #[must_use]
    pub fn current_configuration(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.refreshed_state().configuration)
    }

    /// Returns the client's identity from the certificates that TLS has verified, or `None` if there are none.
    ///
    /// # Errors
    /// If the certificate names no client, as a provider's certificate.
    pub fn read_identity(
        certificates: Option<&[CertificateDer<'_>]>,
    ) -> Result<Option<ClientIdentity>, IdentityError> {
        let certificate = certificates.and_then(<[_]>::first);
        certificate.map(|certificate| ClientIdentity::from_der(certificate)).transpose()
    }

    /// Checks that the certificate of a connected client has not expired and is not revoked.
    ///
    /// # Errors
    /// If the certificate has expired or is revoked.
    pub fn check_still_valid(&self, client: &ClientIdentity) -> Result<(), IdentityError> {
        let ClientIdentity { name, serial_number, not_after, .. } = client;
        if OffsetDateTime::now_utc() > *not_after {
            return Err(IdentityError::Expired { name: name.clone(), not_after: *not_after });
        }
        let state = self.refreshed_state();
        if state.revocations.as_ref().is_some_and(|revocations| revocations.list().contains(serial_number)) {
            return Err(IdentityError::Revoked { name: name.clone(), serial_number: serial_number.clone() });
        }
        Ok(())
    }

    /// Returns the state after reading a revocation list that has changed.
    fn refreshed_state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        match state.refresh(&self.key) {
            Ok(changed) => {
                let is_outdated = state.revocations.as_ref().is_some_and(RevocationFile::is_outdated);
                if changed || state.is_outdated && !is_outdated {
                    tracing::info!("the revocation list was read");
                }
                state.is_outdated = is_outdated;
            }
            Err(error) => {
                if !state.is_outdated {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(
                        error,
                        "the revocation list cannot be used: the one before it stays in use"
                    );
                }
                state.is_outdated = true;
            }
        }
        state
    }
}

impl State {
    fn refresh(&mut self, key: &Arc<SingleCertAndKey>) -> Result<bool, TlsError> {
        let Some(revocations) = &mut self.revocations else {
            return Ok(false);
        };
        let changed = revocations.refresh()?;
        if changed {
            self.configuration = configuration(key, revocations.list().verifier())?;
        }
        Ok(changed)
    }
}

fn configuration(
    key: &Arc<SingleCertAndKey>,
    verifier: Arc<dyn ClientCertVerifier>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let mut configuration = ServerConfig::builder_with_provider(profile::crypto())
        .with_protocol_versions(profile::VERSIONS)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::clone(key) as _);
    configuration.alpn_protocols = vec![profile::PROTOCOL.to_vec()];
    configuration.session_storage = Arc::new(NoServerSessionStorage {});
    configuration.send_tls13_tickets = 0;
    Ok(Arc::new(configuration))
}
