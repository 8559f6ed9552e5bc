//! Clients' public and evaluation keys: on disk, and in the provider's memory while they are used.

use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;
use sottovoce_protocol::{Fingerprint, ProtocolError};
use tracing::{info, warn};

use super::access::{AccessPolicy, Caller};
use super::batches::Batches;
use super::key_locks::KeyLocks;
use super::key_store::{KeyStore, KeyStoreError};
use super::refusal::Refusal;
use super::registration::{RegisteredCertificate, Registration, unix_now};
use super::served_models::ServedModels;

/// The registered keys of a service.
pub struct ClientKeys {
    store: KeyStore,
    max_stored: u64,
    /// A client's keys change on disk and in memory together.
    changing: KeyLocks,
    /// Uses that are not on disk yet.
    uses: Mutex<HashMap<Fingerprint, Use>>,
}

/// The last use of registered keys.
struct Use {
    time: i64,
    certificate: Option<RegisteredCertificate>,
}

impl ClientKeys {
    pub fn new(store: KeyStore, max_stored: u64) -> Self {
        Self { store, max_stored, changing: KeyLocks::default(), uses: Mutex::default() }
    }

    /// Returns the number of clients whose keys are stored, or `None` if the database fails.
    pub fn count(&self) -> Option<u64> {
        self.store.len().ok()
    }

    /// Stores a client's keys, which must be those that the request names. If the store is full, makes room for them, but never
    /// by deleting keys for the present parameters of a client whose certificate is valid.
    pub fn register(
        &self,
        served: &ServedModels,
        access: &AccessPolicy,
        caller: &Caller,
        key: Fingerprint,
        message: &[u8],
    ) -> Result<(), Refusal> {
        let _lock = self.changing.lock(key);
        // A message for other parameters is refused with those of batched evaluation.
        let provider = served.provider_of(message).unwrap_or(served.batched());
        provider.register(key, message).map_err(|error| Refusal::of_message(&error))?;
        let refusal = match self.store_message(served, access, caller, key, message) {
            Ok(true) => return Ok(()),
            Ok(false) => Refusal::key_store_full(self.max_stored),
            Err(failure) => Refusal::key_store_failed(&failure),
        };
        // Keys that are in memory must be on disk.
        served.forget_key(key);
        Err(refusal)
    }

    /// Makes sure that a client's keys are in memory, and reads them from disk if they are not.
    pub fn load(
        &self,
        served: &ServedModels,
        access: &AccessPolicy,
        caller: &Caller,
        key: Fingerprint,
    ) -> Result<(), Refusal> {
        if !served.is_loaded(key) {
            self.read_from_disk(served, key)?;
        }
        self.note_use(access, caller, key).unwrap_or_else(|failure| {
            // The use of the keys is not prevented.
            let reason: &dyn std::error::Error = &failure;
            warn!(reason, "the use of keys cannot be noted");
        });
        Ok(())
    }

    /// Returns whether a client's keys are in memory and their use could be noted without the disk.
    pub fn use_loaded(&self, served: &ServedModels, caller: &Caller, key: Fingerprint) -> bool {
        served.is_loaded(key) && self.note_known_use(caller, key)
    }

    /// Deletes a client's keys and batches. Succeeds if there are none. Returns whether the keys were stored.
    pub fn delete(
        &self,
        served: &ServedModels,
        batches: &Batches,
        key: Fingerprint,
    ) -> Result<bool, KeyStoreError> {
        let _lock = self.changing.lock(key);
        self.delete_locked(served, batches, key)
    }

    /// Deletes the keys of a client of a service that is not running.
    pub fn delete_from_disk(&self, key: Fingerprint) -> Result<(), KeyStoreError> {
        self.store.remove(key).map(|_| ())
    }

    /// Returns what is noted of all registrations.
    pub fn registrations(&self) -> Result<BTreeMap<Fingerprint, Registration>, KeyStoreError> {
        self.store.registrations()
    }

    /// Deletes the keys and batches of all clients whose certificates have ended.
    pub fn delete_ended(
        &self,
        served: &ServedModels,
        access: &AccessPolicy,
        batches: &Batches,
    ) -> Result<(), KeyStoreError> {
        for (key, registration) in self.store.registrations()? {
            if !is_ended(access, key, &registration) {
                continue;
            }
            let _lock = self.changing.lock(key);
            // The client may have come back with another certificate meanwhile.
            if self.store.registration(key)?.is_some_and(|current| is_ended(access, key, &current)) {
                self.delete_locked(served, batches, key)?;
                log_deletion(key, &registration);
            }
        }
        Ok(())
    }

    /// Writes when keys were used last.
    pub fn write_uses(&self) -> Result<(), KeyStoreError> {
        let uses: BTreeMap<Fingerprint, i64> =
            self.uses.lock().iter().map(|(&key, used)| (key, used.time)).collect();
        self.store.update(uses.keys().copied(), |key, registration| {
            registration.last_used = uses.get(&key).copied().unwrap_or(0).max(registration.last_used);
        })?;
        self.uses.lock().retain(|key, used| uses.get(key).is_none_or(|&written| written < used.time));
        Ok(())
    }

