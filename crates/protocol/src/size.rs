//! Sizes of messages in bytes, which parameters and model determine, and the memory that parameters and batches take.
//!
//! A receiver never has to read a longer message.

use sottovoce_bfv::compact::{CompactCiphertext, LimbLayout};
use sottovoce_bfv::parameters::{Channel, PackedChain};
use sottovoce_bfv::{Parameters, Seed};

use crate::fingerprint::Fingerprint;
use crate::message::batch::is_seeded;
use crate::message::header::{CHECKSUM_BYTES, HEADER_BYTES};
use crate::message::packed_input::PACKED_INPUT_BYTES;
use crate::message::parameter_fields::{MAX_ROTATIONS, PACKED_FIELD_BYTES, ROTATION_BYTES};
use crate::message::registration::switching_keys;

const FINGERPRINT: u64 = Fingerprint::BYTES as u64;
const SEED: u64 = size_of::<Seed>() as u64;
const HEADER: u64 = HEADER_BYTES as u64;
const CHECKSUM: u64 = CHECKSUM_BYTES as u64;

/// Maximum length of a parameters message in bytes: it announces up to 255 plaintext moduli, 255 ciphertext primes and 8192 rotations.
pub const MAX_PARAMETERS_BYTES: u64 =
    HEADER + 4 + 5 + 2 * 255 * 8 + (PACKED_FIELD_BYTES + MAX_ROTATIONS * ROTATION_BYTES) as u64 + CHECKSUM;

/// Length of a model message in bytes under batched parameters.
pub const MODEL_BYTES: u64 = HEADER + FINGERPRINT + 4 + 2 + 2 + CHECKSUM;

/// Length of a model message in bytes under packed parameters.
pub const PACKED_MODEL_BYTES: u64 = MODEL_BYTES + PACKED_INPUT_BYTES as u64;

/// Returns the memory that parameters take in bytes, a little more than measured. Nearly all of it is in `fhe` 0.1.1:
/// parameters with 8 primes at N = 16384 are secure, and take 0.7 GB for every plaintext modulus.
#[must_use]
pub fn parameters_memory_bytes(degree: usize, plaintext_moduli: usize, ciphertext_primes: usize) -> u64 {
    // Every level has contexts for its m primes and for the 2m + 1 primes of its products. Every context has one context
    // for each shorter list of its primes. The sum counts the transforms of all contexts, with 9 tables each.
    let triangle = |primes: u128| primes * (primes + 1) / 2;
    let transforms: u128 = (1..=ciphertext_primes as u128).map(|m| triangle(m) + triangle(2 * m + 1)).sum();
    // This project's own transforms modulo every prime and plaintext modulus, and room to try one more.
    let own = (ciphertext_primes + plaintext_moduli + 1) as u128;
    let tables = transforms * 9 * plaintext_moduli as u128 + own * 12;
    let bytes = tables * (degree * size_of::<u64>()) as u128;
    bytes.try_into().unwrap_or(u64::MAX)
}

/// Returns the length of a registration message in bytes.
#[must_use]
pub fn registration_bytes(parameters: &Parameters) -> u64 {
    if let Some(chain) = parameters.packed() {
        let key = |primes| {
            let polynomial = polynomial_bytes(parameters, &parameters.switching_key_primes(primes));
            SEED + primes as u64 * polynomial
        };
        return HEADER + switching_keys(chain).map(key).sum::<u64>() + CHECKSUM;
    }
    let primes = parameters.ciphertext_primes();
    let channel = |channel: &Channel| {
        // The relinearisation key has a digit for each prime. The public key follows.
        let digits = primes.len() as u64 * polynomial_bytes(parameters, primes);
        2 * SEED + digits + polynomial_bytes(parameters, channel.key_primes())
    };
    HEADER + parameters.channels().iter().map(channel).sum::<u64>() + CHECKSUM
}

/// Returns the length of a batch message in bytes, for a model that reads `pixels`.
#[must_use]
pub fn batch_bytes(parameters: &Parameters, pixels: usize) -> u64 {
    HEADER + 2 * FINGERPRINT + 4 + ciphertext_bytes(parameters, pixels) + CHECKSUM
}

