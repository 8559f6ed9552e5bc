//! The noise of packed evaluation.
//!
//! As in [`engine_noise`](super::engine_noise), e is the phase of a ciphertext divided by t, and everything is followed at the roots of
//! `X^N + 1`. Beside linear operations and `t e^2` there are
//!
//! - key switching, behind every rotation and square: for every ciphertext prime q a centred digit times an error of the key, divided by the special
//!   prime P: N 10 q^2 / 12 P^2 for each, and the rounding of the division, `r0 + r1 s`;
//! - products with weights in slots. Their polynomials are the weights times a factor modulo t, so their coefficients are as good as uniform modulo t:
//!   a norm of t^2 N / 12, and values at the roots that vary as a Gaussian's. Slots that repeat after V of R columns have a polynomial with only
//!   N V / R coefficients;
//! - rotations, which move the values at the roots. A sum of rotated noise has at a root the sum of as many roots' values, so its variance varies less
//!   from root to root ([`Variance::averaged`]).
//!
//! The mean of -1/2 that `fhe`'s rounding leaves in the fresh noise has the square `(N / pi)^2` at the root next to 1. The rounding of one rotation
//! has `10 N^2 / 12` there and everywhere, so the mean is counted by its coefficients' square, 1/4, only.

use sottovoce_network::IntegerEnsemble;

use super::stage::VARIANCE;
use super::variance::{Deviation, Variance};
use crate::packed::{Diagonals, PackedLayout};
use crate::parameters::packed_chain::PackedLevels;

/// The moduli of packed parameters as numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedSizes {
    /// The ring degree N.
    pub degree: usize,
    /// The largest plaintext modulus.
    pub t: u64,
    /// Bits of the primes of an upload. The last primes are dropped first.
    pub upload: Vec<usize>,
    /// Bits of the special prime.
    pub special: usize,
    /// Primes that are left after every switch.
    pub kept: PackedLevels,
}

impl PackedSizes {
    /// Bits of the first `primes` primes.
    #[must_use]
    pub fn bits(&self, primes: usize) -> &[usize] {
        self.upload.get(..primes).unwrap_or(&self.upload)
    }

    /// The product of the primes that are lost between two numbers of primes.
    fn dropped(&self, from: usize, to: usize) -> f64 {
        let sum = |primes| self.bits(primes).iter().sum::<usize>() as f64;
        (sum(from) - sum(to)).exp2()
    }
}

/// Standard deviations at every stage of a packed evaluation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PackedStages {
    /// A fresh encryption, with the primes of an upload.
    pub fresh: Deviation,
    /// The sums of the convolution, with the primes of an upload.
    pub convolution: Deviation,
    /// The squares of activations, with the primes of the convolution's sums.
    pub square: Deviation,
    /// The hidden units, with the primes of the first squares.
    pub products: Deviation,
    /// The hidden units, with the primes that they keep.
    pub hidden: Deviation,
    /// The logits, with the primes of hidden units.
    pub logits: Deviation,
    /// The logits, with the primes of an answer.
    pub answer: Deviation,
    /// Bits by which the deviation of some coefficients may exceed the deviation over all: in the convolution's sums, in their squares, in hidden units
    /// before they are switched down, and in logits.
    pub concentration_bits: [f64; 4],
}

/// A stage of packed evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PackedNoiseStage {
    /// A fresh encryption.
    Fresh,
    /// The convolution's sums, with the primes of an upload.
    Convolution,
    /// Their squares, before they are switched down.
    Square,
    /// The hidden units, before they are switched down.
    Hidden,
    /// The members' sum, before it is switched down to an answer.
    Logits,
    /// The answer.
    Answer,
}

impl PackedStages {
    /// The deviation at a stage, and the bits by which that of some coefficients may be larger.
    #[must_use]
    pub fn at(&self, stage: PackedNoiseStage) -> (Deviation, f64) {
        let [convolution, square, hidden, logits] = self.concentration_bits;
        match stage {
            PackedNoiseStage::Fresh => (self.fresh, 0.0),
            PackedNoiseStage::Convolution => (self.convolution, convolution),
            PackedNoiseStage::Square => (self.square, square),
            PackedNoiseStage::Hidden => (self.products, hidden),
            PackedNoiseStage::Logits => (self.logits, logits),
            PackedNoiseStage::Answer => (self.answer, logits),
        }
    }
}

