//! One phase of training: steps over shuffled batches.

use burn::module::{Module, ParamGroup};
use burn::optim::grad_clipping::GradientClippingConfig;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Tensor, TensorData};
use rand::Rng;

use crate::TrainingConfig;
use crate::batches::Batches;
use crate::curve::{CurveRow, Phase};
use crate::elementary::cos;
use crate::logit_adjustment::LogitAdjustment;
use crate::loss::{BatchLoss, Loss, RangePenalty};

/// Told after every step, for progress bars.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// The member, from 1.
    pub member: usize,
    /// Images trained on since the last report.
    pub images: usize,
    /// Loss of the step.
    pub loss: f64,
    /// Fraction of the step's images that were classified correctly.
    pub accuracy: f64,
}

/// Why a phase has no result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Failure {
    /// The loss grew: squares of squares grow without bound once they start to.
    Diverged { epoch: usize, loss: f64 },
    /// The loss did not grow, but it is not below `chance`, the loss of a network that answers zeros.
    TooFewSteps { steps: usize, loss: f64, chance: f64 },
}

/// Steps before which a finite loss is not judged, unless there are no more. Random initial weights have about the loss of
/// zeros, a little more or a little less, and the first steps warm the rate up.
const STEPS_BEFORE_JUDGEMENT: usize = 100;

/// Factor by which the loss of fewer steps than [`STEPS_BEFORE_JUDGEMENT`] may exceed that of zeros and still count as noise:
/// batches and distortions differ.
const NOISE_OF_FEW_STEPS: f64 = 1.1;

/// What one phase trains, and how it is told apart in reports.
pub struct Task<'a> {
    pub member: usize,
    pub phase: Phase,
    pub attempt: usize,
    pub epochs: usize,
    pub rate: f64,
    pub config: &'a TrainingConfig,
    pub adjustment: &'a LogitAdjustment,
    pub batches: Batches<'a>,
    pub report: &'a (dyn Fn(Progress) + Sync),
}

