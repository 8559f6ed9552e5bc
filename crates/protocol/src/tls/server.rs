//! The provider's side of a connection.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::SingleCertAndKey;
use time::OffsetDateTime;

use super::revocation::client_verifier;
use super::{ClientIdentity, IdentityError, Revocations, Root, TlsError, key_pair, profile};

/// A provider's connections, and which clients' certificates are still good.
#[derive(Debug)]
pub struct ServerTls {
    key: Arc<SingleCertAndKey>,
    state: Mutex<State>,
}

/// What follows the revocation list.
#[derive(Debug)]
struct State {
    revocations: Option<Revocations>,
    configuration: Arc<ServerConfig>,
    /// The list in use is not the one in the file: told once, not at every connection.
    outdated: bool,
}

impl ServerTls {
    /// A provider with the certificate (and those behind it) and the private key in these files. Clients may show
    /// certificates of the authority with the certificate `root` that are not on the list in `revoked`.
    ///
    /// # Errors
    /// If a file cannot be used.
    pub fn load(
        certificate: &Path,
        private_key: &Path,
        root: &Path,
        revoked: Option<&Path>,
    ) -> Result<Self, TlsError> {
        let key = key_pair::read(certificate, private_key)?;
        let root = Root::read(root)?;
        let revocations = revoked.map(|path| Revocations::read(path, &root)).transpose()?;
        let verifier = match &revocations {
            Some(revocations) => revocations.list().verifier(),
            None => {
                let general = |error: rustls::server::VerifierBuilderError| {
                    TlsError::Setup(rustls::Error::General(error.to_string()))
                };
                client_verifier(&root, None).map_err(general)?
            }
        };
        let configuration = configuration(&key, verifier)?;
        let state = State { revocations, configuration, outdated: false };
        Ok(Self { key, state: Mutex::new(state) })
    }

    /// What the next connection is to be made with. A revocation list that has changed is read; where that fails, the
    /// list before it stays in use, and a warning is logged.
    ///
    /// A client that knows nothing of ALPN gets a connection too: what it speaks there is for the caller to see.
    #[must_use]
    pub fn configuration(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.refreshed().configuration)
    }

    /// Who is at the other end of a connection, from the certificates that TLS has verified; nobody in particular if
    /// there are none.
    ///
    /// # Errors
    /// If the certificate does not say whose it is, like a provider's.
    pub fn identity(
        certificates: Option<&[CertificateDer<'_>]>,
    ) -> Result<Option<ClientIdentity>, IdentityError> {
        let certificate = certificates.and_then(<[_]>::first);
        certificate.map(|certificate| ClientIdentity::from_der(certificate)).transpose()
    }

    /// Checks that a client whose connection was made some time ago might still make it: its certificate's time is not
    /// over, and it is not revoked.
    ///
    /// # Errors
    /// If it is over, or revoked.
    pub fn still_valid(&self, client: &ClientIdentity) -> Result<(), IdentityError> {
        let ClientIdentity { name, serial, not_after, .. } = client;
        if OffsetDateTime::now_utc() > *not_after {
            return Err(IdentityError::Expired { name: name.clone(), not_after: *not_after });
        }
        let state = self.refreshed();
        if state.revocations.as_ref().is_some_and(|revocations| revocations.list().contains(serial)) {
            return Err(IdentityError::Revoked { name: name.clone(), serial: serial.clone() });
        }
        Ok(())
    }

    /// The state with the list that is in the file now, where it can be used.
    fn refreshed(&self) -> MutexGuard<'_, State> {
        // Nothing is left half done under the lock.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.refresh(&self.key) {
            Ok(changed) => {
                let outdated = state.revocations.as_ref().is_some_and(Revocations::is_outdated);
                if changed || state.outdated && !outdated {
                    tracing::info!("the revocation list was read");
                }
                state.outdated = outdated;
            }
            Err(error) => {
                if !state.outdated {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(
                        error,
                        "the revocation list cannot be used: the one before it stays in use"
                    );
                }
                state.outdated = true;
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
