//! The time from pixels to predictions over growing numbers of images (Figure 8).

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{IntegerEnsemble, predict, sum_logits};

use crate::clear::Oracle;
use crate::encrypted::mismatches;
use crate::provider::Provider;
use crate::records::ElapsedRow;
use crate::session::Session;
use crate::{EvaluateError, Evaluator, Progress};

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

/// Seconds of one batch, step by step.
#[derive(Clone, Copy, Default)]
struct Steps {
    encrypt: Duration,
    evaluate: Duration,
    decrypt: Duration,
}

/// Classifies the first images, as many as the largest of `sizes`, in one pass: a row's time is the time until the last
/// of its batches was done.
///
/// The clock runs from pixels to predictions: quantising and encrypting, the provider's work without the members' own
/// logits, decrypting and taking the largest. It stands still while answers are held against the oracle, and keys and
/// the provider's networks are ready before it starts. A batch that is not full takes as long as a full one.
///
/// # Errors
/// If there are fewer images than asked for, they do not fit the networks, or the noise exhausts its budget.
pub fn measure_elapsed(
    ensemble: &IntegerEnsemble,
    session: &Session,
    images: &LabelledImages,
    sizes: &[usize],
    evaluator: Evaluator,
    progress: &dyn Progress,
) -> Result<Elapsed, EvaluateError> {
    session.check(ensemble)?;
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    let most = sizes.last().copied().unwrap_or(0);
    if most > images.len() {
        return Err(EvaluateError::TooFewImages { wanted: most, found: images.len() });
    }
    let images = images.take(most);
    let provider = Provider::new(evaluator, &session.evaluation_key, ensemble)?;
    let slots = session.parameters().degree();
    let batches = most.div_ceil(slots);
    let mut steps = Vec::new();
    let mut differing = 0;
    for batch in 0..batches {
        let first = batch * slots;
        let encrypted = session.encrypt(&images, first, progress)?;

        progress.begin(&format!("evaluating batch {} of {batches}", batch + 1), provider.work());
        let start = Instant::now();
        let answer = provider.evaluate(&encrypted.encrypted, false, &|work| progress.advance(work))?;
        let evaluate = start.elapsed();

        let start = Instant::now();
        let decrypted = session.client.decrypt(&answer.ensemble)?;
        let count = encrypted.encrypted.images();
        black_box((0..count).map(|slot| predict(&decrypted.slot(slot))).collect::<Vec<_>>());
        steps.push(Steps { encrypt: encrypted.elapsed, evaluate, decrypt: start.elapsed() });

        progress.begin(&format!("checking batch {} of {batches}", batch + 1), count as u64);
        let indices: Vec<usize> = (first..first + count).collect();
        let oracle = Oracle::new(ensemble, &images.select(&indices), &|| progress.advance(1))?;
        for slot in 0..decrypted.slots() {
            let expected = oracle.logits.get(slot).unwrap_or(&oracle.blank);
            differing += mismatches(&decrypted.slot(slot), &sum_logits(expected));
        }
    }
    let row = |&images: &usize| {
        let batches = images.div_ceil(slots);
        let sum = |step: fn(&Steps) -> Duration| steps[..batches].iter().map(step).sum::<Duration>();
        let [encrypt, evaluate, decrypt] =
            [sum(|s| s.encrypt), sum(|s| s.evaluate), sum(|s| s.decrypt)].map(|time| time.as_secs_f64());
        ElapsedRow {
            images,
            batches,
            seconds: encrypt + evaluate + decrypt,
            encrypt_seconds: encrypt,
            evaluate_seconds: evaluate,
            decrypt_seconds: decrypt,
            threads: rayon::current_num_threads(),
        }
    };
    Ok(Elapsed {
        rows: sizes.iter().map(row).collect(),
        mismatches: differing,
        evaluator: provider.to_string(),
    })
}
