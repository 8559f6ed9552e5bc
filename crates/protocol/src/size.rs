//! How many bytes messages have, which parameters and model decide: a longer one need not be received. How much memory
//! parameters take.

use sottovoce_bfv::Parameters;
use sottovoce_bfv::packed::{PackedCiphertext, RowLayout};
use sottovoce_bfv::parameters::Channel;
use sottovoce_bfv::parts::Seed;

use crate::Fingerprint;
use crate::message::batch::is_seeded;
use crate::writing::{CHECKSUM_BYTES, HEADER_BYTES};

const FINGERPRINT: u64 = Fingerprint::BYTES as u64;
const SEED: u64 = size_of::<Seed>() as u64;

/// The most bytes of a parameters message: 255 plaintext moduli and as many ciphertext primes can be announced.
pub const MOST_PARAMETERS_BYTES: u64 = HEADER_BYTES + 4 + 1 + 1 + 1 + 1 + 2 * 255 * 8 + CHECKSUM_BYTES;

/// Bytes of a model message.
pub const MODEL_BYTES: u64 = HEADER_BYTES + FINGERPRINT + 4 + 2 + 2 + CHECKSUM_BYTES;

/// Memory that parameters take, nearly all of it in `fhe` 0.1.1, a little more than measured: parameters with 8 primes at N = 16384 are
/// secure, and take 0.7 GB for every plaintext modulus.
#[must_use]
pub fn parameters_memory_bytes(degree: usize, plaintext_moduli: usize, ciphertext_primes: usize) -> u64 {
    // Every level keeps contexts for its m primes and for the 2m + 1 of its products, and every context one for each
    // shorter list of its primes: in all so many transforms, of 9 tables each.
    let triangle = |primes: u128| primes * (primes + 1) / 2;
    let transforms: u128 = (1..=ciphertext_primes as u128).map(|m| triangle(m) + triangle(2 * m + 1)).sum();
    // And this project's own transforms, modulo every prime and plaintext modulus, with room to try one.
    let own = (ciphertext_primes + plaintext_moduli + 1) as u128;
    let tables = transforms * 9 * plaintext_moduli as u128 + own * 12;
    let bytes = tables * (degree * size_of::<u64>()) as u128;
    bytes.try_into().unwrap_or(u64::MAX)
}

/// Bytes of a registration message.
#[must_use]
pub fn registration_bytes(parameters: &Parameters) -> u64 {
    let primes = parameters.ciphertext_primes();
    let channel = |channel: &Channel| {
        // A digit for each prime, and the public key.
        let digits = primes.len() as u64 * polynomial(parameters, primes);
        2 * SEED + digits + polynomial(parameters, channel.key_primes())
    };
    HEADER_BYTES + parameters.channels().iter().map(channel).sum::<u64>() + CHECKSUM_BYTES
}

/// Bytes of a batch message for a model that reads `pixels`.
#[must_use]
pub fn batch_bytes(parameters: &Parameters, pixels: usize) -> u64 {
    HEADER_BYTES + 2 * FINGERPRINT + 4 + ciphertext_bytes(parameters, pixels) + CHECKSUM_BYTES
}

/// Bytes of memory that a batch takes when it has been received: it is kept as it came, seeds as seeds.
#[must_use]
pub fn batch_memory_bytes(parameters: &Parameters, pixels: usize) -> u64 {
    let ciphertexts = (parameters.channels().len() * pixels) as u64;
    ciphertext_bytes(parameters, pixels) + ciphertexts * size_of::<PackedCiphertext>() as u64
}

/// Bytes of a batch's ciphertexts.
fn ciphertext_bytes(parameters: &Parameters, pixels: usize) -> u64 {
    let first = polynomial(parameters, parameters.ciphertext_primes());
    let second = if is_seeded(parameters) { SEED } else { first };
    (parameters.channels().len() * pixels) as u64 * (first + second)
}

/// Bytes of an answer message of a model of so many classes.
#[must_use]
pub fn answer_bytes(parameters: &Parameters, classes: usize) -> u64 {
    let channels = parameters.channels().iter();
    let channels =
        channels.map(|channel| 1 + 2 * classes as u64 * polynomial(parameters, channel.answer_primes()));
    HEADER_BYTES + 2 * FINGERPRINT + 2 + 1 + channels.sum::<u64>() + CHECKSUM_BYTES
}

fn polynomial(parameters: &Parameters, primes: &[u64]) -> u64 {
    RowLayout::new(parameters.degree(), primes).bytes() as u64
}
