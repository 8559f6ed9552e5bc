//! Logit adjustment, which keeps a member from learning how rare a label was among its images.

use crate::elementary_functions::{exp, ln};

/// Number of images that a label counts as if it never occurs, so that its prior has a logarithm.
const UNSEEN: f64 = 0.5;

/// The lowest value of [`LogitAdjustment::chance_loss`], in nats. If almost all images have one label, a network that answers
/// zeros and a network that has learned nothing both have almost no loss.
const MIN_CHANCE_LOSS: f64 = 0.1;

/// The offsets that the loss adds to the logits: for every class a strength times the logarithm of the label's frequency among the
/// member's own images (Menon et al. 2021, "Long-tail learning via logit adjustment").
///
/// Training fits the adjusted logits to the labels, so the raw logits do not have to contain the frequency of each label. That
/// frequency differs from member to member and does not follow from an image.
#[derive(Debug, Clone, PartialEq)]
pub struct LogitAdjustment {
    /// One for each class, in nats.
    offsets: Vec<f32>,
    chance_loss: f64,
}

impl LogitAdjustment {
    /// Makes the adjustment for images with `labels`, all below `classes`. A `strength` of 0 adds nothing.
    pub fn new(labels: &[u8], classes: usize, strength: f64) -> Self {
        let mut counts = vec![0.0; classes];
        for &label in labels {
            if let Some(count) = counts.get_mut(usize::from(label)) {
                *count += 1.0;
            }
        }
        let images = labels.len() as f64;
        let offsets: Vec<f64> =
            counts.iter().map(|&count: &f64| strength * ln(count.max(UNSEEN) / images)).collect();
        let log_sum = ln(offsets.iter().map(|&offset| exp(offset)).sum());
        let chance = counts.iter().zip(&offsets).map(|(count, offset)| count / images * (log_sum - offset));
        Self {
            chance_loss: chance.sum::<f64>().max(MIN_CHANCE_LOSS),
            offsets: offsets.iter().map(|&offset| offset as f32).collect(),
        }
    }

    /// Returns the number that is added to the logit of each class, in nats.
    pub fn offsets(&self) -> &[f32] {
        &self.offsets
    }

    /// Returns the mean adjusted cross-entropy, in nats, of a network that answers zeros to all of the images.
    pub fn chance_loss(&self) -> f64 {
        self.chance_loss
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    /// Eight, four and no images of three labels.
    const LABELS: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1];

    #[test]
    fn the_offsets_are_the_log_priors_with_half_an_image_for_a_label_never_seen() {
        for strength in [1.0, 0.5] {
            let offsets = LogitAdjustment::new(&LABELS, 3, strength).offsets;
            let ratio = |a: usize, b: usize| f64::from(offsets[a] - offsets[b]) / strength;
            assert!((ratio(0, 1) - 2f64.ln()).abs() < 1e-6, "{offsets:?}");
            assert!((ratio(0, 2) - 16f64.ln()).abs() < 1e-6, "{offsets:?}");
        }
        assert_eq!(LogitAdjustment::new(&LABELS, 3, 0.0).offsets, [0.0; 3]);
    }

    #[test]
    fn chance_is_the_loss_of_equal_logits() {
        let chance = |labels: &[u8], strength| LogitAdjustment::new(labels, 3, strength).chance_loss();
        assert!((chance(&LABELS, 0.0) - 3f64.ln()).abs() < 1e-12);
        // Unadjusted and adjusted are the same where all labels are equally frequent.
        assert!((chance(&[0, 1, 2], 1.0) - 3f64.ln()).abs() < 1e-12);
        // 12.5 images with the half one: the label with eight has a probability of 8 / 12.5.
        let expected = -(8.0 * (8f64 / 12.5).ln() + 4.0 * (4f64 / 12.5).ln()) / 12.0;
        assert!((chance(&LABELS, 1.0) - expected).abs() < 1e-12);
        assert_eq!(chance(&[1; 100], 1.0), MIN_CHANCE_LOSS);
    }
}
