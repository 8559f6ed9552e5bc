//! Everything about an ensemble's weights that the noise depends on.
//!
//! Write `w_j` for the row of convolution weights by which activation j reads the pixels (zero at every other pixel),
//! `B_j` for its bias and `u` for a hidden unit's weights. A hidden unit is a quadratic form,
//! `x^T M x + 2 L^T x + const` with `M = sum_j u_j w_j w_j^T` and `L = sum_j u_j B_j w_j`. The engine's noise is proportional to the
//! Frobenius norm of M, and behind the second square to the moments of `moments`. The reference squares every activation
//! separately, so that norms of rows count there.
//!
//! The reference's ciphertexts that are multiples of each other modulo Q have dependent noise. Small networks have many of them:
//! windows of one pixel, maps with the same kernel, hidden units that read one activation. For a uniform y the
//! fractions `{p y}` and `{q y}` (centred) have the correlation `gcd(p, q)^2 / (p q)`. Ciphertexts that are no multiples of each
//! other have no correlation (Fourier series of the sawtooth). So directions and multiples are enough. The engine
//! relinearises hidden units last, which makes all but equal units independent.

#![expect(
    clippy::indexing_slicing,
    reason = "dense arithmetic: pixels, taps and activations are counted within arrays of the network's shape"
)]

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use rayon::prelude::*;
use sottovoce_network::{IntegerBlock, IntegerEnsemble, IntegerNetwork};

use super::moments::{Moments, Signs, logit_moments};

/// Everything about an ensemble's weights that the noise depends on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WeightNorms {
    pub(crate) members: Vec<MemberNorms>,
    /// The norms of the members' sum and, if there are several members, of every member's own logits, class by class.
    pub(crate) logits: Vec<LogitNorms>,
}

/// The norms of one logit in the engine.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct LogitNorms {
    /// The moments of the noise that comes from the pixels.
    pub pixels: Moments,
    /// The sum over different units of their squared output weights times four times [`HiddenNorms::moments`]. A unit's own noise is
    /// multiplied with it.
    pub mixed: [f64; 3],
    /// The sum for units whose squares cancel, which are linear in the pixels.
    pub mixed_linear: f64,
    /// Twice the squared sum of absolute output weights times those units' variances.
    pub linear: f64,
    /// Twice the sum over different units of their squared output weights.
    pub own: f64,
    /// The norms of units that read no pixel, whose noise is a constant `a f + b`: the sums of absolute output weights times a^2, 2 a b
    /// and b^2.
    pub constants: [f64; 3],
}

impl LogitNorms {
    /// Returns whether the logit's ciphertext depends on any pixel.
    pub fn reads_pixels(&self) -> bool {
        self.own != 0.0
    }

