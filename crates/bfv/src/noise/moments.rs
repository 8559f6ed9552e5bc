//! Moments of an ensemble's logits when its pixels are noise.
//!
//! At a root of `X^N + 1` the engine applies the network to the noise of the pixels: linear maps and squares, without biases.
//! With the secret key, noise is `m b + v z`: m is the value of the polynomial that all pixels' noise has for a mean, b says
//! which pixels have it, and z is a vector of independent complex Gaussians. A hidden unit is `s m^2 + 2 l m v + q v^2` with
//! `s = b^T M b`, `l = b^T M z`, `q = z^T M z`, and a logit `sum_j w_j h_j^2` is a polynomial of degree four in m and v whose five coefficients do not depend on each other (their phases differ). The means of their
//! squares say everything about the part of the noise that comes from the pixels: dependence between units that read the
//! same pixels, weights that cancel, few pixels or few different units.
//!
//! The means are estimated: the network is run on random vectors. There are exact formulas for most of the means, but they take
//! products of all pairs of units' matrices.

#![expect(
    clippy::indexing_slicing,
    reason = "dense arithmetic: lanes and pixels are counted within arrays of the network's shape"
)]

use std::f64::consts::TAU;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rayon::prelude::*;
use sottovoce_network::{IntegerEnsemble, IntegerNetwork};

/// The number of vectors that are evaluated at once.
const LANES: usize = 16;

/// The number of vectors for a network of the paper's shape or larger. Small networks get more vectors, until they take as many
/// products.
const MIN_VECTORS: usize = 256;
const MAX_VECTORS: usize = 1 << 14;
const PRODUCTS: usize = 1 << 24;

/// Treatment of the weights' signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signs {
    Kept,
    /// Every weight counts by its absolute value. With the mean in every pixel, moments are then at least those of the weights with their
    /// signs and the mean in any set of pixels: every coefficient of the polynomial in m and z is at least as large.
    Dropped,
}

impl Signs {
    /// The weight's value.
    #[must_use]
    pub fn of(self, weight: i64) -> f64 {
        match self {
            Self::Kept => weight as f64,
            Self::Dropped => weight.unsigned_abs() as f64,
        }
    }
}

/// Moments by the number of factors m.
pub type Moments = [f64; 5];

type Lanes = [f64; LANES];

/// A pixel: real and imaginary part of z, and b.
type Pixel = [Lanes; 3];

/// The parts of an activation or a hidden unit: s, then real and imaginary part of l and of q.
type Parts = [Lanes; 5];

/// Sums by the number of factors m: real and imaginary part.
type Sums = [[Lanes; 2]; 5];

/// The moments of the members' sum and, if there are several members, of every member's own logits, class by class. `means` names the
/// pixels that have a mean, if they are known.
pub fn logit_moments(ensemble: &IntegerEnsemble, means: Option<&[bool]>, signs: Signs) -> Vec<Vec<Moments>> {
    let shape = ensemble.architecture();
    let products = ensemble.members().len() * (shape.taps() + shape.hidden) * shape.activations();
    let vectors = (PRODUCTS / products.max(1)).clamp(MIN_VECTORS, MAX_VECTORS);
    let blocks = vectors.div_ceil(LANES);
    let each: Vec<Vec<[Moments; 2]>> = (0..blocks as u64)
        .into_par_iter()
        .map(|block| {
            let pixels = random_pixels(shape.pixels(), means, &mut StdRng::seed_from_u64(block));
            let members: Vec<Vec<Sums>> =
                ensemble.members().iter().map(|network| member_sums(network, &pixels, signs)).collect();
            let total = members.iter().skip(1).fold(members[0].clone(), |mut total, member| {
                total.iter_mut().zip(member).for_each(|(total, member)| add(total, member));
                total
            });
            let alone = members.into_iter().filter(|_| ensemble.members().len() > 1);
            std::iter::once(total).chain(alone).flatten().map(|sums| squares(&sums)).collect()
        })
        .collect();
    // The blocks are added in order, so that the same weights have the same sums.
    let sums = each.into_iter().reduce(|mut sums, block| {
        for (sum, block) in sums.iter_mut().flatten().flatten().zip(block.iter().flatten().flatten()) {
            *sum += block;
        }
        sums
    });
    let half = (blocks * LANES) as f64 / 2.0;
    let moments = |[all, some]: &[Moments; 2]| {
        let mut moments = [0.0; 5];
        for (moment, (all, some)) in moments.iter_mut().zip(all.iter().zip(some)) {
            *moment = all.max(*some) / half;
        }
        // This moment does not depend on b, so both halves estimate it.
        moments[0] = (all[0] + some[0]) / (2.0 * half);
        moments
    };
    let moments: Vec<Moments> = sums.iter().flatten().map(moments).collect();
    moments.chunks(shape.classes).map(<[Moments]>::to_vec).collect()
}

