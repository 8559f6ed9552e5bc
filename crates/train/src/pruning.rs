//! Pruning of the hidden layer: the smallest weights are set to zero.

use std::cell::OnceCell;

use burn::tensor::{Tensor, TensorData};

/// Share of the quantised phase's steps over which weights are pruned. The remaining steps train the remaining weights.
const PRUNING_SHARE: f64 = 0.5;

/// The mask of the hidden layer's weights in a member's quantised phase. The mask is 1 for weights that stay and 0 for pruned ones.
#[derive(Debug)]
pub struct PruningMask {
    /// The share of weights that stays in the end, above 0 and at most 1.
    density: f64,
    /// The mask after the last pruning step.
    final_mask: OnceCell<Tensor<2>>,
}

impl PruningMask {
    /// Makes a mask that keeps the share `density` of the weights in the end, above 0 and at most 1.
    pub fn new(density: f64) -> Self {
        Self { density, final_mask: OnceCell::new() }
    }

    /// Sets the weights to zero that are pruned after a share `progress` of the steps.
    ///
    /// Before the mask is final, gradients pass straight through it, so that a pruned weight that grows is used again.
    pub fn apply(&self, weights: Tensor<2>, progress: f64) -> Tensor<2> {
        if self.density >= 1.0 {
            return weights;
        }
        if progress >= PRUNING_SHARE {
            let mask = self.final_mask.get_or_init(|| magnitude_mask(&weights, self.density));
            return weights * mask.clone();
        }
        let fixed = weights.clone().detach();
        let mask = magnitude_mask(&fixed, scheduled_density(self.density, progress));
        fixed.clone() * mask + (weights - fixed)
    }
}

/// Computes the share of weights that may be non-zero after a share `progress` of the steps, for a final `density`.
///
/// The share falls along a cubic (Zhu and Gupta 2017, "To prune, or not to prune"): fast at first, where many weights are
/// redundant, and slowly towards the end.
fn scheduled_density(density: f64, progress: f64) -> f64 {
    let remaining = (1.0 - progress / PRUNING_SHARE).max(0.0);
    density + (1.0 - density) * remaining * remaining * remaining
}

/// Makes a tensor of the shape of `weights` that is 1 for the largest magnitudes and 0 for the others. The number of ones is
/// `density` times the number of weights, rounded down. Of equal magnitudes, the first ones are kept.
fn magnitude_mask(weights: &Tensor<2>, density: f64) -> Tensor<2> {
    let values: Vec<f32> = weights.clone().detach().to_data().iter::<f32>().collect();
    let mask = TensorData::new(mask_values(&values, density), weights.dims());
    Tensor::from_data(mask, &weights.device())
}

#[expect(clippy::indexing_slicing, reason = "`order` is a permutation of the indices of `values`")]
fn mask_values(values: &[f32], density: f64) -> Vec<f32> {
    let kept = ((values.len() as f64 * density) as usize).min(values.len());
    let mut order: Vec<usize> = (0..values.len()).collect();
    if kept < order.len() {
        order.select_nth_unstable_by(kept, |&a, &b| {
            values[b].abs().total_cmp(&values[a].abs()).then(a.cmp(&b))
        });
    }
    let mut mask = vec![0.0; values.len()];
    order[..kept].iter().for_each(|&index| mask[index] = 1.0);
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_magnitudes_stay_and_the_first_of_equal_ones() {
        let values = [0.5, -2.0, 0.0, 1.0, -1.0, 0.25];
        assert_eq!(mask_values(&values, 0.5), [0.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
        assert_eq!(mask_values(&values, 0.49), [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
        assert_eq!(mask_values(&values, 1.0), [1.0; 6]);
    }

    #[test]
    fn the_density_falls_from_one_to_the_final_density() {
        let densities: Vec<f64> =
            (0..=100).map(|step| scheduled_density(0.2, f64::from(step) / 100.0)).collect();
        assert_eq!((densities[0], densities[50], densities[100]), (1.0, 0.2, 0.2));
        assert!(densities.is_sorted_by(|a, b| a >= b));
    }
}
