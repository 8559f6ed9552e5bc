//! Seconds and bytes of classifying one image and many, packed and batched.

use serde::{Deserialize, Serialize};
use sottovoce_bfv::planner::EvaluationForm;

/// Measurements of one form. Seconds are wall-clock time: medians over the rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FormLatency {
    /// The form.
    pub form: EvaluationForm,
    /// Ring degree.
    pub degree: usize,
    /// Plaintext moduli.
    pub plaintext_moduli: Vec<u64>,
    /// log2 of the ciphertext modulus of uploads.
    pub ciphertext_modulus_bits: f64,
    /// log2 of the largest modulus of any ciphertext or key, which security depends on.
    pub key_modulus_bits: f64,
    /// The largest log2 of a modulus that is 128-bit secure at this degree.
    pub security_limit_bits: usize,
    /// Seconds in which the client makes its keys and their registration message.
    pub key_seconds: f64,
    /// Seconds of each round's keys, in order.
    pub key_seconds_all: Vec<f64>,
    /// Seconds in which the provider reads and checks the keys, and prepares the engine for them.
    pub registration_seconds: f64,
    /// Bytes of the registration message, which is sent once.
    pub registration_bytes: usize,
    /// Bits of the largest noise coefficient in any answer.
    pub noise_bits: usize,
    /// Smallest remaining noise budget of any answer, in bits.
    pub noise_budget_bits: usize,
    /// Number of decrypted logits that differ from the integer oracle, over every slot of all rounds.
    pub mismatches: u64,
    /// One row for each number of images, in the requested order.
    pub rows: Vec<LatencyRow>,
}

/// Seconds and bytes of one number of images in one form, with keys and engine made before. Seconds are wall-clock time: medians over
/// the rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatencyRow {
    /// Number of images.
    pub images: usize,
    /// Number of images that were classified. If there are fewer than `images`, seconds are those of the classified images,
    /// multiplied by `images / measured_images`, and bytes are in proportion to the batches.
    pub measured_images: usize,
    /// Number of batches, each of which is one upload and one answer.
    pub batches: usize,
    /// Seconds of quantising and encrypting.
    pub encrypt_seconds: f64,
    /// Seconds of writing, sending and checking the uploads, all at the same time, in one process.
    pub transfer_seconds: f64,
    /// Seconds of the provider's evaluation, up to the answer's message.
    pub provider_seconds: f64,
    /// Seconds of reading the answers and decrypting.
    pub decrypt_seconds: f64,
    /// Seconds from pixels to logits: the four steps together.
    pub seconds: f64,
    /// Seconds of each round from pixels to logits, in order.
    pub seconds_all: Vec<f64>,
    /// Bytes of all uploads.
    pub upload_bytes: u64,
    /// Bytes of all answers.
    pub download_bytes: u64,
}

impl LatencyRow {
    /// Returns whether seconds and bytes are scaled from fewer images.
    #[must_use]
    pub fn is_scaled(&self) -> bool {
        self.measured_images < self.images
    }
}
