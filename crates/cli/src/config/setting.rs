//! The settings of an experiment: the ensembles that are trained and evaluated.

use serde::Serialize;
use sottovoce_dataset::{
    DirichletAlpha, Partition, ShareRange, SplitError, SplitMethod, group_labels, partition,
    partition_dirichlet,
};
use sottovoce_evaluate::records::Setting;
use sottovoce_network::disk::sha256;
use sottovoce_train::TrainingConfig;

use super::experiment::{EnsembleConfig, Experiment};

/// How the training images are divided among the members.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Division {
    /// Division by groups of labels, one for each member. Of every label, the member with the label's group gets a share that is
    /// drawn from the range `share`.
    Groups { groups: Vec<Vec<u8>>, share: ShareRange },
    /// Division by a mix of labels that is drawn for each member.
    Dirichlet { alpha: DirichletAlpha, members: usize, classes: usize },
}

impl Division {
    /// The indices of each member's images, by the `labels` of all images; `seed` decides the random draws.
    fn partition(&self, labels: &[u8], seed: u64) -> Result<Partition, SplitError> {
        match self {
            Self::Groups { groups, share } => partition(labels, groups, *share, seed),
            &Self::Dirichlet { alpha, members, classes } => {
                partition_dirichlet(labels, classes, members, alpha, seed)
            }
        }
    }

    pub fn members(&self) -> usize {
        match self {
            Self::Groups { groups, .. } => groups.len(),
            Self::Dirichlet { members, .. } => *members,
        }
    }

    /// The labels of each member's group; `None` if images are not divided by groups.
    pub fn groups(&self) -> Option<&[Vec<u8>]> {
        match self {
            Self::Groups { groups, .. } => Some(groups),
            Self::Dirichlet { .. } => None,
        }
    }
}

/// Longest name of a split in a file name, in bytes.
const MAX_SPLIT_LENGTH: usize = 60;

/// One setting of an experiment, with one seed.
#[derive(Debug, Clone, PartialEq)]
pub struct SeededSetting {
    /// Split, number, shares and seed, as records write them.
    pub id: Setting,
    pub division: Division,
    /// The logit range to train for, in bits, if it is not the experiment's.
    logit_bits: Option<u32>,
}

impl SeededSetting {
    fn new(split: String, number: usize, share: ShareRange, seed: u64, division: Division) -> Self {
        let id = Setting { split, number, share_low: share.low(), share_high: share.high(), seed };
        Self { id, division, logit_bits: None }
    }

    /// The name of the setting's files.
    pub fn file_name(&self) -> String {
        let Setting { split, number, seed, .. } = &self.id;
        // Groups of many labels are too long for a file name.
        let split = if split.len() > MAX_SPLIT_LENGTH {
            let digits: String = sha256(split.as_bytes()).chars().take(12).collect();
            format!("groups-{digits}")
        } else {
            split.clone()
        };
        let bits = self.logit_bits.map_or_else(String::new, |bits| format!("-bits{bits}"));
        format!("{split}-{number}-seed{seed}{bits}")
    }

    /// The training configuration of the setting's members in `experiment`.
    pub fn training(&self, experiment: &Experiment) -> TrainingConfig {
        let logit_bits = self.logit_bits.unwrap_or(experiment.training.logit_bits);
        TrainingConfig { logit_bits, ..experiment.training.clone() }
    }

    pub fn members(&self) -> usize {
        self.division.members()
    }

    /// The indices of each member's images, by the `labels` of all training images.
    ///
    /// # Errors
    /// If a label is not below the number of classes, or there are fewer images than members.
    pub fn partition(&self, labels: &[u8]) -> Result<Partition, SplitError> {
        self.division.partition(labels, self.id.seed)
    }
}

/// An ensemble without a skewed split, to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// One network trained on all images.
    Single,
    /// An ensemble with the experiment's number of members, each trained on an equal share of every label.
    Balanced,
}

impl Baseline {
    pub const ALL: [Self; 2] = [Self::Single, Self::Balanced];

    /// The name that records have in the column `split`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Balanced => "balanced",
        }
    }

    fn members(self, members: usize) -> usize {
        match self {
            Self::Single => 1,
            Self::Balanced => members,
        }
    }

    /// The share of a label that the member with the label's group gets, in an ensemble of `members`. One member gets all
    /// of every label; with a share of 1 / members, every member gets the same share.
    pub fn share(self, members: usize) -> f64 {
        1.0 / self.members(members) as f64
    }
}

