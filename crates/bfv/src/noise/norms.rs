//! What of an ensemble's weights decides the noise.
//!
//! Write `w_j` for the row of convolution weights by which activation j reads the pixels (zero at every other pixel),
//! `B_j` for its bias and `u` for a hidden unit's weights. The engine's hidden unit is one quadratic form,
//! `x^T M x + 2 L^T x + const` with `M = sum_j u_j w_j w_j^T` and `L = sum_j u_j B_j w_j`: its noise goes with the
//! Frobenius norm of M. The reference squares every activation by itself, so that norms of rows count there.
//!
//! Ciphertexts that are multiples of each other modulo Q have dependent noise, and small networks have many of them:
//! windows of one pixel, maps with the same kernel, hidden units that read one activation. For a uniform y the
//! fractions `{p y}` and `{q y}` (centred) have the correlation `gcd(p, q)^2 / (p q)`, and ciphertexts that are no
//! multiples of each other have none (Fourier series of the sawtooth), so directions and multiples are all that must
//! be known.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use rayon::prelude::*;
use sottovoce_network::{IntegerBlock, IntegerEnsemble, IntegerNetwork};

/// What of an ensemble's weights decides the noise.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Norms {
    pub(super) members: Vec<MemberNorms>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct MemberNorms {
    pub hidden: Vec<HiddenNorms>,
    /// For every class the output weights of the hidden units.
    pub output: Vec<Vec<f64>>,
}

/// Of one hidden unit's weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct HiddenNorms {
    /// The square of the Frobenius norm of its M.
    pub form: f64,
    /// The sum of the squares of M's row sums, by which noise with a mean counts.
    pub form_mean: f64,
    /// The square of the norm of its L.
    pub linear: f64,
    /// By what the sum of the reference's squares multiplies the variance of one unweighted square.
    pub squares: f64,
    /// The same for noise with a mean.
    pub squares_mean: f64,
    /// The sum of the weights of activations that read a pixel: the digits of the reference's relinearisations have a
    /// mean, which they share.
    pub sum: f64,
    /// The sum of the squared weights of different squares, for the rest of those digits.
    pub distinct: f64,
    /// Its M and L divided by `multiple` as a number: equal ones are multiples of each other.
    pub direction: u64,
    /// The greatest common divisor of the entries of M and L with the first one's sign; 0 for a unit that reads no
    /// pixel.
    pub multiple: f64,
    /// What a unit that reads no pixel always is.
    pub constant: f64,
    /// In that case, the square of the factor by which it multiplies the rounding of encoded biases.
    pub constant_rounding: f64,
}

impl HiddenNorms {
    /// Whether the unit's ciphertext depends on any pixel.
    pub fn reads_pixels(&self) -> bool {
        self.multiple != 0.0
    }
}

impl Norms {
    /// Measures the weights of `ensemble`: some 0.2 core-seconds for three members of the paper's shape.
    #[must_use]
    pub fn of(ensemble: &IntegerEnsemble) -> Self {
        Self { members: ensemble.members().par_iter().map(MemberNorms::of).collect() }
    }
}

impl MemberNorms {
    fn of(network: &IntegerNetwork) -> Self {
        let rays = rays(network);
        let units: Vec<_> = network.hidden().row_iter().zip(network.hidden().biases()).collect();
        let unit = |(row, &bias): (&[i64], &i128)| HiddenNorms::of(network, &rays, row, bias as f64);
        Self { hidden: units.into_par_iter().map(unit).collect(), output: rows(network.output()) }
    }
}

impl HiddenNorms {
    fn of(network: &IntegerNetwork, rays: &[Ray], u: &[i64], bias: f64) -> Self {
        let form = band(network, u);
        let linear = linear_form(network, u);
        let (mut squares, mut squares_mean, mut sum, mut distinct) = (0.0, 0.0, 0.0, 0.0);
        for ray in rays {
            // The weights of equal squares add up.
            let weights: Vec<(f64, f64)> = ray
                .multiples
                .iter()
                .map(|(multiple, activations)| {
                    (*multiple, activations.iter().map(|&activation| u[activation] as f64).sum())
                })
                .collect();
            let gain = correlated(&weights);
            squares += ray.norm * gain;
            squares_mean += ray.sum.powi(2) * gain;
            sum += weights.iter().map(|(_, weight)| weight).sum::<f64>();
            distinct += weights.iter().map(|(_, weight)| weight * weight).sum::<f64>();
        }
        let reach = reach(network);
        let (direction, multiple) = direction(form.iter().chain(&linear));
        let positions = network.architecture().positions();
        let (mut constant, mut constant_rounding) = (bias, 0.0);
        for (u, &bias) in u.chunks_exact(positions).zip(network.convolution().biases()) {
            let (u, bias) = (u.iter().map(|&u| u as f64).sum::<f64>(), bias as f64);
            constant += u * bias * bias;
            constant_rounding += (2.0 * u * bias).powi(2);
        }
        Self {
            form: squared_norm(&form),
            form_mean: form.chunks_exact(reach * reach).map(|row| row.iter().sum::<f64>().powi(2)).sum(),
            linear: squared_norm(&linear),
            squares,
            squares_mean,
            sum,
            distinct,
            direction,
            multiple,
            constant,
            constant_rounding,
        }
    }
}

