//! One experiment, checked.

use serde::{Deserialize, Serialize};
use sottovoce_bfv::Encryption;
use sottovoce_dataset::{ShareRange, SplitMethod, groups};
use sottovoce_evaluate::Setting;
use sottovoce_network::Architecture;
use sottovoce_network::disk::sha256;
use sottovoce_train::TrainingConfig;

use super::Problem;

/// Everything that decides what an experiment does. Its fields are documented in `configs/fig5.toml`.
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
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataPlan {
    pub name: String,
    pub train_images: usize,
    pub test_images: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnsemblePlan {
    pub members: usize,
    pub split: SplitMethod,
    pub shares: Vec<ShareRange>,
    pub seeds: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncryptionPlan {
    pub range_margin: f64,
    #[serde(default)]
    pub key: Encryption,
}

/// One setting of an experiment, with one seed.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingPlan {
    pub setting: Setting,
    pub share: ShareRange,
    /// The labels of each member's group.
    pub groups: Vec<Vec<u8>>,
}

impl SettingPlan {
    /// Names the setting's files.
    pub fn key(&self) -> String {
        let Setting { split, number, seed, .. } = &self.setting;
        // Groups of many labels are too long for a file's name.
        let split = if split.len() > 60 {
            format!("groups-{}", &sha256(split.as_bytes())[..12])
        } else {
            split.clone()
        };
        format!("{split}-{number}-seed{seed}")
    }
}

/// More members than this are a slip: each takes a minute of encrypted evaluation.
const MOST_MEMBERS: usize = 100;

impl Experiment {
    /// Reads and checks the configuration `text`; `origin` names it in errors.
    pub fn parse(origin: &str, text: &str) -> Result<Self, Problem> {
        let experiment: Self =
            toml::from_str(text).map_err(|error| Problem::from_toml(origin, text, &error))?;
        experiment.check().map_err(|(path, message)| Problem::at_field(origin, text, path, message))?;
        Ok(experiment)
    }

    /// The first field that makes no sense, alone or beside the others.
    fn check(&self) -> Result<(), (&'static [&'static str], String)> {
        let require = |holds: bool, path: &'static [&'static str], message: String| {
            if holds { Ok(()) } else { Err((path, message)) }
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        require(
            !self.name.is_empty() && self.name.chars().all(plain) && !self.name.starts_with('.'),
            &["name"],
            format!("is {:?}, but it names a folder: letters, digits, '-', '_' and '.'", self.name),
        )?;
        for (path, count) in [
            (&["data", "train_images"][..], self.data.train_images),
            (&["data", "test_images"], self.data.test_images),
            (&["training", "float_epochs"], self.training.float_epochs),
            (&["training", "quantised_epochs"], self.training.quantised_epochs),
            (&["training", "batch"], self.training.batch),
        ] {
            require(count > 0, path, "is 0, but must be at least 1".to_owned())?;
        }
        self.architecture
            .validate()
            .map_err(|error| (&["architecture"][..], format!("is impossible: {error}")))?;
        self.check_training(&require)?;
        let margin = self.encryption.range_margin;
        require(
            (0.0..=100.0).contains(&margin),
            &["encryption", "range_margin"],
            format!("is {margin}, but must be between 0 and 100"),
        )?;
        self.check_ensemble(&require)
    }

    fn check_training(
        &self,
        require: &impl Fn(bool, &'static [&'static str], String) -> Result<(), (&'static [&'static str], String)>,
    ) -> Result<(), (&'static [&'static str], String)> {
        let training = &self.training;
        for (path, value, most) in [
            (&["training", "float_rate"][..], training.float_rate, 1.0),
            (&["training", "quantised_rate"], training.quantised_rate, 1.0),
            (&["training", "clip"], training.clip, f64::MAX),
        ] {
            let message = if most == 1.0 { "must be above 0 and at most 1" } else { "must be above 0" };
            require(value > 0.0 && value <= most, path, format!("is {value}, but {message}"))?;
        }
        let augmentation = &training.augmentation;
        for (path, value, most) in [
            (&["training", "weight_decay"][..], training.weight_decay, 1.0),
            (&["training", "range_penalty"], training.range_penalty, 1.0),
            (&["training", "augmentation", "rotation_degrees"], augmentation.rotation_degrees.into(), 180.0),
            (
                &["training", "augmentation", "shift_pixels"],
                augmentation.shift_pixels.into(),
                self.architecture.image_side as f64,
            ),
            (&["training", "augmentation", "scale"], augmentation.scale.into(), 0.9),
        ] {
            require(
                (0.0..=most).contains(&value),
                path,
                format!("is {value}, but must be between 0 and {most}"),
            )?;
        }
        let bits = training.logit_bits;
        require(
            (8..=50).contains(&bits),
            &["training", "logit_bits"],
            format!("is {bits}, but must be between 8 and 50: one plaintext modulus holds no more"),
        )?;
        require(
            training.largest_weights.iter().all(|weight| (1..=1 << 20).contains(weight)),
            &["training", "largest_weights"],
            format!("is {:?}, but each must be between 1 and {}", training.largest_weights, 1 << 20),
        )
    }

    fn check_ensemble(
        &self,
        require: &impl Fn(bool, &'static [&'static str], String) -> Result<(), (&'static [&'static str], String)>,
    ) -> Result<(), (&'static [&'static str], String)> {
        let EnsemblePlan { members, split, shares, seeds } = &self.ensemble;
        require(
            (1..=MOST_MEMBERS).contains(members),
            &["ensemble", "members"],
            format!("is {members}, but must be between 1 and {MOST_MEMBERS}"),
        )?;
        groups(split, *members, self.architecture.classes, 0)
            .map_err(|error| (&["ensemble", "split"][..], format!("does not fit: {error}")))?;
        require(
            !shares.is_empty(),
            &["ensemble", "shares"],
            "is empty: there is no setting to run".to_owned(),
        )?;
        require(!seeds.is_empty(), &["ensemble", "seeds"], "is empty: there is nothing to run".to_owned())?;
        let mut sorted = seeds.clone();
        sorted.sort_unstable();
        require(
            sorted.windows(2).all(|pair| pair[0] != pair[1]),
            &["ensemble", "seeds"],
            format!("is {seeds:?}, but every seed may be there once only"),
        )?;
        // TOML integers have 63 bits; the resolved configuration must be writable again.
        require(
            seeds.iter().all(|seed| i64::try_from(*seed).is_ok()),
            &["ensemble", "seeds"],
            format!("is {seeds:?}, but a seed has at most 63 bits"),
        )
    }

    /// Every setting with every seed, in the order of the records.
    pub fn settings(&self) -> Result<Vec<SettingPlan>, sottovoce_dataset::SplitError> {
        let EnsemblePlan { members, split, shares, seeds } = &self.ensemble;
        let mut plans = Vec::new();
        for (share, number) in shares.iter().zip(1..) {
            for &seed in seeds {
                plans.push(SettingPlan {
                    setting: Setting {
                        split: split.to_string(),
                        number,
                        share_low: share.low(),
                        share_high: share.high(),
                        seed,
                    },
                    share: *share,
                    groups: groups(split, *members, self.architecture.classes, seed)?,
                });
            }
        }
        Ok(plans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BUILT_IN;

    fn error_after(from: &str, to: &str) -> String {
        let text = BUILT_IN[0].1;
        assert!(text.contains(from), "{from}");
        Experiment::parse("my.toml", &text.replacen(from, to, 1)).unwrap_err().to_string()
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
        assert!(error.contains("did you mean `seeds`?") && error.contains("| sedes = [1]"), "{error}");
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
                "logit_bits = 70",
                "training.logit_bits",
                "is 70, but must be between 8 and 50",
            ),
            ("seeds = [1]", "seeds = [1, 1]", "ensemble.seeds", "every seed may be there once only"),
            ("name = \"fig5\"", "name = \"../fig5\"", "name", "names a folder"),
            ("\nkernel = 5", "\nkernel = 50", "architecture", "kernel is 50, but must be between 1 and 29"),
        ] {
            let error = error_after(from, to);
            assert!(error.contains(&format!("`{field}` ")) && error.contains(message), "{error}");
            assert!(error.starts_with("my.toml, line "), "{error}");
        }
    }

    #[test]
    fn contradictory_fields_are_refused() {
        let error = error_after("split = \"regular\"", "split = [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]");
        assert!(error.contains("there are 2 groups of labels, but 3 members"), "{error}");
        let error = error_after("[0.60, 0.70]", "[0.70, 0.60]");
        assert!(error.contains("0.7 to 0.6 are no range"), "{error}");
        let error = error_after("pixel_levels = 4", "pixel_levels = 1");
        assert!(error.contains("1 pixel levels: must be between 2"), "{error}");
        let error = error_after("split = \"regular\"", "split = \"likely\"");
        assert!(error.contains("`likely`"), "{error}");
    }

    #[test]
    fn the_resolved_configuration_reads_back_the_same() {
        let experiment = Experiment::parse("x", BUILT_IN[0].1).unwrap();
        let written = toml::to_string(&experiment).unwrap();
        assert_eq!(Experiment::parse("y", &written).unwrap(), experiment);
    }
}
