//! The time from pixels to predictions over growing numbers of images (Figure 8).

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sottovoce_bfv::ProgressObserver;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{IntegerEnsemble, predict};

use crate::EvaluateError;
use crate::batch_run::{BatchRunner, Steps};
use crate::records::ElapsedRow;
use crate::session::Session;

/// What [`measure_elapsed`] found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Elapsed {
    /// Rows of `elapsed.csv`, in ascending order of images.
    pub rows: Vec<ElapsedRow>,
    /// Decrypted logits of the ensemble that differ from the integer oracle, over every slot of every batch.
    pub mismatches: u64,
    /// What evaluated the ciphertexts, and with which instruction set.
    pub evaluator: String,
}

/// Classifies the first images, as many as each of `sizes`. Full batches are classified once, for all sizes that hold them;
/// what is left of a size is a batch of its own.
///
/// The clock runs from pixels to predictions: quantising and encrypting, the message's way to the provider, the provider's
/// work without the members' own logits, decrypting and taking the largest. It stands still while answers are held
/// against the oracle, and keys and the provider's networks are ready before it starts.
///
/// # Errors
/// If there are fewer images than asked for, they do not fit the networks, or the noise exhausts its budget.
pub fn measure_elapsed(
    ensemble: &IntegerEnsemble,
    session: &Session,
    images: &LabelledImages,
    sizes: &[usize],
    progress: &dyn ProgressObserver,
) -> Result<Elapsed, EvaluateError> {
    let runner = BatchRunner::new(ensemble, session, progress)?;
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    let most = sizes.last().copied().unwrap_or(0);
    if most > images.len() {
        return Err(EvaluateError::TooFewImages { wanted: most, found: images.len() });
    }
    let slots = runner.slots();
    let mut differing = 0;
    let mut classify = |first: usize, end: usize| -> Result<Steps, EvaluateError> {
        let answers = runner.run(images, first, end)?;
        let start = Instant::now();
        black_box(
            (first..end).map(|image| predict(&answers.decrypted.slot(image - first))).collect::<Vec<_>>(),
        );
        differing += answers.mismatches;
        Ok(Steps { decrypt: answers.steps.decrypt + start.elapsed(), ..answers.steps })
    };
    let full = (0..most / slots)
        .map(|batch| classify(batch * slots, (batch + 1) * slots))
        .collect::<Result<Vec<_>, _>>()?;
    let mut row = |&images: &usize| {
        let mut steps = full[..images / slots].to_vec();
        if images % slots > 0 {
            steps.push(classify(images - images % slots, images)?);
        }
        let sum = |step: fn(&Steps) -> Duration| steps.iter().map(step).sum::<Duration>().as_secs_f64();
        let (encrypt, transfer) = (sum(|s| s.encrypt), sum(|s| s.transfer));
        let (evaluate, decrypt) = (sum(|s| s.evaluate), sum(|s| s.decrypt));
        Ok(ElapsedRow {
            images,
            batches: steps.len(),
            seconds: encrypt + transfer + evaluate + decrypt,
            encrypt_seconds: encrypt,
            evaluate_seconds: evaluate,
            decrypt_seconds: decrypt,
            threads: rayon::current_num_threads(),
            transfer_seconds: transfer,
        })
    };
    let rows = sizes.iter().map(&mut row).collect::<Result<_, EvaluateError>>()?;
    Ok(Elapsed { rows, mismatches: differing, evaluator: session.evaluator().to_string() })
}
