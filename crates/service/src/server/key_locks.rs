//! Locks of single clients' keys: a client whose keys are being written does not delay another client.

use std::collections::HashSet;

use parking_lot::{Condvar, Mutex};
use sottovoce_protocol::Fingerprint;

/// Locks for any number of keys.
#[derive(Default)]
pub struct KeyLocks {
    locked: Mutex<HashSet<Fingerprint>>,
    unlocked: Condvar,
}

/// Locked keys. They are unlocked when this value is dropped.
pub struct KeyLock<'a> {
    locks: &'a KeyLocks,
    key: Fingerprint,
}

impl KeyLocks {
    /// Waits until nobody else has locked these keys, and locks them.
    pub fn lock(&self, key: Fingerprint) -> KeyLock<'_> {
        let mut locked = self.locked.lock();
        self.unlocked.wait_while(&mut locked, |locked| !locked.insert(key));
        KeyLock { locks: self, key }
    }

    /// Locks these keys unless somebody else has locked them.
    pub fn try_lock(&self, key: Fingerprint) -> Option<KeyLock<'_>> {
        self.locked.lock().insert(key).then(|| KeyLock { locks: self, key })
    }
}

impl Drop for KeyLock<'_> {
    fn drop(&mut self) {
        self.locks.locked.lock().remove(&self.key);
        self.locks.unlocked.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn only_the_same_keys_wait_for_each_other() {
        let locks = KeyLocks::default();
        let key = |byte| Fingerprint::from_bytes([byte; 32]);
        let first = locks.lock(key(1));
        let other = locks.lock(key(2));
        assert!(locks.try_lock(key(1)).is_none() && locks.try_lock(key(2)).is_none());
        drop((first, other));
        assert!(locks.try_lock(key(1)).is_some());
        let inside = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let _lock = locks.lock(key(1));
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
    }
}
