//! What an evaluation costs: a model of time, memory and traffic.
//!
//! Operations are counted; what one takes was measured with `cargo bench -p sottovoce-bfv` on one core of an AMD
//! EPYC (Zen 4, AVX-512; docs/performance.md). On another machine predicted seconds are off by that machine's factor,
//! the same for all choices, so the choice is the same wherever the kernel is.

use serde::Serialize;
use sottovoce_network::{IntegerBlock, IntegerEnsemble, IntegerNetwork};

use crate::Encryption;
use crate::engine::Kernel;
use crate::parameters::answer_level;

/// Seconds that one operation takes on one core.
mod seconds {
    /// A transform, for each of its N log2 N values.
    pub const TRANSFORM: f64 = 16e-6 / (8192.0 * 13.0);
    /// A digit multiplied in a base conversion.
    pub const CONVERSION: f64 = 0.5e-9;
    /// A value copied into a tile.
    pub const LOAD: f64 = 0.44e-9;
    /// An addition in the convolution, at 16 points.
    pub const SHORT_ADDITION: f64 = 1.3e-9;
    /// A product and its sum in the convolution, at 16 points.
    pub const SHORT_PRODUCT: f64 = 1.2e-9;
    /// An addition in the hidden layer's longer lists, at 16 points.
    pub const ADDITION: f64 = 0.75e-9;
    /// A byte of a weight multiplied at 16 points, six planes.
    pub const BYTE: f64 = 0.5e-9;
    /// A square at 16 points.
    pub const SQUARE: f64 = 13e-9;
    /// A product and its sum in the last layer.
    pub const OUTPUT: f64 = 0.26e-9;
    /// A product with the relinearisation key.
    pub const KEY: f64 = 1.7e-9;
    /// Encoding and encrypting a coefficient: alike for every size, and for every prime.
    pub const ENCRYPT: f64 = 0.35e-3 / 8192.0;
    pub const ENCRYPT_PUBLIC: f64 = 0.35e-3 / 8192.0;
    pub const ENCRYPT_SECRET: f64 = 0.27e-3 / 8192.0;
    /// Decrypting a coefficient, measuring its noise, and joining residues.
    pub const DECRYPT: f64 = 2e-3 / 8192.0;
    /// The reference's square, with scaling and relinearisation, for each coefficient and pair of primes.
    pub const REFERENCE_SQUARE: f64 = 11e-3 / (8192.0 * 9.0);
}

/// Parameters as numbers.
#[derive(Debug, Clone)]
pub struct Sizes {
    pub degree: usize,
    pub moduli: Vec<u64>,
    pub prime_bits: Vec<usize>,
    pub encryption: Encryption,
}

impl Sizes {
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
    /// Core-seconds of every member's first block at 16 points, whatever the parameters.
    tiles: Vec<f64>,
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

/// Core-seconds of a member's first block at 16 points.
fn tile_seconds(network: &IntegerNetwork, kernel: Kernel) -> f64 {
    let shape = network.architecture();
    let lists = additions(network.convolution()) * seconds::SHORT_ADDITION;
    let products = network.convolution().weights().len() as f64 * seconds::SHORT_PRODUCT;
    let kernels = if kernel.is_avx512() { lists.min(products) } else { lists };
    let convolution = 2.0 * shape.positions() as f64 * kernels;
    let hidden = network.hidden();
    let lists = additions(hidden) * seconds::ADDITION;
    let largest = hidden.weights().iter().map(|weight| weight.unsigned_abs()).max().unwrap_or(0);
    let bytes = (65 - largest.leading_zeros()).div_ceil(8).max(1);
    let bytes = f64::from(bytes) * hidden.weights().len() as f64 * seconds::BYTE;
    let dense = if kernel.is_avx512() { lists.min(bytes) } else { lists };
    let squares = shape.activations() as f64 * seconds::SQUARE;
    convolution + 3.0 * (squares + dense)
}

/// What is predicted of a run. Seconds are wall-clock time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cost {
    /// Batches that the images make.
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
    /// Bytes of the relinearisation key and the public key, which a client registers once.
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