/// Activations that read the same pixels with weights that are multiples of each other.
#[derive(Debug, Clone, PartialEq)]
struct Ray {
    /// The squared norm of the weights divided by their greatest common divisor.
    norm: f64,
    /// Their sum.
    sum: f64,
    /// For every multiple of them the activations that have it, whatever its sign: squares do not tell.
    multiples: Vec<(f64, Vec<usize>)>,
}

/// Every activation that reads a pixel is in one of these.
fn rays(network: &IntegerNetwork) -> Vec<Ray> {
    let (shape, block) = (network.architecture(), network.convolution());
    let mut places: HashMap<Vec<(usize, i64)>, usize> = HashMap::new();
    let mut rays: Vec<Ray> = Vec::new();
    for activation in 0..shape.activations() {
        let (map, position) = (activation / shape.positions(), activation % shape.positions());
        let kernel = block.row(map);
        let mut weights: Vec<(usize, i64)> = shape
            .window(position)
            .map(|(tap, pixel)| (pixel, kernel[tap]))
            .filter(|(_, weight)| *weight != 0)
            .collect();
        let divisor =
            weights.iter().fold(0, |divisor, (_, weight)| gcd(divisor, weight.unsigned_abs().into()));
        let Some(&(_, first)) = weights.first() else { continue };
        for (_, weight) in &mut weights {
            // The divisor of 64-bit integers; the sign is the first weight's.
            *weight = (i128::from(*weight) / divisor as i128) as i64;
            *weight = if first < 0 { weight.wrapping_neg() } else { *weight };
        }
        let norm = weights.iter().map(|(_, weight)| (*weight as f64).powi(2)).sum();
        let sum = weights.iter().map(|(_, weight)| *weight as f64).sum();
        let place = *places.entry(weights).or_insert_with(|| {
            rays.push(Ray { norm, sum, multiples: Vec::new() });
            rays.len() - 1
        });
        let (multiples, multiple) = (&mut rays[place].multiples, divisor as f64);
        match multiples.iter_mut().find(|(other, _)| *other == multiple) {
            Some((_, activations)) => activations.push(activation),
            None => multiples.push((multiple, vec![activation])),
        }
    }
    rays
}

/// Multiples of one ciphertext beyond which pairs are not looked at one by one.
const MOST_MULTIPLES: usize = 256;

/// The sum of `w w' gcd(p, p')^2` over all pairs of terms `(p, w)`.
pub(super) fn correlated(terms: &[(f64, f64)]) -> f64 {
    if terms.len() > MOST_MULTIPLES {
        // A divisor is at most the mean of its numbers.
        return terms.iter().map(|(p, w)| (p * w).abs()).sum::<f64>().powi(2);
    }
    let pair = |(p, w): (f64, f64), (q, v): (f64, f64)| w * v * (gcd(p as u128, q as u128) as f64).powi(2);
    terms.iter().map(|&a| terms.iter().map(|&b| pair(a, b)).sum::<f64>()).sum::<f64>().max(0.0)
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// A number for the direction of an integer vector, the same for its negative, and the divisor of its entries with the
/// first one's sign. Entries beyond 2^53 are rounded, and then no divisor is found but for equal vectors: a coincidence that is missed.
fn direction<'a>(entries: impl Iterator<Item = &'a f64> + Clone) -> (u64, f64) {
    let mut divisor = 0;
    for entry in entries.clone() {
        divisor = gcd(divisor, entry.abs() as u128);
        // Most often so after a few entries.
        if divisor == 1 {
            break;
        }
    }
    let divisor = divisor as f64;
    let first = entries.clone().find(|entry| **entry != 0.0);
    let multiple = first.map_or(0.0, |first| divisor * first.signum());
    let mut hasher = DefaultHasher::new();
    for (place, entry) in entries.enumerate().filter(|(_, entry)| **entry != 0.0) {
        (place, (entry / multiple).to_bits()).hash(&mut hasher);
    }
    (hasher.finish(), multiple)
}

