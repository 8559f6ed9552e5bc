//! Clients' public and evaluation keys in memory.

use std::collections::HashMap;
use std::sync::Arc;

use sottovoce_bfv::EvaluationKey;

use crate::fingerprint::Fingerprint;

/// A bounded cache of keys. A new key replaces the least recently used one.
pub struct KeyCache {
    max_keys: usize,
    /// Every key, with the number of its last use.
    keys: HashMap<Fingerprint, (Arc<EvaluationKey>, u64)>,
    uses: u64,
}

impl KeyCache {
    pub fn new(max_keys: usize) -> Self {
        Self { max_keys, keys: HashMap::new(), uses: 0 }
    }

    /// Inserts a key. Returns the fingerprint of the key that it replaced, if the cache was full.
    pub fn insert(&mut self, fingerprint: Fingerprint, key: EvaluationKey) -> Option<Fingerprint> {
        let is_full = self.keys.len() >= self.max_keys && !self.keys.contains_key(&fingerprint);
        let oldest = self.keys.iter().min_by_key(|(_, (_, used))| *used).map(|(fingerprint, _)| *fingerprint);
        let removed = oldest.filter(|_| is_full);
        if let Some(removed) = removed {
            self.keys.remove(&removed);
        }
        self.uses += 1;
        self.keys.insert(fingerprint, (Arc::new(key), self.uses));
        removed
    }

    /// Returns a key and notes its use.
    pub fn get(&mut self, fingerprint: Fingerprint) -> Option<Arc<EvaluationKey>> {
        self.uses += 1;
        let (key, used) = self.keys.get_mut(&fingerprint)?;
        *used = self.uses;
        Some(key.clone())
    }

    pub fn contains(&self, fingerprint: Fingerprint) -> bool {
        self.keys.contains_key(&fingerprint)
    }

    /// Removes a key. Returns whether it was in the cache.
    pub fn remove(&mut self, fingerprint: Fingerprint) -> bool {
        self.keys.remove(&fingerprint).is_some()
    }
}
