//! One experiment, checked.

use std::path::PathBuf;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use sottovoce_bfv::Encryption;
use sottovoce_bfv::planner::Fixed;
use sottovoce_dataset::{Orientation, ShareRange, SplitMethod};
use sottovoce_evaluate::{ParameterPolicy, RangeKind};
use sottovoce_network::Architecture;
use sottovoce_train::TrainingConfig;

use super::layers::{self, Layer};
use super::{Problem, problem};

/// The table of a configuration that says which fields a sweep varies ([`super::Study`]).
pub(super) const SWEEP: &str = "sweep";

/// Everything that decides what an experiment does, but what a sweep varies. Its fields are documented in `configs/paper.toml`.
///
/// A value of this type has been checked: later code does not ask again whether fields make sense.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    pub name: String,
    pub data: DataPlan,
    pub architecture: Architecture,
    pub ensemble: EnsemblePlan,
    pub training: TrainingConfig,
    pub encryption: EncryptionPlan,
    #[serde(default)]
    pub elapsed: ElapsedPlan,
    #[serde(default)]
    pub bits: BitsPlan,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataPlan {
    pub name: String,
    /// Its folder or file; arguments go before it, and the environment behind it.
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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnsemblePlan {
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
    /// As they are.
    #[default]
    Sum,
    /// Each times an integer that is chosen on held-out images.
    Weighted,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncryptionPlan {
    #[serde(default)]
    pub range: RangeKind,
    pub range_margin: f64,
    #[serde(default)]
    pub key: KeyRule,
    #[serde(default, deserialize_with = "chosen", skip_serializing_if = "Option::is_none")]
    pub degree: Option<usize>,
    #[serde(default, deserialize_with = "chosen", skip_serializing_if = "Option::is_none")]
    pub plaintext_moduli: Option<Vec<u64>>,
    #[serde(default, deserialize_with = "chosen", skip_serializing_if = "Option::is_none")]
    pub ciphertext_prime_bits: Option<Vec<usize>>,
}

/// A value, or `"auto"` for one that the planner chooses, which a configuration needs where its base gives one.
fn chosen<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
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
            "is {word:?}, but must be \"auto\", which leaves it to the planner, or whole numbers"
        ))),
        Err(_) => Err(serde::de::Error::custom(
            "must be \"auto\", which leaves it to the planner, or whole numbers",
        )),
    }
}

/// What images are encrypted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum KeyRule {
    /// The client's public key, as in the paper.
    #[default]
    Public,
    /// The client's secret key: half the bytes, less noise.
    Secret,
    /// Whichever is predicted to take less time.
    Auto,
}

impl KeyRule {
    /// What is fixed by it.
    pub fn encryption(self) -> Option<Encryption> {
        match self {
            Self::Public => Some(Encryption::PublicKey),
            Self::Secret => Some(Encryption::SecretKey),
            Self::Auto => None,
        }
    }
}

impl EncryptionPlan {
    /// How parameters are chosen.
    pub fn policy(&self) -> ParameterPolicy {
        let fixed = Fixed {
            encryption: self.key.encryption(),
            degree: self.degree,
            plaintext_moduli: self.plaintext_moduli.clone(),
            ciphertext_prime_bits: self.ciphertext_prime_bits.clone(),
        };
        ParameterPolicy { range: self.range, range_margin: self.range_margin, hide_model: false, fixed }
    }
}

/// What is measured of elapsed time; nothing where the list is empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElapsedPlan {
    pub images: Vec<usize>,
}

/// Which logit ranges are compared; none where the list is empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BitsPlan {
    pub logit_bits: Vec<u32>,
}

impl Experiment {
    /// Reads and checks the configuration that `layers` give together. Every layer must be right with those below it, so that an error
    /// names the text that it is in.
    pub(super) fn of_layers(layers: &[Layer]) -> Result<Self, Problem> {
        let mut experiment = Err(Problem::new("configuration", "is empty".to_owned()));
        for (index, Layer { origin, text }) in layers.iter().enumerate() {
            let mut table = layers::merge(&layers[..=index])?;
            table.get_mut().remove(SWEEP);
            let read = Self::deserialize(toml::Deserializer::from(table))
                .map_err(|error| Problem::from_toml(origin, text, &error))?;
            read.check(None).map_err(|(path, message)| Problem::at_field(origin, text, path, message))?;
            experiment = Ok(read);
        }
        experiment
    }

