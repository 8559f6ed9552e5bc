//! Compiled ensembles: weights in their kernel's form and constants with their factors, fixed before the first ciphertext
//! arrives.

use sottovoce_network::{Architecture, IntegerBlock, IntegerEnsemble, IntegerNetwork};

use super::error::EngineError;
use super::kernels::digits::MAX_INPUTS;
use super::kernels::dispatch;
use super::kernels::input_map::InputMap;
use super::kernels::modular::{Modulus, MontgomeryConstant};
use super::kernels::sparse_row::SparseRow;
use super::kernels::square_map::{Band, SquareMap};
use super::kernels::tiles::LANES;
use crate::kernel::Kernel;
use crate::modular::{inverse, product, product_of};
use crate::parameters::channel::Channel;

/// Checks that the rows of weights are short enough for the engine.
///
/// # Errors
/// If a row is too long.
pub fn check_inputs(shape: &Architecture) -> Result<(), EngineError> {
    let found = shape.activations().max(shape.taps()).max(shape.hidden);
    if found >= MAX_INPUTS {
        return Err(EngineError::Inputs { found, limit: MAX_INPUTS });
    }
    Ok(())
}

/// The smallest ring degree: the points of one tile.
const MIN_DEGREE: usize = LANES;

/// The number of activations in a band. Their squares (384 bytes each) and a row's sums fit the first-level cache.
const BAND: usize = 60;

/// Everything that an evaluation in one channel needs beside ciphertexts and keys.
pub struct CompiledEnsemble {
    pub kernel: Kernel,
    /// The primes of an upload.
    pub moduli: Vec<Modulus>,
    /// Convolution, square and hidden layer, at the primes of an upload.
    pub first: CompiledBlock,
    /// Square and output layer, at the primes that hidden units keep.
    pub last: CompiledBlock,
}

/// The weights of one block: a linear map, a square and a linear map, after which the modulus is switched down.
pub struct CompiledBlock {
    /// The number of primes of the inputs.
    pub primes: usize,
    /// The number of primes that the outputs keep.
    pub kept: usize,
    /// True if all members read the same inputs, the pixels of a batch; false if each member has its own inputs.
    pub shared_inputs: bool,
    pub inputs: usize,
    pub outputs: usize,
    /// `t R` modulo every prime, in Montgomery form. The kernels' squares are too small by R, so their sums are multiplied with
    /// these factors.
    pub square_factors: Vec<MontgomeryConstant>,
    /// Numbers of the activations that are squared together, band after band. They are the inputs of every member's map after the
    /// square.
    pub bands: Vec<Vec<usize>>,
    pub members: Vec<MemberWeights>,
    /// The sums of the members' output biases, in the form of [`MemberWeights::output_biases`]. Only the last block has them.
    pub summed_biases: Vec<Vec<u64>>,
}

/// One member's weights in a block.
pub struct MemberWeights {
    /// The map before the square; `None` if inputs are squared as they are.
    pub before: Option<InputMap>,
    /// By band, by prime, by activation of the band: the bias times its layer's factor.
    pub biases: Vec<Vec<Vec<u64>>>,
    /// The map after the square.
    pub after: SquareMap,
    /// By output, by prime of the inputs: the constant that is added before the modulus is switched down.
    pub output_biases: Vec<Vec<u64>>,
}

/// The public factor of a message modulo t: t times the ciphertext encrypts `value` times the true value (docs/engine.md).
#[derive(Clone, Copy)]
struct MessageFactor {
    t: u64,
    value: u64,
}

impl MessageFactor {
    /// The factor of an upload under these primes: `-Q`.
    fn of_upload(t: u64, primes: &[u64]) -> Self {
        Self { t, value: t - product_of(primes, t) }
    }

    fn multiplied(self, by: u64) -> Self {
        Self { value: product(self.value, by % self.t, self.t), ..self }
    }

    /// The factor after a square.
    fn squared(self) -> Self {
        self.multiplied(self.value)
    }

