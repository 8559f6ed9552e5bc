//! Random bytes from the operating system.

use rustls::crypto::{SecureRandom, ring};

use super::error::AuthorityError;
use crate::tls::serial_number::SerialNumber;

/// Returns unpredictable bytes.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], AuthorityError> {
    let mut bytes = [0; N];
    let random: &dyn SecureRandom = ring::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| AuthorityError::Random)?;
    Ok(bytes)
}

/// Returns an unpredictable serial number of 16 bytes. Its first two bits are 01, which makes all serial numbers positive and
/// equally long. The other 126 bits come from the operating system.
pub fn random_serial_number() -> Result<SerialNumber, AuthorityError> {
    let mut bytes = random_bytes::<16>()?;
    let [first, ..] = &mut bytes;
    *first = *first & 0x3f | 0x40;
    Ok(SerialNumber::from_bytes(&bytes))
}
