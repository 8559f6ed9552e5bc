//! Comparison of predicted and measured noise over random networks.
//!
//! Networks differ in shape, in the kind and size of their weights and in the number of members. Encryption differs in its key, ring
//! degree and moduli; all parameters are 128-bit secure. Every network is drawn from a seed. Keys and encryptions are not
//! drawn from a seed, so measurements differ a little from run to run.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use sottovoce_bfv::EvaluatorKind;
use sottovoce_bfv::client::{
    MeasureError, NoiseExperiment, NoiseMeasurement, RUN_COEFFICIENTS, measure_packed_stages,
};
use sottovoce_bfv::noise::{NoiseEstimate, NoiseStage, PackedNoiseStage, TailBound, WeightNorms};
use sottovoce_bfv::parameters::PrimeSizes;
use sottovoce_bfv::planner::{
    ChosenParameters, FAILURE_LOG2, FixedParameters, ParameterRequest, choose_packed_parameters,
};
use sottovoce_bfv::{Encryption, ProgressObserver};
use sottovoce_network::{
    Architecture, Block, BlockShape, IntegerEnsemble, IntegerNetwork, Padding, PixelLevels,
};

use crate::records::noise_row::NoiseRow;

/// One network in this many has the paper's shape.
const PAPER_SHAPE_INTERVAL: usize = 60;

/// One network in this many is also evaluated by the reference.
const REFERENCE_INTERVAL: usize = 4;

/// Largest number of squares in a network that the reference evaluates. The reference takes 10 ms for a square.
const MAX_REFERENCE_SQUARES: usize = 250;

/// One network in this many is also evaluated packed, and every one of the paper's shape.
const PACKED_INTERVAL: usize = 2;

/// Number of images that are evaluated packed, one after the other.
const PACKED_IMAGES: usize = 3;

/// Number of images in a batch. Noise does not depend on the encrypted pixels.
const IMAGES: usize = 256;

/// Pixel levels of all networks.
const LEVELS: u16 = 4;

/// The kinds of weights. Networks take them in turn.
const WEIGHT_KINDS: [WeightKind; 10] = [
    WeightKind { name: "ternary", largest: [1, 1, 1], density: [1.0, 0.4, 1.0], ..WeightKind::PLAIN },
    WeightKind { name: "trained-like", largest: [3, 2, 7], density: [0.5, 0.35, 0.7], ..WeightKind::PLAIN },
    WeightKind { name: "small", largest: [7, 31, 15], ..WeightKind::PLAIN },
    WeightKind { name: "wide", largest: [7, 1 << 12, 63], ..WeightKind::PLAIN },
    WeightKind { name: "sparse", largest: [3, 7, 7], density: [0.1, 0.05, 0.3], ..WeightKind::PLAIN },
    WeightKind { name: "biased", largest: [3, 3, 7], positive: true, ..WeightKind::PLAIN },
    WeightKind { name: "zero rows", largest: [3, 3, 7], zero_rows: 0.5, ..WeightKind::PLAIN },
    WeightKind { name: "equal rows", largest: [2, 2, 3], equal_rows: true, ..WeightKind::PLAIN },
    WeightKind { name: "one pixel", largest: [7, 7, 7], one_pixel: true, ..WeightKind::PLAIN },
    WeightKind { name: "zeros", largest: [0, 0, 0], ..WeightKind::PLAIN },
];

/// A kind of random weights. Weights are drawn uniformly between `-largest` and `largest`, block by block.
#[derive(Debug, Clone, Copy)]
struct WeightKind {
    name: &'static str,
    largest: [i64; 3],
    /// Shares of weights that are drawn; the others are 0.
    density: [f64; 3],
    /// True if all weights are positive, so that rows have a mean above 0.
    positive: bool,
    /// Share of rows whose weights are all 0.
    zero_rows: f64,
    /// True if all rows of a block are multiples of its first row, and all members are equal.
    equal_rows: bool,
    /// True if the image has one pixel, which one map and one hidden unit read.
    one_pixel: bool,
}

