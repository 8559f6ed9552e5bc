//! One member, in two phases that can be run apart.

use burn::tensor::Device;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{Architecture, FloatNetwork, TrainedMember};

use crate::TrainingConfig;
use crate::batches::Batches;
use crate::curve::{CurveRow, Phase};
use crate::equalise::equalise;
use crate::error::TrainError;
use crate::fit::{Failure, Progress, Task};
use crate::float_model::{FloatModel, forward};
use crate::logit_adjustment::LogitAdjustment;
use crate::loss::RangePenalty;
use crate::pruning::HiddenMask;
use crate::quantised_model::{Grid, QuantisedModel};

/// Tries before a member that learns nothing is given up; each halves the learning rate.
const ATTEMPTS: usize = 3;

/// The training of one member: everything that its result depends on.
///
/// Both phases run on the calling thread alone. Two tasks share nothing, so members can be trained in any order,
/// side by side or on different machines.
#[derive(Debug, Clone, Copy)]
pub struct MemberTask<'a> {
    /// The images that the member is trained on.
    pub part: &'a LabelledImages,
    /// The member's number in its ensemble, from 1. Each number has random draws of its own.
    pub member: usize,
    /// Members of the ensemble. Only the quantised phase depends on it: the common logit scale leaves room for the sum.
    pub members: usize,
    /// The shape of the network.
    pub architecture: &'a Architecture,
    /// The choices for training. The float phase reads only [`TrainingConfig::float_phase`].
    pub config: &'a TrainingConfig,
    /// Seed of the random draws.
    pub seed: u64,
}

/// Trains a member in floating point, and tells how each epoch went.
///
/// The result depends on the part, the member's number, the architecture, [`TrainingConfig::float_phase`] and the seed:
/// tasks that agree in these can share one float network.
///
/// # Errors
/// If the task does not pass [`MemberTask::check`], or the member learns nothing in every try.
pub fn train_float(
    task: &MemberTask<'_>,
    report: &(dyn Fn(Progress) + Sync),
) -> Result<(FloatNetwork, Vec<CurveRow>), TrainError> {
    task.check()?;
    let device = Device::flex().autodiff();
    task.attempts(Phase::Float, &device, report, |fit, curve, rng| {
        let model = FloatModel::random(task.architecture, &device, rng);
        let logits = |model: &FloatModel, patches, _| forward(model.weights(), patches);
        let model = fit.fit(model, logits, None, rng, curve)?;
        fit.finite(model.to_network(task.architecture).filter(is_finite))
    })
}

/// Trains a member for integers, from what [`train_float`] gave for the same task, and tells how each epoch went.
///
/// # Errors
/// If the task does not pass [`MemberTask::check`], `float` has another architecture, or the member learns nothing in
/// every try.
pub fn train_quantised(
    task: &MemberTask<'_>,
    float: FloatNetwork,
    report: &(dyn Fn(Progress) + Sync),
) -> Result<(TrainedMember, Vec<CurveRow>), TrainError> {
    task.check()?;
    if float.architecture != *task.architecture {
        return Err(TrainError::FloatNetwork { member: task.member });
    }
    let device = Device::flex().autodiff();
    let grid = Grid {
        largest_pixel: task.config.pixel_levels.largest().into(),
        largest_weights: task.config.largest_weights,
        log_logit_scale: task.config.log_logit_scale(task.members),
    };
    let equal = equalise(&float);
    task.attempts(Phase::Quantised, &device, report, |fit, curve, rng| {
        let model = QuantisedModel::new(&equal, &grid, &device);
        let (weight, log_logit_scale) = (task.config.range_penalty, grid.log_logit_scale);
        let range = (weight > 0.0).then_some(RangePenalty { weight, log_logit_scale });
        let mask = HiddenMask::new(task.config.density);
        let logits =
            |model: &QuantisedModel, patches, progress| model.logits(&grid, &mask, patches, progress);
        let model = fit.fit(model, logits, range, rng, curve)?;
        let member = model.to_member(float.clone(), task.architecture, task.config, &grid, &mask);
        fit.finite(member.filter(|member| is_finite(&member.aware)))
    })
}

impl MemberTask<'_> {
    /// Whether the images can train such a network.
    ///
    /// # Errors
    /// If there are no images, they or their labels do not fit the architecture, or a batch is larger than the part.
    pub fn check(&self) -> Result<(), TrainError> {
        let Self { part, member, architecture, .. } = *self;
        if part.is_empty() {
            return Err(TrainError::NoImages { member });
        }
        if part.side() != architecture.image_side {
            return Err(TrainError::ImageSide { found: part.side(), needed: architecture.image_side });
        }
        if let Some(&found) = part.labels().iter().find(|&&label| usize::from(label) >= architecture.classes)
        {
            return Err(TrainError::Label { found, classes: architecture.classes });
        }
        let batch = self.config.batch;
        if batch > part.len() {
            return Err(TrainError::Batch { member, images: part.len(), batch });
        }
        Ok(())
    }

    /// Runs `phase` until a network has learned, each time with half the learning rate and other draws.
    fn attempts<T>(
        &self,
        phase: Phase,
        device: &Device,
        report: &(dyn Fn(Progress) + Sync),
        run: impl Fn(&Task<'_>, &mut Vec<CurveRow>, &mut ChaCha8Rng) -> Result<T, Failure>,
    ) -> Result<(T, Vec<CurveRow>), TrainError> {
        let Self { part, member, .. } = *self;
        let (epochs, peak, pixel_levels) = match phase {
            Phase::Float => (self.config.float_epochs, self.config.float_rate, None),
            Phase::Quantised => {
                (self.config.quantised_epochs, self.config.quantised_rate, Some(self.config.pixel_levels))
            }
        };
        let classes = self.architecture.classes;
        let adjustment = LogitAdjustment::new(part.labels(), classes, self.config.logit_adjustment);
        let mut curve = Vec::new();
        let mut attempt = 1;
        loop {
            let rate = peak / f64::from(1 << (attempt - 1));
            let task = Task {
                member,
                phase,
                attempt,
                epochs,
                rate,
                config: self.config,
                adjustment: &adjustment,
                batches: Batches {
                    images: part,
                    architecture: self.architecture,
                    augmentation: &self.config.augmentation,
                    pixel_levels,
                    device,
                },
                report,
            };
            // Each member, phase and attempt has a stream of its own.
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream((member as u64) << 8 | (phase as u64) << 4 | attempt as u64);
            match run(&task, &mut curve, &mut rng) {
                Ok(result) => return Ok((result, curve)),
                Err(_) if attempt < ATTEMPTS => attempt += 1,
                Err(Failure::Diverged { epoch, loss }) => {
                    let attempts = ATTEMPTS;
                    return Err(TrainError::Diverged { member, phase, attempts, epoch, loss, rate });
                }
                Err(Failure::TooFewSteps { steps, loss, chance }) => {
                    return Err(TrainError::TooFewSteps { member, phase, steps, loss, chance });
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
