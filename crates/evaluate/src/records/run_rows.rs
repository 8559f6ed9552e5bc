//! Rows of the CSV files that describe a whole run: elapsed times, logit ranges and message sizes.

use serde::{Deserialize, Serialize};

/// One row of `elapsed.csv`: the time from pixels to predictions for a number of images, including encryption, the transfer of
/// messages to the provider and decryption.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ElapsedRow {
    /// Number of images classified.
    pub images: usize,
    /// Number of batches that contain the images.
    pub batches: usize,
    /// Wall-clock seconds of all steps together.
    pub seconds: f64,
    /// Seconds of encryption.
    pub encrypt_seconds: f64,
    /// Seconds of the provider's evaluation.
    pub evaluate_seconds: f64,
    /// Seconds of decryption.
    pub decrypt_seconds: f64,
    /// Number of worker threads.
    pub threads: usize,
    /// Seconds of writing and reading the batches' messages. Absent in records older than these messages, where it is read as 0.
    #[serde(default)]
    pub transfer_seconds: f64,
}

/// One row of `bits.csv`: one voter of an ensemble that was trained for a given logit range, under encryption.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BitsRow {
    /// Bits of the plaintext modulus that training aimed at.
    pub logit_bits: u32,
    /// Bits of the plaintext modulus that the ensemble needed.
    pub plaintext_bits: u32,
    /// Seed of split and training.
    pub seed: u64,
    /// `member-1`, ... or `ensemble`.
    pub voter: String,
    /// Number of test images classified.
    pub images: usize,
    /// Number of test images classified correctly.
    pub correct: usize,
    /// `correct / images`, a fraction.
    pub accuracy: f64,
    /// Number of the voter's decrypted logits that differ from the integer oracle, over every class of every slot.
    pub mismatches: u64,
}

/// One row of `sizes.csv`: the size of one kind of message between client and provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeRow {
    /// `upload` (an encrypted batch) or `answer` (the ensemble's encrypted logits).
    pub message: String,
    /// Number of ciphertexts in the message.
    pub ciphertexts: usize,
    /// Slots of a ciphertext, which is the largest number of images in a batch.
    pub slots: usize,
    /// Bytes of the message.
    pub bytes: usize,
}
