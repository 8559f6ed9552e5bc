//! Predictions of an ensemble for images of a data set, under encryption.

use std::io;

use serde::{Deserialize, Serialize};
use sottovoce_bfv::ProgressObserver;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{IntegerEnsemble, predict};

use crate::batch_run::{BatchRunner, Steps};
use crate::evaluation::{ParameterRecord, RangeRecord};
use crate::session::Session;
use crate::{EvaluateError, Need};

/// What an ensemble answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The image's number, from 0.
    pub image: usize,
    /// Its label.
    pub label: u8,
    /// The class with the largest logit.
    pub prediction: usize,
    /// The decrypted logits, one for each class, in units of the ensemble's logit scale.
    pub logits: Vec<i128>,
}

/// A run over a data set, summed up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictionSummary {
    /// Images classified.
    pub images: usize,
    /// Those whose prediction is their label.
    pub correct: usize,
    /// `correct / images`, a fraction.
    pub accuracy: f64,
    /// Decrypted logits that differ from the integer oracle, over every slot of every batch; must be 0.
    pub mismatches: u64,
    /// Batches.
    pub batches: usize,
    /// Wall-clock seconds of encryption.
    pub encrypt_seconds: f64,
    /// Wall-clock seconds of writing and reading the batches' messages; 0 in records that are older than these messages.
    #[serde(default)]
    pub transfer_seconds: f64,
    /// Wall-clock seconds of the provider's work.
    pub evaluate_seconds: f64,
    /// Wall-clock seconds of decryption.
    pub decrypt_seconds: f64,
    /// Worker threads.
    pub threads: usize,
    /// Bytes of an encrypted batch's message.
    pub upload_bytes: usize,
    /// Bytes of an answer's message.
    pub download_bytes: usize,
    /// The parameters, and the noise left under them.
    pub parameters: ParameterRecord,
    /// The range of the logits.
    pub range: RangeRecord,
    /// What evaluated, and with which instruction set.
    pub evaluator: String,
}

/// Classifies all of `images` under encryption with an ensemble and its observed range.
///
/// # Errors
/// If there are none, they do not fit the networks, or the noise exhausts its budget. Logits that differ from the oracle
/// are no error: they are counted.
pub fn predict_images(
    need: Need<'_>,
    session: &Session,
    images: &LabelledImages,
    progress: &dyn ProgressObserver,
) -> Result<(Vec<Prediction>, PredictionSummary), EvaluateError> {
    if images.is_empty() {
        return Err(EvaluateError::NoImages);
    }
    let ensemble: &IntegerEnsemble = need.ensemble;
    let runner = BatchRunner::new(ensemble, session, progress)?;
    let slots = runner.slots();
    let largest = session.parameters().largest_value();
    let mut predictions = Vec::with_capacity(images.len());
    let (mut noise_bits, mut noise_budget_bits, mut images_outside) = (0, usize::MAX, 0);
    let (mut upload_bytes, mut download_bytes, mut mismatches) = (0, 0, 0);
    let mut seconds = [0.0; 4];
    for first in (0..images.len()).step_by(slots) {
        let end = images.len().min(first + slots);
        let answers = runner.run(images, first, end)?;
        for (slot, &label) in images.labels()[first..end].iter().enumerate() {
            let logits = answers.decrypted.slot(slot);
            predictions.push(Prediction { image: first + slot, label, prediction: predict(&logits), logits });
        }
        mismatches += answers.mismatches;
        noise_bits = noise_bits.max(answers.decrypted.noise_bits());
        noise_budget_bits = noise_budget_bits.min(answers.decrypted.noise_budget_bits());
        images_outside += answers.oracle.sums_outside(largest);
        (upload_bytes, download_bytes) = (answers.upload_bytes, answers.download_bytes);
        let Steps { encrypt, transfer, evaluate, decrypt } = answers.steps;
        let steps = [encrypt, transfer, evaluate, decrypt];
        seconds.iter_mut().zip(steps).for_each(|(sum, step)| *sum += step.as_secs_f64());
    }
    let correct = predictions.iter().filter(|p| p.prediction == usize::from(p.label)).count();
    let summary = PredictionSummary {
        images: images.len(),
        correct,
        accuracy: correct as f64 / images.len() as f64,
        mismatches,
        batches: images.len().div_ceil(slots),
        encrypt_seconds: seconds[0],
        transfer_seconds: seconds[1],
        evaluate_seconds: seconds[2],
        decrypt_seconds: seconds[3],
        threads: rayon::current_num_threads(),
        upload_bytes,
        download_bytes,
        parameters: ParameterRecord::of(session, noise_bits, noise_budget_bits),
        range: RangeRecord::of(session, need, images_outside),
        evaluator: session.evaluator().to_string(),
    };
    Ok((predictions, summary))
}

/// Predictions as CSV: `image,label,prediction`, and a column `logit-0`, `logit-1`, ... for each class, exact integers.
///
/// # Errors
/// If the images have different numbers of classes.
pub fn encode_predictions(predictions: &[Prediction]) -> io::Result<Vec<u8>> {
    let classes = predictions.first().map_or(0, |first| first.logits.len());
    let mut writer = csv::Writer::from_writer(Vec::new());
    let named = ["image", "label", "prediction"].map(str::to_owned).into_iter();
    let header = named.chain((0..classes).map(|class| format!("logit-{class}")));
    writer.write_record(header).map_err(io::Error::other)?;
    for Prediction { image, label, prediction, logits } in predictions {
        let numbers = [image.to_string(), label.to_string(), prediction.to_string()].into_iter();
        let row = numbers.chain(logits.iter().map(ToString::to_string));
        writer.write_record(row).map_err(io::Error::other)?;
    }
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}