/// Draws random pixels. Pixels that are blank in every image have no mean. If these are not known, then all pixels have a mean in the
/// first half of the lanes, and a random half of the pixels in the other lanes.
fn random_pixels(count: usize, means: Option<&[bool]>, rng: &mut StdRng) -> Vec<Pixel> {
    let pixel = |index: usize| {
        let mut pixel = [[0.0; LANES]; 3];
        let [real, imaginary, means_of_lanes] = &mut pixel;
        let lanes = real.iter_mut().zip(imaginary).zip(means_of_lanes).enumerate();
        for (lane, ((real, imaginary), mean_of_lane)) in lanes {
            // The squared length of a complex Gaussian is exponentially distributed.
            let length = (-(1.0 - rng.random::<f64>()).ln()).sqrt();
            let angle = TAU * rng.random::<f64>();
            let random = lane < LANES / 2 || rng.random();
            let mean = means.map_or(random, |means| means[index]);
            (*real, *imaginary) = (length * angle.cos(), length * angle.sin());
            *mean_of_lane = f64::from(u8::from(mean));
        }
        pixel
    };
    (0..count).map(pixel).collect()
}

/// A member's part of all logits.
fn member_sums(network: &IntegerNetwork, pixels: &[Pixel], signs: Signs) -> Vec<Sums> {
    let shape = network.architecture();
    let activations: Vec<Parts> = (0..shape.activations())
        .map(|activation| {
            let (map, position) = (activation / shape.positions(), activation % shape.positions());
            let kernel = network.convolution().row(map);
            let mut sum = [[0.0; LANES]; 3];
            for (tap, pixel) in shape.window(position) {
                add_weighted(&mut sum, signs.of(kernel[tap]), &pixels[pixel]);
            }
            squared(&sum)
        })
        .collect();
    let units: Vec<Parts> = network
        .hidden()
        .row_iter()
        .map(|row| {
            let mut sum = [[0.0; LANES]; 5];
            for (&weight, parts) in row.iter().zip(&activations) {
                add_weighted(&mut sum, signs.of(weight), parts);
            }
            sum
        })
        .collect();
    let class = |row: &[i64]| {
        let mut sums = [[[0.0; LANES]; 2]; 5];
        for (&weight, unit) in row.iter().zip(&units).filter(|(weight, _)| **weight != 0) {
            add_square(&mut sums, signs.of(weight), unit);
        }
        sums
    };
    network.output().row_iter().map(class).collect()
}

fn add_weighted<const PARTS: usize>(sum: &mut [Lanes; PARTS], weight: f64, term: &[Lanes; PARTS]) {
    if weight != 0.0 {
        for (sum, term) in sum.iter_mut().zip(term) {
            sum.iter_mut().zip(term).for_each(|(sum, term)| *sum += weight * term);
        }
    }
}

/// The square of `m b + v z`.
fn squared([real, imaginary, mean]: &Pixel) -> Parts {
    let mut parts = [[0.0; LANES]; 5];
    for lane in 0..LANES {
        let (x, y, b) = (real[lane], imaginary[lane], mean[lane]);
        let square = [b * b, b * x, b * y, x * x - y * y, 2.0 * x * y];
        parts.iter_mut().zip(square).for_each(|(part, value)| part[lane] = value);
    }
    parts
}

/// Adds `weight` times the square of `s m^2 + 2 l m v + q v^2`.
fn add_square(sums: &mut Sums, weight: f64, [s, l_real, l_imaginary, q_real, q_imaginary]: &Parts) {
    for lane in 0..LANES {
        let (s, l, q) = (s[lane], (l_real[lane], l_imaginary[lane]), (q_real[lane], q_imaginary[lane]));
        let product = |a: (f64, f64), b: (f64, f64)| (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0);
        let (qq, lq, ll) = (product(q, q), product(l, q), product(l, l));
        let terms = [
            qq,
            (4.0 * lq.0, 4.0 * lq.1),
            (4.0 * ll.0 + 2.0 * s * q.0, 4.0 * ll.1 + 2.0 * s * q.1),
            (4.0 * s * l.0, 4.0 * s * l.1),
            (s * s, 0.0),
        ];
        for (sum, term) in sums.iter_mut().zip(terms) {
            sum[0][lane] += weight * term.0;
            sum[1][lane] += weight * term.1;
        }
    }
}