/// The noise of an ensemble's packed evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct PackedNoise {
    layout: PackedLayout,
    /// The sum over all different members of the square of their number. The noise of equal members is equal.
    members: f64,
}

impl PackedNoise {
    /// The noise of an ensemble with this layout.
    #[must_use]
    pub fn new(layout: PackedLayout, ensemble: &IntegerEnsemble) -> Self {
        let members = ensemble.members();
        let equal = |member| members.iter().filter(|other| *other == member).count() as f64;
        Self { layout, members: members.iter().map(equal).sum() }
    }

    /// The deviations under parameters of these sizes.
    #[must_use]
    pub fn stages(&self, sizes: &PackedSizes) -> PackedStages {
        let (ring, upload) = (Ring::new(sizes), sizes.upload.len());
        let fresh = Variance::new(VARIANCE + 1.0 / 12.0 + 1.0 / 4.0, 0.0, 0.0);
        let folds = self.layout.convolution_folds().count();
        let share = self.convolution_period() / self.row();
        let convolution = ring.diagonals(fresh, self.layout.convolution(), folds, upload, share);
        let (square, products) = self.units(&ring, convolution);
        let (hidden, logits) = self.logits(&ring, products);
        let answer = ring.switched(logits, sizes.kept.hidden, sizes.kept.answer);
        let deviation = |variance: Variance| variance.deviation(0.0);
        PackedStages {
            fresh: deviation(fresh),
            convolution: deviation(convolution),
            square: deviation(square),
            products: deviation(products),
            hidden: deviation(hidden),
            logits: deviation(logits),
            answer: deviation(answer),
            concentration_bits: [
                self.convolution_copies().log2() / 2.0,
                self.square_concentration_bits(&ring, convolution, square),
                (self.hidden_period() / self.distance()).log2() / 2.0,
                self.concentration_bits(&ring, convolution, products, logits),
            ],
        }
    }

    /// The square of noise with real values at the roots is positive at all roots, so its first coefficient is the sum of all squared coefficients.
    /// Other noise of 8 deviations or more is beside it.
    fn square_concentration_bits(&self, ring: &Ring<'_>, sums: Variance, squares: Variance) -> f64 {
        let sums =
            ring.without_own_noise().switched(sums, ring.sizes.upload.len(), ring.sizes.kept.convolution);
        let first = if self.swaps_rows() { ring.t * ring.n * sums.mean(0.0) } else { 0.0 };
        (self.convolution_copies().sqrt() + first / (8.0 * squares.mean(0.0).sqrt())).log2()
    }

    /// Returns whether the convolution's folds add the copy with swapped rows.
    fn swaps_rows(&self) -> bool {
        self.layout.convolution_folds().any(|steps| steps == 0)
    }

    /// Columns after which the convolution's weights repeat.
    fn convolution_period(&self) -> f64 {
        let Diagonals { unit, count, .. } = self.layout.convolution();
        self.hidden_period().max((unit * count) as f64 * self.convolution_copies())
    }

    /// The number of rotations by columns that the convolution's folds add up. Some coefficients are the same in all of them.
    fn convolution_copies(&self) -> f64 {
        2f64.powi(self.layout.convolution_folds().filter(|&steps| steps > 0).count() as i32)
    }

    /// The squares and the hidden units after noise of the convolution's sums.
    fn units(&self, ring: &Ring<'_>, sums: Variance) -> (Variance, Variance) {
        let PackedLevels { convolution, square, .. } = ring.sizes.kept;
        let activations = ring.switched(sums, ring.sizes.upload.len(), convolution);
        let squares = ring.squared(activations, convolution);
        // Sums to which their copy with swapped rows was added have real values at the roots: their fourth power has the mean 3, not 2.
        let alone = ring.without_own_noise();
        let real = alone.squared(alone.switched(sums, ring.sizes.upload.len(), convolution), convolution);
        let squares = if self.swaps_rows() { squares.plus(real.multiplied(0.5)) } else { squares };
        let inputs = ring.switched(squares, convolution, square);
        let folds = self.layout.hidden_folds().count();
        let share = self.hidden_period() / self.row();
        (squares, ring.diagonals(inputs, self.layout.hidden(), folds, square, share))
    }

