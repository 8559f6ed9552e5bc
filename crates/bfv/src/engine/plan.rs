//! Plans: weights in their kernel's form and constants with their factors, fixed before the first ciphertext arrives.

use num_bigint::BigUint;
use sottovoce_network::{Architecture, IntegerBlock, IntegerEnsemble, IntegerNetwork};

use super::kernels::{Band, InputMap, MOST_INPUTS, Modulus, SparseRow, SquareMap};
use crate::kernel::Kernel;
use crate::parameters::{Channel, inverse};

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

/// Checks that an ensemble's rows are short enough for the engine.
///
/// # Errors
/// If one is not.
pub fn check_inputs(shape: &Architecture) -> Result<(), PlanError> {
    let found = shape.activations().max(shape.taps()).max(shape.hidden);
    if found >= MOST_INPUTS {
        return Err(PlanError::Inputs { found, most: MOST_INPUTS });
    }
    Ok(())
}

/// The least ring degree: a tile of the engine's kernels.
const LEAST_DEGREE: usize = super::kernels::LANES;

/// Activations of a band: their squares (384 bytes each) and a row's sums fit the first-level cache.
const BAND: usize = 60;

/// Everything that an evaluation needs beside ciphertexts and keys.
pub struct Plan {
    pub kernel: Kernel,
    /// Of the primes of an upload.
    pub moduli: Vec<Modulus>,
    /// In their order; each begins with the primes that the one before has left.
    pub blocks: Vec<BlockPlan>,
}

/// A linear map, a square, a linear map, and the loss of primes behind it.
pub struct BlockPlan {
    /// Primes of the inputs.
    pub primes: usize,
    /// Primes of the outputs.
    pub kept: usize,
    /// True where all members read the same inputs, a batch's pixels; false where each has its own.
    pub shared_inputs: bool,
    pub inputs: usize,
    pub outputs: usize,
    /// `t R` modulo every prime, in Montgomery form: what sums of kernels' squares, which are too small by R, are multiplied
    /// with.
    pub square_factors: Vec<u64>,
    /// Activations that are squared together, band after band: inputs of every member's map behind the square.
    pub bands: Vec<Vec<usize>>,
    pub members: Vec<MemberBlock>,
    /// The members' output biases added up, as [`MemberBlock::output_biases`]: of the last block.
    pub summed_biases: Vec<Vec<u64>>,
}

/// One member's part of a block.
pub struct MemberBlock {
    /// The map before the square; none where inputs are squared as they are.
    pub before: Option<InputMap>,
    /// By band, by prime, by activation of the band: the bias in its layer's factor.
    pub biases: Vec<Vec<Vec<u64>>>,
    /// The map behind the square.
    pub behind: SquareMap,
    /// By output, by prime of the inputs: what is added before any prime is dropped.
    pub output_biases: Vec<Vec<u64>>,
}

/// Constants in the factors that messages have on their way (docs/engine.md): t times a ciphertext encrypts `factor` times the
/// true value.
#[derive(Clone, Copy)]
struct Factor {
    t: u64,
    value: u64,
}

impl Factor {
    fn of_inputs(t: u64, primes: &[u64]) -> Self {
        let q: BigUint = primes.iter().map(|&q| BigUint::from(q)).product();
        let q = (q % t).iter_u64_digits().next().unwrap_or(0);
        Self { t, value: t - q }
    }

    fn multiplied(self, by: u64) -> Self {
        let value = u128::from(self.value) * u128::from(by % self.t) % u128::from(self.t);
        Self { value: value as u64, ..self }
    }

    /// Behind a square.
    fn squared(self) -> Self {
        self.multiplied(self.value)
    }

    /// Behind a switch that drops `primes`.
    fn without(self, primes: &[u64]) -> Self {
        primes.iter().fold(self, |factor, &prime| factor.multiplied(inverse(prime % self.t, self.t)))
    }

    /// The constant polynomial that adds `bias` to a ciphertext, modulo every prime: `1/t` times the number of least absolute
    /// value that is `factor * bias` modulo t.
    fn constant(self, bias: i128, primes: &[u64]) -> Vec<u64> {
        let t = i128::from(self.t);
        let residue = bias.rem_euclid(t) * i128::from(self.value) % t;
        let centred = if residue > t / 2 { residue - t } else { residue };
        let modulo = |&q: &u64| {
            let residue = centred.rem_euclid(i128::from(q)) as u128;
            (residue * u128::from(inverse(self.t % q, q)) % u128::from(q)) as u64
        };
        primes.iter().map(modulo).collect()
    }
}

