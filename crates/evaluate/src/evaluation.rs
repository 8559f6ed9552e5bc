//! One setting, evaluated in all three domains.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use sottovoce_bfv::{BfvError, Encryption, ParametersError, PlanError, ProgressObserver};
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{FloatNetwork, ForwardError, IntegerEnsemble};
use sottovoce_protocol::{Fingerprint, ProtocolError};

use crate::clear::{self, Oracle};
use crate::encrypted;
use crate::received::EncryptedSet;
use crate::records::{AccuracyRow, Domain, LayerRow, PairRow, RecallRow, SizeRow, ValidationRow};
use crate::rows;
use crate::session::Session;
use crate::{Need, RangeRule};

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
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Which setting it is.
    pub setting: &'a Setting,
    /// The members in floating point.
    pub floats: &'a [FloatNetwork],
    /// The same members in integers.
    pub ensemble: &'a IntegerEnsemble,
    /// The largest absolute logit seen on training images, where it is known.
    pub observed_logit: Option<i128>,
    /// Training images that no member trained on; there may be none.
    pub validation: &'a LabelledImages,
    /// The images to classify, under encryption, with the provider that evaluates.
    pub set: &'a EncryptedSet<'a>,
}

/// What was found for one setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Which setting it is.
    pub setting: Setting,
    /// Rows of `accuracy.csv`: every voter in every domain.
    pub accuracy: Vec<AccuracyRow>,
    /// Rows of `layers.csv`. A batch's encryption, made once for all settings of a session, is in each of them.
    pub layers: Vec<LayerRow>,
    /// Rows of `validation.csv`.
    pub validation: Vec<ValidationRow>,
    /// Rows of `recall.csv`.
    pub recall: Vec<RecallRow>,
    /// Rows of `pairs.csv`.
    pub pairs: Vec<PairRow>,
    /// Rows of `sizes.csv`.
    pub sizes: Vec<SizeRow>,
    /// The encryption parameters.
    pub parameters: ParameterRecord,
    /// The range of the logits.
    pub range: RangeRecord,
    /// What evaluated the ciphertexts, and with which instruction set.
    pub evaluator: String,
    /// Wall-clock seconds of the whole evaluation, with the encryption of batches that were not encrypted before.
    pub seconds: f64,
}

/// Encryption parameters, and the noise that was left under them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParameterRecord {
    /// What images were encrypted with.
    pub encryption: Encryption,
    /// Ring degree N, also the slots of a ciphertext.
    pub degree: usize,
    /// Plaintext moduli, whose product is t.
    pub plaintext_moduli: Vec<u64>,
    /// log2 of t.
    pub plaintext_bits: f64,
    /// The primes whose product is the ciphertext modulus Q.
    pub ciphertext_primes: Vec<u64>,
    /// log2 of Q.
    pub ciphertext_modulus_bits: f64,
    /// The largest log2 of Q that is 128-bit secure at this degree.
    pub security_limit_bits: usize,
    /// log2 of the largest modulus under which anything is encrypted, which security depends on; absent in records of
    /// version 0.1, where it is that of Q.
    #[serde(default)]
    pub key_modulus_bits: Option<f64>,
    /// Ciphertext primes that the engine's hidden units keep; absent in records of version 0.1.
    #[serde(default)]
    pub hidden_primes: Option<usize>,
    /// log2 of the standard deviation that was expected of the logits' noise before answers are switched down.
    pub expected_noise_bits: f64,
    /// Bits of the largest noise coefficient in any answer, after it was switched down.
    pub noise_bits: usize,
    /// Bits of noise that could still have been added to it.
    pub noise_budget_bits: usize,
}

/// Where the plaintext modulus comes from, and whether it held. Integers are decimal strings: they may
/// outgrow JSON's numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeRecord {
    /// What the plaintext modulus was chosen by.
    pub rests_on: RangeRule,
    /// The largest absolute logit of a member or the sum over training images, where it is known.
    pub observed: Option<String>,
    /// The largest absolute logit that decrypts to itself.
    pub largest: String,
    /// A bound on the absolute logits that any image could cause: the one that the plaintext modulus was chosen by, or else
    /// that of the weights' norms.
    pub proven: String,
    /// Test images with a logit beyond `largest`; must be 0.
    pub images_outside: usize,
}

impl ParameterRecord {
    pub(crate) fn of(session: &Session, noise_bits: usize, noise_budget_bits: usize) -> Self {
        let (choice, parameters) = (session.choice(), session.parameters());
        Self {
            encryption: parameters.encryption(),
            degree: parameters.degree(),
            plaintext_moduli: parameters.plaintext_moduli(),
            plaintext_bits: parameters.plaintext_bits(),
            ciphertext_primes: parameters.ciphertext_primes().to_vec(),
            ciphertext_modulus_bits: parameters.ciphertext_modulus_bits(),
            security_limit_bits: parameters.security_limit_bits(),
            key_modulus_bits: Some(parameters.key_modulus_bits()),
            hidden_primes: Some(parameters.hidden_primes()),
            expected_noise_bits: choice.noise.logits,
            noise_bits,
            noise_budget_bits,
        }
    }
}

