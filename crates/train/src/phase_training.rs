//! One phase of one member's training: steps over shuffled batches, and the rows of the training curve.

use burn::module::{Module, ParamGroup};
use burn::optim::grad_clipping::GradientClippingConfig;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Tensor, TensorData};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::batches::TrainingBatches;
use crate::config::TrainingConfig;
use crate::elementary_functions::cos;
use crate::logit_adjustment::LogitAdjustment;
use crate::loss::{BatchLoss, Loss, RangePenalty};

/// A phase of training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// In floating point.
    Float,
    /// With weights, biases and pixels rounded in the forward pass.
    Quantised,
}

/// One row of the training curve: means over one epoch, on augmented training images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurveRow {
    /// The member, from 1.
    pub member: usize,
    /// The phase.
    pub phase: Phase,
    /// Number of the attempt, from 1; above 1 if training diverged before.
    pub attempt: usize,
    /// The epoch within the phase, from 1.
    pub epoch: usize,
    /// Mean loss: adjusted cross-entropy in nats, plus the range penalty in the quantised phase.
    pub loss: f64,
    /// Fraction of the training images that were classified correctly in their own training step.
    pub accuracy: f64,
    /// Learning rate at the end of the epoch.
    pub rate: f64,
}

/// Result of one training step, for progress bars.
#[derive(Debug, Clone, Copy)]
pub struct StepReport {
    /// The member, from 1.
    pub member: usize,
    /// Images of the step.
    pub images: usize,
    /// Loss of the step.
    pub loss: f64,
    /// Fraction of the step's images that were classified correctly.
    pub accuracy: f64,
}

/// The reason why a phase has no result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PhaseFailure {
    /// The loss grew. Squares of squares grow without bound once they start to grow.
    Diverged { epoch: usize, loss: f64 },
    /// The loss did not grow, but it is not below `chance_loss`, the loss of a network that answers zeros.
    TooFewSteps { steps: usize, loss: f64, chance_loss: f64 },
}

/// Number of steps before the first check of a finite loss, unless the phase has fewer steps. Random initial weights have about the
/// loss of zeros, a little more or a little less, and the first steps warm the rate up.
const STEPS_BEFORE_CHECK: usize = 100;

/// Factor by which the loss may exceed that of zeros within the first [`STEPS_BEFORE_CHECK`] steps and still count as noise,
/// because batches and distortions differ.
const NOISE_OF_FEW_STEPS: f64 = 1.1;

/// One attempt at one phase of a member's training.
pub struct PhaseTask<'a> {
    pub member: usize,
    pub phase: Phase,
    pub attempt: usize,
    pub epochs: usize,
    pub rate: f64,
    pub config: &'a TrainingConfig,
    pub adjustment: &'a LogitAdjustment,
    pub batches: TrainingBatches<'a>,
    pub report: &'a (dyn Fn(StepReport) + Sync),
}

impl PhaseTask<'_> {
    /// Returns the result of a phase, or reports divergence if there is none. The last step can still make parameters infinite.
    pub fn require_finite<T>(&self, result: Option<T>) -> Result<T, PhaseFailure> {
        result.ok_or(PhaseFailure::Diverged { epoch: self.epochs, loss: f64::NAN })
    }

    /// Trains `model`.
    ///
    /// `forward` computes the logits `[batch, classes]` of patches `[batch, taps, positions]`; its third argument is the share of the
    /// phase's steps that are done, in `0..1`. `range` penalises the range of the logits. Rows are added to `curve` epoch by epoch.
    pub fn train<M: Module>(
        &self,
        mut model: M,
        forward: impl Fn(&M, Tensor<3>, f64) -> Tensor<2>,
        range: Option<RangePenalty>,
        rng: &mut impl Rng,
        curve: &mut Vec<CurveRow>,
    ) -> Result<M, PhaseFailure> {
        let clip = GradientClippingConfig::Norm(self.config.clip as f32);
        let adam = AdamWConfig::new().with_beta_2(0.99).with_grad_clipping(Some(clip.clone()));
        let weights = adam.clone().with_weight_decay(self.config.weight_decay as f32);
        // Weight decay pulls towards zero. That is right for weights, but wrong for biases and step sizes.
        let undecayed = ParamGroup::from_any_predicates(vec!["bias", "log_steps"]);
        let mut optimiser =
            weights.init().with_group(undecayed, adam.with_weight_decay(0.0).build(), Some(clip.init()));
        let loss = Loss { offsets: self.adjustment.offsets(), range };
        let images = self.batches.images.len();
        let steps = self.epochs * images.div_ceil(self.config.batch);
        let (mut step, mut first_loss) = (0, None);
        for epoch in 1..=self.epochs {
            let order = self.batches.shuffle(rng);
            let (mut loss_sum, mut correct, mut rate) = (0.0, 0, 0.0);
            for indices in order.chunks(self.config.batch) {
                let (patches, labels) = self.batches.make_batch(indices, rng);
                let logits = forward(&model, patches, step as f64 / steps as f64);
                let numbers = logits.to_data().iter::<f32>().collect::<Vec<f32>>();
                let BatchLoss { value, correct: right, gradient } = loss.evaluate(&numbers, &labels);
                if !value.is_finite() {
                    return Err(PhaseFailure::Diverged { epoch, loss: value });
                }
                let _ = first_loss.get_or_insert(value);
                rate = one_cycle(step, steps, self.rate);
                // The derivative of this sum by the logits equals the gradient of the loss.
                let gradient = TensorData::new(gradient, logits.dims());
                let slope = (logits * Tensor::from_data(gradient, self.batches.device)).sum();
                let gradients = GradientsParams::from_grads(slope.backward(), &model);
                model = optimiser.step(rate, model, gradients);
                step += 1;
                loss_sum += value * indices.len() as f64;
                correct += right;
                (self.report)(StepReport {
                    member: self.member,
                    images: indices.len(),
                    loss: value,
                    accuracy: right as f64 / indices.len() as f64,
                });
            }
            let loss = loss_sum / images as f64;
            curve.push(CurveRow {
                member: self.member,
                phase: self.phase,
                attempt: self.attempt,
                epoch,
                loss,
                accuracy: correct as f64 / images as f64,
                rate,
            });
            // A network must have a smaller loss than one that answers zeros. The penalty adds at most its weight times the bits
            // of a float.
            let penalty = match self.phase {
                Phase::Float => 0.0,
                Phase::Quantised => 128.0 * self.config.range_penalty,
            };
            let chance_loss = self.adjustment.chance_loss() + penalty;
            if epoch == self.epochs || (epoch > 1 && step >= STEPS_BEFORE_CHECK) {
                check_learning(epoch, step, first_loss.unwrap_or(loss), loss, chance_loss)?;
            }
        }
        Ok(model)
    }
}

