//! Predicted noise against measured noise, over random networks.
//!
//! Networks differ in shape, in the kind and size of their weights, in the number of members; the encryption in its key,
//! ring degree and moduli, always 128-bit secure ones. Every network is drawn from a seed; keys and encryptions never
//! are, so that measurements differ a little from run to run.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use sottovoce_bfv::noise::{
    Evaluation, MeasureError, NoiseEstimate, NoiseSubject, Norms, RUN_COEFFICIENTS, Stage, Tail,
};
use sottovoce_bfv::parameters::PrimeSizes;
use sottovoce_bfv::planner::FAILURE_LOG2;
use sottovoce_bfv::{Encryption, ProgressObserver};
use sottovoce_network::{
    Architecture, Block, BlockShape, IntegerEnsemble, IntegerNetwork, Padding, PixelLevels,
};

use crate::records::NoiseRow;

/// One network in so many is of the paper's shape, one in so many is evaluated by the reference, too.
const PAPER_EVERY: usize = 60;
const REFERENCE_EVERY: usize = 4;

/// Squares that the reference is asked for, at 10 ms each.
const MOST_SQUARES: usize = 250;

/// Images of a batch. Noise does not depend on what is encrypted.
const IMAGES: usize = 256;

const LEVELS: u16 = 4;

/// The kinds of weights, in turn.
const KINDS: [Kind; 10] = [
    Kind { name: "ternary", largest: [1, 1, 1], density: [1.0, 0.4, 1.0], ..Kind::PLAIN },
    Kind { name: "trained-like", largest: [3, 2, 7], density: [0.5, 0.35, 0.7], ..Kind::PLAIN },
    Kind { name: "small", largest: [7, 31, 15], ..Kind::PLAIN },
    Kind { name: "wide", largest: [7, 1 << 12, 63], ..Kind::PLAIN },
    Kind { name: "sparse", largest: [3, 7, 7], density: [0.1, 0.05, 0.3], ..Kind::PLAIN },
    Kind { name: "biased", largest: [3, 3, 7], positive: true, ..Kind::PLAIN },
    Kind { name: "zero rows", largest: [3, 3, 7], zero_rows: 0.5, ..Kind::PLAIN },
    Kind { name: "equal rows", largest: [2, 2, 3], equal_rows: true, ..Kind::PLAIN },
    Kind { name: "one pixel", largest: [7, 7, 7], one_pixel: true, ..Kind::PLAIN },
    Kind { name: "zeros", largest: [0, 0, 0], ..Kind::PLAIN },
];

/// How weights are drawn: uniformly between `-largest` and `largest`, block by block.
#[derive(Debug, Clone, Copy)]
struct Kind {
    name: &'static str,
    largest: [i64; 3],
    /// Shares of weights that are drawn at all.
    density: [f64; 3],
    /// Only positive weights, so that rows have a mean.
    positive: bool,
    /// Share of rows without weights.
    zero_rows: f64,
    /// Rows of a block are multiples of its first row, members are the same.
    equal_rows: bool,
    /// An image of one pixel, read by one map and one hidden unit.
    one_pixel: bool,
}

impl Kind {
    const PLAIN: Self = Self {
        name: "",
        largest: [0; 3],
        density: [1.0; 3],
        positive: false,
        zero_rows: 0.0,
        equal_rows: false,
        one_pixel: false,
    };

