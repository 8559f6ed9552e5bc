//! Predictions of an ensemble for the images of a data set, under encryption.

use std::io;

use serde::{Deserialize, Serialize};
use sottovoce_bfv::ProgressObserver;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::predict;

use crate::batch_classifier::{BatchClassifier, StepTimes};
use crate::error::EvaluateError;
use crate::parameter_policy::RangedEnsemble;
use crate::records::parameter_record::{ParameterRecord, RangeRecord};
use crate::session::Session;

/// The ensemble's answer for one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The image's number, from 0.
    pub image: usize,
    /// The image's label.
    pub label: u8,
    /// The class with the largest logit.
    pub prediction: usize,
    /// The decrypted logits, one for each class, as integer multiples of the ensemble's logit scale.
    pub logits: Vec<i128>,
}

/// Totals of a run over a data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictionSummary {
    /// Number of images classified.
    pub images: usize,
    /// Number of images whose prediction is their label.
    pub correct: usize,
    /// `correct / images`, a fraction.
    pub accuracy: f64,
    /// Number of decrypted logits that differ from the integer oracle, over every slot of every batch; must be 0.
    pub mismatches: u64,
    /// Number of batches.
    pub batches: usize,
    /// Wall-clock seconds of encryption.
    pub encrypt_seconds: f64,
    /// Wall-clock seconds of writing and reading the batches' messages. Absent in records older than these messages, where it is read as 0.
    #[serde(default)]
    pub transfer_seconds: f64,
    /// Wall-clock seconds of the provider's evaluation.
    pub evaluate_seconds: f64,
    /// Wall-clock seconds of decryption.
    pub decrypt_seconds: f64,
    /// Number of worker threads.
    pub threads: usize,
    /// Bytes of an encrypted batch's message.
    pub upload_bytes: usize,
    /// Bytes of an answer's message.
    pub download_bytes: usize,
    /// The encryption parameters and the measured noise.
    pub parameters: ParameterRecord,
    /// The range of the logits.
    pub range: RangeRecord,
    /// Name of the evaluator and its instruction set.
    pub evaluator: String,
}

/// Classifies all of `images` under encryption with one ensemble of `session`.
///
/// # Errors
/// If there are no images, the images do not fit the networks, or the noise exceeds its budget. Mismatches with the oracle are counted
/// and are not errors.
pub fn predict_images(
    ranged: RangedEnsemble<'_>,
    session: &Session,
    images: &LabelledImages,
    progress: &dyn ProgressObserver,
) -> Result<(Vec<Prediction>, PredictionSummary), EvaluateError> {
    if images.is_empty() {
        return Err(EvaluateError::NoImages);
    }
    let classifier = BatchClassifier::new(ranged.ensemble, session, progress)?;
    let slots = classifier.images_per_batch();
    let largest = session.parameters().largest_value();
    let mut predictions = Vec::with_capacity(images.len());
    let (mut noise_bits, mut noise_budget_bits, mut images_outside) = (0, usize::MAX, 0);
    let (mut upload_bytes, mut download_bytes, mut mismatches) = (0, 0, 0);
    let mut times = StepTimes::default();
    for first in (0..images.len()).step_by(slots) {
        let end = images.len().min(first + slots);
        let batch = classifier.classify(images, first..end)?;
        for (image, &label) in images.labels().iter().enumerate().take(end).skip(first) {
            let logits = batch.decrypted.slot(image - first);
            predictions.push(Prediction { image, label, prediction: predict(&logits), logits });
        }
        mismatches += batch.mismatches;
        noise_bits = noise_bits.max(batch.decrypted.noise_bits());
        noise_budget_bits = noise_budget_bits.min(batch.decrypted.noise_budget_bits());
        images_outside += batch.oracle.ensemble_images_outside(largest);
        (upload_bytes, download_bytes) = (batch.upload_bytes, batch.download_bytes);
        times = times + batch.times;
    }
    let correct = predictions.iter().filter(|p| p.prediction == usize::from(p.label)).count();
    let summary = PredictionSummary {
        images: images.len(),
        correct,
        accuracy: correct as f64 / images.len() as f64,
        mismatches,
        batches: images.len().div_ceil(slots),
        encrypt_seconds: times.encrypt.as_secs_f64(),
        transfer_seconds: times.transfer.as_secs_f64(),
        evaluate_seconds: times.evaluate.as_secs_f64(),
        decrypt_seconds: times.decrypt.as_secs_f64(),
        threads: rayon::current_num_threads(),
        upload_bytes,
        download_bytes,
        parameters: ParameterRecord::new(session, noise_bits, noise_budget_bits),
        range: RangeRecord::new(session, ranged, images_outside),
        evaluator: session.evaluator().to_string(),
    };
    Ok((predictions, summary))
}

/// Encodes predictions as CSV with the columns `image`, `label`, `prediction`, and the columns of [`encode_logits`].
///
/// # Errors
/// If the predictions have different numbers of classes.
pub fn encode_predictions(predictions: &[Prediction]) -> io::Result<Vec<u8>> {
    let rows = predictions.iter().map(|row| {
        ([row.image.to_string(), row.label.to_string(), row.prediction.to_string()], row.logits.as_slice())
    });
    encode_logits(["image", "label", "prediction"], rows)
}

/// Encodes logits as CSV: for each image the fields of `columns`, then a column `logit-0`, `logit-1`, ... for each class with the
/// logit as an exact integer.
///
/// # Errors
/// If the rows have different numbers of classes.
pub fn encode_logits<'a, const N: usize>(
    columns: [&str; N],
    rows: impl IntoIterator<Item = ([String; N], &'a [i128])>,
) -> io::Result<Vec<u8>> {
    let mut rows = rows.into_iter().peekable();
    let classes = rows.peek().map_or(0, |(_, logits)| logits.len());
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header =
        columns.map(str::to_owned).into_iter().chain((0..classes).map(|class| format!("logit-{class}")));
    writer.write_record(header).map_err(io::Error::other)?;
    for (fields, logits) in rows {
        let row = fields.into_iter().chain(logits.iter().map(ToString::to_string));
        writer.write_record(row).map_err(io::Error::other)?;
    }
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}
