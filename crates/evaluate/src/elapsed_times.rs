//! The time from pixels to predictions over growing numbers of images (Figure 8).

use std::hint::black_box;
use std::ops::Range;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use sottovoce_bfv::ProgressObserver;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{IntegerEnsemble, predict};

use crate::batch_classifier::{BatchClassifier, StepTimes};
use crate::error::EvaluateError;
use crate::records::run_rows::ElapsedRow;
use crate::session::Session;

/// Result of [`measure_elapsed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ElapsedTimes {
    /// Rows of `elapsed.csv`, in ascending order of the number of images.
    pub rows: Vec<ElapsedRow>,
    /// Number of decrypted logits of the ensemble that differ from the integer oracle, over every slot of every batch.
    pub mismatches: u64,
    /// Name of the evaluator and its instruction set.
    pub evaluator: String,
}

/// Classifies the first images of `images`, as many as each of `sizes`, and measures the time. Full batches are classified once for all
/// sizes that contain them. The remaining images of each size are one more batch.
///
/// The measured time runs from pixels to predictions: quantising and encrypting, the transfer of the message to the provider, the
/// provider's evaluation without the members' own logits, decrypting, and finding the largest logit. It includes neither the comparison
/// with the oracle nor the preparation of keys and of the provider's networks.
///
/// # Errors
/// If there are fewer images than the largest size, the images do not fit the networks, or the noise exceeds its budget.
pub fn measure_elapsed(
    ensemble: &IntegerEnsemble,
    session: &Session,
    images: &LabelledImages,
    sizes: &[usize],
    progress: &dyn ProgressObserver,
) -> Result<ElapsedTimes, EvaluateError> {
    let classifier = BatchClassifier::new(ensemble, session, progress)?;
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    let largest = sizes.last().copied().unwrap_or(0);
    if largest > images.len() {
        return Err(EvaluateError::TooFewImages { requested: largest, available: images.len() });
    }
    let slots = classifier.images_per_batch();
    let mut mismatches = 0;
    let mut classify = |range: Range<usize>| -> Result<StepTimes, EvaluateError> {
        let batch = classifier.classify(images, range.clone())?;
        let start = Instant::now();
        black_box((0..range.len()).map(|slot| predict(&batch.decrypted.slot(slot))).collect::<Vec<_>>());
        mismatches += batch.mismatches;
        Ok(StepTimes { decrypt: batch.times.decrypt + start.elapsed(), ..batch.times })
    };
    let full_batches = (0..largest / slots)
        .map(|batch| classify(batch * slots..(batch + 1) * slots))
        .collect::<Result<Vec<_>, _>>()?;
    let mut row = |&images: &usize| {
        let mut batches: Vec<StepTimes> = full_batches.iter().take(images / slots).copied().collect();
        if images % slots > 0 {
            batches.push(classify(images - images % slots..images)?);
        }
        let times = batches.iter().fold(StepTimes::default(), |sum, &batch| sum + batch);
        Ok(ElapsedRow {
            images,
            batches: batches.len(),
            seconds: times.total().as_secs_f64(),
            encrypt_seconds: times.encrypt.as_secs_f64(),
            evaluate_seconds: times.evaluate.as_secs_f64(),
            decrypt_seconds: times.decrypt.as_secs_f64(),
            threads: rayon::current_num_threads(),
            transfer_seconds: times.transfer.as_secs_f64(),
        })
    };
    let rows = sizes.iter().map(&mut row).collect::<Result<_, EvaluateError>>()?;
    Ok(ElapsedTimes { rows, mismatches, evaluator: session.evaluator().to_string() })
}
