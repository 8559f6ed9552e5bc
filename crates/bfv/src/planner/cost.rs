//! The costs of a run: a model of time, memory and traffic.
//!
//! Operations are counted, and each is given the time that one core of a quiet processor with AVX-512 takes for it. Another
//! machine's seconds are off by its factor, the same for all choices, so that the choice is the same wherever the kernel is;
//! the shared machine of docs/performance.md takes about twice as long.

use serde::Serialize;
use sottovoce_network::{IntegerBlock, IntegerEnsemble, IntegerNetwork};

use super::noise_room::answer_primes;
use crate::kernel::Kernel;
use crate::parameters::encryption::Encryption;
use crate::parameters::prime_sizes::PrimeSizes;

/// Seconds that one operation takes on one core.
pub(super) mod seconds {
    /// A transform, for each of its N log2 N values.
    pub const TRANSFORM: f64 = 8e-6 / (8192.0 * 13.0);
    /// A residue unpacked into a tile.
    pub const LOAD: f64 = 0.44e-9;
    /// An addition in a map's list, for one part at 16 points.
    pub const ADDITION: f64 = 0.75e-9;
    /// A weight multiplied, whatever its size, for one part at 16 points.
    pub const PRODUCT: f64 = 0.75e-9;
    /// A square at 16 points.
    pub const SQUARE: f64 = 13e-9;
    /// A product with the relinearisation key and its sum.
    pub const KEY: f64 = 0.5e-9;
    /// Encoding and encrypting a coefficient: alike for every size, and for every prime.
    pub const ENCRYPT: f64 = 0.35e-3 / 8192.0;
    pub const ENCRYPT_PUBLIC: f64 = 0.35e-3 / 8192.0;
    pub const ENCRYPT_SECRET: f64 = 0.27e-3 / 8192.0;
    /// A compact byte that is written by one side and read by the other.
    pub const COMPACT_BYTE: f64 = 0.5e-9;
    /// Decrypting a coefficient, measuring its noise, and joining residues.
    pub const DECRYPT: f64 = 2e-3 / 8192.0;
    /// The reference's square, with scaling and relinearisation, for each coefficient and pair of primes.
    pub const REFERENCE_SQUARE: f64 = 11e-3 / (8192.0 * 9.0);
}

/// Parameters as numbers.
#[derive(Debug, Clone)]
pub struct CandidateSizes {
    pub degree: usize,
    pub moduli: Vec<u64>,
    pub primes: PrimeSizes,
    pub encryption: Encryption,
}

impl CandidateSizes {
    pub fn largest_modulus(&self) -> u64 {
        self.moduli.iter().copied().max().unwrap_or(0)
    }
}

/// The sizes of an ensemble that cost depends on.
#[derive(Debug, Clone)]
pub struct Workload {
    pixels: usize,
    activations: usize,
    hidden: usize,
    classes: usize,
    /// Core-seconds of every member's blocks at 16 points, whatever the parameters.
    tiles: Vec<[f64; 2]>,
}

impl Workload {
    pub fn of(ensemble: &IntegerEnsemble, kernel: Kernel) -> Self {
        let shape = ensemble.architecture();
        Self {
            pixels: shape.pixels(),
            activations: shape.activations(),
            hidden: shape.hidden,
            classes: shape.classes,
            tiles: ensemble.members().iter().map(|network| tile_seconds(network, kernel)).collect(),
        }
    }
}

/// Additions for the weights of a block, one for each binary digit that is set.
fn additions(block: &IntegerBlock) -> f64 {
    block.weights().iter().map(|weight| f64::from(weight.unsigned_abs().count_ones())).sum()
}

/// Core-seconds of a block's map for one part at 16 points.
fn map_seconds(block: &IntegerBlock, kernel: Kernel) -> f64 {
    let lists = additions(block) * seconds::ADDITION;
    let products = block.weights().len() as f64 * seconds::PRODUCT;
    if kernel.is_avx512() { lists.min(products) } else { lists }
}

/// Core-seconds of a member's tile of 16 points in either block.
fn tile_seconds(network: &IntegerNetwork, kernel: Kernel) -> [f64; 2] {
    let shape = network.architecture();
    let convolution = 2.0 * shape.positions() as f64 * additions(network.convolution()) * seconds::ADDITION;
    let squares = |count: usize| count as f64 * seconds::SQUARE;
    let dense = |block: &IntegerBlock| 3.0 * map_seconds(block, kernel);
    [
        convolution + squares(shape.activations()) + dense(network.hidden()),
        squares(shape.hidden) + dense(network.output()),
    ]
}

/// The predicted costs of a run. Seconds are wall-clock time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cost {
    /// Batches that the images make. A packed batch holds one image.
    pub batches: usize,
    /// Encrypting all batches.
    pub encrypt_seconds: f64,
    /// The provider's work on all batches, of all ensembles.
    pub evaluate_seconds: f64,
    /// Decrypting all answers.
    pub decrypt_seconds: f64,
    /// Bytes of one encrypted batch.
    pub upload_bytes: usize,
    /// Bytes of one encrypted answer.
    pub download_bytes: usize,
    /// Bytes of the keys that a client registers once: the relinearisation key and the public key, or in packed evaluation the
    /// relinearisation key and all rotations' keys.
    pub key_bytes: usize,
    /// Bytes of memory: one batch and what the provider needs to evaluate it.
    pub memory_bytes: usize,
}