impl Task<'_> {
    /// What a phase gave, if its parameters are numbers: the last step can still spoil them.
    pub fn finite<T>(&self, result: Option<T>) -> Result<T, Failure> {
        result.ok_or(Failure::Diverged { epoch: self.epochs, loss: f64::NAN })
    }

    /// Trains `model`, whose logits `forward` gives for patches after a share of the steps in `0..1`, with a penalty on the
    /// logits' range where given.
    pub fn fit<M: Module>(
        &self,
        mut model: M,
        forward: impl Fn(&M, Tensor<3>, f64) -> Tensor<2>,
        range: Option<RangePenalty>,
        rng: &mut impl Rng,
        curve: &mut Vec<CurveRow>,
    ) -> Result<M, Failure> {
        let clip = GradientClippingConfig::Norm(self.config.clip as f32);
        let adam = AdamWConfig::new().with_beta_2(0.99).with_grad_clipping(Some(clip.clone()));
        let weights = adam.clone().with_weight_decay(self.config.weight_decay as f32);
        // Decay pulls towards zero, which is right for weights and wrong for biases and step sizes.
        let undecayed = ParamGroup::from_any_predicates(vec!["bias", "log_steps"]);
        let mut optimiser =
            weights.init().with_group(undecayed, adam.with_weight_decay(0.0).build(), Some(clip.init()));
        let loss = Loss { offsets: self.adjustment.offsets(), range };
        let images = self.batches.images.len();
        let steps = self.epochs * images.div_ceil(self.config.batch);
        let (mut step, mut first_loss) = (0, None);
        for epoch in 1..=self.epochs {
            let order = self.batches.shuffled(rng);
            let (mut loss_sum, mut correct, mut rate) = (0.0, 0, 0.0);
            for indices in order.chunks(self.config.batch) {
                let (patches, labels) = self.batches.batch(indices, rng);
                let logits = forward(&model, patches, step as f64 / steps as f64);
                let numbers = logits.to_data().iter::<f32>().collect::<Vec<f32>>();
                let BatchLoss { value, correct: right, gradient } = loss.of(&numbers, &labels);
                if !value.is_finite() {
                    return Err(Failure::Diverged { epoch, loss: value });
                }
                let _ = first_loss.get_or_insert(value);
                rate = one_cycle(step, steps, self.rate);
                // The sum has the loss's gradient by the logits as its own.
                let gradient = TensorData::new(gradient, logits.dims());
                let slope = (logits * Tensor::from_data(gradient, self.batches.device)).sum();
                let gradients = GradientsParams::from_grads(slope.backward(), &model);
                model = optimiser.step(rate, model, gradients);
                step += 1;
                loss_sum += value * indices.len() as f64;
                correct += right;
                (self.report)(Progress {
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
            // A network must do better than one that answers zeros; the penalty adds at most its weight times the bits
            // of a float.
            let penalty = match self.phase {
                Phase::Float => 0.0,
                Phase::Quantised => 128.0 * self.config.range_penalty,
            };
            let chance = self.adjustment.chance() + penalty;
            if epoch == self.epochs || (epoch > 1 && step >= STEPS_BEFORE_JUDGEMENT) {
                judge(epoch, step, first_loss.unwrap_or(loss), loss, chance)?;
            }
        }
        Ok(model)
    }
}

/// Whether a network has learned after an epoch that ended with step `steps` and had the mean `loss`; the first step of all had
/// `first_loss`, and a network that answers zeros has `chance`.
fn judge(epoch: usize, steps: usize, first_loss: f64, loss: f64, chance: f64) -> Result<(), Failure> {
    if loss <= chance {
        return Ok(());
    }
    let least =
        if steps < STEPS_BEFORE_JUDGEMENT { NOISE_OF_FEW_STEPS * first_loss.max(chance) } else { first_loss };
    match loss > least {
        true => Err(Failure::Diverged { epoch, loss }),
        false => Err(Failure::TooFewSteps { steps, loss, chance }),
    }
}

/// The one-cycle learning rate (Smith 2018): up from a tenth of `peak` over the first fifth of the steps,
/// then down along a cosine to a thousandth.
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
    use super::{Failure, judge, one_cycle};

    #[test]
    fn a_loss_that_grew_is_told_from_one_that_had_too_few_steps_to_fall() {
        let chance = 2.3;
        let diverged = |epoch, loss| Err(Failure::Diverged { epoch, loss });
        let too_few = |steps, loss| Err(Failure::TooFewSteps { steps, loss, chance });
        // The first step's loss is about that of zeros.
        assert_eq!(judge(4, 4, 2.31, 2.29, chance), Ok(()));
        assert_eq!(judge(4, 4, 2.31, 2.32, chance), too_few(4, 2.32));
        assert_eq!(judge(1, 1, 2.32, 2.32, chance), too_few(1, 2.32));
        assert_eq!(judge(4, 60, 2.31, 2.87, chance), diverged(4, 2.87));
        // Many steps are no noise.
        assert_eq!(judge(9, 900, 2.31, 2.35, chance), diverged(9, 2.35));
        // Rounding may cost more than training has won back by then.
        assert_eq!(judge(2, 60, 9.0, 3.0, chance), too_few(60, 3.0));
        assert_eq!(judge(2, 600, 9.0, 3.0, chance), too_few(600, 3.0));
    }

    #[test]
    fn the_rate_warms_up_to_its_peak_and_falls_to_almost_nothing() {
        let rates: Vec<f64> = (0..1000).map(|step| one_cycle(step, 1000, 2e-3)).collect();
        let peak = rates.iter().copied().fold(0.0, f64::max);
        assert!((rates[0] - 2e-4).abs() < 1e-12 && (peak - 2e-3).abs() < 1e-9 && rates[999] < 3e-6);
        assert!(rates[..200].is_sorted() && rates[200..].is_sorted_by(|a, b| a >= b));
    }
}
