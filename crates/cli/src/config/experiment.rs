//! The fields of an experiment.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sottovoce_bfv::planner::FixedParameters;
use sottovoce_dataset::{Orientation, ShareRange, SplitMethod};
use sottovoce_evaluate::{ParameterPolicy, RangeKind};
use sottovoce_network::Architecture;
use sottovoce_train::TrainingConfig;

use crate::key_rule::KeyRule;

/// Everything that decides what an experiment does, except what a sweep varies. `configs/paper.toml` documents the fields.
///
/// A value of this type has been checked (module `check`): later code does not ask again if fields make sense.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    pub name: String,
    pub data: DataConfig,
    pub architecture: Architecture,
    pub ensemble: EnsembleConfig,
    pub training: TrainingConfig,
    pub encryption: EncryptionConfig,
    #[serde(default)]
    pub elapsed: ElapsedConfig,
    #[serde(default)]
    pub bits: LogitBitsConfig,
}

/// The table `[data]`: a data set and how many of its images are used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    pub name: String,
    /// Folder or file of the data set. The option `--data-dir` overrides it; it overrides the environment variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    pub train_images: usize,
    pub test_images: usize,
    #[serde(default)]
    pub validation_images: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orientation: Option<Orientation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_label: Option<u8>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub invert: bool,
}

/// The table `[ensemble]`: the members and the settings that they are trained under.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnsembleConfig {
    pub members: usize,
    pub splits: Vec<SplitMethod>,
    pub shares: Vec<ShareRange>,
    pub seeds: Vec<u64>,
    #[serde(default)]
    pub baselines: bool,
    #[serde(default)]
    pub averaging: Averaging,
}

/// How the members' logits are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Averaging {
    /// Without weights.
    #[default]
    Sum,
    /// Each logit times an integer vote of its member; votes are chosen on the validation images.
    Weighted,
}

/// The table `[encryption]`: the range of logits, and the parameters that the planner must take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncryptionConfig {
    #[serde(default)]
    pub range: RangeKind,
    pub range_margin: f64,
    #[serde(default)]
    pub key: KeyRule,
    /// The ring degree; the planner chooses it if this is `None`. The next two fields work likewise.
    #[serde(default, deserialize_with = "value_or_auto", skip_serializing_if = "Option::is_none")]
    pub degree: Option<usize>,
    #[serde(default, deserialize_with = "value_or_auto", skip_serializing_if = "Option::is_none")]
    pub plaintext_moduli: Option<Vec<u64>>,
    #[serde(default, deserialize_with = "value_or_auto", skip_serializing_if = "Option::is_none")]
    pub ciphertext_prime_bits: Option<Vec<usize>>,
}

/// Reads a value, or `"auto"` as `None`. A configuration needs the word `"auto"` if its base gives a value.
fn value_or_auto<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written<T> {
        Value(T),
        Word(String),
    }
    match Written::deserialize(deserializer) {
        Ok(Written::Value(value)) => Ok(Some(value)),
        Ok(Written::Word(word)) if word == "auto" => Ok(None),
        Ok(Written::Word(word)) => Err(serde::de::Error::custom(format!(
            "is {word:?}, but must be whole numbers, or \"auto\" to let the planner choose"
        ))),
        Err(_) => {
            Err(serde::de::Error::custom("must be whole numbers, or \"auto\" to let the planner choose"))
        }
    }
}

impl EncryptionConfig {
    /// The rules by which the planner chooses parameters.
    pub fn policy(&self) -> ParameterPolicy {
        let fixed = FixedParameters {
            encryption: self.key.encryption(),
            degree: self.degree,
            plaintext_moduli: self.plaintext_moduli.clone(),
            ciphertext_prime_bits: self.ciphertext_prime_bits.clone(),
            hidden_primes: None,
        };
        ParameterPolicy { range: self.range, range_margin: self.range_margin, hide_model: false, fixed }
    }
}

/// The table `[elapsed]`: numbers of images that elapsed time is measured for; an empty list measures nothing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElapsedConfig {
    pub images: Vec<usize>,
}

/// The table `[bits]`: logit ranges that are compared, in bits; an empty list compares nothing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogitBitsConfig {
    pub logit_bits: Vec<u32>,
}
