//! Measurement of one batch under the chosen parameters.

use anyhow::{Context, Result, ensure};
use rand::Rng;
use serde::Serialize;
use sottovoce_bfv::client::measure_stages;
use sottovoce_bfv::planner::ChosenParameters;
use sottovoce_dataset::LabelledImages;
use sottovoce_evaluate::{Evaluator, RangeKind, RangedEnsemble, Session, predict_images};

use crate::memory::peak_memory_bytes;
use crate::progress::StageProgress;

/// Noise, times and bytes of one batch with all ensembles. Seconds are those of the batch, times the number of batches of the
/// planned run.
#[derive(Debug, Clone, Serialize)]
pub struct MeasuredBatch {
    /// Bits of the largest noise coefficient after every layer, of the noisiest ensemble. There are none for packed evaluation.
    pub noise_bits: Vec<f64>,
    pub encrypt_seconds: f64,
    pub transfer_seconds: f64,
    pub evaluate_seconds: f64,
    pub decrypt_seconds: f64,
    pub upload_bytes: usize,
    pub download_bytes: usize,
    pub key_bytes: usize,
    /// Random images whose logits left the range that parameters were chosen for, so that they decrypted to wrong logits.
    pub images_outside: usize,
    /// Peak memory of the process; `None` if the system does not report it.
    pub memory_bytes: Option<usize>,
}

impl MeasuredBatch {
    pub fn seconds(&self) -> f64 {
        self.encrypt_seconds + self.transfer_seconds + self.evaluate_seconds + self.decrypt_seconds
    }
}

/// Encrypts a full batch of random images, evaluates all ensembles on it and compares every answer with the oracle. Then
/// evaluates one blank image and measures the noise after each layer.
///
/// # Errors
/// If an evaluation fails, or a decrypted logit within the range differs from the oracle's.
pub fn measure(
    ranged: &[RangedEnsemble<'_>],
    range: RangeKind,
    choice: &ChosenParameters,
    evaluator: Evaluator,
) -> Result<MeasuredBatch> {
    let first = ranged.first().context("there are no networks")?;
    let side = first.ensemble.architecture().image_side;
    let slots = choice.parameters.images_per_batch();
    let mut rng = rand::rng();
    // A fifth of the pixels is not black, as in handwriting: logits of denser images would leave an observed range.
    let mut ink = || if rng.random_bool(0.2) { rng.random() } else { 0u8 };
    let pixels: Vec<u8> = (0..slots * side * side).map(|_| ink()).collect();
    let batch = LabelledImages::new(side, pixels, vec![0; slots])?;
    let session = Session::with_parameters(choice.clone(), range, ranged, evaluator)?;
    let progress = StageProgress::new("plan".to_owned());
    let mut measured = MeasuredBatch {
        noise_bits: Vec::new(),
        encrypt_seconds: 0.0,
        transfer_seconds: 0.0,
        evaluate_seconds: 0.0,
        decrypt_seconds: 0.0,
        upload_bytes: 0,
        download_bytes: 0,
        key_bytes: session.registration_bytes(),
        images_outside: 0,
        memory_bytes: None,
    };
    let batches = choice.cost.batches as f64;
    for &ensemble in ranged {
        let (_, summary) = predict_images(ensemble, &session, &batch, &progress)?;
        let right = summary.mismatches == 0 || summary.range.images_outside > 0;
        ensure!(right, "{} decrypted logits differ from the integer oracle", summary.mismatches);
        measured.images_outside += summary.range.images_outside;
        measured.encrypt_seconds = batches * summary.encrypt_seconds;
        measured.transfer_seconds = batches * summary.transfer_seconds;
        measured.evaluate_seconds += batches * summary.evaluate_seconds;
        measured.decrypt_seconds += batches * summary.decrypt_seconds;
        measured.upload_bytes = summary.upload_bytes;
        measured.download_bytes = measured.download_bytes.max(summary.download_bytes);
    }
    measured.memory_bytes = peak_memory_bytes().and_then(|bytes| bytes.try_into().ok());
    // `sottovoce bench noise` measures packed evaluation stage by stage.
    let measured_by_stage = if choice.parameters.packed().is_some() { &[] } else { ranged };
    for ensemble in measured_by_stage {
        let blank = vec![0; side * side];
        let stages = measure_stages(ensemble.ensemble, evaluator.into(), &choice.parameters, &blank)?;
        measured.noise_bits.resize(stages.len(), 0.0);
        for (largest, stage) in measured.noise_bits.iter_mut().zip(&stages) {
            *largest = largest.max(stage.largest);
        }
    }
    Ok(measured)
}
