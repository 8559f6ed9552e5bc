//! The choice between batched and packed evaluation of a request.

use serde::{Deserialize, Serialize};

use super::cost::Cost;

/// The two ways to evaluate a network under encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EvaluationForm {
    /// A ciphertext for every pixel, an image in every slot.
    Batched,
    /// A ciphertext for every image, the positions of a network in the slots.
    Packed,
}

impl EvaluationForm {
    /// The other form.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Batched => Self::Packed,
            Self::Packed => Self::Batched,
        }
    }

    /// The name in texts and records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Batched => "batched",
            Self::Packed => "packed",
        }
    }
}

/// The quantity by which the forms of evaluation are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preference {
    /// Seconds from pixels to logits for all images of the request, with the transfer of batches and answers. Keys are made.
    #[default]
    Latency,
    /// Bytes of all batches and answers of the request. Keys do not count, because they are sent once.
    Traffic,
    /// The provider's seconds for an image if all batches are full.
    Throughput,
}

/// A number of bytes that a connection transfers in a second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct TransferRate(f64);

impl Preference {
    /// The name in texts and records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Traffic => "traffic",
            Self::Throughput => "throughput",
        }
    }
}

impl TransferRate {
    /// A network of 100 Mbit/s.
    pub const NETWORK: Self = Self(100e6 / 8.0);
    /// Client and provider in one process: a transfer takes no time.
    pub const IN_PROCESS: Self = Self(f64::INFINITY);

    /// Megabits in a second.
    #[must_use]
    pub fn megabits(self) -> f64 {
        8.0 * self.0 / 1e6
    }

    /// The seconds that `bytes` take.
    #[must_use]
    pub fn seconds(self, bytes: u64) -> f64 {
        bytes as f64 / self.0
    }
}

/// The predicted costs of all images of a request in one form of evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RequestCost {
    /// Seconds of encryption, evaluation and decryption of all batches.
    pub compute_seconds: f64,
    /// The provider's seconds for an image in full batches.
    pub full_batch_seconds_per_image: f64,
    /// Bytes of all batches.
    pub upload_bytes: u64,
    /// Bytes of all answers.
    pub download_bytes: u64,
    /// Bytes of the keys, which a client registers once.
    pub key_bytes: u64,
}

impl RequestCost {
    /// The costs that a planner predicts for parameters with `images_per_batch`.
    #[must_use]
    pub fn new(cost: &Cost, images_per_batch: usize) -> Self {
        let all = |bytes: usize| (bytes * cost.batches) as u64;
        Self {
            compute_seconds: cost.seconds(),
            full_batch_seconds_per_image: cost.evaluate_seconds
                / (cost.batches * images_per_batch).max(1) as f64,
            upload_bytes: all(cost.upload_bytes),
            download_bytes: all(cost.download_bytes),
            key_bytes: cost.key_bytes as u64,
        }
    }

    /// Bytes of all batches and answers.
    #[must_use]
    pub fn traffic_bytes(&self) -> u64 {
        self.upload_bytes.saturating_add(self.download_bytes)
    }

    /// Seconds from pixels to logits over a connection of the given rate.
    #[must_use]
    pub fn latency_seconds(&self, rate: TransferRate) -> f64 {
        self.compute_seconds + rate.seconds(self.traffic_bytes())
    }

    /// The quantity that `preference` compares.
    fn compared(&self, preference: Preference, rate: TransferRate) -> f64 {
        match preference {
            Preference::Latency => self.latency_seconds(rate),
            Preference::Traffic => self.traffic_bytes() as f64,
            Preference::Throughput => self.full_batch_seconds_per_image,
        }
    }
}

/// The costs of both forms of evaluation for one request.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FormCosts {
    /// The costs of batched evaluation.
    pub batched: RequestCost,
    /// The costs of packed evaluation.
    pub packed: RequestCost,
}

impl FormCosts {
    /// The form that costs less by `preference` over a connection of the given rate. Batched evaluation is chosen if both cost the same.
    #[must_use]
    pub fn choose(&self, preference: Preference, rate: TransferRate) -> EvaluationForm {
        let is_packed = self.packed.compared(preference, rate) < self.batched.compared(preference, rate);
        if is_packed { EvaluationForm::Packed } else { EvaluationForm::Batched }
    }

    /// The costs of a form.
    #[must_use]
    pub fn of(&self, form: EvaluationForm) -> &RequestCost {
        match form {
            EvaluationForm::Batched => &self.batched,
            EvaluationForm::Packed => &self.packed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cost of one batch of `batch_bytes`, for as many images as need `batches`.
    fn cost(batches: usize, batch_seconds: f64, batch_bytes: usize) -> Cost {
        let seconds = batches as f64 * batch_seconds;
        Cost {
            batches,
            encrypt_seconds: 0.25 * seconds,
            evaluate_seconds: 0.5 * seconds,
            decrypt_seconds: 0.25 * seconds,
            upload_bytes: batch_bytes,
            download_bytes: batch_bytes / 10,
            key_bytes: 7,
            memory_bytes: 0,
        }
    }

    /// A batch of up to 8192 images takes 2 s and 100 MB, a packed image 50 ms and 1 MB.
    fn costs(images: usize) -> FormCosts {
        FormCosts {
            batched: RequestCost::new(&cost(images.div_ceil(8192), 2.0, 100_000_000), 8192),
            packed: RequestCost::new(&cost(images, 0.05, 1_000_000), 1),
        }
    }

    #[test]
    fn few_images_are_packed_and_many_are_batched() {
        // 2 s + 110 MB at 12.5 MB/s = 10.8 s, and 0.05 s + 1.1 MB at 12.5 MB/s = 0.138 s: they are equal at 78.3 images.
        for (images, expected) in [
            (1, EvaluationForm::Packed),
            (78, EvaluationForm::Packed),
            (79, EvaluationForm::Batched),
            (100_000, EvaluationForm::Batched),
        ] {
            assert_eq!(
                costs(images).choose(Preference::Latency, TransferRate::NETWORK),
                expected,
                "{images}"
            );
        }
    }

    #[test]
    fn bytes_take_no_time_in_one_process() {
        for (images, expected) in [(39, EvaluationForm::Packed), (40, EvaluationForm::Batched)] {
            assert_eq!(
                costs(images).choose(Preference::Latency, TransferRate::IN_PROCESS),
                expected,
                "{images}"
            );
        }
        assert_eq!(costs(1).packed.latency_seconds(TransferRate::IN_PROCESS), 0.05);
    }

    #[test]
    fn traffic_counts_bytes_without_keys_and_throughput_counts_full_batches() {
        let rate = TransferRate::NETWORK;
        for (images, expected) in [(99, EvaluationForm::Packed), (100, EvaluationForm::Batched)] {
            let found = costs(images);
            assert_eq!(found.choose(Preference::Traffic, rate), expected, "{images}");
            assert_eq!(found.choose(Preference::Throughput, rate), EvaluationForm::Batched, "{images}");
        }
        let found = costs(3);
        assert_eq!(found.of(EvaluationForm::Packed).traffic_bytes(), 3_300_000);
        assert_eq!(found.of(EvaluationForm::Batched).full_batch_seconds_per_image, 1.0 / 8192.0);
        assert_eq!(found.of(EvaluationForm::Packed.other()).key_bytes, 7);
    }
}
