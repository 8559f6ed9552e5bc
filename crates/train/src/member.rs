//! Training of one member in two phases, which can run as separate jobs.

use burn::tensor::Device;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{Architecture, FloatNetwork, TrainedMember};

use crate::batches::TrainingBatches;
use crate::config::TrainingConfig;
use crate::equalise::equalise;
use crate::error::TrainError;
use crate::float_model::{FloatModel, forward};
use crate::logit_adjustment::LogitAdjustment;
use crate::loss::RangePenalty;
use crate::phase_training::{CurveRow, Phase};
use crate::phase_training::{PhaseFailure, PhaseTask, StepReport};
use crate::pruning::PruningMask;
use crate::quantised_model::{QuantisationGrid, QuantisedModel};

/// Attempts to train a member before an error is returned. Each attempt has half the learning rate of the one before.
const ATTEMPTS: usize = 3;

/// All inputs of one member's training.
///
/// Both phases run on the calling thread. Tasks share no state, so members can be trained in any order, in parallel or on
/// different machines.
#[derive(Debug, Clone, Copy)]
pub struct MemberTask<'a> {
    /// The images that the member is trained on.
    pub images: &'a LabelledImages,
    /// The member's number in its ensemble, from 1. Each number has its own random draws.
    pub member: usize,
    /// Number of members in the ensemble. Only the quantised phase depends on it: the common logit scale leaves room for the sum.
    pub members: usize,
    /// The shape of the network.
    pub architecture: &'a Architecture,
    /// The training options. The float phase reads only [`TrainingConfig::float_phase`].
    pub config: &'a TrainingConfig,
    /// Seed of the random draws.
    pub seed: u64,
}

/// Trains a member in floating point. Returns the network and one curve row for each epoch.
///
/// The result depends on the images, the member's number, the architecture, [`TrainingConfig::float_phase`] and the seed. Tasks
/// that are equal in these can share one float network. `report` is called after every training step.
///
/// # Errors
/// If the task does not pass [`MemberTask::check`], or the member learns nothing in every attempt.
pub fn train_float(
    task: &MemberTask<'_>,
    report: &(dyn Fn(StepReport) + Sync),
) -> Result<(FloatNetwork, Vec<CurveRow>), TrainError> {
    task.check()?;
    let device = Device::flex().autodiff();
    task.run_attempts(Phase::Float, &device, report, |phase, curve, rng| {
        let model = FloatModel::random(task.architecture, &device, rng);
        let logits = |model: &FloatModel, patches, _| forward(model.weights(), patches);
        let model = phase.train(model, logits, None, rng, curve)?;
        phase.require_finite(model.to_network(task.architecture).filter(is_finite))
    })
}

/// Trains a member with rounding, starting from the result of [`train_float`] for the same task. Returns the member and one curve row
/// for each epoch.
///
/// `report` is called after every training step.
///
/// # Errors
/// If the task does not pass [`MemberTask::check`], `float` has another architecture, or the member learns nothing in every attempt.
pub fn train_quantised(
    task: &MemberTask<'_>,
    float: FloatNetwork,
    report: &(dyn Fn(StepReport) + Sync),
) -> Result<(TrainedMember, Vec<CurveRow>), TrainError> {
    task.check()?;
    if float.architecture != *task.architecture {
        return Err(TrainError::FloatNetwork { member: task.member });
    }
    let device = Device::flex().autodiff();
    let grid = QuantisationGrid {
        largest_pixel: task.config.pixel_levels.largest().into(),
        largest_weights: task.config.largest_weights,
        log_logit_scale: task.config.log_logit_scale(task.members),
    };
    let equal = equalise(&float);
    task.run_attempts(Phase::Quantised, &device, report, |phase, curve, rng| {
        let model = QuantisedModel::new(&equal, &grid, &device);
        let (weight, log_logit_scale) = (task.config.range_penalty, grid.log_logit_scale);
        let range = (weight > 0.0).then_some(RangePenalty { weight, log_logit_scale });
        let mask = PruningMask::new(task.config.density);
        let logits =
            |model: &QuantisedModel, patches, progress| model.logits(&grid, &mask, patches, progress);
        let model = phase.train(model, logits, range, rng, curve)?;
        let member = model.to_member(float.clone(), task.architecture, task.config, &grid, &mask);
        phase.require_finite(member.filter(|member| is_finite(&member.aware)))
    })
}

impl MemberTask<'_> {
    /// Checks that the images can train a network of the architecture.
    ///
    /// # Errors
    /// If there are no images, images or labels do not fit the architecture, or a batch has more images than there are.
    pub fn check(&self) -> Result<(), TrainError> {
        let Self { images, member, architecture, .. } = *self;
        if images.is_empty() {
            return Err(TrainError::NoImages { member });
        }
        if images.side() != architecture.image_side {
            return Err(TrainError::ImageSide { found: images.side(), needed: architecture.image_side });
        }
        if let Some(&found) =
            images.labels().iter().find(|&&label| usize::from(label) >= architecture.classes)
        {
            return Err(TrainError::Label { found, classes: architecture.classes });
        }
        let batch = self.config.batch;
        if batch > images.len() {
            return Err(TrainError::Batch { member, images: images.len(), batch });
        }
        Ok(())
    }

    /// Runs `phase` until a network has learned, at most [`ATTEMPTS`] times. Each attempt has half the learning rate of the one before and
    /// other random draws.
    fn run_attempts<T>(
        &self,
        phase: Phase,
        device: &Device,
        report: &(dyn Fn(StepReport) + Sync),
        run: impl Fn(&PhaseTask<'_>, &mut Vec<CurveRow>, &mut ChaCha8Rng) -> Result<T, PhaseFailure>,
    ) -> Result<(T, Vec<CurveRow>), TrainError> {
        let Self { images, member, .. } = *self;
        let (epochs, peak, pixel_levels) = match phase {
            Phase::Float => (self.config.float_epochs, self.config.float_rate, None),
            Phase::Quantised => {
                (self.config.quantised_epochs, self.config.quantised_rate, Some(self.config.pixel_levels))
            }
        };
        let classes = self.architecture.classes;
        let adjustment = LogitAdjustment::new(images.labels(), classes, self.config.logit_adjustment);
        let mut curve = Vec::new();
        let mut attempt = 1;
        loop {
            let rate = peak / f64::from(1 << (attempt - 1));
            let task = PhaseTask {
                member,
                phase,
                attempt,
                epochs,
                rate,
                config: self.config,
                adjustment: &adjustment,
                batches: TrainingBatches {
                    images,
                    architecture: self.architecture,
                    augmentation: &self.config.augmentation,
                    pixel_levels,
                    device,
                },
                report,
            };
            // Each member, phase and attempt has its own stream.
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream((member as u64) << 8 | (phase as u64) << 4 | attempt as u64);
            match run(&task, &mut curve, &mut rng) {
                Ok(result) => return Ok((result, curve)),
                Err(_) if attempt < ATTEMPTS => attempt += 1,
                Err(PhaseFailure::Diverged { epoch, loss }) => {
                    let attempts = ATTEMPTS;
                    return Err(TrainError::Diverged { member, phase, attempts, epoch, loss, rate });
                }
                Err(PhaseFailure::TooFewSteps { steps, loss, chance_loss }) => {
                    return Err(TrainError::TooFewSteps { member, phase, steps, loss, chance_loss });
                }
            }
        }
    }
}

fn is_finite(network: &FloatNetwork) -> bool {
    [&network.convolution, &network.hidden, &network.output]
        .iter()
        .flat_map(|block| block.weights().iter().chain(block.biases()))
        .all(|value| value.is_finite())
}
