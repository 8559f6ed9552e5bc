//! Slots for clients that are sending their keys: a limited number, and one for each client.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sottovoce_protocol::Fingerprint;

use super::refusal::Refusal;

/// Maximum duration of a registration's upload, which is about 1 MB.
pub const MAX_UPLOAD: Duration = Duration::from_secs(30);

/// All registration slots.
pub struct RegistrationSlots {
    max: usize,
    occupied: Arc<Mutex<HashSet<Fingerprint>>>,
}

/// An occupied slot. It is freed when it is dropped.
pub struct RegistrationSlot {
    occupied: Arc<Mutex<HashSet<Fingerprint>>>,
    key: Fingerprint,
}

impl RegistrationSlots {
    pub fn new(max: usize) -> Self {
        Self { max, occupied: Arc::default() }
    }

    /// Reserves a slot for keys that are about to arrive.
    pub fn reserve(&self, key: Fingerprint) -> Result<RegistrationSlot, Refusal> {
        let mut occupied = self.occupied.lock();
        if occupied.len() >= self.max {
            return Err(Refusal::too_many_registrations(self.max));
        }
        if !occupied.insert(key) {
            return Err(Refusal::keys_arriving());
        }
        Ok(RegistrationSlot { occupied: self.occupied.clone(), key })
    }
}

impl Drop for RegistrationSlot {
    fn drop(&mut self) {
        self.occupied.lock().remove(&self.key);
    }
}