    fn store_message(
        &self,
        served: &ServedModels,
        access: &AccessPolicy,
        caller: &Caller,
        key: Fingerprint,
        message: &[u8],
    ) -> Result<bool, KeyStoreError> {
        let registration = Registration::new(message, caller.0.as_deref());
        loop {
            if self.store.insert(key, message, &registration, self.max_stored)? {
                return Ok(true);
            }
            if !self.make_room(served, access)? {
                return Ok(false);
            }
        }
    }

    /// Deletes one registration that nobody can use: of a client whose certificate has ended, or else for former parameters.
    /// Returns whether there is room now.
    fn make_room(&self, served: &ServedModels, access: &AccessPolicy) -> Result<bool, KeyStoreError> {
        let all = self.store.registrations()?;
        if (all.len() as u64) < self.max_stored {
            return Ok(true);
        }
        let ended = all.iter().filter(|(key, registration)| is_ended(access, **key, registration));
        let former = all.iter().filter(|(_, registration)| !registration.is_for(served.parameters()));
        for (&key, registration) in ended.chain(former) {
            // Keys that somebody changes at this moment are in use. Waiting for them could never end.
            let Some(_lock) = self.changing.try_lock(key) else { continue };
            if self.store.remove(key)? {
                served.forget_key(key);
                log_deletion(key, registration);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn read_from_disk(&self, served: &ServedModels, key: Fingerprint) -> Result<(), Refusal> {
        let _lock = self.changing.lock(key);
        let message = self.store.get(key).map_err(|failure| Refusal::key_store_failed(&failure))?;
        let message = message.ok_or_else(|| Refusal::keys_not_registered(key))?;
        // The service may have had other parameters when the keys were registered.
        let provider = served.provider_of(&message).ok_or_else(|| Refusal::keys_not_registered(key))?;
        match provider.register(key, &message[..]) {
            Ok(_) => Ok(()),
            // The database is wrong about a name or a checksum.
            Err(ProtocolError::WrongFingerprint { .. } | ProtocolError::OtherKeys { .. }) => {
                Err(Refusal::keys_not_registered(key))
            }
            Err(error) => Err(Refusal::of_message(&error)),
        }
    }

    /// Notes a use of keys in memory, if it needs no look at what is stored: without a certificate, or with the one of the last
    /// use. Returns whether it is noted.
    fn note_known_use(&self, caller: &Caller, key: Fingerprint) -> bool {
        let certificate = caller.0.as_deref().map(RegisteredCertificate::of);
        let mut uses = self.uses.lock();
        let is_known =
            certificate.is_none() || uses.get(&key).is_some_and(|used| used.certificate == certificate);
        if is_known {
            uses.insert(key, Use { time: unix_now(), certificate });
        }
        is_known
    }

    /// Notes that a client uses its registered keys. Only a renewed certificate is written at once.
    fn note_use(
        &self,
        access: &AccessPolicy,
        caller: &Caller,
        key: Fingerprint,
    ) -> Result<(), KeyStoreError> {
        if self.note_known_use(caller, key) {
            return Ok(());
        }
        let certificate = caller.0.as_deref().map(RegisteredCertificate::of);
        self.uses.lock().insert(key, Use { time: unix_now(), certificate: certificate.clone() });
        let Some(certificate) = certificate else { return Ok(()) };
        let is_renewed = |registration: &Registration| match &registration.certificate {
            None => true,
            // An earlier version of this program did not store the certificates.
            Some(noted) if noted.serial_number == certificate.serial_number => {
                noted.chain.is_empty() && !certificate.chain.is_empty()
            }
            // A client can have several valid certificates. The one that ends last stands for all.
            Some(noted) => certificate.not_after > noted.not_after || is_ended(access, key, registration),
        };
        if self.store.registration(key)?.is_some_and(|noted| is_renewed(&noted)) {
            let _lock = self.changing.lock(key);
            self.store.update([key], |_, registration| {
                if is_renewed(registration) {
                    registration.certificate = Some(certificate.clone());
                }
            })?;
        }
        Ok(())
    }

    /// Deletes keys that the caller has locked. Returns whether they were stored.
    fn delete_locked(
        &self,
        served: &ServedModels,
        batches: &Batches,
        key: Fingerprint,
    ) -> Result<bool, KeyStoreError> {
        let found = self.store.remove(key)?;
        self.uses.lock().remove(&key);
        served.forget_key(key);
        batches.delete_of_client(key);
        Ok(found)
    }
}

/// Returns whether the certificate of a registration can no longer be used. Without a known certificate it has not.
fn is_ended(access: &AccessPolicy, key: Fingerprint, registration: &Registration) -> bool {
    registration.identity(key).is_some_and(|identity| access.is_ended(&identity))
}

fn log_deletion(key: Fingerprint, registration: &Registration) {
    let client = registration.certificate.as_ref().map_or("-", |certificate| &certificate.name);
    info!(client, %key, "deleted the registration of a client that can no longer use it");
}
