//! All members of an ensemble, side by side.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{Architecture, TrainedMember};

use crate::TrainingConfig;
use crate::curve::CurveRow;
use crate::error::TrainError;
use crate::fit::Progress;
use crate::member::{MemberTask, train_float, train_quantised};

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

/// Trains one member on each of `parts`, in parallel on the threads of the current `rayon` pool.
///
/// A member is one task from its first step to its last, on one thread, and waits for no other. A caller with
/// several ensembles keeps all threads busy by training them side by side, from a parallel iterator of its own.
///
/// The result depends on `seed` and the inputs alone, not on the number of threads. It is that of [`train_float`] and
/// [`train_quantised`], called one after the other for each member.
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
    let members = parts.len();
    let tasks: Vec<MemberTask<'_>> = parts
        .iter()
        .zip(1..)
        .map(|(part, member)| MemberTask { part, member, members, architecture, config, seed })
        .collect();
    tasks.iter().try_for_each(MemberTask::check)?;
    let images = AtomicU64::new(0);
    let report = |progress: Progress| {
        images.fetch_add(progress.images as u64, Ordering::Relaxed);
        report(progress);
    };
    let train = |task: &MemberTask<'_>| {
        let (float, mut curve) = train_float(task, &report)?;
        let (trained, quantised) = train_quantised(task, float, &report)?;
        curve.extend(quantised);
        Ok((trained, curve))
    };
    // Members take long enough to be handed out one by one.
    let trained: Vec<_> = tasks.par_iter().with_max_len(1).map(train).collect::<Result<_, TrainError>>()?;
    let (members, curves): (_, Vec<_>) = trained.into_iter().unzip();
    Ok(Trained { members, curve: curves.concat(), images: images.into_inner() })
}