impl RangeRecord {
    pub(crate) fn of(session: &Session, need: Need<'_>, images_outside: usize) -> Self {
        let proven = match session.range {
            // What the plaintext modulus was chosen by.
            RangeRule::Proven => need.proven(),
            RangeRule::Observed => need.ensemble.proven_logits(),
        };
        Self {
            rests_on: session.range,
            observed: need.observed.map(|logit| logit.to_string()),
            largest: session.parameters().largest_value().to_string(),
            proven: proven.to_string(),
            images_outside,
        }
    }
}

/// Why a setting could not be evaluated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// There is nothing to choose parameters for.
    #[error("there are no ensembles to choose encryption parameters for")]
    NoEnsembles,
    /// Parameters are to be chosen by an observed range that nobody measured.
    #[error(
        "the exported networks do not say how large their logits were on training images; go by the proven range instead"
    )]
    NothingObserved,
    /// An ensemble reads other pixels than were encrypted.
    #[error("an ensemble reads {found} pixel levels, but the images are encrypted at {expected}")]
    PixelLevels {
        /// The ensemble's levels.
        found: u16,
        /// The levels of the encrypted images.
        expected: u16,
    },
    /// The provider does not have the ensemble.
    #[error(
        "the session's provider has no ensemble with the fingerprint {fingerprint}: a session must be made for every \
         ensemble that it is to evaluate"
    )]
    OtherEnsemble {
        /// The ensemble's.
        fingerprint: Fingerprint,
    },
    /// There is nothing to classify.
    #[error("there are no test images")]
    NoImages,
    /// There are fewer images than are to be classified.
    #[error("{wanted} images are to be classified, but there are {found}")]
    TooFewImages {
        /// Images asked for.
        wanted: usize,
        /// Images there are.
        found: usize,
    },
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
    /// There are no secure parameters.
    #[error("there are no encryption parameters for this evaluation")]
    Parameters(#[from] ParametersError),
    /// The engine cannot evaluate this ensemble.
    #[error("the engine cannot evaluate this ensemble")]
    Plan(#[from] PlanError),
    /// Encryption, evaluation or decryption failed.
    #[error("the encrypted evaluation failed")]
    Encrypted(#[from] BfvError),
    /// Client and provider did not understand each other.
    #[error("a message between client and provider failed")]
    Protocol(#[source] ProtocolError),
}

/// What a message was about says more than that there was one.
impl From<ProtocolError> for EvaluateError {
    fn from(error: ProtocolError) -> Self {
        match error {
            ProtocolError::Plan(error) => error.into(),
            ProtocolError::Bfv(error) => error.into(),
            other => Self::Protocol(other),
        }
    }
}

/// Classifies the test set in floating point, in integers and under encryption, and the held-out images in integers,
/// on the threads of the current `rayon` pool.
///
/// # Errors
/// If images and networks do not fit, or the noise exhausts its budget. Logits that differ from the oracle are no
/// error here: they are counted.
pub fn evaluate_setting(
    subject: &Subject<'_>,
    progress: &dyn ProgressObserver,
) -> Result<Evaluation, EvaluateError> {
    let Subject { setting, floats, ensemble, observed_logit, validation, set } = *subject;
    let test = set.images;
    let members = ensemble.members().len();
    if test.is_empty() {
        return Err(EvaluateError::NoImages);
    }
    if floats.len() != members {
        return Err(EvaluateError::Members { floats: floats.len(), integers: members });
    }
    // Before minutes are spent in the clear.
    set.session.model(ensemble)?;
    let start = Instant::now();

    progress.begin("classifying in the clear", (2 * test.len() + validation.len()) as u64);
    let advance = || progress.advance(1);
    let oracle = Oracle::new(ensemble, test, &advance)?;
    let float = clear::float(floats, test, &advance);
    let integer = oracle.verdicts(test.labels());
    let held_out = Oracle::new(ensemble, validation, &advance)?.verdicts(validation.labels());

    let answers = encrypted::evaluate(ensemble, set, &oracle, progress)?;

    let mut accuracy = rows::accuracy(setting, Domain::Float, &float, None);
    accuracy.extend(rows::accuracy(setting, Domain::Integer, &integer, None));
    accuracy.extend(rows::accuracy(setting, Domain::Encrypted, &answers.verdicts, Some(&answers.mismatches)));
    let outside = oracle.images_outside(set.session.parameters().largest_value());
    Ok(Evaluation {
        setting: setting.clone(),
        accuracy,
        layers: rows::layers(setting, &answers),
        validation: rows::validation(setting, &held_out),
        recall: rows::recall(setting, ensemble.architecture().classes, test, &answers.verdicts),
        pairs: rows::pairs(setting, &answers.verdicts),
        sizes: answers.sizes,
        parameters: ParameterRecord::of(set.session, answers.noise_bits, answers.noise_budget_bits),
        range: RangeRecord::of(
            set.session,
            Need { ensemble, observed: observed_logit, proven: None },
            outside,
        ),
        evaluator: set.session.evaluator().to_string(),
        seconds: start.elapsed().as_secs_f64(),
    })
}