    /// The hidden units with fewer primes, and the logits, after noise of the hidden units.
    fn logits(&self, ring: &Ring<'_>, units: Variance) -> (Variance, Variance) {
        let PackedLevels { square, hidden, .. } = ring.sizes.kept;
        let switched = ring.switched(units, square, hidden);
        let products = ring.weighted(ring.squared(switched, hidden), 1, self.output_period() / self.row());
        (switched, products.multiplied(self.members))
    }

    /// The sum over all rotations of a noise polynomial by multiples of V columns has values that repeat after V columns, and only every R/V-th
    /// coefficient, each as many times larger. The sums of the convolution are of this kind if their folds go around the row, or else those of the
    /// hidden layer. Squares and products with weights that repeat as well keep it, while roundings do not have it. It makes the variance of some
    /// coefficients larger than the mean.
    ///
    /// The hidden layer's folds add up F of the M rotations by multiples of D columns. They leave every M-th coefficient as it is, so it is added up F
    /// times: F / M of the folds' noise is in one of M coefficients. Its square is in these coefficients as well, and output weights that repeat G times
    /// spread it over every G-th coefficient, whose variance is `(F / M)^2 G` times what it would be if the noise were spread evenly.
    fn concentration_bits(&self, ring: &Ring<'_>, sums: Variance, units: Variance, logits: Variance) -> f64 {
        let alone = ring.without_own_noise();
        let Diagonals { unit, count, .. } = self.layout.convolution();
        let around = (unit * count) as f64 * self.convolution_copies() >= self.row();
        let (repeated, period) = if self.hidden_period() >= self.row() {
            (self.logits(&alone, units).1, self.output_period())
        } else if around {
            (
                self.logits(&alone, self.units(&alone, sums).1).1,
                self.hidden_period().max(self.output_period()),
            )
        } else {
            (Variance::default(), self.row())
        };
        let share = |part: Variance| (part.mean(0.0) / logits.mean(0.0)).min(1.0);
        let excess = (self.row() / period).max(1.0) - 1.0;
        let folded = (self.hidden_period() / self.row()).powi(2) * self.row() / self.output_period();
        let of_folds = share(self.logits(&alone, units).1) * folded;
        (1.0 + share(repeated) * excess + of_folds).log2() / 2.0
    }

    /// Columns of a row, R.
    fn row(&self) -> f64 {
        self.layout.row() as f64
    }

    /// Columns after which the hidden layer's weights repeat, V.
    fn hidden_period(&self) -> f64 {
        self.distance() * 2f64.powi(self.layout.hidden_folds().count() as i32)
    }

    /// Columns after which the output weights repeat.
    fn output_period(&self) -> f64 {
        self.distance() * self.layout.input().classes.next_power_of_two() as f64
    }

    fn distance(&self) -> f64 {
        self.layout.input().logit_distance as f64
    }
}

/// The variances of single operations.
struct Ring<'a> {
    sizes: &'a PackedSizes,
    n: f64,
    t: f64,
    /// The noise of a division: `r0 + r1 s`.
    rounding: Variance,
    /// The variance of a product of a digit and an error of a key, for digits of 1.
    digit: f64,
}

impl<'a> Ring<'a> {
    fn new(sizes: &'a PackedSizes) -> Self {
        let n = sizes.degree as f64;
        let digit = VARIANCE * n / 12.0;
        Self { sizes, n, t: sizes.t as f64, rounding: Variance::new(1.0 / 12.0, digit, 0.0), digit }
    }

    /// Operations that add no noise.
    fn without_own_noise(&self) -> Self {
        Self { rounding: Variance::default(), digit: 0.0, ..*self }
    }