/// Returns the memory that a received batch takes in bytes. The batch is kept in compact form, and seeds are not expanded.
#[must_use]
pub fn batch_memory_bytes(parameters: &Parameters, pixels: usize) -> u64 {
    ciphertext_bytes(parameters, pixels)
        + batch_ciphertexts(parameters, pixels) * size_of::<CompactCiphertext>() as u64
}

/// Returns the length of a batch's ciphertexts in bytes.
fn ciphertext_bytes(parameters: &Parameters, pixels: usize) -> u64 {
    let first = polynomial_bytes(parameters, parameters.ciphertext_primes());
    let second = if is_seeded(parameters) { SEED } else { first };
    batch_ciphertexts(parameters, pixels) * (first + second)
}

/// Returns the number of a batch's ciphertexts.
fn batch_ciphertexts(parameters: &Parameters, pixels: usize) -> u64 {
    (parameters.channels().len() * parameters.batch_ciphertexts(pixels)) as u64
}

/// Returns the memory that a client's registered keys take in bytes, a little more than measured. Batched, the relinearisation key
/// is kept for fast products: every residue has a second word beside it. Packed, the keys are kept as they arrived, without the
/// polynomials that seeds stand for.
#[must_use]
pub fn key_memory_bytes(parameters: &Parameters) -> u64 {
    if let Some(chain) = parameters.packed() {
        let residues = packed_key_residue_bytes(parameters.degree(), chain);
        return residues + residues / 64;
    }
    let word = (parameters.degree() * size_of::<u64>()) as u64;
    let primes = parameters.ciphertext_primes().len() as u64;
    // Two polynomials for each digit, of which there are as many as primes, and two polynomials of the public key.
    let channel = |channel: &Channel| 2 * word * (2 * primes * primes + channel.key_primes().len() as u64);
    let residues: u64 = parameters.channels().iter().map(channel).sum();
    // `fhe` holds up to a tenth more than the residues.
    residues + residues / 8
}

/// Returns the memory in bytes that an engine takes for the keys of the client whose batch it evaluates: under packed parameters both
/// polynomials of every digit and a permutation for every rotation, under batched ones nothing beside the registered keys.
#[must_use]
pub fn prepared_key_memory_bytes(parameters: &Parameters) -> u64 {
    let degree = parameters.degree();
    parameters.packed().map_or(0, |chain| {
        let permutations = (chain.rotations.len() * degree * size_of::<u32>()) as u64;
        2 * packed_key_residue_bytes(degree, chain) + permutations
    })
}

/// Returns the memory that a client's keys take in bytes while they are made for packed parameters: the residues, and the message of
/// them, which is not longer.
pub(crate) fn packed_client_key_bytes(degree: usize, chain: &PackedChain) -> u64 {
    packed_key_residue_bytes(degree, chain).saturating_mul(2)
}

/// Returns the bytes of the first polynomials of all key-switching keys, each residue in 8 bytes: a polynomial for every ciphertext
/// prime of a key, modulo these primes and the special prime. The numbers may be any that a message has.
fn packed_key_residue_bytes(degree: usize, chain: &PackedChain) -> u64 {
    let rows: u64 = switching_keys(chain).map(|primes| (primes * (primes + 1)) as u64).sum();
    rows.saturating_mul(size_of::<u64>() as u64).saturating_mul(degree as u64)
}

/// Returns the length of an answer message in bytes, for a model with `classes` classes.
#[must_use]
pub fn answer_bytes(parameters: &Parameters, classes: usize) -> u64 {
    let ciphertexts = parameters.answer_ciphertexts(classes) as u64;
    let channels = parameters.channels().iter();
    let channels =
        channels.map(|channel| 1 + 2 * ciphertexts * polynomial_bytes(parameters, channel.answer_primes()));
    HEADER + 2 * FINGERPRINT + 2 + 1 + channels.sum::<u64>() + CHECKSUM
}

fn polynomial_bytes(parameters: &Parameters, primes: &[u64]) -> u64 {
    LimbLayout::new(parameters.degree(), primes).bytes() as u64
}
