//! What is fixed before the first ciphertext arrives: evaluation primes, bounds, weights in their kernel's form.

use fhe_math::zq::primes::generate_prime;
use num_bigint::BigUint;
use sottovoce_network::{IntegerEnsemble, IntegerNetwork};
use tfhe_ntt::prime64::Plan as Ntt;

use super::bounds::{BlockNorms, HEADROOM, norm};
use super::kernels::{DenseWeights, Kernel, Modulus, NORM_LIMIT, Rows};
use super::rns::{Lift, Scale, scaled_constant};
use crate::parameters::{Channel, bits_of};

/// Evaluation primes have this many bits: six bytes, and fast transforms.
pub const EVALUATION_PRIME_BITS: usize = 48;

/// The most evaluation primes that sums over a base leave room for (`Kernel::combine`).
pub const MOST_PRIMES: usize = 20;

/// A network that the engine cannot evaluate exactly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A row has too many weights.
    #[error(
        "a row of weights has {found} inputs, but the engine takes fewer than {most}; use the reference evaluator"
    )]
    Inputs {
        /// Its inputs.
        found: usize,
        /// The first number that does not fit.
        most: usize,
    },
    /// A ciphertext prime is too large.
    #[error(
        "a ciphertext prime has {found} bits, but the engine takes at most {most}; use more and smaller primes"
    )]
    CiphertextPrime {
        /// Its bits.
        found: u32,
        /// The most that fit.
        most: u32,
    },
    /// There are not enough primes for transforms of this degree.
    #[error("values of {bits} bits need more evaluation primes than there are at this ring degree")]
    Primes {
        /// Bits of the largest value.
        bits: u64,
    },
    /// The encryption library transforms polynomials in another way than the engine.
    #[error(
        "the encryption library's number-theoretic transform is not the engine's for these ciphertext primes; use the \
         reference evaluator"
    )]
    Transform,
    /// The encryption library refused an operation on its key.
    #[error("the encryption library refused an operation: {0}")]
    Fhe(String),
    /// A key for other parameters than the engine's.
    #[error("the key was made for other parameters than the engine's")]
    OtherParameters,
    /// The ring is smaller than a tile.
    #[error("the ring degree is {found}, but the engine needs at least {least}")]
    Degree {
        /// The ring degree.
        found: usize,
        /// The least that works.
        least: usize,
    },
}

/// One member's weights and biases in the form that the engine reads.
#[derive(Debug)]
pub(super) struct Member {
    /// One row for each map and position.
    pub convolution: Rows,
    /// By evaluation prime, by map.
    pub convolution_biases: Vec<Vec<u64>>,
    /// Whether sums of the convolution may be too large to be squared as they are.
    pub convolution_is_large: bool,
    pub hidden: DenseWeights,
    /// By unit, by ciphertext prime.
    pub hidden_biases: Vec<Vec<u64>>,
    /// Rows of `hidden` weights.
    pub output: Vec<i64>,
    /// By class, by ciphertext prime.
    pub output_biases: Vec<Vec<u64>>,
}

/// Everything that an evaluation needs beside ciphertexts.
pub(super) struct Plan {
    pub kernel: Kernel,
    pub moduli: Vec<Modulus>,
    pub transforms: Vec<Ntt>,
    pub lift: Lift,
    pub scale: Scale,
    pub members: Vec<Member>,
    /// The members' output biases added up, by class, by ciphertext prime.
    pub ensemble_biases: Vec<Vec<u64>>,
    /// Whether the last layer's sums over all members may leave 62 bits.
    pub output_is_large: bool,
}

