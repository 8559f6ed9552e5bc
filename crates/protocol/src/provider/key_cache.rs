//! Clients' public and evaluation keys in memory.

use std::collections::HashMap;
use std::sync::Arc;

use sottovoce_bfv::EvaluationKey;

use crate::fingerprint::Fingerprint;

/// A client's public and evaluation keys, and the fingerprint that names them. They stay in memory as long as a clone of this
/// value exists, also after the provider has forgotten them.
#[derive(Clone)]
pub struct RegisteredKey {
    fingerprint: Fingerprint,
    pub(super) key: Arc<EvaluationKey>,
}

impl RegisteredKey {
    /// Returns the fingerprint that names the keys.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// A bounded cache of keys. A new key replaces the least recently used one.
pub struct KeyCache {
    max_keys: usize,
    /// Every key, with the number of its last use.
    keys: HashMap<Fingerprint, (RegisteredKey, u64)>,
    uses: u64,
}

impl KeyCache {
    pub fn new(max_keys: usize) -> Self {
        Self { max_keys, keys: HashMap::new(), uses: 0 }
    }

    /// Inserts a key. Returns it, and the fingerprint of the key that it replaced, if the cache was full.
    pub fn insert(
        &mut self,
        fingerprint: Fingerprint,
        key: EvaluationKey,
    ) -> (RegisteredKey, Option<Fingerprint>) {
        let is_full = self.keys.len() >= self.max_keys && !self.keys.contains_key(&fingerprint);
        let oldest = self.keys.iter().min_by_key(|(_, (_, used))| *used).map(|(fingerprint, _)| *fingerprint);
        let removed = oldest.filter(|_| is_full);
        if let Some(removed) = removed {
            self.keys.remove(&removed);
        }
        self.uses += 1;
        let key = RegisteredKey { fingerprint, key: Arc::new(key) };
        self.keys.insert(fingerprint, (key.clone(), self.uses));
        (key, removed)
    }

    /// Returns a key and notes its use.
    pub fn get(&mut self, fingerprint: Fingerprint) -> Option<RegisteredKey> {
        self.uses += 1;
        let (key, used) = self.keys.get_mut(&fingerprint)?;
        *used = self.uses;
        Some(key.clone())
    }

    /// Returns whether a key is in the cache, which is no use of it.
    pub fn contains(&self, fingerprint: Fingerprint) -> bool {
        self.keys.contains_key(&fingerprint)
    }

    /// Removes a key. Returns whether it was in the cache.
    pub fn remove(&mut self, fingerprint: Fingerprint) -> bool {
        self.keys.remove(&fingerprint).is_some()
    }
}