impl Cost {
    /// Seconds of all steps together.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.encrypt_seconds + self.evaluate_seconds + self.decrypt_seconds
    }

    /// The costs of `images` under parameters of these `sizes`, evaluated by the `engine` or by the reference, for every one of
    /// `workloads` on the same ciphertexts.
    pub(super) fn of(
        sizes: &CandidateSizes,
        engine: bool,
        workloads: &[Workload],
        images: usize,
        kernel: Kernel,
    ) -> Self {
        let CandidateSizes { degree: n, ref moduli, ref primes, encryption } = *sizes;
        let (channels, upload) = (moduli.len(), primes.upload.len());
        let batches = images.div_ceil(n).max(1);
        let largest = |size: fn(&Workload) -> usize| workloads.iter().map(size).max().unwrap_or(0);
        let (pixels, classes) = (largest(|w| w.pixels), largest(|w| w.classes));
        let (batch_seconds, evaluator_bytes) = match engine {
            true => (
                workloads.iter().map(|work| engine_seconds(work, sizes, kernel)).sum::<f64>(),
                workloads.iter().map(|work| engine_bytes(work, n, primes)).max().unwrap_or(0),
            ),
            false => {
                let squares = |work: &Workload| work.tiles.len() * (work.activations + work.hidden);
                let squares: usize = workloads.iter().map(squares).sum();
                let each = seconds::REFERENCE_SQUARE * (n * upload * upload) as f64;
                let ciphertexts = largest(|work| work.pixels + work.activations);
                // Two polynomials of residues in 64 bits.
                (squares as f64 * each, ciphertexts * 2 * upload * n * size_of::<u64>())
            }
        };
        let bytes = |bits: usize| bits * n / 8;
        let upload_bits: usize = primes.upload.iter().sum();
        let (of_key, encrypted_primes, halves) = match encryption {
            Encryption::PublicKey => (seconds::ENCRYPT_PUBLIC, upload + 1, 2),
            // The other half is uniform, and its seed stands for it.
            Encryption::SecretKey => (seconds::ENCRYPT_SECRET, upload, 1),
        };
        let pixel_seconds = n as f64 * (seconds::ENCRYPT + encrypted_primes as f64 * of_key)
            + (halves * bytes(upload_bits)) as f64 * seconds::COMPACT_BYTE;
        let channel_seconds = (batches * channels) as f64 / rayon::current_num_threads() as f64;
        let answer_bits = |&t: &u64| answer_primes(n, t, primes).iter().sum::<usize>();
        let download_bytes = moduli.iter().map(|t| classes * 2 * bytes(answer_bits(t))).sum();
        let answers = workloads.iter().map(|work| work.classes).sum::<usize>() as f64;
        let decrypt_seconds = channel_seconds * answers * n as f64 * seconds::DECRYPT
            + (batches * download_bytes) as f64 * seconds::COMPACT_BYTE;
        let all_bits: usize = primes.all(sizes.largest_modulus(), encryption).iter().sum();
        Self {
            batches,
            encrypt_seconds: channel_seconds * pixels as f64 * pixel_seconds,
            evaluate_seconds: channel_seconds * batch_seconds,
            decrypt_seconds,
            upload_bytes: channels * pixels * halves * bytes(upload_bits),
            download_bytes,
            // Half of a ciphertext and a seed for every digit, and for the public key.
            key_bytes: channels * (upload * bytes(upload_bits) + bytes(all_bits)),
            memory_bytes: channels * pixels * 2 * bytes(upload_bits) + evaluator_bytes,
        }
    }
}

/// Core-seconds of the engine for one batch in one channel.
fn engine_seconds(work: &Workload, sizes: &CandidateSizes, kernel: Kernel) -> f64 {
    let CandidateSizes { degree, ref primes, .. } = *sizes;
    let points = degree as f64;
    let answer = answer_primes(degree, sizes.largest_modulus(), primes).len();
    let (upload, hidden) = (primes.upload.len(), primes.hidden);
    let transform = seconds::TRANSFORM * points * points.log2();
    let inputs = (2 * work.pixels * upload) as f64 * points * seconds::LOAD;
    // Relinearisation transforms the third part, and every digit for every other prime; a dropped prime leaves the transform,
    // and its residues enter that of every prime that is left. Each for both parts.
    let switching = |primes: usize, kept: usize| {
        let dropped: usize = (kept..primes).map(|left| 2 * (1 + left)).sum();
        let products = 2 * primes * (primes + 1);
        (primes * primes + dropped) as f64 * transform + products as f64 * points * seconds::KEY
    };
    let tiles =
        |seconds: f64, primes: usize| primes as f64 * points / 16.0 * seconds * kernel.relative_tile_time();
    let [mut first_block, mut last_block] = [0.0; 2];
    for [first, last] in &work.tiles {
        first_block += first;
        last_block += last;
    }
    let members = work.tiles.len() as f64;
    inputs
        + tiles(first_block, upload)
        + members * work.hidden as f64 * switching(upload, hidden)
        + tiles(last_block, hidden)
        + work.classes as f64 * switching(hidden, answer)
}

/// Bytes that the engine holds at its largest: the first block's sums, and behind it the hidden units.
fn engine_bytes(work: &Workload, n: usize, primes: &PrimeSizes) -> usize {
    let units = work.tiles.len() * work.hidden * n * size_of::<u64>();
    units * (3 * primes.upload.len() + 2 * primes.hidden)
}