impl Plan {
    pub fn new(channel: &Channel, ensemble: &IntegerEnsemble, kernel: Kernel) -> Result<Self, PlanError> {
        let (degree, t) = (channel.degree(), channel.plaintext_modulus());
        let q = channel.ciphertext_primes();
        if degree < 32 {
            return Err(PlanError::Degree { found: degree, least: 32 });
        }
        let found = q.iter().map(|&q| bits_of(q)).max().unwrap_or(0);
        if found > Modulus::MOST_BITS {
            return Err(PlanError::CiphertextPrime { found, most: Modulus::MOST_BITS });
        }
        let product: BigUint = q.iter().map(|&q| BigUint::from(q)).product();
        let norms = BlockNorms::of(ensemble)?;
        let largest = norms.largest_value(&product, degree);
        let primes = evaluation_primes(&largest, degree, q)?;
        let transforms: Option<Vec<Ntt>> = primes.iter().map(|&p| Ntt::try_new(degree, p)).collect();
        let transforms = transforms.ok_or(PlanError::Primes { bits: EVALUATION_PRIME_BITS as u64 })?;

        let shape = ensemble.architecture();
        let constants = |b: i128, primes: &[u64]| scaled_constant(b, t, q, primes);
        let member = |network: &IntegerNetwork| Member {
            convolution: convolution_rows(network, kernel),
            convolution_biases: transpose(
                network.convolution().biases().iter().map(|&b| constants(b, &primes)),
            ),
            // The weights' residues below 2^48 and the bias's must stay below 2^53.
            convolution_is_large: norm(network.convolution()) + 1 > 1 << (53 - EVALUATION_PRIME_BITS),
            hidden: DenseWeights::new(kernel, network.hidden().weights(), network.hidden().columns()),
            hidden_biases: network.hidden().biases().iter().map(|&b| constants(b, q)).collect(),
            output: network.output().weights().to_vec(),
            output_biases: network.output().biases().iter().map(|&b| constants(b, q)).collect(),
        };
        let ensemble_bias = |class: usize| {
            // Below 2^127: the ensemble's logits are bounded.
            let sum: i128 = ensemble.members().iter().map(|network| network.output().biases()[class]).sum();
            constants(sum, q)
        };
        Ok(Self {
            kernel,
            moduli: primes.iter().map(|&p| Modulus::new(p)).collect(),
            transforms,
            lift: Lift::new(q, &primes, degree),
            scale: Scale::new(&primes, q, t, degree),
            members: ensemble.members().iter().map(member).collect(),
            ensemble_biases: (0..shape.classes).map(ensemble_bias).collect(),
            output_is_large: norms.output >= i128::from(NORM_LIMIT),
        })
    }
}

/// The fewest primes whose product is [`HEADROOM`] times `largest`.
fn evaluation_primes(largest: &BigUint, degree: usize, taken: &[u64]) -> Result<Vec<u64>, PlanError> {
    let needed = largest * HEADROOM;
    let mut primes = Vec::new();
    let mut product = BigUint::from(1u32);
    let mut below = 1 << EVALUATION_PRIME_BITS;
    while product <= needed {
        if primes.len() == MOST_PRIMES {
            return Err(PlanError::Primes { bits: largest.bits() });
        }
        below = generate_prime(EVALUATION_PRIME_BITS, 2 * degree as u64, below)
            .ok_or(PlanError::Primes { bits: largest.bits() })?;
        if !taken.contains(&below) {
            product *= below;
            primes.push(below);
        }
    }
    Ok(primes)
}

/// The weights of every map at every position, with the pixels that they read.
fn convolution_rows(network: &IntegerNetwork, kernel: Kernel) -> Rows {
    let (shape, block) = (network.architecture(), network.convolution());
    let rows = block.row_iter().flat_map(|weights| {
        (0..shape.positions())
            .map(move |position| shape.window(position).map(|(tap, pixel)| (pixel, weights[tap])).collect())
    });
    Rows::new(kernel, &rows.collect::<Vec<_>>())
}

fn transpose(rows: impl Iterator<Item = Vec<u64>>) -> Vec<Vec<u64>> {
    let rows: Vec<Vec<u64>> = rows.collect();
    let columns = rows.first().map_or(0, Vec::len);
    (0..columns).map(|column| rows.iter().map(|row| row[column]).collect()).collect()
}
