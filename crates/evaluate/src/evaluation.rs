//! Evaluation of one setting in all three domains: floating point, plain integers and under encryption.

use std::time::Instant;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sottovoce_bfv::ProgressObserver;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{FloatNetwork, IntegerEnsemble};

use crate::correctness::Correctness;
use crate::encrypted_evaluation::evaluate_batches;
use crate::encrypted_images::EncryptedImages;
use crate::error::EvaluateError;
use crate::oracle::Oracle;
use crate::parameter_policy::RangedEnsemble;
use crate::records::parameter_record::{ParameterRecord, RangeRecord};
use crate::records::run_rows::SizeRow;
use crate::records::setting_rows::{
    AccuracyRow, Domain, LayerRow, PairRow, RecallRow, Setting, ValidationRow,
};

/// Networks and images of one setting's evaluation.
#[derive(Clone, Copy)]
pub struct SettingInputs<'a> {
    /// The setting.
    pub setting: &'a Setting,
    /// The members in floating point.
    pub floats: &'a [FloatNetwork],
    /// Members as integer networks, in the order of the float networks.
    pub ensemble: &'a IntegerEnsemble,
    /// The largest absolute logit of a member or the sum over training images, if it is known.
    pub observed_logit: Option<i128>,
    /// Held-out validation images, which no member trained on; may be empty.
    pub validation: &'a LabelledImages,
    /// The test images under encryption, in a session whose provider has the ensemble.
    pub test: &'a EncryptedImages<'a>,
}

/// Records of one evaluated setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The setting.
    pub setting: Setting,
    /// Rows of `accuracy.csv`: every voter in every domain.
    pub accuracy: Vec<AccuracyRow>,
    /// Rows of `layers.csv`. If one encryption of a batch serves several settings of a session, each setting has its row.
    pub layers: Vec<LayerRow>,
    /// Rows of `validation.csv`.
    pub validation: Vec<ValidationRow>,
    /// Rows of `recall.csv`.
    pub recall: Vec<RecallRow>,
    /// Rows of `pairs.csv`.
    pub pairs: Vec<PairRow>,
    /// Rows of `sizes.csv`.
    pub sizes: Vec<SizeRow>,
    /// The encryption parameters and the measured noise.
    pub parameters: ParameterRecord,
    /// The range of the logits.
    pub range: RangeRecord,
    /// Name of the evaluator and its instruction set.
    pub evaluator: String,
    /// Wall-clock seconds of the whole evaluation. Batches that were encrypted for an earlier setting add no time for encryption.
    pub seconds: f64,
}

/// Classifies the test images in floating point, in integers and under encryption, and the validation images in integers, on the
/// threads of the current `rayon` pool.
///
/// # Errors
/// If images and networks do not fit, the session's provider does not have the ensemble, or the noise exceeds its budget. Mismatches
/// with the oracle are counted and are not errors.
pub fn evaluate_setting(
    inputs: &SettingInputs<'_>,
    progress: &dyn ProgressObserver,
) -> Result<Evaluation, EvaluateError> {
    let SettingInputs { setting, floats, ensemble, observed_logit, validation, test } = *inputs;
    let (session, images) = (test.session, test.images);
    let members = ensemble.members().len();
    if images.is_empty() {
        return Err(EvaluateError::NoImages);
    }
    if floats.len() != members {
        return Err(EvaluateError::MemberCount { floats: floats.len(), integers: members });
    }
    // This check comes first, because the evaluation without encryption takes minutes.
    session.model(ensemble)?;
    let start = Instant::now();

    progress.begin("classifying in the clear", (2 * images.len() + validation.len()) as u64);
    let oracle = Oracle::new(ensemble, images, progress)?;
    let float = classify_in_floating_point(floats, images, progress);
    let integer = oracle.correctness(images.labels());
    let held_out = Oracle::new(ensemble, validation, progress)?.correctness(validation.labels());

    let encrypted = evaluate_batches(ensemble, test, &oracle, progress)?;

    let mut accuracy = AccuracyRow::of_voters(setting, Domain::Float, &float, None);
    accuracy.extend(AccuracyRow::of_voters(setting, Domain::Integer, &integer, None));
    accuracy.extend(AccuracyRow::of_voters(
        setting,
        Domain::Encrypted,
        &encrypted.correctness,
        Some(&encrypted.mismatches),
    ));
    let classes = ensemble.architecture().classes;
    let images_outside = oracle.images_outside(session.parameters().largest_value());
    let ranged = RangedEnsemble { ensemble, observed_logit, proven_logit: None };
    Ok(Evaluation {
        setting: setting.clone(),
        accuracy,
        layers: LayerRow::of_batches(setting, &encrypted.times),
        validation: ValidationRow::of_voters(setting, &held_out),
        recall: RecallRow::of_voters(setting, classes, images.labels(), &encrypted.correctness),
        pairs: PairRow::of_members(setting, &encrypted.correctness),
        sizes: encrypted.sizes,
        parameters: ParameterRecord::new(session, encrypted.noise_bits, encrypted.noise_budget_bits),
        range: RangeRecord::new(session, ranged, images_outside),
        evaluator: session.evaluator().to_string(),
        seconds: start.elapsed().as_secs_f64(),
    })
}

/// Classifies images in floating point. The ensemble's logits are the sums of the members' logits.
fn classify_in_floating_point(
    networks: &[FloatNetwork],
    images: &LabelledImages,
    progress: &dyn ProgressObserver,
) -> Correctness {
    let logits: Vec<Vec<Vec<f32>>> = (0..images.len())
        .into_par_iter()
        .map(|index| {
            let logits = networks.iter().map(|network| network.logits(images.image(index))).collect();
            progress.advance(1);
            logits
        })
        .collect();
    let mut correctness = Correctness::empty(networks.len());
    for (members, &label) in logits.iter().zip(images.labels()) {
        let classes = members.first().map_or(0, Vec::len);
        let sum: Vec<f32> =
            (0..classes).map(|class| members.iter().filter_map(|logits| logits.get(class)).sum()).collect();
        correctness.add_image(label, members, &sum);
    }
    correctness
}
