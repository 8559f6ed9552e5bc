//! How much noise an evaluation is expected to leave.
//!
//! An average-case estimate: every coefficient of a noise polynomial is taken for a sum of independent terms, and its
//! standard deviation is followed through the network. `fhe` draws secret, errors and the public-key encryption's
//! masks from centred binomial distributions of variance 10. With `s` the secret, N the degree:
//!
//! - a fresh encryption carries `e u + e1 + e2 s` with the public key (deviation `sqrt(2 N) 10`), `e` with the secret
//!   key (`sqrt(10)`), and both the rounding of the message;
//! - `c0 + c1 s` is `Q / t m + v + Q r` with `r` a sum of N uniform fractions of Q times coefficients of `s`:
//!   deviation `sqrt((10 N + 1) / 12)`. The part of a scaled product that grows is `t (r v' + r' v)` (Fan and
//!   Vercauteren 2012; Kim, Polyakov and Zucca 2021): `2 t r v` for a square, `N` products for each coefficient;
//! - in the engine a hidden unit is `sum_j u_j (sum_i w_ji x_i)^2` scaled once, so its noise is
//!   `2 t sum_ik M_ik r_i v_k` with `M = sum_j u_j w_j w_j^T`: the Frobenius norm of M counts, which is computed from
//!   the weights. The reference scales and relinearises every square: norms of rows count;
//! - relinearisation with one digit per ciphertext prime adds k sums of N products of digits and errors. The engine's
//!   digits are centred; those of `fhe`'s relinearisation are not, and their mean, half a prime, meets the same errors of
//!   the key in every square, so that the weights of a row count by their sum there;
//! - products with powers of the one secret are not independent: the k-th moment of `|s(x)|^2` at a root x of
//!   `X^N + 1` is `k!` times the k-th power of its mean, which makes the variance 2 times as large behind the first
//!   square and at most 6 times behind the second (three powers of `s`).
//!
//! The noise that is really left is measured at decryption (`measured_bits`), and too much of it is an error there.

use fhe::bfv::{Ciphertext, SecretKey};
use rayon::prelude::*;
use sottovoce_network::{IntegerBlock, IntegerEnsemble, IntegerNetwork};

use crate::Encryption;

/// The variance of `fhe`'s secrets and errors.
const VARIANCE: f64 = 10.0;

/// What of an ensemble's weights decides the noise.
#[derive(Debug, Clone, PartialEq)]
pub struct Norms {
    members: Vec<MemberNorms>,
}

#[derive(Debug, Clone, PartialEq)]
struct MemberNorms {
    /// The largest L2 norm of a convolution row.
    convolution: f64,
    hidden: Vec<HiddenNorms>,
    /// For every class the output weights of the hidden units.
    output: Vec<Vec<f64>>,
}

/// Of one hidden unit's weights.
#[derive(Debug, Clone, Copy, PartialEq)]
struct HiddenNorms {
    sum: f64,
    l2: f64,
    /// Of its M.
    frobenius: f64,
}

impl Norms {
    /// Measures the weights of `ensemble`: about 0.1 core-seconds for three members of the paper's shape.
    #[must_use]
    pub fn of(ensemble: &IntegerEnsemble) -> Self {
        Self { members: ensemble.members().par_iter().map(MemberNorms::of).collect() }
    }
}

impl MemberNorms {
    fn of(network: &IntegerNetwork) -> Self {
        let hidden = network.hidden().row_iter().collect::<Vec<_>>();
        Self {
            convolution: network.convolution().row_iter().map(l2_norm).fold(0.0, f64::max),
            hidden: hidden.into_par_iter().map(|row| HiddenNorms::of(network, row)).collect(),
            output: rows(network.output()),
        }
    }
}

impl HiddenNorms {
    fn of(network: &IntegerNetwork, row: &[i64]) -> Self {
        let sum = row.iter().map(|&weight| weight as f64).sum();
        Self { sum, l2: l2_norm(row), frobenius: frobenius_norm(network, row) }
    }
}

/// Who evaluates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Evaluation {
    /// The engine.
    Engine,
    /// The reference.
    Reference,
}

