//! The clients' keys that a provider has at hand.

use std::collections::HashMap;
use std::sync::Arc;

use sottovoce_bfv::EvaluationKey;

use crate::Fingerprint;

/// At most so many keys; the one that has been idle longest makes room for a new one.
pub struct Keys {
    most: usize,
    /// With the time of their last use.
    keys: HashMap<Fingerprint, (Arc<EvaluationKey>, u64)>,
    uses: u64,
}

impl Keys {
    pub fn new(most: usize) -> Self {
        Self { most, keys: HashMap::new(), uses: 0 }
    }

    /// Puts a key there; the one that had to go for it.
    pub fn insert(&mut self, fingerprint: Fingerprint, key: EvaluationKey) -> Option<Fingerprint> {
        let full = self.keys.len() >= self.most && !self.keys.contains_key(&fingerprint);
        let idle = self.keys.iter().min_by_key(|(_, (_, used))| *used).map(|(fingerprint, _)| *fingerprint);
        let gone = idle.filter(|_| full);
        if let Some(gone) = gone {
            self.keys.remove(&gone);
        }
        self.uses += 1;
        self.keys.insert(fingerprint, (Arc::new(key), self.uses));
        gone
    }

    /// A key, which has been used now.
    pub fn get(&mut self, fingerprint: Fingerprint) -> Option<Arc<EvaluationKey>> {
        self.uses += 1;
        let (key, used) = self.keys.get_mut(&fingerprint)?;
        *used = self.uses;
        Some(key.clone())
    }

    pub fn contains(&self, fingerprint: Fingerprint) -> bool {
        self.keys.contains_key(&fingerprint)
    }

    pub fn remove(&mut self, fingerprint: Fingerprint) -> bool {
        self.keys.remove(&fingerprint).is_some()
    }
}
