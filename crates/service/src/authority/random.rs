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

/// Number of bytes of every serial number.
const SERIAL_BYTES: usize = 16;

/// Returns whether a serial number has the form of those that an authority makes.
pub fn is_of_an_authority(serial_number: &SerialNumber) -> bool {
    let bytes = serial_number.as_bytes();
    bytes.len() == SERIAL_BYTES && bytes.first().is_some_and(|first| first & 0xc0 == 0x40)
}

/// Returns an unpredictable serial number of 16 bytes. Its first two bits are 01, which makes all serial numbers positive and
/// equally long. The other 126 bits come from the operating system.
pub fn random_serial_number() -> Result<SerialNumber, AuthorityError> {
    let mut bytes = random_bytes::<SERIAL_BYTES>()?;
    let [first, ..] = &mut bytes;
    *first = *first & 0x3f | 0x40;
    Ok(SerialNumber::from_bytes(&bytes))
}
