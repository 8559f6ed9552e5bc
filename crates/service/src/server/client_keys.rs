//! Clients' public and evaluation keys: on disk, and in the provider's memory while they are used.

use parking_lot::Mutex;
use sottovoce_protocol::provider::Provider;
use sottovoce_protocol::{Fingerprint, ProtocolError};

use super::batches::Batches;
use super::key_store::KeyStore;
use super::refusal::Refusal;

/// The registered keys of a service.
pub struct ClientKeys {
    store: KeyStore,
    max_stored: u64,
    /// Locked while keys change on disk and in memory, so that both change together.
    changing: Mutex<()>,
}

impl ClientKeys {
    pub fn new(store: KeyStore, max_stored: u64) -> Self {
        Self { store, max_stored, changing: Mutex::new(()) }
    }

    /// Returns the number of clients whose keys are stored, or `None` if the database fails.
    pub fn count(&self) -> Option<u64> {
        self.store.len().ok()
    }

    /// Stores a client's keys, which must be those that the request names.
    pub fn register(&self, provider: &Provider, key: Fingerprint, message: &[u8]) -> Result<(), Refusal> {
        let _changing = self.changing.lock();
        let found = provider.register(message).map_err(|error| Refusal::of_message(&error))?;
        if found != key {
            // If another client has registered these keys, they are on disk.
            provider.forget_key(found);
            return Err(Refusal::other_keys(found, key));
        }
        let refusal = match self.store.insert(key, message, self.max_stored) {
            Ok(true) => return Ok(()),
            Ok(false) => Refusal::key_store_full(self.max_stored),
            Err(failure) => Refusal::key_store_failed(&failure),
        };
        // Keys that are in memory must be on disk.
        provider.forget_key(key);
        Err(refusal)
    }

    /// Makes sure that a client's keys are in memory, and reads them from disk if they are not.
    pub fn load(&self, provider: &Provider, key: Fingerprint) -> Result<(), Refusal> {
        if provider.has_key(key) {
            return Ok(());
        }
        let _changing = self.changing.lock();
        let message = self.store.get(key).map_err(|failure| Refusal::key_store_failed(&failure))?;
        let message = message.ok_or_else(|| Refusal::keys_not_registered(key))?;
        match provider.register(&message[..]) {
            Ok(found) if found == key => Ok(()),
            Ok(found) => {
                provider.forget_key(found);
                Err(Refusal::keys_not_registered(key))
            }
            // The keys were registered when the service had other parameters.
            Err(ProtocolError::WrongFingerprint { .. }) => Err(Refusal::keys_not_registered(key)),
            Err(error) => Err(Refusal::of_message(&error)),
        }
    }

    /// Deletes a client's keys and batches. Succeeds if there are none.
    pub fn delete(&self, provider: &Provider, batches: &Batches, key: Fingerprint) -> Result<(), Refusal> {
        let _changing = self.changing.lock();
        self.store.remove(key).map_err(|failure| Refusal::key_store_failed(&failure))?;
        provider.forget_key(key);
        batches.delete_of_client(key);
        Ok(())
    }
}