    /// Reads and checks one point of a sweep with this experiment as its base; an error is the field at fault, where it is known,
    /// and what is wrong.
    pub(super) fn point(&self, table: toml::Table) -> Result<Self, (Option<String>, String)> {
        let experiment = Self::deserialize(toml::Value::Table(table)).map_err(|error| {
            let mut message = error.message().to_owned();
            if let Some(near) = problem::nearest_alternative(&message) {
                message = format!("{message}; did you mean `{near}`?");
            }
            (None, message)
        })?;
        experiment.check(Some(&self.encryption)).map_err(|(path, message)| {
            let path = path.join(".");
            let message = format!("`{path}` {message}");
            (Some(path), message)
        })?;
        Ok(experiment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BUILT_IN, ConfigError};

    /// The experiment that `text` gives in a file `origin`, on top of the built-in experiment that it names.
    fn parse(origin: &str, text: &str) -> Result<Experiment, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(origin);
        std::fs::write(&path, text).unwrap();
        let mut layers = layers::read(path.to_str().unwrap(), &[])?;
        layers.last_mut().unwrap().origin = origin.to_owned();
        Ok(Experiment::of_layers(&layers)?)
    }

    fn error_after(from: &str, to: &str) -> String {
        let text = BUILT_IN[0].1;
        assert!(text.contains(from), "{from}");
        parse("my.toml", &text.replacen(from, to, 1)).unwrap_err().to_string()
    }

    /// The number of the line that holds `needle`.
    fn line_of(needle: &str) -> usize {
        BUILT_IN[0].1.lines().position(|line| line.starts_with(needle)).unwrap() + 1
    }

    #[test]
    fn an_unknown_field_is_refused_with_its_line_and_the_nearest_name() {
        let error = error_after("\nseeds = ", "\nsedes = ");
        assert!(
            error.starts_with(&format!("my.toml, line {}: unknown field `sedes`", line_of("seeds"))),
            "{error}"
        );
        assert!(error.contains("did you mean `seeds`?") && error.contains("| sedes = [1, 2, 3]"), "{error}");
    }

    #[test]
    fn a_missing_field_is_named() {
        let error = error_after("\nhidden = 100\n", "\n");
        assert!(error.contains("missing field `hidden`"), "{error}");
    }

    #[test]
    fn values_out_of_range_are_refused_with_their_line() {
        for (from, to, field, message) in [
            ("members = 3", "members = 0", "ensemble.members", "is 0, but must be between 1 and 100"),
            ("\nbatch = 64", "\nbatch = 0", "training.batch", "is 0, but must be at least 1"),
            (
                "\nfloat_rate = 0.002",
                "\nfloat_rate = -1.0",
                "training.float_rate",
                "is -1, but must be above 0",
            ),
            (
                "logit_bits = 30",
                "logit_bits = 101",
                "training.logit_bits",
                "is 101, but must be between 8 and 100",
            ),
            ("seeds = [1, 2, 3]", "seeds = [1, 1]", "ensemble.seeds", "every seed may be there once only"),
            ("name = \"paper\"", "name = \"../paper\"", "name", "names a folder"),
            ("\"likewise\", \"random\"", "\"regular\"", "ensemble.splits", "holds regular twice"),
            ("[\"regular\", \"likewise\", \"random\"]", "[]", "ensemble.splits", "is empty"),
            (
                "validation_images = 5000",
                "validation_images = 60000",
                "data.validation_images",
                "is 60000, but they are taken from 60000 training images",
            ),
            (
                "\nimages = [5000",
                "\nimages = [60001",
                "elapsed.images",
                "holds 60001, but must be between 1 and the 60000 of `data.train_images`",
            ),
            ("\nimages = [5000", "\nimages = [10000", "elapsed.images", "holds 10000 twice"),
            ("logit_bits = [24", "logit_bits = [7", "bits.logit_bits", "is 7, but must be between 8 and 100"),
            ("logit_bits = [24", "logit_bits = [26", "bits.logit_bits", "holds 26 twice"),
            (
                "validation_images = 5000",
                "validation_images = 5000\nfirst_label = 2",
                "data.first_label",
                "is 2, but must be 0 or 1",
            ),
            ("degree = 8192", "degree = 5000", "encryption.degree", "the ring degree is 5000, but must be"),
            (
                "degree = 8192\n",
                "degree = 8192\nciphertext_prime_bits = [50, 50, 50, 50, 50]\n",
                "encryption.ciphertext_prime_bits",
                "a ciphertext modulus of 274 bits, 24 of them for public-key encryption, at ring degree 8192 is not 128-bit secure: at most 214 bits are",
            ),
            (
                "degree = 8192\n",
                "degree = 8192\nplaintext_moduli = [65539]\n",
                "encryption.plaintext_moduli",
                "65539 is no plaintext modulus at ring degree 8192",
            ),
            ("\nkernel = 5", "\nkernel = 50", "architecture", "kernel is 50, but must be between 1 and 29"),
        ] {
            let error = error_after(from, to);
            assert!(error.contains(&format!("`{field}` ")) && error.contains(message), "{error}");
            assert!(error.starts_with("my.toml, line "), "{error}");
        }
    }