    /// Of `images` under parameters of these `sizes` with `evaluation_primes`, for every one of `workloads` on the same ciphertexts.
    pub(super) fn of(
        sizes: &Sizes,
        evaluation_primes: Option<usize>,
        workloads: &[Workload],
        images: usize,
        kernel: Kernel,
    ) -> Self {
        let Sizes { degree: n, ref moduli, ref prime_bits, encryption } = *sizes;
        let (channels, primes) = (moduli.len(), prime_bits.len());
        let prime_bits: Vec<f64> = prime_bits.iter().map(|&bits| bits as f64).collect();
        let batches = images.div_ceil(n).max(1);
        let largest = |size: fn(&Workload) -> usize| workloads.iter().map(size).max().unwrap_or(0);
        let (pixels, classes) = (largest(|w| w.pixels), largest(|w| w.classes));
        let (batch_seconds, engine_bytes) = match evaluation_primes {
            Some(m) => (
                workloads.iter().map(|work| engine_seconds(work, n, primes, m, kernel)).sum::<f64>(),
                workloads.iter().map(|work| engine_bytes(work, n, primes, m)).max().unwrap_or(0),
            ),
            None => {
                let squares = |work: &Workload| work.tiles.len() * (work.activations + work.hidden);
                let squares: usize = workloads.iter().map(squares).sum();
                let each = seconds::REFERENCE_SQUARE * (n * primes * primes) as f64;
                let activations = largest(|work| work.activations);
                (squares as f64 * each, activations * ciphertext_bytes(n, primes))
            }
        };
        let of_key = match encryption {
            Encryption::PublicKey => seconds::ENCRYPT_PUBLIC,
            Encryption::SecretKey => seconds::ENCRYPT_SECRET,
        };
        let pixel_seconds = n as f64 * (seconds::ENCRYPT + primes as f64 * of_key);
        let channel_seconds = (batches * channels) as f64 / rayon::current_num_threads() as f64;
        let bytes = |bits: f64| (bits * n as f64 / 8.0) as usize;
        let q_bits: f64 = prime_bits.iter().sum();
        let halves = match encryption {
            Encryption::PublicKey => 2,
            // The other half is uniform, and its seed stands for it.
            Encryption::SecretKey => 1,
        };
        let answer_bits = |&t: &u64| {
            let left = primes - answer_level(&prime_bits, t);
            prime_bits[..left].iter().sum::<f64>()
        };
        Self {
            batches,
            encrypt_seconds: channel_seconds * pixels as f64 * pixel_seconds,
            evaluate_seconds: channel_seconds * batch_seconds,
            decrypt_seconds: channel_seconds
                * workloads.iter().map(|work| work.classes).sum::<usize>() as f64
                * n as f64
                * seconds::DECRYPT,
            upload_bytes: channels * pixels * halves * bytes(q_bits),
            download_bytes: moduli.iter().map(|t| classes * 2 * bytes(answer_bits(t))).sum(),
            // Half of a ciphertext and a seed for every digit, and for the public key.
            key_bytes: channels * (primes + 1) * bytes(q_bits),
            memory_bytes: channels * pixels * ciphertext_bytes(n, primes) + engine_bytes,
        }
    }
}

/// Bytes of a ciphertext in memory: two polynomials of residues in 64 bits.
fn ciphertext_bytes(n: usize, primes: usize) -> usize {
    2 * primes * n * size_of::<u64>()
}

/// Core-seconds of the engine for one batch in one channel.
fn engine_seconds(work: &Workload, n: usize, primes: usize, m: usize, kernel: Kernel) -> f64 {
    let (k, m, points) = (primes as f64, m as f64, n as f64);
    let transform = seconds::TRANSFORM * points * points.log2();
    let conversion = k * points * seconds::CONVERSION;
    let (polynomials, units) = (2.0 * work.pixels as f64, work.hidden as f64);
    let inputs = polynomials * (k * transform + conversion)
        + m * polynomials * (conversion + transform + points * seconds::LOAD);
    let taken_back =
        (3.0 * m + k * k + 2.0 * k) * transform + 3.0 * m * conversion + 2.0 * k * k * points * seconds::KEY;
    let second = m
        * (2.0 * units * (conversion + transform)
            + 3.0 * units * work.classes as f64 * points * seconds::OUTPUT);
    let tiles: f64 = work.tiles.iter().sum();
    let tiles = m * points / 16.0 * tiles * kernel.slowness();
    inputs
        + tiles
        + work.tiles.len() as f64 * (units * taken_back + second)
        + work.classes as f64 * taken_back
}

/// Bytes that the engine holds at its largest: with the first block's results there are either the prepared inputs, or
/// the hidden units.
fn engine_bytes(work: &Workload, n: usize, primes: usize, m: usize) -> usize {
    let members = work.tiles.len();
    let prepared = n * (primes * size_of::<u64>() + 1);
    let points = members * 3 * work.hidden * m * n * size_of::<u64>();
    let spectra = 2 * work.pixels * n * size_of::<u64>();
    let inputs = 2 * work.pixels * prepared + spectra;
    let hidden = members * 2 * work.hidden * prepared;
    // The last layer's sums: of every member and of all, while they are added up and after.
    let sums = (members + 1) * work.classes * 3 * n * m * size_of::<u64>() * 2;
    // Buffers are kept for the next batch.
    points + inputs + hidden + sums
}