impl WeightKind {
    const PLAIN: Self = Self {
        name: "",
        largest: [0; 3],
        density: [1.0; 3],
        positive: false,
        zero_rows: 0.0,
        equal_rows: false,
        one_pixel: false,
    };

    /// Draws the shape of network `number`.
    fn draw_shape(&self, number: usize, rng: &mut StdRng) -> Architecture {
        if number % PAPER_SHAPE_INTERVAL == 1 {
            return Architecture::default();
        }
        let padding = Padding { leading: rng.random_range(0..=1), trailing: rng.random_range(0..=1) };
        let shape = Architecture {
            image_side: rng.random_range(6..=10),
            kernel: rng.random_range(2..=5),
            stride: rng.random_range(1..=2),
            padding,
            maps: rng.random_range(1..=4),
            hidden: rng.random_range(2..=8),
            classes: rng.random_range(2..=3),
        };
        let none = Padding { leading: 0, trailing: 0 };
        let smallest =
            Architecture { image_side: 1, kernel: 1, stride: 1, padding: none, maps: 1, hidden: 1, ..shape };
        if self.one_pixel { smallest } else { shape }
    }

    /// Draws a network of the shape; `None` if its values could exceed 127 bits.
    #[expect(clippy::indexing_slicing, reason = "`weights` has `rows` rows of `columns` weights")]
    fn draw_network(&self, shape: Architecture, rng: &mut StdRng) -> Option<IntegerNetwork> {
        let mut layers = self.largest.into_iter().zip(self.density);
        let blocks = shape.block_shapes().map(|BlockShape { rows, columns, .. }| {
            let (largest, density) = layers.next().unwrap_or((0, 0.0));
            let smallest = if self.positive { 1.min(largest) } else { -largest };
            let mut row = || -> Vec<i64> {
                let zero = rng.random_bool(self.zero_rows);
                let weight =
                    |rng: &mut StdRng| rng.random_bool(density).then(|| rng.random_range(smallest..=largest));
                (0..columns).map(|_| weight(rng).filter(|_| !zero).unwrap_or(0)).collect()
            };
            let mut weights: Vec<Vec<i64>> = (0..rows).map(|_| row()).collect();
            if self.equal_rows {
                let first = weights.first().cloned().unwrap_or_default();
                for (row, multiple) in weights.iter_mut().zip([1, -1, 2, 1, 3].into_iter().cycle()) {
                    *row = first.iter().map(|weight| multiple * weight).collect();
                }
            }
            let bias = if largest == 0 { 0 } else { rng.random_range(-9..=9) };
            Block::from_fn(rows, columns, |row, column| weights[row][column], |_| bias)
        });
        IntegerNetwork::new(shape, PixelLevels::new(LEVELS).ok()?, 1.0, blocks).ok()
    }

    /// Draws an ensemble of networks of the shape; `None` if its values could exceed 127 bits.
    fn draw_ensemble(
        &self,
        shape: Architecture,
        members: usize,
        rng: &mut StdRng,
    ) -> Option<IntegerEnsemble> {
        let first = self.draw_network(shape, rng)?;
        let mut networks = vec![first.clone()];
        while networks.len() < members {
            networks.push(if self.equal_rows { first.clone() } else { self.draw_network(shape, rng)? });
        }
        IntegerEnsemble::new(networks).ok()
    }
}

/// Returns whether the engine's logits depend on any pixel.
fn reads_pixels(norms: &WeightNorms) -> bool {
    let primes = PrimeSizes::new(&[50, 50]);
    NoiseEstimate::new(norms, EvaluatorKind::Engine, Encryption::SecretKey, 8192, 65_537, &primes)
        .reads_pixels()
}

