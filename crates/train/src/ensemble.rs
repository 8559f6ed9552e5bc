//! Training of all members of an ensemble in parallel.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{Architecture, TrainedMember};

use crate::config::TrainingConfig;
use crate::error::TrainError;
use crate::member::{MemberTask, train_float, train_quantised};
use crate::phase_training::CurveRow;
use crate::phase_training::StepReport;

/// Trained members and their training curves.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedEnsemble {
    /// The members, in the order of their parts.
    pub members: Vec<TrainedMember>,
    /// One row per member, phase and epoch.
    pub curve: Vec<CurveRow>,
    /// Images of all training steps, over all members, epochs and attempts; divided by the seconds of training they give the throughput.
    pub images: u64,
}

/// Trains one member on each of `parts`, in parallel on the threads of the current `rayon` pool.
///
/// Each member is trained on one thread and waits for no other member. A caller with several ensembles keeps all threads busy by
/// training the ensembles in a parallel iterator.
///
/// The result depends only on `seed` and the inputs, not on the number of threads. It equals the result of [`train_float`] followed by
/// [`train_quantised`] for each member. `report` is called after every training step.
///
/// # Errors
/// If images do not fit the architecture, a batch has more images than a member, or a member learns nothing in every attempt.
///
/// # Example
///
/// The example is compiled but not run, because training takes minutes.
///
/// ```rust,no_run
/// use sottovoce_dataset::LabelledImages;
/// use sottovoce_network::{Architecture, PixelLevels};
/// use sottovoce_train::{Augmentation, TrainingConfig, train_ensemble};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = TrainingConfig {
///     float_epochs: 8,
///     quantised_epochs: 4,
///     batch: 128,
///     float_rate: 2e-3,
///     quantised_rate: 5e-4,
///     weight_decay: 1e-3,
///     clip: 1.0,
///     augmentation: Augmentation { rotation_degrees: 8.0, shift_pixels: 1.0, scale: 0.05 },
///     pixel_levels: PixelLevels::new(4)?,
///     largest_weights: [3, 2, 7],
///     logit_bits: 30,
///     range_penalty: 0.003,
///     logit_adjustment: 1.0,
///     density: 1.0,
/// };
/// // Two members, each with its own grey images of 28 x 28 pixels.
/// let part = |label| LabelledImages::new(28, vec![label; 500 * 28 * 28], vec![label; 500]);
/// let parts = [part(3)?, part(7)?];
/// let trained = train_ensemble(&parts, &Architecture::default(), &config, 1, &|step| {
///     println!("member {}: loss {:.3}", step.member, step.loss);
/// })?;
/// assert_eq!(trained.members.len(), 2);
/// # Ok(())
/// # }
/// ```
pub fn train_ensemble(
    parts: &[LabelledImages],
    architecture: &Architecture,
    config: &TrainingConfig,
    seed: u64,
    report: &(dyn Fn(StepReport) + Sync),
) -> Result<TrainedEnsemble, TrainError> {
    let members = parts.len();
    let tasks: Vec<MemberTask<'_>> = parts
        .iter()
        .zip(1..)
        .map(|(images, member)| MemberTask { images, member, members, architecture, config, seed })
        .collect();
    tasks.iter().try_for_each(MemberTask::check)?;
    let images = AtomicU64::new(0);
    let report = |step: StepReport| {
        images.fetch_add(step.images as u64, Ordering::Relaxed);
        report(step);
    };
    let train = |task: &MemberTask<'_>| {
        let (float, mut curve) = train_float(task, &report)?;
        let (trained, quantised) = train_quantised(task, float, &report)?;
        curve.extend(quantised);
        Ok((trained, curve))
    };
    // A member takes minutes, so threads take members one by one.
    let trained: Vec<_> = tasks.par_iter().with_max_len(1).map(train).collect::<Result<_, TrainError>>()?;
    let (members, curves): (_, Vec<_>) = trained.into_iter().unzip();
    Ok(TrainedEnsemble { members, curve: curves.concat(), images: images.into_inner() })
}
