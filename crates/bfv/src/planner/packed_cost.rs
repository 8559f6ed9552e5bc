//! The costs of packed evaluation: operations on whole polynomials, counted as in [`cost`](super::cost).

use super::cost::{Cost, seconds};
use crate::noise::packed_noise::PackedSizes;
use crate::packed::{Diagonals, PackedLayout};
use crate::parameters::packed_chain::{PackedLevels, Rotation};

/// An ensemble by its layout and its number of members.
#[derive(Debug, Clone, Copy)]
pub struct PackedWorkload {
    pub layout: PackedLayout,
    pub members: usize,
}

/// The costs of `images` in `channels`, each in a batch of its own, for every one of `workloads` on the same ciphertexts.
pub fn packed_cost(
    sizes: &PackedSizes,
    rotations: &[Rotation],
    channels: usize,
    workloads: &[PackedWorkload],
    images: usize,
) -> Cost {
    let n = sizes.degree as f64;
    let batches = images.max(1);
    let bits = |primes: usize| sizes.bits(primes).iter().sum::<usize>();
    let bytes = |bits: usize| bits * sizes.degree / 8;
    let upload = sizes.upload.len();
    let upload_bytes = channels * bytes(bits(upload));
    let download_bytes = channels * 2 * bytes(bits(sizes.kept.answer));
    // Half of a ciphertext for every digit, modulo the ciphertext primes and the special prime. One key serves all channels.
    let key = |primes: usize| primes * bytes(bits(primes) + sizes.special);
    let key_bytes =
        key(sizes.kept.convolution) + rotations.iter().map(|rotation| key(rotation.primes)).sum::<usize>();
    let evaluations = (batches * channels) as f64 / rayon::current_num_threads() as f64;
    let work = Work { sizes, n };
    let encrypt = n * (seconds::ENCRYPT + upload as f64 * seconds::ENCRYPT_SECRET);
    let evaluate = workloads.iter().map(|workload| work.seconds(workload)).sum::<f64>();
    Cost {
        batches,
        encrypt_seconds: evaluations * encrypt + (batches * upload_bytes) as f64 * seconds::COMPACT_BYTE,
        evaluate_seconds: evaluations * evaluate,
        decrypt_seconds: evaluations * workloads.len() as f64 * n * seconds::DECRYPT
            + (batches * download_bytes) as f64 * seconds::COMPACT_BYTE,
        upload_bytes,
        download_bytes,
        key_bytes,
        memory_bytes: upload_bytes * 2
            + workloads
                .iter()
                .map(|one| work.bytes(one) + channels * work.weight_bytes(one))
                .max()
                .unwrap_or(0),
    }
}

/// The operations of one evaluation in one channel.
struct Work<'a> {
    sizes: &'a PackedSizes,
    n: f64,
}

impl Work<'_> {
    fn transforms(&self, count: usize) -> f64 {
        count as f64 * seconds::TRANSFORM * self.n * self.n.log2()
    }

    fn products(&self, polynomials: usize) -> f64 {
        polynomials as f64 * self.n * seconds::KEY
    }

    /// The digits of one polynomial: it leaves the transform, and every digit is transformed for all primes but its own.
    fn digits(&self, primes: usize) -> f64 {
        self.transforms(primes + primes * primes)
    }

    /// The products of digits with a key, and the division of both sums by the special prime.
    fn key_products(&self, primes: usize) -> f64 {
        self.products(2 * primes * (primes + 1)) + self.transforms(2 * (primes + 1))
    }

    fn key_switches(&self, count: usize, primes: usize) -> f64 {
        count as f64 * (self.digits(primes) + self.key_products(primes))
    }

    /// Every dropped prime leaves the transform, and its residues enter that of every prime that is left, for both polynomials.
    fn switch(&self, from: usize, to: usize) -> f64 {
        self.transforms((to..from).map(|left| 2 * (1 + left)).sum())
    }

    /// Rotations that start from one polynomial and share its digits.
    fn baby_steps(&self, diagonals: Diagonals, primes: usize) -> f64 {
        if diagonals.baby < 2 {
            return 0.0;
        }
        self.digits(primes) + (diagonals.baby - 1) as f64 * self.key_products(primes)
    }

    /// The products with all diagonals, the giant steps and the folds.
    fn sums(&self, diagonals: Diagonals, folds: usize, primes: usize) -> f64 {
        let giant_steps = diagonals.giant_steps().count() - 1;
        self.products(2 * primes * diagonals.count) + self.key_switches(giant_steps + folds, primes)
    }

    fn seconds(&self, workload: &PackedWorkload) -> f64 {
        let PackedWorkload { layout, members } = workload;
        let PackedLevels { convolution, square, hidden, answer } = self.sizes.kept;
        let upload = self.sizes.upload.len();
        let squared = |primes: usize| self.products(4 * primes) + self.key_switches(1, primes);
        let member = self.sums(layout.convolution(), layout.convolution_folds().count(), upload)
            + self.switch(upload, convolution)
            + squared(convolution)
            + self.switch(convolution, square)
            + self.baby_steps(layout.hidden(), square)
            + self.sums(layout.hidden(), layout.hidden_folds().count(), square)
            + self.switch(square, hidden)
            + squared(hidden)
            + self.products(2 * hidden);
        // The random values are encoded and transformed for every prime.
        let answers = self.transforms(1 + hidden) + self.switch(hidden, answer);
        self.transforms(2 * upload)
            + self.baby_steps(layout.convolution(), upload)
            + *members as f64 * member
            + answers
    }

    /// Bytes of all members' weights and biases in one channel: a polynomial for every diagonal and every layer's biases.
    fn weight_bytes(&self, workload: &PackedWorkload) -> usize {
        let PackedWorkload { layout, members } = workload;
        let PackedLevels { square, hidden, .. } = self.sizes.kept;
        let polynomials = (layout.convolution().count + 1) * self.sizes.upload.len()
            + (layout.hidden().count + 1) * square
            + 2 * hidden;
        members * polynomials * self.sizes.degree * size_of::<u64>()
    }

    /// Bytes of an evaluation: the rotated inputs, and for every thread a member's rotated activations, both with their digits.
    fn bytes(&self, workload: &PackedWorkload) -> usize {
        let polynomials =
            |diagonals: Diagonals, primes: usize| 2 * primes * diagonals.baby + (primes + 2) * (primes + 1);
        let layout = &workload.layout;
        let threads = rayon::current_num_threads().min(workload.members.max(1));
        let all = polynomials(layout.convolution(), self.sizes.upload.len())
            + threads * polynomials(layout.hidden(), self.sizes.kept.square);
        all * self.sizes.degree * size_of::<u64>()
    }
}
