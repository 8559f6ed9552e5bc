//! All members of an ensemble, side by side.

use std::sync::atomic::{AtomicU64, Ordering};

use burn::tensor::Device;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{Architecture, FloatNetwork, TrainedMember};

use crate::TrainingConfig;
use crate::batches::Batches;
use crate::curve::{CurveRow, Phase};
use crate::equalise::equalise;
use crate::fit::{Failure, Progress, Task};
use crate::float_model::{FloatModel, forward};
use crate::logit_adjustment::LogitAdjustment;
use crate::quantised_model::{Grid, QuantisedModel, range_bits};

/// Tries before a member that learns nothing is given up; each halves the learning rate.
const ATTEMPTS: usize = 3;

/// Trained members and how training went.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The members, in the order of their parts.
    pub members: Vec<TrainedMember>,
    /// One row per member, phase and epoch.
    pub curve: Vec<CurveRow>,
    /// Images that went through training steps, all members, epochs and tries together: over the seconds that
    /// training took they are its throughput.
    pub images: u64,
}

/// Training that gave nothing to use.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A member's images are of another size than the architecture's.
    #[error("the images are {found} x {found} pixels, but the architecture reads {needed} x {needed}")]
    ImageSide {
        /// Pixels on a side of the images.
        found: usize,
        /// Pixels on a side that the architecture reads.
        needed: usize,
    },
    /// A label has no class.
    #[error("a label is {found}, but the architecture has {classes} classes (0 to {})", classes - 1)]
    Label {
        /// The label.
        found: u8,
        /// Classes of the architecture.
        classes: usize,
    },
    /// A member has nothing to train on.
    #[error("member {member} has no training images")]
    NoImages {
        /// The member, from 1.
        member: usize,
    },
    /// A batch is larger than all of a member's images, so that an epoch would be one step.
    #[error(
        "a batch has {batch} images, but member {member} has {images} training images; the batch must not be larger than that"
    )]
    Batch {
        /// The member, from 1.
        member: usize,
        /// Its training images.
        images: usize,
        /// Images in a batch.
        batch: usize,
    },
    /// A member diverged in every try.
    #[error(
        "member {member} diverged in its {phase:?} phase in each of {attempts} tries (last: loss {loss} in epoch \
         {epoch}, learning rate {rate}); lower the rate or the gradient clip"
    )]
    Diverged {
        /// The member, from 1.
        member: usize,
        /// The phase.
        phase: Phase,
        /// Tries.
        attempts: usize,
        /// Epoch of the last try.
        epoch: usize,
        /// Loss there.
        loss: f64,
        /// Peak learning rate of the last try.
        rate: f64,
    },
    /// A member did not diverge in its last try, but did not get below the loss of a network that answers zeros either.
    #[error(
        "member {member} had too few steps in its {phase:?} phase: after {steps} steps its loss is {loss:.3}, and a network that \
         answers zeros has {chance:.3}; train for more epochs, with a smaller batch or at a higher rate"
    )]
    TooFewSteps {
        /// The member, from 1.
        member: usize,
        /// The phase.
        phase: Phase,
        /// Steps of the last try.
        steps: usize,
        /// Mean loss of the last epoch.
        loss: f64,
        /// Loss of a network that answers zeros.
        chance: f64,
    },
}

/// Trains one member on each of `parts`, in parallel on the threads of the current `rayon` pool.
///
/// A member is one task from its first step to its last, on one thread, and waits for no other. A caller with
/// several ensembles keeps all threads busy by training them side by side, from a parallel iterator of its own.
///
/// The result depends on `seed` and the inputs alone, not on the number of threads.
///
/// # Errors
/// If images do not fit the architecture, a batch is larger than a member's images, or a member learns nothing in every try.
pub fn train_ensemble(
    parts: &[LabelledImages],
    architecture: &Architecture,
    config: &TrainingConfig,
    seed: u64,
    report: &(dyn Fn(Progress) + Sync),
) -> Result<Trained, TrainError> {
    for (part, member) in parts.iter().zip(1..) {
        check(part, member, architecture, config.batch)?;
    }
    let images = AtomicU64::new(0);
    let report = |progress: Progress| {
        images.fetch_add(progress.images as u64, Ordering::Relaxed);
        report(progress);
    };
    let device = Device::flex().autodiff();
    let log_logit_scale = config.log_logit_scale(parts.len());
    let trainer = Trainer { architecture, config, seed, device, log_logit_scale, report: &report };
    let trained: Vec<(TrainedMember, Vec<CurveRow>)> = parts
        .par_iter()
        // Members take long enough to be handed out one by one.
        .with_max_len(1)
        .enumerate()
        .map(|(i, part)| trainer.member(part, i + 1))
        .collect::<Result<_, _>>()?;
    let (members, curves): (_, Vec<_>) = trained.into_iter().unzip();
    Ok(Trained { members, curve: curves.concat(), images: images.into_inner() })
}