/// Checks that a network has learned, after an epoch that ended with step `steps` and had the mean loss `loss`. The first step of the
/// phase had the loss `first_loss`, and a network that answers zeros has `chance_loss`.
fn check_learning(
    epoch: usize,
    steps: usize,
    first_loss: f64,
    loss: f64,
    chance_loss: f64,
) -> Result<(), PhaseFailure> {
    if loss <= chance_loss {
        return Ok(());
    }
    let divergence = if steps < STEPS_BEFORE_CHECK {
        NOISE_OF_FEW_STEPS * first_loss.max(chance_loss)
    } else {
        first_loss
    };
    match loss > divergence {
        true => Err(PhaseFailure::Diverged { epoch, loss }),
        false => Err(PhaseFailure::TooFewSteps { steps, loss, chance_loss }),
    }
}

/// Computes the one-cycle learning rate (Smith 2018). It rises from a tenth of `peak` over the first fifth of the steps and then falls
/// along a cosine to a thousandth of `peak`.
fn one_cycle(step: usize, steps: usize, peak: f64) -> f64 {
    let warm_up = steps as f64 / 5.0;
    let step = step as f64;
    let cosine = |from: f64, to: f64, share: f64| {
        to + (from - to) * (1.0 + cos(std::f64::consts::PI * share.clamp(0.0, 1.0))) / 2.0
    };
    if step < warm_up {
        cosine(peak / 10.0, peak, step / warm_up)
    } else {
        cosine(peak, peak / 1000.0, (step - warm_up) / (steps as f64 - warm_up).max(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::{PhaseFailure, check_learning, one_cycle};

    #[test]
    fn a_loss_that_grew_is_told_from_one_that_had_too_few_steps_to_fall() {
        let chance_loss = 2.3;
        let diverged = |epoch, loss| Err(PhaseFailure::Diverged { epoch, loss });
        let too_few = |steps, loss| Err(PhaseFailure::TooFewSteps { steps, loss, chance_loss });
        // The first step's loss is about that of zeros.
        assert_eq!(check_learning(4, 4, 2.31, 2.29, chance_loss), Ok(()));
        assert_eq!(check_learning(4, 4, 2.31, 2.32, chance_loss), too_few(4, 2.32));
        assert_eq!(check_learning(1, 1, 2.32, 2.32, chance_loss), too_few(1, 2.32));
        assert_eq!(check_learning(4, 60, 2.31, 2.87, chance_loss), diverged(4, 2.87));
        // After many steps the difference is not noise.
        assert_eq!(check_learning(9, 900, 2.31, 2.35, chance_loss), diverged(9, 2.35));
        // Rounding can raise the loss by more than training has lowered it by then.
        assert_eq!(check_learning(2, 60, 9.0, 3.0, chance_loss), too_few(60, 3.0));
        assert_eq!(check_learning(2, 600, 9.0, 3.0, chance_loss), too_few(600, 3.0));
    }

    #[test]
    fn the_rate_warms_up_to_its_peak_and_falls_to_almost_nothing() {
        let rates: Vec<f64> = (0..1000).map(|step| one_cycle(step, 1000, 2e-3)).collect();
        let peak = rates.iter().copied().fold(0.0, f64::max);
        assert!((rates[0] - 2e-4).abs() < 1e-12 && (peak - 2e-3).abs() < 1e-9 && rates[999] < 3e-6);
        assert!(rates[..200].is_sorted() && rates[200..].is_sorted_by(|a, b| a >= b));
    }
}