fn add(total: &mut Sums, other: &Sums) {
    for (total, other) in total.iter_mut().flatten().flatten().zip(other.iter().flatten().flatten()) {
        *total += other;
    }
}

/// The sums of squared absolute values over the first and the second half of the lanes.
fn squares(sums: &Sums) -> [Moments; 2] {
    let mut squares = [[0.0; 5]; 2];
    for (factors, [real, imaginary]) in sums.iter().enumerate() {
        for (lane, (x, y)) in real.iter().zip(imaginary).enumerate() {
            squares[usize::from(lane >= LANES / 2)][factors] += x * x + y * y;
        }
    }
    squares
}

#[cfg(test)]
mod tests {
    use sottovoce_network::{Architecture, NetworkSampler, Padding, PixelLevels};

    use super::*;

    const NONE: Padding = Padding { leading: 0, trailing: 0 };

    #[test]
    fn one_pixel_has_the_moments_of_a_gaussian() {
        let shape = Architecture {
            image_side: 1,
            kernel: 1,
            stride: 1,
            padding: NONE,
            maps: 1,
            hidden: 1,
            classes: 2,
        };
        let weight = |_: &str, row, _| 1 + row as i64;
        let network = IntegerNetwork::from_fn(shape, PixelLevels::BINARY, weight, |_, _| 0).unwrap();
        let moments = logit_moments(&IntegerEnsemble::new(vec![network]).unwrap(), None, Signs::Kept);
        assert_eq!(moments.len(), 1);
        // h = (m + v z)^2, and the square of h has the binomial coefficients of 4; E |z|^2k = k!.
        let expected = [24.0, 16.0 * 6.0, 36.0 * 2.0, 16.0, 1.0];
        for (class, scale) in moments[0].iter().zip([1.0, 4.0]) {
            for (found, expected) in class.iter().zip(expected) {
                assert!((found / (scale * expected) - 1.0).abs() < 0.1, "{class:?}");
            }
        }
    }

    #[test]
    fn many_pixels_have_the_moments_that_the_matrices_say() {
        let shape =
            Architecture { image_side: 12, maps: 2, hidden: 2, classes: 2, ..Architecture::default() };
        let mut sampler = NetworkSampler::new(shape, 3).with_largest_weights([3, 3, 5]).with_random_biases(9);
        let network = sampler.network().unwrap();
        let (pixels, output) = (shape.pixels(), network.output().clone());
        let matrix = |u: &[i64]| {
            let mut matrix = vec![0.0; pixels * pixels];
            for (activation, u) in u.iter().enumerate() {
                let (map, position) = (activation / shape.positions(), activation % shape.positions());
                let row = network.convolution().row(map);
                for (a, p) in shape.window(position) {
                    for (b, q) in shape.window(position) {
                        matrix[p * pixels + q] += (u * row[a] * row[b]) as f64;
                    }
                }
            }
            matrix
        };
        let [one, other] = [0, 1].map(|unit| matrix(network.hidden().row(unit)));
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let sums = |m: &[f64]| m.chunks(pixels).map(|row| row.iter().sum::<f64>()).collect::<Vec<f64>>();
        let (one_sums, other_sums) = (sums(&one), sums(&other));
        let totals = [one_sums.iter().sum::<f64>(), other_sums.iter().sum::<f64>()];
        let moments = logit_moments(&IntegerEnsemble::new(vec![network.clone()]).unwrap(), None, Signs::Kept);
        for (class, moments) in moments[0].iter().enumerate() {
            let w = output.row(class).iter().map(|w| *w as f64).collect::<Vec<_>>();
            let pairs = [(0, &one, &one), (1, &one, &other), (1, &other, &one), (2, &other, &other)];
            // Gaussian units: 2 sum w w' C^2 with C = 2 <M, M'>; dependence beyond that adds a few percent.
            let expected: f64 = pairs
                .iter()
                .map(|(which, a, b)| {
                    let weights = [w[0] * w[0], w[0] * w[1], w[1] * w[1]][*which];
                    2.0 * weights * (2.0 * product(a, b)).powi(2)
                })
                .sum();
            assert!((0.9..1.4).contains(&(moments[0] / expected)), "{} {expected}", moments[0]);
            let expected = (w[0] * totals[0].powi(2) + w[1] * totals[1].powi(2)).powi(2);
            assert!(moments[4] >= expected * (1.0 - 1e-9));
            let vector: Vec<f64> = one_sums
                .iter()
                .zip(&other_sums)
                .map(|(a, b)| w[0] * totals[0] * a + w[1] * totals[1] * b)
                .collect();
            assert!(moments[3] > 0.9 * 16.0 * product(&vector, &vector));
        }
    }
}