fn check(
    part: &LabelledImages,
    member: usize,
    architecture: &Architecture,
    batch: usize,
) -> Result<(), TrainError> {
    if part.is_empty() {
        return Err(TrainError::NoImages { member });
    }
    if part.side() != architecture.image_side {
        return Err(TrainError::ImageSide { found: part.side(), needed: architecture.image_side });
    }
    if let Some(&found) = part.labels().iter().find(|&&label| usize::from(label) >= architecture.classes) {
        return Err(TrainError::Label { found, classes: architecture.classes });
    }
    if batch > part.len() {
        return Err(TrainError::Batch { member, images: part.len(), batch });
    }
    Ok(())
}

struct Trainer<'a> {
    architecture: &'a Architecture,
    config: &'a TrainingConfig,
    seed: u64,
    device: Device,
    log_logit_scale: f64,
    report: &'a (dyn Fn(Progress) + Sync),
}

impl Trainer<'_> {
    /// Both phases.
    fn member(
        &self,
        part: &LabelledImages,
        member: usize,
    ) -> Result<(TrainedMember, Vec<CurveRow>), TrainError> {
        let (float, mut curve) = self.float(part, member)?;
        let (trained, quantised) = self.quantised(part, member, float)?;
        curve.extend(quantised);
        Ok((trained, curve))
    }

    fn float(
        &self,
        part: &LabelledImages,
        member: usize,
    ) -> Result<(FloatNetwork, Vec<CurveRow>), TrainError> {
        self.attempts(part, member, Phase::Float, |task, curve, rng| {
            let model = FloatModel::random(self.architecture, &self.device, rng);
            let stride = self.architecture.stride;
            let logits = |model: &FloatModel, images| forward(model.weights(), images, stride);
            let model = task.fit(model, logits, |_| None, rng, curve)?;
            task.finite(model.to_network(self.architecture).filter(is_finite))
        })
    }

    fn quantised(
        &self,
        part: &LabelledImages,
        member: usize,
        float: FloatNetwork,
    ) -> Result<(TrainedMember, Vec<CurveRow>), TrainError> {
        let grid = Grid {
            stride: self.architecture.stride,
            largest_pixel: self.config.pixel_levels.largest().into(),
            largest_weights: self.config.largest_weights,
            log_logit_scale: self.log_logit_scale,
        };
        let equal = equalise(&float);
        self.attempts(part, member, Phase::Quantised, |task, curve, rng| {
            let model = QuantisedModel::new(&equal, &grid, &self.device);
            let weight = self.config.range_penalty;
            let penalty = |logits| (weight > 0.0).then(|| range_bits(logits, self.log_logit_scale) * weight);
            let logits = |model: &QuantisedModel, images| model.logits(&grid, images);
            let model = task.fit(model, logits, penalty, rng, curve)?;
            let member = model.to_member(float.clone(), self.architecture, self.config, &grid);
            task.finite(member.filter(|member| is_finite(&member.aware)))
        })
    }

    /// Runs `phase` until a network has learned, each time with half the learning rate and other draws.
    fn attempts<T>(
        &self,
        part: &LabelledImages,
        member: usize,
        phase: Phase,
        run: impl Fn(&Task<'_>, &mut Vec<CurveRow>, &mut ChaCha8Rng) -> Result<T, Failure>,
    ) -> Result<(T, Vec<CurveRow>), TrainError> {
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
                    device: &self.device,
                },
                report: self.report,
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