/// Every setting of `experiment` with every seed, in the order of the records: the splits, then the baselines.
///
/// # Errors
/// If the labels cannot be grouped for the members; a checked experiment's can.
pub fn settings(experiment: &Experiment) -> Result<Vec<SeededSetting>, SplitError> {
    let EnsembleConfig { members, splits, shares, seeds, baselines, .. } = &experiment.ensemble;
    let classes = experiment.architecture.classes;
    let mut settings = Vec::new();
    for split in splits {
        if let SplitMethod::Dirichlet { alpha } = *split {
            // Shares are drawn by the split itself.
            let any = ShareRange::new(0.0, 1.0)?;
            let division = Division::Dirichlet { alpha, members: *members, classes };
            let setting = |&seed: &u64| SeededSetting::new(split.to_string(), 1, any, seed, division.clone());
            settings.extend(seeds.iter().map(setting));
            continue;
        }
        for (share, number) in shares.iter().zip(1..) {
            for &seed in seeds {
                let groups = group_labels(split, *members, classes, seed)?;
                let division = Division::Groups { groups, share: *share };
                settings.push(SeededSetting::new(split.to_string(), number, *share, seed, division));
            }
        }
    }
    if *baselines {
        for baseline in Baseline::ALL {
            settings.extend(baseline_settings(experiment, baseline)?);
        }
    }
    Ok(settings)
}

/// The settings of a baseline of `experiment`, one for each seed.
///
/// # Errors
/// If the labels cannot be grouped for the members; a checked experiment's can.
pub fn baseline_settings(
    experiment: &Experiment,
    baseline: Baseline,
) -> Result<Vec<SeededSetting>, SplitError> {
    let EnsembleConfig { members, seeds, .. } = &experiment.ensemble;
    let share = baseline.share(*members);
    let share = ShareRange::new(share, share)?;
    let setting = |&seed: &u64| {
        let classes = experiment.architecture.classes;
        let groups = group_labels(&SplitMethod::Regular, baseline.members(*members), classes, seed)?;
        let division = Division::Groups { groups, share };
        Ok(SeededSetting::new(baseline.name().to_owned(), 1, share, seed, division))
    };
    seeds.iter().map(setting).collect()
}

/// The first setting of `experiment` for every logit range that is compared, with the range in bits. For the range that the
/// experiment trains for anyway, this is the first setting itself.
///
/// # Errors
/// If the labels cannot be grouped for the members; a checked experiment's can.
pub fn logit_ranges(experiment: &Experiment) -> Result<Vec<(u32, SeededSetting)>, SplitError> {
    let settings = settings(experiment)?;
    let of_bits = |(&bits, first): (&u32, &SeededSetting)| {
        let logit_bits = (bits != experiment.training.logit_bits).then_some(bits);
        (bits, SeededSetting { logit_bits, ..first.clone() })
    };
    Ok(experiment.bits.logit_bits.iter().zip(settings.first().into_iter().cycle()).map(of_bits).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::configuration::Configuration;
    use crate::config_error::ConfigError;

    fn load(name: &str) -> Result<Experiment, ConfigError> {
        Ok(Configuration::load(name, &[])?.experiment)
    }

    #[test]
    fn the_papers_experiment_has_three_splits_six_ranges_three_seeds_and_two_baselines() {
        let settings = settings(&load("paper").unwrap()).unwrap();
        assert_eq!(settings.len(), 3 * 6 * 3 + 2 * 3);
        let mut keys: Vec<String> = settings.iter().map(SeededSetting::file_name).collect();
        assert_eq!((keys[0].as_str(), keys[1].as_str()), ("regular-1-seed1", "regular-1-seed2"));
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), settings.len());
        let baseline = |split: &str| settings.iter().find(|setting| setting.id.split == split).unwrap();
        let single = baseline("single");
        let setting = &single.id;
        assert_eq!((single.members(), setting.share_low, setting.share_high), (1, 1.0, 1.0));
        let balanced = baseline("balanced");
        assert_eq!((balanced.members(), balanced.id.share_low, balanced.id.number), (3, 1.0 / 3.0, 1));
    }

    #[test]
    fn a_logit_range_that_is_trained_for_anyway_is_the_first_setting_itself() {
        let experiment = load("paper").unwrap();
        let ranges = logit_ranges(&experiment).unwrap();
        let found: Vec<u32> = ranges.iter().map(|(bits, _)| *bits).collect();
        assert_eq!(found, [24, 26, 28, 30]);
        for (bits, setting) in &ranges {
            assert_eq!(setting.training(&experiment).logit_bits, *bits);
        }
        assert_eq!(ranges[0].1.file_name(), "regular-1-seed1-bits24");
        assert_eq!(ranges[3].1, settings(&experiment).unwrap()[0]);
    }
}