    /// The norms of a logit of these units and output weights.
    fn new(pixels: Moments, units: &[(&HiddenNorms, f64)]) -> Self {
        let mut norms = Self { pixels, ..Self::default() };
        // A unit and its negative have the same square.
        let mut different: BTreeMap<(u64, u64), (&HiddenNorms, f64)> = BTreeMap::new();
        for &(unit, weight) in units {
            if unit.reads_pixels() {
                let key = (unit.direction, unit.multiple.abs().to_bits());
                different.entry(key).or_insert((unit, 0.0)).1 += weight;
            } else {
                let [a, b] = unit.constant_noise;
                for (sum, part) in norms.constants.iter_mut().zip([a * a, 2.0 * a * b, b * b]) {
                    *sum += weight.abs() * part;
                }
            }
        }
        let mut linear = 0.0;
        for (unit, weight) in different.values() {
            let square = weight * weight;
            norms.own += 2.0 * square;
            norms.mixed.iter_mut().zip(unit.moments()).for_each(|(sum, part)| *sum += 4.0 * square * part);
            norms.mixed_linear += 4.0 * square * unit.only_linear;
            linear += weight.abs() * unit.only_linear;
        }
        norms.linear = 2.0 * linear * linear;
        norms
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MemberNorms {
    pub hidden: Vec<HiddenNorms>,
    /// The output weights of the hidden units, by class.
    pub output: Vec<Vec<f64>>,
}

/// The norms of one hidden unit's weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HiddenNorms {
    /// The square of the Frobenius norm of M.
    pub form: f64,
    /// The square of the norm of L.
    pub linear: f64,
    /// The factor by which the sum of the reference's squares multiplies the variance of one unweighted square.
    pub squares: f64,
    /// The factor for noise with a mean.
    pub squares_mean: f64,
    /// The sum of the weights of activations that read a pixel. The digits of the reference's relinearisations share a mean, which is
    /// multiplied with this sum.
    pub sum: f64,
    /// The sum of the squared weights of different squares, for the rest of those digits.
    pub distinct: f64,
    /// A hash of M and L divided by `multiple`. Units with equal hashes are multiples of each other.
    pub direction: u64,
    /// The greatest common divisor of the entries of M and L with the first one's sign; 0 for a unit that reads no
    /// pixel.
    pub multiple: f64,
    /// The constant value of a unit that reads no pixel.
    pub constant: f64,
    /// For a unit that reads no pixel, the square of the factor by which it multiplies the rounding of encoded biases.
    pub constant_rounding: f64,
    /// For a unit that reads no pixel, a and b of the engine's noise in it: at most `a f + b`, where f is t over the dropped primes.
    pub constant_noise: [f64; 2],
    /// If squares cancel and M is zero, a bound on the variance per unit of the pixels' variance and of `f^2`; else 0.
    pub only_linear: f64,
    /// The square of `b^T M b`, the sum of M's entries of pixels that are not blank in every image. If these pixels are not known, it
    /// is the sum for all pixels, or the mean over random halves of the pixels if that is larger.
    pub mean_square: f64,
    /// The squared norm of `M b`, for the same pixels.
    pub mean_row: f64,
}

impl HiddenNorms {
    /// Returns whether the unit's ciphertext depends on any pixel.
    pub fn reads_pixels(&self) -> bool {
        self.multiple != 0.0
    }

    /// The moments by the number of pairs of factors m (the pixels' mean, see `moments`): the means of the squares of `z^T M z`, `2 b^T M z`
    /// and `b^T M b`.
    pub fn moments(&self) -> [f64; 3] {
        [2.0 * self.form, 4.0 * self.mean_row, self.mean_square]
    }
}

impl WeightNorms {
    /// Computes the norms for any images: some 0.5 core-seconds for three members of the paper's shape.
    #[must_use]
    pub fn of(ensemble: &IntegerEnsemble) -> Self {
        Self::new(ensemble, None)
    }

    /// Computes the norms for images of which `pixels` names the pixels that are not blank in every image. Blank pixels are encrypted
    /// without a rounding, whose mean counts with the secret key.
    #[must_use]
    pub fn for_pixels(ensemble: &IntegerEnsemble, pixels: &[bool]) -> Self {
        Self::new(ensemble, Some(pixels))
    }

    /// Computes norms that bound the noise of the engine whichever pixels are blank. Everything that the pixels' mean is multiplied with is
    /// computed from absolute weights and a mean in every pixel. The rest is that of [`of`](Self::of).
    #[must_use]
    pub fn for_any_pixels(ensemble: &IntegerEnsemble) -> Self {
        let mut norms = Self::new(ensemble, None);
        let every = vec![true; ensemble.architecture().pixels()];
        let networks = ensemble.members().iter();
        for (network, norms) in networks.zip(&mut norms.members) {
            let units = network.hidden().row_iter().zip(&mut norms.hidden);
            for (row, unit) in units {
                let (mean, mean_row) = of_mean(network, row, Some(&every), Signs::Dropped);
                (unit.mean_square, unit.mean_row) = (mean * mean, mean_row);
                if unit.only_linear != 0.0 {
                    unit.only_linear = linear_weights(network, row).iter().sum::<f64>().powi(2);
                }
            }
        }
        let moments = logit_moments(ensemble, Some(&every), Signs::Dropped);
        let members = norms.members;
        let logits = logits(&members, moments).into_iter().zip(norms.logits).map(|(any, own)| {
            let [_, with_mean @ ..] = any.pixels;
            let [p1, p2, p3, p4] = with_mean;
            LogitNorms { pixels: [own.pixels[0], p1, p2, p3, p4], ..any }
        });
        Self { logits: logits.collect(), members }
    }