    /// The noise that key switching adds with so many primes. Errors of rotation keys are counted as the secret is: their values at a root
    /// are distributed alike.
    fn key_switch(&self, primes: usize) -> Variance {
        let square = |&bits: &usize| 4f64.powi(bits as i32 - self.sizes.special as i32);
        let digits: f64 = self.sizes.bits(primes).iter().map(square).sum();
        Variance::new(0.0, self.digit * digits, 0.0).plus(self.rounding)
    }

    fn switched(&self, noise: Variance, from: usize, to: usize) -> Variance {
        if from == to {
            return noise;
        }
        noise.multiplied(self.sizes.dropped(from, to).powi(-2)).plus(self.rounding)
    }

    /// Relinearised squares: `t e^2`.
    fn squared(&self, noise: Variance, primes: usize) -> Variance {
        noise.times(noise).multiplied(2.0 * self.n * self.t * self.t).plus(self.key_switch(primes))
    }

    /// The sum of `count` independent products with weights that repeat in a row, so that their polynomials have a `share` of all coefficients.
    fn weighted(&self, noise: Variance, count: usize, share: f64) -> Variance {
        let coefficients = (self.n * share.min(1.0)).max(1.0) * count as f64;
        // The square of a uniform coefficient has a deviation of 0.9 times its mean, and is at most three times its mean. Four deviations
        // of their sum are allowed.
        let excess = (1.0 + 4.0 * 0.9 / coefficients.sqrt()).min(3.0);
        noise.times_uniform(self.t * self.t / 12.0 * coefficients * excess).averaged(count as f64)
    }

    fn folded(&self, noise: Variance, folds: usize, primes: usize) -> Variance {
        let copies = 2f64.powi(folds as i32);
        // Every fold doubles the noise of the folds before, and adds its own.
        noise.multiplied(copies).averaged(copies).plus(self.key_switch(primes).multiplied(copies - 1.0))
    }

    /// The sum over diagonals of rotated noise times weights, and the folds behind it.
    fn diagonals(
        &self,
        noise: Variance,
        diagonals: Diagonals,
        folds: usize,
        primes: usize,
        share: f64,
    ) -> Variance {
        let Diagonals { count, baby, .. } = diagonals;
        let giant_steps = count.div_ceil(baby.max(1)) as f64;
        // The first baby step is not rotated.
        let rotated = baby.saturating_sub(1) as f64 / baby.max(1) as f64;
        let inputs = noise.plus(self.key_switch(primes).multiplied(rotated));
        let products = self.weighted(inputs, count, share);
        let sum = products.plus(self.key_switch(primes).multiplied(giant_steps - 1.0));
        self.folded(sum, folds, primes)
    }
}

#[cfg(test)]
mod tests {
    use sottovoce_network::{Architecture, NetworkSampler};

    use super::*;
    use crate::kernel::Kernel;
    use crate::parameters::Parameters;
    use crate::slots::SlotEncoder;

    fn sizes() -> PackedSizes {
        PackedSizes {
            degree: 8192,
            t: 65_537,
            upload: vec![42, 42, 27, 31, 26],
            special: 44,
            kept: PackedLevels { convolution: 4, square: 3, hidden: 2, answer: 1 },
        }
    }

    fn stages(shape: Architecture, members: usize) -> PackedStages {
        let ensemble = NetworkSampler::new(shape, 1).ensemble(members).unwrap();
        PackedNoise::new(PackedLayout::new(&shape, 8192).unwrap(), &ensemble).stages(&sizes())
    }

