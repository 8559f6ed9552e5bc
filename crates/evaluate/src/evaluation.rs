//! One setting, evaluated in all three domains.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use sottovoce_bfv::{BfvError, Encryption, Parameters, ParametersError, PlanError};
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{FloatNetwork, ForwardError, IntegerEnsemble};

use crate::clear::{self, Correct, Oracle};
use crate::encrypted::{self, Answers};
use crate::records::{AccuracyRow, Domain, LayerRow};
use crate::{Evaluator, Progress};

/// One point of a sweep, as the records name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// Split method.
    pub split: String,
    /// Number within the split method, from 1.
    pub number: usize,
    /// Lower end of the range of majority shares, as a fraction.
    pub share_low: f64,
    /// Upper end of the range of majority shares, as a fraction.
    pub share_high: f64,
    /// Seed of split and training.
    pub seed: u64,
}

/// What is evaluated.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Which setting it is.
    pub setting: &'a Setting,
    /// The members in floating point.
    pub floats: &'a [FloatNetwork],
    /// The same members in integers.
    pub ensemble: &'a IntegerEnsemble,
    /// The largest absolute logit seen on training images.
    pub observed_logit: i128,
    /// The fraction by which logits may exceed it.
    pub range_margin: f64,
    /// What images are encrypted with.
    pub encryption: Encryption,
    /// The images to classify.
    pub test: &'a LabelledImages,
    /// How ciphertexts are evaluated.
    pub evaluator: Evaluator,
}

/// What was found for one setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Which setting it is.
    pub setting: Setting,
    /// Rows of `accuracy.csv`: every voter in every domain.
    pub accuracy: Vec<AccuracyRow>,
    /// Rows of `layers.csv`.
    pub layers: Vec<LayerRow>,
    /// The encryption parameters.
    pub parameters: ParameterRecord,
    /// The range of the logits.
    pub range: RangeRecord,
    /// What evaluated the ciphertexts, and with which instruction set.
    pub evaluator: String,
    /// Wall-clock seconds of the whole evaluation.
    pub seconds: f64,
}

/// Encryption parameters, and the noise that was left under them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParameterRecord {
    /// What images were encrypted with.
    pub encryption: Encryption,
    /// Ring degree N, also the slots of a ciphertext.
    pub degree: usize,
    /// Plaintext modulus t.
    pub plaintext_modulus: u64,
    /// The primes whose product is the ciphertext modulus Q.
    pub ciphertext_primes: Vec<u64>,
    /// log2 of Q.
    pub ciphertext_modulus_bits: f64,
    /// The largest log2 of Q that is 128-bit secure at this degree.
    pub security_limit_bits: usize,
    /// Bits of the largest noise coefficient in any answer.
    pub noise_bits: usize,
    /// Bits of noise that could still have been added to it.
    pub noise_budget_bits: usize,
}

/// Where the plaintext modulus comes from, and whether it held. Integers are decimal strings: they may
/// outgrow JSON's numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeRecord {
    /// The largest absolute logit of a member or the sum over training images.
    pub observed: String,
    /// The largest absolute logit that decrypts to itself.
    pub largest: String,
    /// The largest absolute logit that any image could cause.
    pub proven: String,
    /// Test images with a logit beyond `largest`; must be 0.
    pub images_outside: usize,
}