/// Draws parameters of one measurement under which the noise fits its budget. Returns `None` if no draw fits.
fn draw_subject<'a>(
    ensemble: &'a IntegerEnsemble,
    norms: &WeightNorms,
    evaluation: EvaluatorKind,
    rng: &mut StdRng,
) -> Option<NoiseExperiment<'a>> {
    let encryption = if rng.random() { Encryption::PublicKey } else { Encryption::SecretKey };
    let small = rng.random_bool(0.4);
    let [small_tail, tail] =
        [4096, 8192].map(|degree| TailBound::new(FAILURE_LOG2, degree, RUN_COEFFICIENTS));
    for draw in 0..40_000 {
        // If the small ring has no room for the network's noise, later draws use the large ring.
        let (degree, tail) = if small && draw < 20_000 { (4096, &small_tail) } else { (8192, &tail) };
        let plaintext_bits = rng.random_range(17..=45);
        // Primes have random sizes, all above the plaintext modulus.
        let primes = rng.random_range(2..=5);
        let max_bits = rng.random_range(24..=50);
        if max_bits <= plaintext_bits {
            continue;
        }
        let upload = (0..primes)
            .map(|_| rng.random_range(24.max(plaintext_bits + 1)..=max_bits))
            .collect::<Vec<usize>>();
        let primes = PrimeSizes { upload, hidden: rng.random_range(1..primes) };
        let subject =
            NoiseExperiment { ensemble, evaluator: evaluation, encryption, degree, plaintext_bits, primes };
        let Ok(estimate) = subject.estimate(norms) else { continue };
        if estimate.largest_bound(tail) + 1.0 < subject.limit_bits() && subject.check().is_ok() {
            return Some(subject);
        }
    }
    None
}

/// Measures the noise of `networks` random ensembles at every stage. The same `seed` gives the same networks and parameters.
///
/// # Errors
/// If a measurement fails.
pub fn measure_noise(
    networks: usize,
    seed: u64,
    progress: &dyn ProgressObserver,
) -> Result<Vec<NoiseRow>, MeasureError> {
    progress.begin("measuring noise", networks as u64);
    let mut rows = Vec::new();
    for number in 1..=networks {
        // Each network has its own generator, so it does not depend on the other networks.
        let rng = &mut StdRng::seed_from_u64(seed.wrapping_mul(1 << 32).wrapping_add(number as u64));
        let Some(kind) = WEIGHT_KINDS.get(number % WEIGHT_KINDS.len()) else { continue };
        let shape = kind.draw_shape(number, rng);
        let paper = shape == Architecture::default();
        let members = if paper { 1 } else { *[1, 1, 1, 2, 2, 3, 3, 5, 20].choose(rng).unwrap_or(&1) };
        let squares = members * (shape.activations() + shape.hidden);
        let both = (number / WEIGHT_KINDS.len() + number).is_multiple_of(REFERENCE_INTERVAL)
            && squares <= MAX_REFERENCE_SQUARES;
        let evaluations = if both {
            &[EvaluatorKind::Engine, EvaluatorKind::Reference][..]
        } else {
            &[EvaluatorKind::Engine]
        };
        // A sparse network may read no pixel. Its logits are constants, whose noise is only a rounding error.
        let mut draws = (0..100).filter_map(|_| {
            let ensemble = kind.draw_ensemble(shape, members, rng)?;
            let norms = WeightNorms::of(&ensemble);
            Some((ensemble, norms))
        });
        let Some((ensemble, norms)) = draws.find(|(_, norms)| kind.largest == [0; 3] || reads_pixels(norms))
        else {
            continue;
        };
        let images: Vec<u8> =
            (0..IMAGES * shape.pixels()).map(|_| rng.random_range(0..LEVELS) as u8).collect();
        for &evaluation in evaluations {
            let Some(subject) = draw_subject(&ensemble, &norms, evaluation, rng) else { continue };
            for stage in subject.measure(&images)? {
                rows.push(NoiseRow {
                    network: number,
                    weights: kind.name.to_owned(),
                    image_side: shape.image_side,
                    maps: shape.maps,
                    hidden: shape.hidden,
                    classes: shape.classes,
                    members,
                    encryption: subject.encryption,
                    evaluator: evaluator_name(evaluation).to_owned(),
                    degree: subject.degree,
                    plaintext_bits: subject.plaintext_bits,
                    ciphertext_primes: subject.primes.upload.len(),
                    hidden_primes: subject.primes.hidden,
                    ciphertext_bits: subject.primes.upload.iter().sum(),
                    stage: stage_name(stage.stage).to_owned(),
                    predicted_bits: rounded(stage.predicted),
                    bound_bits: rounded(stage.bound),
                    measured_bits: rounded(stage.largest),
                    measured_deviation_bits: rounded(stage.deviation),
                });
            }
        }
        if number.is_multiple_of(PACKED_INTERVAL) || paper {
            let images = images.get(..PACKED_IMAGES * shape.pixels()).unwrap_or(&images);
            rows.extend(packed_rows(number, kind.name, &ensemble, images, rng)?);
        }
        progress.advance(1);
    }
    Ok(rows)
}