fn rows(block: &IntegerBlock) -> Vec<Vec<f64>> {
    block.row_iter().map(|row| row.iter().map(|&weight| weight as f64).collect()).collect()
}

fn squared_norm(entries: &[f64]) -> f64 {
    entries.iter().map(|entry| entry * entry).sum()
}

/// L: for every pixel the sum of `u_j B_j w_j`.
fn linear_form(network: &IntegerNetwork, u: &[i64]) -> Vec<f64> {
    let (shape, block) = (network.architecture(), network.convolution());
    let mut form = vec![0.0; shape.pixels()];
    for (activation, &u) in u.iter().enumerate().filter(|(_, u)| **u != 0) {
        let (map, position) = (activation / shape.positions(), activation % shape.positions());
        let (bias, kernel) = (block.biases()[map] as f64, block.row(map));
        for (tap, pixel) in shape.window(position) {
            form[pixel] += u as f64 * bias * kernel[tap] as f64;
        }
    }
    form
}

/// Pixels on a side of the square around a pixel with those that it meets in M.
fn reach(network: &IntegerNetwork) -> usize {
    2 * network.architecture().kernel - 1
}

/// M. Two pixels meet only within a window, so the matrix is kept as a band: for every pixel the pixels at most a
/// kernel's side away.
fn band(network: &IntegerNetwork, u: &[i64]) -> Vec<f64> {
    let shape = network.architecture();
    let (taps, reach) = (shape.taps(), reach(network));
    // How the pixel of tap b lies to that of tap a, as a place in the band.
    let place = |a: usize, b: usize| {
        let (rows, columns) = (
            b / shape.kernel + shape.kernel - 1 - a / shape.kernel,
            b % shape.kernel + shape.kernel - 1 - a % shape.kernel,
        );
        rows * reach + columns
    };
    let kernels = rows(network.convolution());
    let mut band = vec![0.0; shape.pixels() * reach * reach];
    let mut products = vec![0.0; taps * taps];
    for position in 0..shape.positions() {
        products.fill(0.0);
        for (map, kernel) in kernels.iter().enumerate() {
            let u = u[map * shape.positions() + position] as f64;
            if u != 0.0 {
                for (row, a) in products.chunks_exact_mut(taps).zip(kernel) {
                    for (product, b) in row.iter_mut().zip(kernel) {
                        *product += u * a * b;
                    }
                }
            }
        }
        let window: Vec<(usize, usize)> = shape.window(position).collect();
        for &(a, pixel) in &window {
            for &(b, _) in &window {
                band[pixel * reach * reach + place(a, b)] += products[a * taps + b];
            }
        }
    }
    band
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use sottovoce_network::{Architecture, Padding};

    use super::*;
    use crate::reference::tests::random_network;

    #[test]
    fn the_band_has_the_norm_of_the_whole_matrix() {
        let both = Padding { leading: 1, trailing: 1 };
        let paper = Architecture::default();
        for shape in [
            Architecture { image_side: 6, kernel: 3, maps: 2, hidden: 2, ..paper },
            Architecture {
                image_side: 4,
                kernel: 3,
                stride: 1,
                padding: both,
                maps: 1,
                hidden: 1,
                classes: 2,
            },
        ] {
            let network = random_network(shape, 4, [5, 5, 5], &mut StdRng::seed_from_u64(1));
            for u in network.hidden().row_iter() {
                let pixels = shape.pixels();
                let mut matrix = vec![0i64; pixels * pixels];
                for (j, u) in u.iter().enumerate() {
                    let (map, position) = (j / shape.positions(), j % shape.positions());
                    let mut row = vec![0; pixels];
                    for (tap, pixel) in shape.window(position) {
                        row[pixel] = network.convolution().weights()[map * shape.taps() + tap];
                    }
                    for (index, entry) in matrix.iter_mut().enumerate() {
                        *entry += u * row[index / pixels] * row[index % pixels];
                    }
                }
                let expected = matrix.iter().map(|&entry| (entry as f64).powi(2)).sum::<f64>().sqrt();
                assert!((squared_norm(&band(&network, u)).sqrt() / expected - 1.0).abs() < 1e-12);
            }
        }
    }
}
