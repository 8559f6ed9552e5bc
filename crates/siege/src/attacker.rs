//! A hostile client: certificates, keys, messages and the paths of others.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use sottovoce_protocol::client::Client;
use sottovoce_protocol::{Fingerprint, ModelDescription, ProtocolError};

use crate::target::Target;

/// A hostile client of a provider.
#[derive(Debug, Clone)]
pub struct Attacker {
    /// The provider, with the attacker's valid certificate.
    pub target: Target,
    /// The provider, without a certificate.
    pub anonymous: Option<Target>,
    /// The provider, with a certificate that is revoked.
    pub revoked: Option<Target>,
    /// Keys that the certificate names.
    pub keys: Fingerprint,
    /// Message that registers these keys.
    pub registration: Bytes,
    /// Messages of other keys, as a client has that makes new keys or restores old ones.
    pub other_keys: Option<(Fingerprint, Bytes)>,
    /// A batch that the provider would evaluate.
    pub batch: OwnBatch,
    /// Keys of other clients, which the attacker must not use.
    pub foreign_keys: Vec<Fingerprint>,
    /// Paths of other clients, which the attacker must not use.
    pub foreign_paths: Vec<String>,
    /// Seed of random choices.
    pub seed: u64,
}

/// Bytes of a batch before the fingerprint of the client's keys: the header and the fingerprint of the model (docs/protocol.md).
const KEYS_OFFSET: usize = 40 + Fingerprint::BYTES;

/// A valid batch message.
#[derive(Debug, Clone)]
pub struct OwnBatch {
    /// Fingerprint of the message.
    pub fingerprint: Fingerprint,
    /// The message.
    pub message: Bytes,
}

impl OwnBatch {
    /// Encrypts one black image.
    ///
    /// # Errors
    /// If it cannot be encrypted.
    pub fn new(client: &Client, model: &ModelDescription) -> Result<Self, ProtocolError> {
        let mut message = Vec::new();
        let pending = client.write_batch(model, &vec![0; model.pixels()], &(), &mut message)?;
        Ok(Self { fingerprint: pending.batch_fingerprint(), message: message.into() })
    }

    /// Returns a batch that the provider would evaluate as well, and that differs for each number. It was encrypted by nobody: its
    /// last bytes are the seed of a ciphertext, and any seed is valid.
    #[must_use]
    pub fn variant(&self, number: u64) -> Self {
        let mut message = self.message.to_vec();
        if let Some(content) = message.len().checked_sub(Fingerprint::BYTES)
            && let Some(seed) = message.get_mut(content.saturating_sub(size_of::<u64>())..content)
        {
            seed.iter_mut().zip(number.to_le_bytes()).for_each(|(byte, change)| *byte ^= change);
        }
        Self::sealed(message)
    }

    /// Returns the same batch, but under the keys of another client.
    #[must_use]
    pub fn under_keys(&self, keys: Fingerprint) -> Self {
        let mut message = self.message.to_vec();
        if let Some(found) = message.get_mut(KEYS_OFFSET..KEYS_OFFSET + Fingerprint::BYTES) {
            found.copy_from_slice(keys.as_bytes());
        }
        Self::sealed(message)
    }

    /// Returns a batch with the right checksum, which is its fingerprint.
    fn sealed(mut message: Vec<u8>) -> Self {
        let mut fingerprint = [0; Fingerprint::BYTES];
        if let Some((content, checksum)) = message.split_last_chunk_mut() {
            fingerprint = Sha256::digest(content).into();
            *checksum = fingerprint;
        }
        Self { fingerprint: Fingerprint::from_bytes(fingerprint), message: message.into() }
    }
}

impl Attacker {
    /// Returns an attacker with the keys of `client` and the certificate in `target`.
    ///
    /// # Errors
    /// If a batch cannot be encrypted.
    pub fn new(target: Target, client: &Client, model: &ModelDescription) -> Result<Self, ProtocolError> {
        Ok(Self {
            target,
            anonymous: None,
            revoked: None,
            keys: client.key_fingerprint(),
            registration: Bytes::copy_from_slice(client.registration_message()),
            other_keys: None,
            batch: OwnBatch::new(client, model)?,
            foreign_keys: Vec::new(),
            foreign_paths: Vec::new(),
            seed: 1,
        })
    }

    /// Adds the paths of another client's keys, and of a batch of it, to those that the attacker tries.
    #[must_use]
    pub fn with_paths_of(mut self, keys: Fingerprint, batch: Option<Fingerprint>) -> Self {
        self.foreign_keys.push(keys);
        let keys = keys_path(keys);
        if let Some(batch) = batch {
            let batch = format!("{keys}/batches/{batch}");
            self.foreign_paths.extend([format!("{batch}/answer"), batch]);
        }
        self.foreign_paths.push(keys);
        self
    }

    /// Path of the attacker's own keys.
    pub(crate) fn keys_path(&self) -> String {
        keys_path(self.keys)
    }

    /// Path of the attacker's own batch.
    pub(crate) fn batch_path(&self) -> String {
        self.batch_path_of(self.batch.fingerprint)
    }

    /// Path of a batch under the attacker's keys.
    pub(crate) fn batch_path_of(&self, batch: Fingerprint) -> String {
        format!("{}/batches/{batch}", self.keys_path())
    }
}

/// Path of a client's keys.
pub(crate) fn keys_path(keys: Fingerprint) -> String {
    format!("/v1/keys/{keys}")
}
