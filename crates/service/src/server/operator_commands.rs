//! Effects of operators' requests, on a running and on a stopped service.

use std::path::{Path, PathBuf};

use sottovoce_protocol::Fingerprint;
use tracing::info;

use super::access::AccessPolicy;
use super::client_keys::ClientKeys;
use super::key_store::{KeyStore, KeyStoreError};
use super::registration::{RegisteredCertificate, Registration, unix_now};
use super::state::ServerState;
use super::state_folder::database_path;
use crate::error_text::with_causes;
use crate::operator::client_entry::{CertificateState, ClientEntry};
use crate::operator::request::{OperatorReply, OperatorRequest};
use crate::tls::identity::IdentityError;

const SECONDS_PER_DAY: i64 = 86_400;

/// The registered keys of a service that is not running.
pub struct StoppedService {
    keys: ClientKeys,
}

/// The registered keys of a stopped service cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoppedServiceError {
    /// There is no database.
    #[error("there is no {path}: name the state folder of a service with --state", path = path.display())]
    Missing {
        /// The database.
        path: PathBuf,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
}

impl StoppedServiceError {
    /// Returns whether another process uses the database.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::Keys(KeyStoreError::InUse { .. }))
    }
}

impl StoppedService {
    /// Opens the state folder of a service.
    ///
    /// # Errors
    /// If the folder has no database, a service is using it, or it is damaged.
    pub fn open(folder: &Path) -> Result<Self, StoppedServiceError> {
        let path = database_path(folder);
        if !path.exists() {
            return Err(StoppedServiceError::Missing { path });
        }
        let store = KeyStore::open(&path)?;
        Ok(Self { keys: ClientKeys::new(store, u64::MAX) })
    }

    /// Carries out a request.
    #[must_use]
    pub fn answer(&self, request: &OperatorRequest) -> OperatorReply {
        reply(Commands { keys: &self.keys, running: None }.run(request))
    }
}

/// Carries out a request at a running service.
pub fn answer_operator(state: &ServerState, request: &OperatorRequest) -> OperatorReply {
    reply(Commands { keys: &state.keys, running: Some(state) }.run(request))
}

fn reply(result: Result<Vec<ClientEntry>, KeyStoreError>) -> OperatorReply {
    result.map_or_else(|error| OperatorReply::Error(with_causes(&error)), OperatorReply::Clients)
}

struct Commands<'a> {
    keys: &'a ClientKeys,
    /// `None` if the service is stopped.
    running: Option<&'a ServerState>,
}

impl Commands<'_> {
    fn run(&self, request: &OperatorRequest) -> Result<Vec<ClientEntry>, KeyStoreError> {
        self.keys.write_uses()?;
        let all = self.keys.registrations()?;
        let entries = all.iter().map(|(&key, registration)| (key, self.entry(key, registration)));
        let is_selected: Box<dyn Fn(&ClientEntry) -> bool> = match request {
            OperatorRequest::List => return Ok(entries.map(|(_, entry)| entry).collect()),
            OperatorRequest::Remove { client } => Box::new(|entry| client.contains(entry)),
            OperatorRequest::Expire { unused_days } => {
                let oldest = unused_days.map(|days| unix_now() - i64::from(days) * SECONDS_PER_DAY);
                Box::new(move |entry| {
                    entry.state.is_ended() || oldest.is_some_and(|oldest| entry.last_used < oldest)
                })
            }
        };
        let selected: Vec<_> = entries.filter(|(_, entry)| is_selected(entry)).collect();
        for (key, entry) in &selected {
            self.remove(*key)?;
            info!(client = entry.name.as_deref().unwrap_or("-"), %key, "an operator deleted a registration");
        }
        Ok(selected.into_iter().map(|(_, entry)| entry).collect())
    }

    fn remove(&self, key: Fingerprint) -> Result<(), KeyStoreError> {
        match self.running {
            None => self.keys.delete_from_disk(key),
            Some(state) => {
                // First the connections, whose uploads would otherwise continue for a moment.
                state.connections.close_of_client(key);
                self.keys.delete(&state.served(), &state.batches, key).map(|_| ())
            }
        }
    }

    fn entry(&self, key: Fingerprint, registration: &Registration) -> ClientEntry {
        let certificate = registration.certificate.as_ref();
        let counts = self.running.map(|state| state.batches.counts_of_client(key));
        ClientEntry {
            name: certificate.map(|certificate| certificate.name.clone()),
            keys: key.to_string(),
            serial: certificate.map(|certificate| certificate.serial_number.clone()),
            issuer: certificate.and_then(RegisteredCertificate::issuer).map(|issuer| issuer.to_string()),
            not_after: certificate.map(|certificate| certificate.not_after),
            state: self.certificate_state(key, registration),
            has_current_parameters: self
                .running
                .map(|state| registration.is_for(state.served().parameters())),
            registered: registration.registered,
            last_used: registration.last_used,
            bytes: registration.bytes,
            batches: counts.map(|(batches, _)| batches),
            answers: counts.map(|(_, answers)| answers),
            connections: self
                .running
                .filter(|state| matches!(state.access, AccessPolicy::Certificates(_)))
                .map(|state| state.connections.count_of_client(key)),
        }
    }

    fn certificate_state(&self, key: Fingerprint, registration: &Registration) -> CertificateState {
        let Some(identity) = registration.identity(key) else {
            return CertificateState::Unknown;
        };
        if identity.not_after.unix_timestamp() < unix_now() {
            return CertificateState::Expired;
        }
        let checked = self.running.map_or(Ok(()), |state| state.access.check_still_valid(&identity));
        match checked {
            Err(IdentityError::Expired { .. }) => CertificateState::Expired,
            Err(IdentityError::Revoked { .. }) => CertificateState::Revoked,
            Err(IdentityError::IssuerRevoked { .. }) => CertificateState::IssuerRevoked,
            Err(error) if error.is_end() => CertificateState::IssuerUnknown,
            Ok(()) | Err(_) => CertificateState::Valid,
        }
    }
}