    fn new(ensemble: &IntegerEnsemble, pixels: Option<&[bool]>) -> Self {
        let member = |network| MemberNorms::of(network, pixels);
        let members: Vec<MemberNorms> = ensemble.members().par_iter().map(member).collect();
        let logits = logits(&members, logit_moments(ensemble, pixels, Signs::Kept));
        Self { members, logits }
    }
}

/// The norms of the members' sum and of every member's own logits, from their moments.
fn logits(members: &[MemberNorms], moments: Vec<Vec<Moments>>) -> Vec<LogitNorms> {
    let mut logits = Vec::new();
    for (voter, classes) in moments.into_iter().enumerate() {
        // The first is the members' sum.
        let members: Vec<&MemberNorms> = members
            .iter()
            .enumerate()
            .filter(|(member, _)| voter == 0 || voter == member + 1)
            .map(|(_, m)| m)
            .collect();
        for (class, pixels) in classes.into_iter().enumerate() {
            let units: Vec<(&HiddenNorms, f64)> = members
                .iter()
                .flat_map(|member| member.hidden.iter().zip(member.output[class].iter().copied()))
                .collect();
            logits.push(LogitNorms::new(pixels, &units));
        }
    }
    logits
}

impl MemberNorms {
    fn of(network: &IntegerNetwork, pixels: Option<&[bool]>) -> Self {
        let rays = rays(network);
        let units: Vec<_> = network.hidden().row_iter().zip(network.hidden().biases()).collect();
        let unit = |(row, &bias): (&[i64], &i128)| HiddenNorms::of(network, &rays, row, bias as f64, pixels);
        Self { hidden: units.into_par_iter().map(unit).collect(), output: rows(network.output()) }
    }
}

impl HiddenNorms {
    fn of(network: &IntegerNetwork, rays: &[Ray], u: &[i64], bias: f64, pixels: Option<&[bool]>) -> Self {
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
        let norm = squared_norm(&form);
        let (mut mean_square, mut mean_row) = of_mean(network, u, pixels, Signs::Kept);
        if pixels.is_none() {
            // A pixel meets itself in the middle of its square.
            let trace: f64 = form.iter().skip(reach * reach / 2).step_by(reach * reach).sum();
            // b = (1 + signs) / 2: b^T M b = (1^T M 1 + 2 signs^T M 1 + signs^T M signs) / 4.
            let half = (mean_square + trace).powi(2) / 16.0 + mean_row / 4.0 + norm / 8.0;
            mean_square = (mean_square * mean_square).max(half);
            mean_row = mean_row.max((mean_row + norm) / 4.0);
        } else {
            mean_square *= mean_square;
        }
        let only_linear = if norm == 0.0 && multiple != 0.0 { largest_linear(network, u) } else { 0.0 };
        let constants = u.chunks_exact(positions).zip(network.convolution().biases());
        let constants = constants.filter(|(_, bias)| **bias != 0);
        // Constants are encoded as at most half a unit of noise.
        let squared_biases =
            constants.flat_map(|(u, _)| u).map(|u| u.unsigned_abs() as f64).sum::<f64>() / 4.0;
        let own_constant = if squared_biases == 0.0 && bias == 0.0 { 0.0 } else { 1.0 };
        Self {
            form: norm,
            constant_noise: [squared_biases, own_constant],
            only_linear,
            mean_square,
            mean_row,
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
    /// The activations by the absolute value of their multiple. Squares do not depend on its sign.
    multiples: Vec<(f64, Vec<usize>)>,
}

/// Groups all activations that read a pixel.
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

/// The most multiples of one ciphertext for which all pairs are added up.
const MAX_MULTIPLES: usize = 256;

/// The sum of `w w' gcd(p, p')^2` over all pairs of terms `(p, w)`.
pub fn correlated(terms: &[(f64, f64)]) -> f64 {
    if terms.len() > MAX_MULTIPLES {
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
        // Most divisors are 1 after a few entries.
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

/// `b^T M b` and the squared norm of `M b`, where b is 1 for the pixels that are given, or for all.
fn of_mean(network: &IntegerNetwork, u: &[i64], pixels: Option<&[bool]>, signs: Signs) -> (f64, f64) {
    let shape = network.architecture();
    let mut row_sums = vec![0.0; shape.pixels()];
    let mut total = 0.0;
    for (activation, &u) in u.iter().enumerate().filter(|(_, u)| **u != 0) {
        let (map, position) = (activation / shape.positions(), activation % shape.positions());
        let kernel = network.convolution().row(map);
        let counts = |pixel: usize| pixels.is_none_or(|pixels| pixels[pixel]);
        let terms = shape.window(position).filter(|(_, pixel)| counts(*pixel));
        let sum: f64 = terms.map(|(tap, _)| signs.of(kernel[tap])).sum();
        total += signs.of(u) * sum * sum;
        for (tap, pixel) in shape.window(position) {
            row_sums[pixel] += signs.of(u) * sum * signs.of(kernel[tap]);
        }
    }
    (total, squared_norm(&row_sums))
}

/// Four times the squared norm of L with biases that are all half a unit of noise and add up.
fn largest_linear(network: &IntegerNetwork, u: &[i64]) -> f64 {
    squared_norm(&linear_weights(network, u))
}

/// For every pixel the sum of `|u_j w_j|`.
fn linear_weights(network: &IntegerNetwork, u: &[i64]) -> Vec<f64> {
    let shape = network.architecture();
    let mut form = vec![0.0; shape.pixels()];
    for (activation, &u) in u.iter().enumerate() {
        let (map, position) = (activation / shape.positions(), activation % shape.positions());
        let kernel = network.convolution().row(map);
        for (tap, pixel) in shape.window(position) {
            form[pixel] += (u as f64 * kernel[tap] as f64).abs();
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
    // The index in the band of the pixel of tap b, relative to the pixel of tap a.
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
    use sottovoce_network::{Architecture, NetworkSampler, Padding};

    use super::*;

    fn sampler(shape: Architecture) -> NetworkSampler {
        NetworkSampler::new(shape, 1).with_largest_weights([5; 3]).with_random_biases(9)
    }

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
            let network = sampler(shape).network().unwrap();
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

    #[test]
    fn pixels_that_are_blank_have_no_mean() {
        let shape = Architecture { image_side: 6, kernel: 3, maps: 2, hidden: 3, ..Architecture::default() };
        let ensemble = sampler(shape).ensemble(1).unwrap();
        let means = |norms: &WeightNorms| {
            let units = norms.members[0].hidden.iter().map(|unit| unit.mean_square + unit.mean_row);
            units.sum::<f64>()
                + norms.logits.iter().map(|logit| logit.pixels[1..].iter().sum::<f64>()).sum::<f64>()
        };
        let [none, all] =
            [false, true].map(|mean| WeightNorms::for_pixels(&ensemble, &vec![mean; shape.pixels()]));
        let unknown = WeightNorms::of(&ensemble);
        assert!(means(&none) == 0.0 && 0.0 < means(&all) && means(&all) <= means(&unknown) * 1.2);
        assert_eq!(none.logits[0].own, unknown.logits[0].own);
    }
}