/// The expected noise of one evaluation, as binary logarithms of a coefficient's standard deviation; the larger of
/// the engine's and the reference's.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NoiseEstimate {
    /// In a fresh encryption.
    pub fresh: f64,
    /// In the noisiest hidden unit.
    pub hidden: f64,
    /// In the noisiest class of the members' sum.
    pub logits: f64,
}

impl NoiseEstimate {
    /// Estimates the noise for plaintext modulus `t` and `primes` ciphertext primes of `prime_bits` bits.
    #[must_use]
    pub fn new(
        norms: &Norms,
        evaluation: Evaluation,
        encryption: Encryption,
        degree: usize,
        t: u64,
        primes: usize,
        prime_bits: usize,
    ) -> Self {
        let n = degree as f64;
        let fresh = match encryption {
            Encryption::PublicKey => 2.0 * n * VARIANCE * VARIANCE + VARIANCE,
            Encryption::SecretKey => VARIANCE,
        } + 1.0 / 12.0;
        // Per unit of the digits' mean square; that of centred uniform digits is a twelfth of the prime's square.
        let key_noise = primes as f64 * n * VARIANCE * 4f64.powi(prime_bits as i32);
        let relinearisation = key_noise / 12.0;
        let square_growth = 4.0 * (t as f64).powi(2) * n * (VARIANCE * n + 1.0) / 12.0;
        let (first_powers, second_powers) = (2.0, 6.0 / 2.0);

        let variances = norms.members.iter().map(|member| {
            let hidden = |&HiddenNorms { sum, l2, frobenius }: &HiddenNorms| {
                let engine = first_powers * square_growth * fresh * frobenius.powi(2) + relinearisation;
                let square = first_powers * square_growth * fresh * member.convolution.powi(2);
                let reference = square * l2.powi(2) + key_noise * (sum.powi(2) / 4.0 + l2.powi(2) / 12.0);
                if evaluation == Evaluation::Engine { engine } else { reference }
            };
            member.hidden.iter().map(hidden).collect::<Vec<f64>>()
        });
        let hidden: Vec<Vec<f64>> = variances.collect();
        let classes = norms.members.first().map_or(0, |member| member.output.len());
        let logits = (0..classes).map(|class| {
            let terms = norms.members.iter().zip(&hidden).flat_map(|(member, hidden)| {
                let weights = member.output[class].iter().zip(hidden);
                weights.map(|(weight, hidden)| {
                    weight.powi(2) * (second_powers * square_growth * hidden + relinearisation)
                })
            });
            terms.sum::<f64>() + relinearisation
        });
        let deviation_bits = |variance: f64| variance.log2() / 2.0;
        Self {
            fresh: deviation_bits(fresh),
            hidden: deviation_bits(hidden.iter().flatten().copied().fold(1.0, f64::max)),
            logits: deviation_bits(logits.fold(1.0, f64::max)),
        }
    }
}

/// Bits of the largest noise coefficient in a ciphertext.
#[allow(unsafe_code)]
pub(crate) fn measured_bits(secret: &SecretKey, ciphertext: &Ciphertext) -> Result<usize, fhe::Error> {
    // SAFETY: `measure_noise` touches memory safely; it is marked unsafe because its time depends on the
    // noise. Only the client calls it, on its own answers in its own process.
    unsafe { secret.measure_noise(ciphertext) }
}

fn rows(block: &IntegerBlock) -> Vec<Vec<f64>> {
    block.row_iter().map(|row| row.iter().map(|&weight| weight as f64).collect()).collect()
}

fn l2_norm(row: &[i64]) -> f64 {
    row.iter().map(|&weight| (weight as f64).powi(2)).sum::<f64>().sqrt()
}

/// The Frobenius norm of `sum_j u_j w_j w_j^T` over the activations j, where `w_j` is the row of weights by which j
/// reads the pixels, and `u` one hidden unit's weights. Two pixels meet only within a window, so the matrix is kept as
/// a band: for every pixel the pixels at most a kernel's side away.
fn frobenius_norm(network: &IntegerNetwork, u: &[i64]) -> f64 {
    let shape = network.architecture();
    let (taps, reach) = (shape.taps(), 2 * shape.kernel - 1);
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
    band.iter().map(|entry| entry * entry).sum::<f64>().sqrt()
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
                assert!((frobenius_norm(&network, u) / expected - 1.0).abs() < 1e-12);
            }
        }
    }
}