    fn shape(&self, number: usize, rng: &mut StdRng) -> Architecture {
        if number % PAPER_EVERY == 1 {
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
        let least =
            Architecture { image_side: 1, kernel: 1, stride: 1, padding: none, maps: 1, hidden: 1, ..shape };
        if self.one_pixel { least } else { shape }
    }

    fn network(&self, shape: Architecture, rng: &mut StdRng) -> Option<IntegerNetwork> {
        let mut layers = self.largest.into_iter().zip(self.density);
        let blocks = shape.block_shapes().map(|BlockShape { rows, columns, .. }| {
            let (largest, density) = layers.next().unwrap_or((0, 0.0));
            let least = if self.positive { 1.min(largest) } else { -largest };
            let mut row = || -> Vec<i64> {
                let zero = rng.random_bool(self.zero_rows);
                let weight =
                    |rng: &mut StdRng| rng.random_bool(density).then(|| rng.random_range(least..=largest));
                (0..columns).map(|_| weight(rng).filter(|_| !zero).unwrap_or(0)).collect()
            };
            let mut weights: Vec<Vec<i64>> = (0..rows).map(|_| row()).collect();
            if self.equal_rows {
                let first = weights.first().cloned().unwrap_or_default();
                for (index, row) in weights.iter_mut().enumerate() {
                    let multiple = [1, -1, 2, 1, 3][index % 5];
                    *row = first.iter().map(|weight| multiple * weight).collect();
                }
            }
            let bias = if largest == 0 { 0 } else { rng.random_range(-9..=9) };
            Block::from_fn(rows, columns, |row, column| weights[row][column], |_| bias)
        });
        IntegerNetwork::new(shape, PixelLevels::new(LEVELS).ok()?, 1.0, blocks).ok()
    }

    fn ensemble(&self, shape: Architecture, members: usize, rng: &mut StdRng) -> Option<IntegerEnsemble> {
        let first = self.network(shape, rng)?;
        let mut networks = vec![first.clone()];
        while networks.len() < members {
            networks.push(if self.equal_rows { first.clone() } else { self.network(shape, rng)? });
        }
        IntegerEnsemble::new(networks).ok()
    }
}

fn reads_pixels(norms: &Norms) -> bool {
    let primes = PrimeSizes::new(&[50, 50]);
    NoiseEstimate::new(norms, Evaluation::Engine, Encryption::SecretKey, 8192, 65_537, &primes).reads_pixels()
}

/// Parameters of one measurement, drawn so that the noise can be measured.
fn subject<'a>(
    ensemble: &'a IntegerEnsemble,
    norms: &Norms,
    evaluation: Evaluation,
    rng: &mut StdRng,
) -> Option<NoiseSubject<'a>> {
    let encryption = if rng.random() { Encryption::PublicKey } else { Encryption::SecretKey };
    let small = rng.random_bool(0.4);
    let [small_tail, tail] = [4096, 8192].map(|degree| Tail::new(FAILURE_LOG2, degree, RUN_COEFFICIENTS));
    for draw in 0..40_000 {
        // Where the small ring has no room for the network's noise, the other has.
        let (degree, tail) = if small && draw < 20_000 { (4096, &small_tail) } else { (8192, &tail) };
        let plaintext_bits = rng.random_range(17..=45);
        // Primes of any sizes, all above the plaintext modulus.
        let primes = rng.random_range(2..=5);
        let most = rng.random_range(24..=50);
        if most <= plaintext_bits {
            continue;
        }
        let upload =
            (0..primes).map(|_| rng.random_range(24.max(plaintext_bits + 1)..=most)).collect::<Vec<usize>>();
        let primes = PrimeSizes { upload, hidden: rng.random_range(1..primes) };
        let subject = NoiseSubject { ensemble, evaluation, encryption, degree, plaintext_bits, primes };
        let Ok(estimate) = subject.estimate(norms) else { continue };
        if estimate.largest_bound(tail) + 1.0 < subject.limit_bits() && subject.check().is_ok() {
            return Some(subject);
        }
    }
    None
}

/// Measures the noise of `networks` random ensembles at every stage.
///
/// # Errors
/// If a measurement cannot be made.
pub fn measure_noise(
    networks: usize,
    seed: u64,
    progress: &dyn ProgressObserver,
) -> Result<Vec<NoiseRow>, MeasureError> {
    progress.begin("measuring noise", networks as u64);
    let mut rows = Vec::new();
    for number in 1..=networks {
        // Each network is its own draw, whatever the others are.
        let rng = &mut StdRng::seed_from_u64(seed.wrapping_mul(1 << 32).wrapping_add(number as u64));
        let kind = KINDS[number % KINDS.len()];
        let shape = kind.shape(number, rng);
        let paper = shape == Architecture::default();
        let members = if paper { 1 } else { *[1, 1, 1, 2, 2, 3, 3, 5, 20].choose(rng).unwrap_or(&1) };
        let squares = members * (shape.activations() + shape.hidden);
        let both = (number / KINDS.len() + number).is_multiple_of(REFERENCE_EVERY) && squares <= MOST_SQUARES;
        let evaluations =
            if both { &[Evaluation::Engine, Evaluation::Reference][..] } else { &[Evaluation::Engine] };
        // A sparse network may read no pixel: a constant, whose noise is a rounding error.
        let mut draws = (0..100).filter_map(|_| {
            let ensemble = kind.ensemble(shape, members, rng)?;
            let norms = Norms::of(&ensemble);
            Some((ensemble, norms))
        });
        let Some((ensemble, norms)) = draws.find(|(_, norms)| kind.largest == [0; 3] || reads_pixels(norms))
        else {
            continue;
        };
        let images: Vec<u8> =
            (0..IMAGES * shape.pixels()).map(|_| rng.random_range(0..LEVELS) as u8).collect();
        for &evaluation in evaluations {
            let Some(subject) = subject(&ensemble, &norms, evaluation, rng) else { continue };
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
        progress.advance(1);
    }
    Ok(rows)
}

/// To a thousandth of a bit, which is more than anybody can measure.
fn rounded(bits: f64) -> f64 {
    (bits * 1000.0).round() / 1000.0
}

fn evaluator_name(evaluation: Evaluation) -> &'static str {
    match evaluation {
        Evaluation::Engine => "engine",
        Evaluation::Reference => "reference",
    }
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Fresh => "fresh",
        Stage::Hidden => "hidden",
        Stage::Logits => "logits",
        Stage::Answer => "answer",
    }
}