impl Plan {
    pub fn new(channel: &Channel, ensemble: &IntegerEnsemble, kernel: Kernel) -> Result<Self, PlanError> {
        let (degree, t) = (channel.degree(), channel.plaintext_modulus());
        let (q, shape) = (channel.ciphertext_primes(), ensemble.architecture());
        if degree < LEAST_DEGREE {
            return Err(PlanError::Degree { found: degree, least: LEAST_DEGREE });
        }
        check_inputs(shape)?;
        let moduli: Vec<Modulus> = q.iter().map(|&q| Modulus::new(q)).collect();
        let square_factors: Vec<u64> = moduli
            .iter()
            .map(|&modulus| {
                // Once for the kernels' squares, once for the product with this constant.
                let factor = kernel.montgomery_form(t % modulus.value, modulus);
                kernel.montgomery_form(factor, modulus)
            })
            .collect();
        let (hidden, answer) = (channel.hidden_primes().len(), channel.answer_primes().len());
        let mut factor = Factor::of_inputs(t, q);

        let convolution_bands = bands(shape);
        let of_convolution = |network: &IntegerNetwork| convolution(network, &convolution_bands, factor, q);
        let first: Vec<_> = ensemble.members().iter().map(of_convolution).collect();
        factor = factor.squared();
        let first =
            first.into_iter().zip(ensemble.members()).map(|((before, biases), network)| MemberBlock {
                before: Some(before),
                biases,
                behind: square_map(kernel, network.hidden(), &convolution_bands),
                output_biases: constants(network.hidden().biases(), factor, q),
            });
        let first = BlockPlan {
            primes: q.len(),
            kept: hidden,
            shared_inputs: true,
            inputs: shape.pixels(),
            outputs: shape.hidden,
            square_factors: square_factors.clone(),
            members: first.collect(),
            bands: convolution_bands,
            summed_biases: Vec::new(),
        };

        factor = factor.without(&q[hidden..]).squared();
        let units: Vec<usize> = (0..shape.hidden).collect();
        let unit_bands: Vec<Vec<usize>> = units.chunks(BAND).map(<[usize]>::to_vec).collect();
        let member = |network: &IntegerNetwork| MemberBlock {
            before: None,
            biases: Vec::new(),
            behind: square_map(kernel, network.output(), &unit_bands),
            output_biases: constants(network.output().biases(), factor, &q[..hidden]),
        };
        let summed: Vec<i128> = (0..shape.classes)
            // Below 2^127: the ensemble's logits are bounded.
            .map(|class| ensemble.members().iter().map(|network| network.output().biases()[class]).sum())
            .collect();
        let second = BlockPlan {
            primes: hidden,
            kept: answer,
            shared_inputs: false,
            inputs: shape.hidden,
            outputs: shape.classes,
            square_factors: square_factors[..hidden].to_vec(),
            members: ensemble.members().iter().map(member).collect(),
            bands: unit_bands,
            summed_biases: constants(&summed, factor, &q[..hidden]),
        };
        Ok(Self { kernel, moduli, blocks: vec![first, second] })
    }
}

fn constants(biases: &[i128], factor: Factor, primes: &[u64]) -> Vec<Vec<u64>> {
    biases.iter().map(|&bias| factor.constant(bias, primes)).collect()
}

/// The activations of a convolution in bands: all maps of some positions, which read nearly the same pixels.
fn bands(shape: &Architecture) -> Vec<Vec<usize>> {
    let positions: Vec<usize> = (0..shape.positions()).collect();
    let band = |positions: &[usize]| {
        let maps = |&position: &usize| (0..shape.maps).map(move |map| map * shape.positions() + position);
        positions.iter().flat_map(maps).collect()
    };
    positions.chunks((BAND / shape.maps.max(1)).max(1)).map(band).collect()
}

/// A member's convolution, and its biases by band, by prime, by activation.
fn convolution(
    network: &IntegerNetwork,
    bands: &[Vec<usize>],
    factor: Factor,
    primes: &[u64],
) -> (InputMap, Vec<Vec<Vec<u64>>>) {
    let (shape, block) = (network.architecture(), network.convolution());
    let row = |&activation: &usize| -> SparseRow {
        let (weights, position) = (block.row(activation / shape.positions()), activation % shape.positions());
        let window = shape.window(position).map(|(tap, pixel)| (pixel, weights[tap]));
        window.filter(|(_, weight)| *weight != 0).collect()
    };
    let rows: Vec<Vec<SparseRow>> = bands.iter().map(|band| band.iter().map(row).collect()).collect();
    let constants = constants(block.biases(), factor, primes);
    let biases = |prime: usize, band: &[usize]| {
        band.iter().map(|activation| constants[activation / shape.positions()][prime]).collect()
    };
    let biases = bands.iter().map(|band| (0..primes.len()).map(|prime| biases(prime, band)).collect());
    (InputMap::new(&rows), biases.collect())
}

/// A dense layer in bands of its inputs.
fn square_map(kernel: Kernel, block: &IntegerBlock, bands: &[Vec<usize>]) -> SquareMap {
    let band = |inputs: &Vec<usize>| {
        let row = |weights: &[i64]| -> SparseRow {
            let weights = inputs.iter().map(|&input| weights[input]).enumerate();
            weights.filter(|(_, weight)| *weight != 0).collect()
        };
        Band { inputs: inputs.len(), rows: block.row_iter().map(row).collect() }
    };
    let bands: Vec<Band> = bands.iter().map(band).collect();
    SquareMap::new(kernel, block.row_iter().len(), &bands)
}