/// Why a setting could not be evaluated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// There is nothing to classify.
    #[error("there are no test images")]
    NoImages,
    /// The float and the integer networks are not the same members.
    #[error("{floats} members in floating point, but {integers} in integers")]
    Members {
        /// Float networks.
        floats: usize,
        /// Integer networks.
        integers: usize,
    },
    /// The images do not fit the networks.
    #[error("the test images do not fit the exported networks")]
    Images(#[from] ForwardError),
    /// There are no secure parameters for the ensemble.
    #[error("there are no encryption parameters for this ensemble")]
    Parameters(#[from] ParametersError),
    /// The engine cannot evaluate this ensemble.
    #[error("the engine cannot evaluate this ensemble")]
    Plan(#[from] PlanError),
    /// Encryption, evaluation or decryption failed.
    #[error("the encrypted evaluation failed")]
    Encrypted(#[from] BfvError),
}

/// Classifies the test set in floating point, in integers and under encryption, on the threads of the
/// current `rayon` pool.
///
/// # Errors
/// If images and networks do not fit, there are no secure parameters, or the noise exhausts its budget.
/// Logits that differ from the oracle are no error here: they are counted.
pub fn evaluate_setting(subject: &Subject<'_>, progress: &dyn Progress) -> Result<Evaluation, EvaluateError> {
    let Subject { setting, floats, ensemble, observed_logit, range_margin, encryption, test, evaluator } =
        *subject;
    let members = ensemble.members().len();
    if test.is_empty() {
        return Err(EvaluateError::NoImages);
    }
    if floats.len() != members {
        return Err(EvaluateError::Members { floats: floats.len(), integers: members });
    }
    let start = Instant::now();
    // Exact up to 53 bits, which is all that a margin needs.
    let allowed = (observed_logit as f64 * (1.0 + range_margin)).ceil() as i128;
    let parameters = Parameters::for_ensembles(&[ensemble], allowed, encryption)?;

    progress.begin("classifying in the clear", 2 * test.len() as u64);
    let oracle = Oracle::new(ensemble, test, &|| progress.advance(1))?;
    let float = clear::float(floats, test, &|| progress.advance(1));
    let integer = oracle.correct(test.labels());

    let answers = encrypted::evaluate(ensemble, &parameters, &oracle, test.labels(), evaluator, progress)?;

    let mut accuracy = accuracy_rows(setting, test.len(), Domain::Float, &float);
    accuracy.extend(accuracy_rows(setting, test.len(), Domain::Integer, &integer));
    let mut encrypted = accuracy_rows(setting, test.len(), Domain::Encrypted, &answers.correct);
    let mismatches = answers.member_mismatches.iter().chain([&answers.ensemble_mismatches]);
    for (row, &mismatches) in encrypted.iter_mut().zip(mismatches) {
        row.mismatches = Some(mismatches);
    }
    accuracy.extend(encrypted);

    let largest = parameters.largest_value();
    Ok(Evaluation {
        setting: setting.clone(),
        accuracy,
        layers: layer_rows(setting, &answers),
        parameters: ParameterRecord {
            encryption,
            degree: parameters.degree(),
            plaintext_modulus: parameters.plaintext_modulus(),
            ciphertext_primes: parameters.ciphertext_primes().to_vec(),
            ciphertext_modulus_bits: parameters.ciphertext_modulus_bits(),
            security_limit_bits: parameters.security_limit_bits(),
            noise_bits: answers.noise_bits,
            noise_budget_bits: answers.noise_budget_bits,
        },
        range: RangeRecord {
            observed: observed_logit.to_string(),
            largest: largest.to_string(),
            proven: ensemble.proven_logits().to_string(),
            images_outside: oracle.images_outside(largest.into()),
        },
        evaluator: answers.evaluator,
        seconds: start.elapsed().as_secs_f64(),
    })
}

fn member_name(index: usize) -> String {
    format!("member-{}", index + 1)
}

/// One row for each member and one for the ensemble, in that order.
fn accuracy_rows(setting: &Setting, images: usize, domain: Domain, correct: &Correct) -> Vec<AccuracyRow> {
    let row = |voter: String, correct: usize| AccuracyRow {
        split: setting.split.clone(),
        setting: setting.number,
        share_low: setting.share_low,
        share_high: setting.share_high,
        seed: setting.seed,
        voter,
        images,
        correct,
        accuracy: correct as f64 / images as f64,
        domain,
        mismatches: None,
    };
    let members = correct.members.iter().enumerate().map(|(index, &count)| row(member_name(index), count));
    members.chain([row("ensemble".to_owned(), correct.ensemble)]).collect()
}

fn layer_rows(setting: &Setting, answers: &Answers) -> Vec<LayerRow> {
    let mut rows = Vec::new();
    for (times, batch) in answers.times.iter().zip(1..) {
        rows.extend(times.iter().map(|time| LayerRow {
            split: setting.split.clone(),
            setting: setting.number,
            voter: time.member.map_or_else(|| "ensemble".to_owned(), member_name),
            batch,
            layer: time.layer.to_string(),
            seconds: time.elapsed.as_secs_f64(),
            threads: rayon::current_num_threads(),
        }));
    }
    rows
}
