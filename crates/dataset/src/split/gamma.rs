//! Logarithms of gamma variates with the same bits on every machine.
//!
//! Rust's `f64::ln` and `f64::exp` call the system's C library, whose results differ in the last bits between machines.
//! One different bit would draw another image and train another network. So the logarithms come from the `libm` crate,
//! which computes them from additions, products and quotients that IEEE 754 rounds in only one way. (The `rand_distr` crate
//! uses the system's functions as soon as any crate of a program enables the `std` feature of `num-traits`.)

use rand::Rng;

/// Draws the natural logarithm of a variate of the gamma distribution with this `shape` and scale 1.
///
/// The logarithm is finite where the variate itself is too small for an `f64`: a shape of 1e-4 gives variates
/// of about exp(-10,000). `shape` must be positive and finite.
///
/// The method is Marsaglia and Tsang's ("A simple method for generating gamma variables", 2000). A shape below
/// 1 uses the identity of their section 6, Gamma(shape) = Gamma(shape + 1) * U^(1 / shape), in logarithms.
pub(super) fn log_gamma_variate(shape: f64, rng: &mut impl Rng) -> f64 {
    if shape < 1.0 {
        return log_gamma_variate(shape + 1.0, rng) + libm::log(open_uniform(rng)) / shape;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = standard_normal(rng);
        let root = 1.0 + c * x;
        if root <= 0.0 {
            continue;
        }
        let v = root * root * root;
        let log_v = libm::log(v);
        if libm::log(open_uniform(rng)) < 0.5 * x * x + d * (1.0 - v + log_v) {
            return libm::log(d) + log_v;
        }
    }
}

/// Draws from the normal distribution with mean 0 and variance 1: Marsaglia's polar method, whose second value
/// is discarded.
fn standard_normal(rng: &mut impl Rng) -> f64 {
    loop {
        let (x, y) = (2.0 * rng.random::<f64>() - 1.0, 2.0 * rng.random::<f64>() - 1.0);
        let square = x * x + y * y;
        if square > 0.0 && square < 1.0 {
            // IEEE 754 rounds square roots in only one way, so this is not a function of the C library.
            return x * (-2.0 * libm::log(square) / square).sqrt();
        }
    }
}

/// Draws uniformly from the multiples of 2^-53 above 0 and up to 1, whose logarithms are finite.
fn open_uniform(rng: &mut impl Rng) -> f64 {
    1.0 - rng.random::<f64>()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Mean and variance of `count` draws.
    fn moments(count: usize, mut draw: impl FnMut() -> f64) -> (f64, f64) {
        let draws: Vec<f64> = (0..count).map(|_| draw()).collect();
        let mean = draws.iter().sum::<f64>() / count as f64;
        (mean, draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count as f64)
    }

    #[test]
    fn normal_draws_have_mean_zero_and_variance_one() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mean, variance) = moments(100_000, || standard_normal(&mut rng));
        assert!(mean.abs() < 0.015 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }

    #[test]
    fn the_logarithms_have_the_mean_and_variance_of_the_theory() {
        // Shape, digamma(shape), trigamma(shape): mean and variance of the logarithm of a gamma variate.
        for (shape, digamma, trigamma) in [
            (1e-4, -10_000.577_051_183_5, 100_000_001.644_694),
            (0.1, -10.423_754_940_411_1, 101.433_299_150_793),
            (1.0, -0.577_215_664_901_533, 1.644_934_066_848_23),
            (5.5, 1.611_093_148_581_75, 0.199_342_386_989_628),
            (1e5, 11.512_920_464_961_9, 1.000_005_000_016_67e-5),
        ] {
            let mut rng = ChaCha8Rng::seed_from_u64(2);
            let (mean, variance) = moments(100_000, || log_gamma_variate(shape, &mut rng));
            // Five standard errors of the mean; the variance's error depends on the fourth moment, at most 9 times
            // the square of the variance: 5 * sqrt(8 / 100,000) is 4.5 %.
            let error = 5.0 * (trigamma / 100_000.0_f64).sqrt();
            assert!((mean - digamma).abs() < error, "shape {shape}: mean {mean}, not {digamma}");
            assert!((variance / trigamma - 1.0).abs() < 0.045, "shape {shape}: variance {variance}");
        }
    }

    #[test]
    fn the_draws_have_the_recorded_bits_on_every_machine() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let bits: Vec<u64> = [1e-9, 1e-4, 0.05, 0.5, 1.0, 2.5, 100.0, 1e5]
            .map(|shape| log_gamma_variate(shape, &mut rng).to_bits())
            .to_vec();
        let recorded = [
            13_949_005_971_843_620_056,
            13_881_026_110_161_224_921,
            13_856_105_808_812_328_908,
            13_829_743_156_094_261_337,
            13_836_742_915_647_710_787,
            4_608_600_106_007_559_064,
            4_616_797_941_225_979_374,
            4_622_673_614_127_823_530,
        ];
        assert_eq!(bits, recorded);
    }
}
