//! Clients' keys: on disk, and in memory while they are used.

use http::StatusCode;
use tracing::error;

use super::refusal::Refusal;
use super::{KeyStoreError, Service};
use crate::lock::lock;
use crate::{Fingerprint, ProtocolError};

impl Service {
    /// Stores a client's keys, after checking that they are the ones that the request names.
    pub(super) fn register(&self, key: Fingerprint, message: &[u8]) -> Result<(), Refusal> {
        let _changing = lock(&self.changing);
        let found = self.provider.register(message).map_err(|error| Refusal::message(&error))?;
        if found != key {
            // If these are somebody's, they are on disk.
            self.provider.forget(found);
            let text = format!("the body has the keys {found}, but the request names {key}");
            return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, text));
        }
        let refusal = match self.keys.put(key, message, self.limits.stored_keys) {
            Ok(true) => return Ok(()),
            Ok(false) => {
                let most = self.limits.stored_keys;
                let text = format!("the keys of {most} clients are stored, and no more are kept");
                Refusal::new(StatusCode::INSUFFICIENT_STORAGE, text)
            }
            Err(failure) => self.storage(&failure),
        };
        // What is not on disk must not seem to be.
        self.provider.forget(key);
        Err(refusal)
    }

    fn storage(&self, failure: &KeyStoreError) -> Refusal {
        let reason: &dyn std::error::Error = failure;
        error!(reason, "the database failed");
        Refusal::new(StatusCode::INSUFFICIENT_STORAGE, "the service cannot store or find keys at present")
    }

    /// Has a client's keys at hand, from disk where need be.
    pub(super) fn at_hand(&self, key: Fingerprint) -> Result<(), Refusal> {
        if self.provider.has(key) {
            return Ok(());
        }
        let _changing = lock(&self.changing);
        let unknown = || Refusal::not_found(format!("the keys {key} are not registered"));
        let message = self.keys.get(key).map_err(|failure| self.storage(&failure))?.ok_or_else(unknown)?;
        match self.provider.register(&message[..]) {
            Ok(found) if found == key => Ok(()),
            Ok(found) => {
                self.provider.forget(found);
                Err(unknown())
            }
            // Registered when the service had other parameters.
            Err(ProtocolError::Fingerprint { .. }) => Err(unknown()),
            Err(reason) => Err(Refusal::message(&reason)),
        }
    }

    pub(super) fn forget(&self, key: Fingerprint) -> Result<(), Refusal> {
        let _changing = lock(&self.changing);
        self.keys.remove(key).map_err(|failure| self.storage(&failure))?;
        self.provider.forget(key);
        // Without its keys it sends no more.
        self.batches.forget_client(key);
        Ok(())
    }
}
