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