    #[test]
    fn contradictory_fields_are_refused() {
        let splits = "[\"regular\", \"likewise\", \"random\"]";
        let error = error_after(splits, "[\"regular\", [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]]");
        assert!(error.contains("there are 2 groups of labels, but 3 members"), "{error}");
        assert!(error.contains("holds 0.1.2.3.4-5.6.7.8.9, which does not fit"), "{error}");
        let error = error_after("[0.60, 0.70]", "[0.70, 0.60]");
        assert!(error.contains("0.7 to 0.6 are no range"), "{error}");
        let error = error_after("pixel_levels = 4", "pixel_levels = 1");
        assert!(error.contains("1 pixel levels: must be between 2"), "{error}");
        let error = error_after("\"likewise\", ", "\"likely\", ");
        assert!(error.contains("`likely`"), "{error}");
        assert!(error.contains(&format!("my.toml, line {}:", line_of("splits"))), "{error}");
        let error =
            error_after("validation_images = 5000", "validation_images = 5000\norientation = \"turned\"");
        assert!(error.contains("unknown variant `turned`, expected `upright` or `transposed`"), "{error}");
        let error = error_after("averaging = \"sum\"", "averaging = \"median\"");
        assert!(error.contains("unknown variant `median`, expected `sum` or `weighted`"), "{error}");
        let error = error_after("members = 3", "members = 1");
        assert!(error.contains("`ensemble.baselines` is true, but `ensemble.members` is 1"), "{error}");
        let text = BUILT_IN[0].1.replace("averaging = \"sum\"", "averaging = \"weighted\"");
        let text = text.replace("validation_images = 5000", "validation_images = 0");
        let error = parse("my.toml", &text).unwrap_err().to_string();
        assert!(error.contains("votes are chosen on validation images"), "{error}");
    }

    #[test]
    fn what_a_configuration_does_not_say_is_its_bases() {
        let paper = parse("x", BUILT_IN[0].1).unwrap();
        let text = "base = \"paper\"\nname = \"mine\"\n[training]\naugmentation = { scale = 0.1 }\n";
        let mine = parse("my.toml", text).unwrap();
        let mut expected = Experiment { name: "mine".into(), ..paper };
        expected.training.augmentation.scale = 0.1;
        assert_eq!(mine, expected);
    }

    #[test]
    fn mistakes_beside_a_base_are_told_with_their_line() {
        // Without the folder, which is another one each time.
        let error = |text: &str| {
            let error = parse("my.toml", text).unwrap_err().to_string();
            error[error.find("my.toml").unwrap()..].to_owned()
        };
        let found = error("name = \"x\"\nbase = \"papers\"\n");
        assert!(
            found.starts_with("my.toml, line 2: `base` must be a built-in experiment (paper,"),
            "{found}"
        );
        assert!(found.contains("did you mean \"paper\"?"), "{found}");
        let found = error("base = 3\nname = \"x\"\n");
        assert!(found.starts_with("my.toml, line 1: `base` must be a built-in experiment"), "{found}");
        let base = "base = \"paper\"\nname = \"x\"\n";
        let found = error(&format!("{base}[ensemble]\nmembres = 3\n"));
        assert!(found.starts_with("my.toml, line 4: unknown field `membres`"), "{found}");
        assert!(found.contains("did you mean `members`?"), "{found}");
        let found = error(&format!("{base}[training]\n\nbatch = \"many\"\n"));
        assert!(found.starts_with("my.toml, line 5: invalid type: string"), "{found}");
        let found = error(&format!("{base}[training]\nbatch = 0\n"));
        assert!(found.starts_with("my.toml, line 4: `training.batch` is 0"), "{found}");
        // The field at fault is the base's; the table that made it wrong is named.
        let found = error(&format!("{base}[ensemble]\nmembers = 1\n"));
        assert!(found.starts_with("my.toml, line 3: `ensemble.baselines` is true"), "{found}");
    }

    #[test]
    fn the_resolved_configuration_reads_back_the_same() {
        let experiment = parse("x", BUILT_IN[0].1).unwrap();
        let written = toml::to_string(&experiment).unwrap();
        assert_eq!(parse("y", &written).unwrap(), experiment);
    }
}
