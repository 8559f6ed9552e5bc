//! The loss that training minimises, and its gradient.

use sottovoce_network::predict;

use crate::elementary_functions::{exp, ln};

/// Cross-entropy of adjusted logits, with the range penalty in the quantised phase.
///
/// Value and gradient are computed in double precision with portable functions. The exponential function and the logarithm of `burn`
/// call the C library, whose results differ between machines.
#[derive(Debug, Clone, Copy)]
pub struct Loss<'a> {
    /// Number added to the logit of each class before the cross-entropy, in nats.
    pub offsets: &'a [f32],
    /// The penalty on the range of the logits without offsets.
    pub range: Option<RangePenalty>,
}

/// Penalty for the bits that the integer logits of a batch need.
#[derive(Debug, Clone, Copy)]
pub struct RangePenalty {
    /// Loss per bit.
    pub weight: f64,
    /// Natural logarithm of the real logit that one integer unit represents.
    pub log_logit_scale: f64,
}

/// The loss of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchLoss {
    /// Mean cross-entropy over the images, in nats, plus the penalty. Not finite if a logit is not finite.
    pub value: f64,
    /// Images whose largest logit is the logit of their label.
    pub correct: usize,
    /// Derivative of `value` by each logit.
    pub gradient: Vec<f32>,
}

impl Loss<'_> {
    /// Computes the loss of a batch. `logits` holds one row of classes for each image, and `labels` one label for each image.
    #[expect(
        clippy::indexing_slicing,
        reason = "labels are below the number of classes: `MemberTask::check` refuses others"
    )]
    pub fn evaluate(&self, logits: &[f32], labels: &[u8]) -> BatchLoss {
        let classes = self.offsets.len();
        let images = labels.len() as f64;
        let mut gradient = Vec::with_capacity(logits.len());
        let (mut sum, mut correct) = (0.0, 0);
        for (row, &label) in logits.chunks_exact(classes).zip(labels) {
            let label = usize::from(label);
            correct += usize::from(predict(row) == label);
            let adjusted =
                || row.iter().zip(self.offsets).map(|(&z, &offset)| f64::from(z) + f64::from(offset));
            // The largest logit is subtracted so that no power overflows.
            let largest = adjusted().fold(f64::NEG_INFINITY, f64::max);
            let start = gradient.len();
            gradient.extend(adjusted().map(|z| exp(z - largest)));
            let powers = &mut gradient[start..];
            let total: f64 = powers.iter().sum();
            sum += ln(total) + largest - (f64::from(row[label]) + f64::from(self.offsets[label]));
            powers.iter_mut().for_each(|power| *power /= total * images);
            powers[label] -= 1.0 / images;
        }
        let mut value = sum / images;
        if let Some(penalty) = &self.range {
            value += penalty.add_to(logits, classes, &mut gradient);
        }
        BatchLoss { value, correct, gradient: gradient.into_iter().map(|g| g as f32).collect() }
    }
}

impl RangePenalty {
    /// Computes the penalty of a batch and adds its derivatives by the logits to `gradient`.
    ///
    /// The bits are the logarithm of a fourth-power mean over images of the largest absolute logit, which is a smooth function.
    #[expect(
        clippy::indexing_slicing,
        reason = "positions are those of each image's largest logit in `logits`"
    )]
    fn add_to(&self, logits: &[f32], classes: usize, gradient: &mut [f64]) -> f64 {
        let images = (logits.len() / classes) as f64;
        let largest: Vec<usize> = logits
            .chunks_exact(classes)
            .map(|row| predict(&row.iter().map(|z| z.abs()).collect::<Vec<f32>>()))
            .collect();
        let positions = || largest.iter().enumerate().map(|(image, class)| image * classes + class);
        let magnitude = |position: usize| f64::from(logits[position].abs());
        // Logits are divided by the batch's largest one, because their fourth power would overflow.
        let unit = positions().map(magnitude).fold(0.0, f64::max);
        let share = |position| magnitude(position) / unit;
        let mean = positions().map(|position| square(square(share(position)))).sum::<f64>() / images;
        let per_bit = self.weight / std::f64::consts::LN_2;
        for position in positions() {
            let slope = square(share(position)) * share(position) / (images * mean * unit) * per_bit;
            gradient[position] += slope.copysign(f64::from(logits[position]));
        }
        (ln(mean) / 4.0 + ln(unit) - self.log_logit_scale) * per_bit
    }
}

fn square(x: f64) -> f64 {
    x * x
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    const LOGITS: [f32; 6] = [1.5, -4.0, 0.25, 2.0, 3.5, -0.5];
    const LABELS: [u8; 2] = [0, 2];
    const LOSS: Loss<'_> = Loss {
        offsets: &[-1.0, -0.5, -2.0],
        range: Some(RangePenalty { weight: 0.3, log_logit_scale: -7.0 }),
    };

    #[test]
    fn the_value_is_cross_entropy_of_adjusted_logits_and_bits_of_range() {
        let found = LOSS.evaluate(&LOGITS, &LABELS);
        let entropy = |z: [f64; 3], label: usize| z.iter().map(|z| exp(*z)).sum::<f64>().ln() - z[label];
        let cross_entropy = (entropy([0.5, -4.5, -1.75], 0) + entropy([1.0, 3.0, -2.5], 2)) / 2.0;
        let range = ((4f64.powi(4) + 3.5f64.powi(4)) / 2.0).powf(0.25);
        let bits = (range.ln() + 7.0) / std::f64::consts::LN_2;
        assert!((found.value - cross_entropy - 0.3 * bits).abs() < 1e-12, "{found:?}");
        assert_eq!(found.correct, 1);
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_value() {
        let gradient = LOSS.evaluate(&LOGITS, &LABELS).gradient;
        for (i, expected) in gradient.iter().enumerate() {
            let value = |step: f32| {
                let mut logits = LOGITS;
                logits[i] += step;
                LOSS.evaluate(&logits, &LABELS).value
            };
            let slope = (value(1.0 / 1024.0) - value(-1.0 / 1024.0)) * 512.0;
            assert!((slope - f64::from(*expected)).abs() < 1e-5, "{slope} is not {expected} at {i}");
        }
    }

    #[test]
    fn a_logit_that_is_not_finite_makes_the_loss_so() {
        for spoiled in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for position in 0..LOGITS.len() {
                let mut logits = LOGITS;
                logits[position] = spoiled;
                assert!(!LOSS.evaluate(&logits, &LABELS).value.is_finite(), "{spoiled} at {position}");
            }
        }
    }
}
