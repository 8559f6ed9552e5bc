//! Keys that are coming in: so many at a time, and each once.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;

use super::refusal::Refusal;
use crate::Fingerprint;
use crate::lock::lock;

/// How long a megabyte may take to come in.
pub const UPLOAD: Duration = Duration::from_secs(30);

/// Places for registrations.
pub struct Registering {
    most: usize,
    coming: Arc<Mutex<HashSet<Fingerprint>>>,
}

/// A place, until it is dropped.
pub struct RegistrationPlace {
    coming: Arc<Mutex<HashSet<Fingerprint>>>,
    key: Fingerprint,
}

impl Registering {
    pub fn new(most: usize) -> Self {
        Self { most, coming: Arc::default() }
    }

    /// Takes a place for keys that are about to come.
    pub fn admit(&self, key: Fingerprint) -> Result<RegistrationPlace, Refusal> {
        let mut coming = lock(&self.coming);
        let soon = Duration::from_secs(1);
        if coming.len() >= self.most {
            let text = "many clients send their keys, and no more are taken at a time";
            return Err(Refusal::later(StatusCode::SERVICE_UNAVAILABLE, text, soon));
        }
        if !coming.insert(key) {
            let text = "these keys are being received on another connection";
            return Err(Refusal::later(StatusCode::CONFLICT, text, soon));
        }
        Ok(RegistrationPlace { coming: self.coming.clone(), key })
    }
}

impl Drop for RegistrationPlace {
    fn drop(&mut self) {
        lock(&self.coming).remove(&self.key);
    }
}