    #[test]
    fn the_paper_s_network_has_the_noise_that_is_computed_by_hand() {
        let stages = stages(Architecture::default(), 3);
        // R = 10 N / 12. The two largest digits add R / 8 to every key switch.
        let r = 8192.0 * 10.0 / 12.0;
        // 8 diagonals and two folds: 32 products of norm t^2 N / 12, a quarter of them with the input that is not rotated.
        let norm = 65_537f64.powi(2) * 8192.0 / 12.0;
        let convolution = 32.0 * norm * (10.3 + 0.75 * 1.125 * r);
        // The square of X has the mean 2: X is in every rounding. The convolution's sums, with their rows swapped and added, are real.
        let switched = convolution / 4f64.powi(26);
        let squared = |noise: f64| noise * noise + 2.0 * noise * r + 2.0 * r * r;
        let factor = 8192.0 * 65_537f64.powi(2);
        let square = factor * (2.0 * squared(switched) + switched * switched);
        let inputs = square / 4f64.powi(31) + r;
        // 64 diagonals and five folds. The weights repeat once in a row.
        let units = 2048.0 * norm / 2.0 * (inputs + 7.0 / 8.0 * 1.125 * r);
        // Three members, weights that repeat four times.
        let logits = 3.0 * norm / 4.0 * 2.0 * factor * squared(units / 4f64.powi(27));
        let found = [stages.convolution, stages.square, stages.products, stages.logits];
        for (found, expected) in found.iter().zip([convolution, square, units, logits]) {
            let expected = f64::log2(expected) / 2.0;
            // By hand the sums of many rotations are equal at all roots.
            assert!((0.0..0.25).contains(&(found.bits() - expected)), "{} {expected}", found.bits());
        }
        assert!((stages.answer.bits() - (stages.logits.bits() - 42.0)).abs() < 0.01);
        // A quarter of the noise of the folds' squares, in a quarter of the coefficients.
        assert!(stages.concentration_bits[3] > 0.0 && stages.concentration_bits[3] <= 0.5);
    }

    #[test]
    fn members_that_are_equal_make_more_noise_than_different_ones() {
        let shape = Architecture::default();
        let different = NetworkSampler::new(shape, 1).ensemble(4).unwrap();
        let equal = IntegerEnsemble::new(vec![different.members()[0].clone(); 4]).unwrap();
        let layout = PackedLayout::new(&shape, 8192).unwrap();
        let bits = |ensemble| PackedNoise::new(layout, ensemble).stages(&sizes()).logits.bits();
        // Four times the noise, and not twice.
        assert!((bits(&equal) - bits(&different) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn noise_that_all_rotations_repeat_is_concentrated_in_few_coefficients() {
        // 16 maps of 256 positions fill a row: the hidden layer's folds go around it.
        let wide = Architecture { maps: 16, ..Architecture::default() };
        let concentrated = stages(wide, 1).concentration_bits[3];
        // The output weights repeat four times: some coefficients have at most four times the variance.
        assert!(concentrated > 0.2 && concentrated <= 1.0, "{concentrated}");
    }

    #[test]
    fn polynomials_of_weights_have_the_norm_of_uniform_coefficients() {
        let network = NetworkSampler::new(Architecture::default(), 1)
            .with_largest_weights([1, 3, 7])
            .network()
            .unwrap();
        let layout = PackedLayout::new(network.architecture(), 8192).unwrap();
        let parameters = Parameters::insecure(8192, 1 << 15, &[42, 42]);
        let channel = &parameters.channels()[0];
        let (encoder, t) = (SlotEncoder::new(channel), channel.plaintext_modulus());
        let factor = encoder.encoding_factor(channel.ciphertext_primes());
        let diagonals = (0..layout.convolution().count)
            .map(|diagonal| (layout.convolution_weights(&network, diagonal), 1.0))
            .chain(
                (0..layout.hidden().count).map(|diagonal| (layout.hidden_weights(&network, diagonal), 0.5)),
            )
            .chain([(layout.output_weights(&network), 0.25)]);
        for (weights, share) in diagonals {
            let values: Vec<u64> = weights.iter().map(|weight| weight.rem_euclid(t.into()) as u64).collect();
            let mut message = vec![0; 8192];
            encoder.encode(Kernel::detect(), &values, factor, &mut message).unwrap();
            let centred = |&value: &u64| if value > t / 2 { value as f64 - t as f64 } else { value as f64 };
            let found: f64 = message.iter().map(|value| centred(value).powi(2)).sum();
            let expected = (t as f64).powi(2) * 8192.0 / 12.0 * share;
            assert!((0.9..1.1).contains(&(found / expected)), "{found} {expected}");
        }
    }
}