/// Measures the packed evaluation of an ensemble under the parameters that the planner chooses for a random range of logits. There are no
/// rows if the network does not fit.
fn packed_rows(
    number: usize,
    weights: &str,
    ensemble: &IntegerEnsemble,
    images: &[u8],
    rng: &mut StdRng,
) -> Result<Vec<NoiseRow>, MeasureError> {
    let degree = if rng.random_bool(0.25) { 16_384 } else { 8192 };
    let largest_logit = 1i128 << rng.random_range(14..=34u32);
    let fixed = FixedParameters { degree: Some(degree), ..FixedParameters::default() };
    let ensembles = [ensemble];
    let request = ParameterRequest { fixed, ..ParameterRequest::new(&ensembles, largest_logit) };
    let Ok(ChosenParameters { parameters, .. }) = choose_packed_parameters(&request) else {
        return Ok(Vec::new());
    };
    let shape = ensemble.architecture();
    let narrowest = parameters.channels().get(parameters.narrowest_channel());
    let plaintext_bits = narrowest.map_or(0, |channel| channel.plaintext_modulus().ilog2() as usize + 1);
    let upload = narrowest.map(|channel| channel.prime_sizes().upload).unwrap_or_default();
    let row = |stage: NoiseMeasurement<PackedNoiseStage>| NoiseRow {
        network: number,
        weights: weights.to_owned(),
        image_side: shape.image_side,
        maps: shape.maps,
        hidden: shape.hidden,
        classes: shape.classes,
        members: ensemble.members().len(),
        encryption: parameters.encryption(),
        evaluator: "packed".to_owned(),
        degree,
        plaintext_bits,
        ciphertext_primes: upload.len(),
        hidden_primes: parameters.packed().map_or(0, |chain| chain.kept.hidden),
        ciphertext_bits: upload.iter().sum(),
        stage: packed_stage_name(stage.stage).to_owned(),
        predicted_bits: rounded(stage.predicted),
        bound_bits: rounded(stage.bound),
        measured_bits: rounded(stage.largest),
        measured_deviation_bits: rounded(stage.deviation),
    };
    Ok(measure_packed_stages(ensemble, &parameters, images)?.into_iter().map(row).collect())
}

/// Rounds to a thousandth of a bit. Measurements are less exact.
fn rounded(bits: f64) -> f64 {
    (bits * 1000.0).round() / 1000.0
}

fn evaluator_name(evaluation: EvaluatorKind) -> &'static str {
    match evaluation {
        EvaluatorKind::Engine => "engine",
        EvaluatorKind::Reference => "reference",
    }
}

fn stage_name(stage: NoiseStage) -> &'static str {
    match stage {
        NoiseStage::Fresh => "fresh",
        NoiseStage::Hidden => "hidden",
        NoiseStage::Logits => "logits",
        NoiseStage::Answer => "answer",
    }
}

fn packed_stage_name(stage: PackedNoiseStage) -> &'static str {
    match stage {
        PackedNoiseStage::Fresh => "fresh",
        PackedNoiseStage::Convolution => "convolution",
        PackedNoiseStage::Square => "square",
        PackedNoiseStage::Hidden => "hidden",
        PackedNoiseStage::Logits => "logits",
        PackedNoiseStage::Answer => "answer",
    }
}