    /// The factor after the modulus was switched down by `primes`.
    fn switched_down(self, primes: &[u64]) -> Self {
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

impl CompiledEnsemble {
    /// Compiles `ensemble` for a channel.
    ///
    /// # Errors
    /// If the ring is too small, or a row of weights too long.
    pub fn new(channel: &Channel, ensemble: &IntegerEnsemble, kernel: Kernel) -> Result<Self, EngineError> {
        let (degree, t) = (channel.degree(), channel.plaintext_modulus());
        let (upload, hidden, answer) =
            (channel.ciphertext_primes(), channel.hidden_primes(), channel.answer_primes());
        if degree < MIN_DEGREE {
            return Err(EngineError::Degree { found: degree, min: MIN_DEGREE });
        }
        check_inputs(ensemble.architecture())?;
        let moduli: Vec<Modulus> = upload.iter().map(|&q| Modulus::new(q)).collect();
        let square_factor = |&modulus: &Modulus| {
            // Multiplied with R once for the kernels' squares, and once as a constant in Montgomery form.
            let factor = dispatch::montgomery_constant(kernel, t % modulus.value, modulus);
            dispatch::montgomery_constant(kernel, factor.value(), modulus)
        };
        let square_factors: Vec<MontgomeryConstant> = moduli.iter().map(square_factor).collect();
        let factor = MessageFactor::of_upload(t, upload);
        let first = first_block(ensemble, kernel, factor, upload, hidden.len(), &square_factors);
        let dropped = upload.get(hidden.len()..).unwrap_or_default();
        let factor = factor.squared().switched_down(dropped);
        let last = last_block(ensemble, kernel, factor, hidden, answer.len(), &square_factors);
        Ok(Self { kernel, moduli, first, last })
    }

    /// Both blocks in their order.
    pub fn blocks(&self) -> [&CompiledBlock; 2] {
        [&self.first, &self.last]
    }
}

/// Convolution, square and hidden layer of all members. `factor` is the factor of the pixels.
fn first_block(
    ensemble: &IntegerEnsemble,
    kernel: Kernel,
    factor: MessageFactor,
    primes: &[u64],
    kept: usize,
    square_factors: &[MontgomeryConstant],
) -> CompiledBlock {
    let shape = ensemble.architecture();
    let bands = convolution_bands(shape);
    let member = |network: &IntegerNetwork| {
        let (before, biases) = convolution(network, &bands, factor, primes);
        MemberWeights {
            before: Some(before),
            biases,
            after: square_map(kernel, network.hidden(), &bands),
            output_biases: constants(network.hidden().biases(), factor.squared(), primes),
        }
    };
    CompiledBlock {
        primes: primes.len(),
        kept,
        shared_inputs: true,
        inputs: shape.pixels(),
        outputs: shape.hidden,
        square_factors: square_factors.to_vec(),
        members: ensemble.members().iter().map(member).collect(),
        bands,
        summed_biases: Vec::new(),
    }
}

/// Square and output layer of all members. `factor` is the factor of the hidden units.
fn last_block(
    ensemble: &IntegerEnsemble,
    kernel: Kernel,
    factor: MessageFactor,
    primes: &[u64],
    kept: usize,
    square_factors: &[MontgomeryConstant],
) -> CompiledBlock {
    let (shape, factor) = (ensemble.architecture(), factor.squared());
    let units: Vec<usize> = (0..shape.hidden).collect();
    let bands: Vec<Vec<usize>> = units.chunks(BAND).map(<[usize]>::to_vec).collect();
    let member = |network: &IntegerNetwork| MemberWeights {
        before: None,
        biases: Vec::new(),
        after: square_map(kernel, network.output(), &bands),
        output_biases: constants(network.output().biases(), factor, primes),
    };
    let mut summed = vec![0; shape.classes];
    for network in ensemble.members() {
        // Below 2^127: the ensemble's logits are bounded.
        summed.iter_mut().zip(network.output().biases()).for_each(|(sum, bias)| *sum += bias);
    }
    CompiledBlock {
        primes: primes.len(),
        kept,
        shared_inputs: false,
        inputs: shape.hidden,
        outputs: shape.classes,
        square_factors: square_factors.iter().take(primes.len()).copied().collect(),
        members: ensemble.members().iter().map(member).collect(),
        bands,
        summed_biases: constants(&summed, factor, primes),
    }
}

fn constants(biases: &[i128], factor: MessageFactor, primes: &[u64]) -> Vec<Vec<u64>> {
    biases.iter().map(|&bias| factor.constant(bias, primes)).collect()
}

/// The activations of a convolution in bands: all maps of some positions, which read nearly the same pixels.
fn convolution_bands(shape: &Architecture) -> Vec<Vec<usize>> {
    let positions: Vec<usize> = (0..shape.positions()).collect();
    let band = |positions: &[usize]| {
        let maps = |&position: &usize| (0..shape.maps).map(move |map| map * shape.positions() + position);
        positions.iter().flat_map(maps).collect()
    };
    positions.chunks((BAND / shape.maps.max(1)).max(1)).map(band).collect()
}

/// A member's convolution, and its biases by band, by prime, by activation.
#[expect(
    clippy::indexing_slicing,
    reason = "a kernel has a weight for every tap of a window, and a map a bias for every prime"
)]
fn convolution(
    network: &IntegerNetwork,
    bands: &[Vec<usize>],
    factor: MessageFactor,
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
#[expect(clippy::indexing_slicing, reason = "a row has a weight for every input of the bands")]
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
