//! Slots for clients that are sending their keys: a limited number, and one for each client.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sottovoce_protocol::Fingerprint;

use super::evaluation_times::EvaluationKind;
use super::refusal::Refusal;

/// Maximum duration of the upload of a registration that takes no longer by its length.
const MIN_UPLOAD_LIMIT: Duration = Duration::from_secs(30);

/// Least rate of a registration's upload as a whole, as a multiple of the least rate of a body. Keys for packed evaluation have tens of
/// megabytes.
const UPLOAD_RATE: u32 = 4;

/// Returns the maximum duration of the upload of a registration of `bytes`: 30 s, or the time at four times `bytes_per_second` if that
/// is longer.
pub fn max_upload(bytes: u64, bytes_per_second: u32) -> Duration {
    let rate = u64::from(bytes_per_second.max(1)) * u64::from(UPLOAD_RATE);
    MIN_UPLOAD_LIMIT.max(Duration::from_secs(bytes.div_ceil(rate)))
}

/// All registration slots.
pub struct RegistrationSlots {
    max: usize,
    /// Maximum number of registrations for packed evaluation among them. Their messages are far longer.
    max_packed: usize,
    /// By client.
    occupied: Arc<Mutex<HashMap<Fingerprint, EvaluationKind>>>,
}

/// An occupied slot. It is freed when it is dropped.
pub struct RegistrationSlot {
    occupied: Arc<Mutex<HashMap<Fingerprint, EvaluationKind>>>,
    client: Fingerprint,
}

impl RegistrationSlots {
    /// Returns free slots: `max` for all registrations, of which `max_packed` may be for packed evaluation.
    pub fn new(max: usize, max_packed: usize) -> Self {
        Self { max, max_packed, occupied: Arc::default() }
    }

    /// Reserves a slot for keys of a client that are about to arrive.
    pub fn reserve(&self, client: Fingerprint, kind: EvaluationKind) -> Result<RegistrationSlot, Refusal> {
        let mut occupied = self.occupied.lock();
        if occupied.contains_key(&client) {
            return Err(Refusal::keys_arriving());
        }
        if occupied.len() >= self.max {
            return Err(Refusal::too_many_registrations(self.max));
        }
        let packed = occupied.values().filter(|other| **other == EvaluationKind::Packed).count();
        if kind == EvaluationKind::Packed && packed >= self.max_packed {
            return Err(Refusal::too_many_registrations(self.max_packed));
        }
        occupied.insert(client, kind);
        Ok(RegistrationSlot { occupied: self.occupied.clone(), client })
    }
}

impl Drop for RegistrationSlot {
    fn drop(&mut self) {
        self.occupied.lock().remove(&self.client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_for_packed_evaluation_take_some_of_the_slots_and_every_client_one() {
        let slots = RegistrationSlots::new(4, 2);
        let key = |byte| Fingerprint::from_bytes([byte; 32]);
        let packed: Vec<_> =
            (0..2).map(|byte| slots.reserve(key(byte), EvaluationKind::Packed).unwrap()).collect();
        let refused = |byte, kind| slots.reserve(key(byte), kind).err().unwrap().text().to_owned();
        assert!(refused(2, EvaluationKind::Packed).starts_with("2 clients"));
        assert!(refused(1, EvaluationKind::Batched).contains("another connection"));
        let _batched: Vec<_> =
            (2..4).map(|byte| slots.reserve(key(byte), EvaluationKind::Batched).unwrap()).collect();
        assert!(refused(4, EvaluationKind::Batched).starts_with("4 clients"));
        drop(packed);
        assert!(slots.reserve(key(4), EvaluationKind::Packed).is_ok());
    }

    #[test]
    fn a_long_registration_may_take_longer() {
        assert_eq!(max_upload(600_000, 64 << 10), Duration::from_secs(30));
        assert_eq!(max_upload(40 << 20, 64 << 10), Duration::from_secs(160));
        assert!(max_upload(u64::MAX, 0) > Duration::from_secs(30));
    }
}
