//! What there is to train and to evaluate.

use serde::Serialize;
use sottovoce_dataset::{
    Partition, ShareRange, SplitError, SplitMethod, groups, partition, partition_dirichlet,
};
use sottovoce_evaluate::records::Setting;
use sottovoce_network::disk::sha256;
use sottovoce_train::TrainingConfig;

use super::experiment::{EnsemblePlan, Experiment};

/// How the training images are divided among the members.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Division {
    /// By groups of labels, one for each member, whose member gets a share of the range.
    Groups { groups: Vec<Vec<u8>>, share: ShareRange },
    /// By a mix of labels that each of the members draws.
    Dirichlet { alpha: f64, members: usize, classes: usize },
}

impl Division {
    /// The images of each member; `seed` decides what is drawn.
    ///
    /// # Errors
    /// If a label is beyond the classes, or there are fewer images than members.
    pub fn partition(&self, labels: &[u8], seed: u64) -> Result<Partition, SplitError> {
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

    /// The labels of the group of each member; nothing where there are no groups.
    pub fn groups(&self) -> Option<&[Vec<u8>]> {
        match self {
            Self::Groups { groups, .. } => Some(groups),
            Self::Dirichlet { .. } => None,
        }
    }
}

/// One setting of an experiment, with one seed.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingPlan {
    pub setting: Setting,
    pub division: Division,
    /// Another logit range than the experiment's to train for.
    logit_bits: Option<u32>,
}

impl SettingPlan {
    fn new(split: String, number: usize, share: ShareRange, seed: u64, division: Division) -> Self {
        let setting = Setting { split, number, share_low: share.low(), share_high: share.high(), seed };
        Self { setting, division, logit_bits: None }
    }

    /// Names the setting's files.
    pub fn key(&self) -> String {
        let Setting { split, number, seed, .. } = &self.setting;
        // Groups of many labels are too long for a file's name.
        let split = if split.len() > 60 {
            format!("groups-{}", &sha256(split.as_bytes())[..12])
        } else {
            split.clone()
        };
        let bits = self.logit_bits.map_or_else(String::new, |bits| format!("-bits{bits}"));
        format!("{split}-{number}-seed{seed}{bits}")
    }

    /// How its members are trained in `experiment`.
    pub fn training(&self, experiment: &Experiment) -> TrainingConfig {
        let logit_bits = self.logit_bits.unwrap_or(experiment.training.logit_bits);
        TrainingConfig { logit_bits, ..experiment.training.clone() }
    }

    pub fn members(&self) -> usize {
        self.division.members()
    }
}

/// An ensemble without a skewed split, to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// One network trained on all images.
    Single,
    /// As many members as in the experiment, each trained on its share of every label.
    Balanced,
}

impl Baseline {
    pub const ALL: [Self; 2] = [Self::Single, Self::Balanced];

    /// The name that records have in place of a split.
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

    /// The share of a label that goes to the member whose group it is in. One group gets all of every label; a share of
    /// 1 / members leaves as much to each other member.
    pub fn share(self, members: usize) -> f64 {
        1.0 / self.members(members) as f64
    }
}

impl Experiment {
    /// Every setting with every seed, in the order of the records: the splits, then the baselines.
    pub fn settings(&self) -> Result<Vec<SettingPlan>, SplitError> {
        let EnsemblePlan { members, splits, shares, seeds, baselines, .. } = &self.ensemble;
        let mut plans = Vec::new();
        for split in splits {
            if let SplitMethod::Dirichlet { alpha } = *split {
                // Shares are drawn by the split itself.
                let any = ShareRange::new(0.0, 1.0)?;
                let division =
                    Division::Dirichlet { alpha, members: *members, classes: self.architecture.classes };
                let plan = |&seed: &u64| SettingPlan::new(split.to_string(), 1, any, seed, division.clone());
                plans.extend(seeds.iter().map(plan));
                continue;
            }
            for (share, number) in shares.iter().zip(1..) {
                for &seed in seeds {
                    let groups = groups(split, *members, self.architecture.classes, seed)?;
                    let division = Division::Groups { groups, share: *share };
                    plans.push(SettingPlan::new(split.to_string(), number, *share, seed, division));
                }
            }
        }
        if *baselines {
            for baseline in Baseline::ALL {
                plans.extend(self.baseline_settings(baseline)?);
            }
        }
        Ok(plans)
    }

    /// An ensemble without a skewed split, with every seed.
    pub fn baseline_settings(&self, baseline: Baseline) -> Result<Vec<SettingPlan>, SplitError> {
        let EnsemblePlan { members, seeds, .. } = &self.ensemble;
        let share = baseline.share(*members);
        let share = ShareRange::new(share, share)?;
        let plan = |&seed: &u64| {
            let groups =
                groups(&SplitMethod::Regular, baseline.members(*members), self.architecture.classes, seed)?;
            let division = Division::Groups { groups, share };
            Ok(SettingPlan::new(baseline.name().to_owned(), 1, share, seed, division))
        };
        seeds.iter().map(plan).collect()
    }

    /// The first setting for every logit range that is compared. The one that the experiment trains for anyway is the
    /// setting itself.
    pub fn logit_ranges(&self) -> Result<Vec<(u32, SettingPlan)>, SplitError> {
        let settings = self.settings()?;
        let of_bits = |(&bits, first): (&u32, &SettingPlan)| {
            let logit_bits = (bits != self.training.logit_bits).then_some(bits);
            (bits, SettingPlan { logit_bits, ..first.clone() })
        };
        Ok(self.bits.logit_bits.iter().zip(settings.first().into_iter().cycle()).map(of_bits).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Configuration;

    fn load(name: &str) -> Result<Experiment, crate::config::ConfigError> {
        Ok(Configuration::load(name, &[])?.experiment)
    }

    #[test]
    fn the_papers_experiment_has_three_splits_six_ranges_three_seeds_and_two_baselines() {
        let settings = load("paper").unwrap().settings().unwrap();
        assert_eq!(settings.len(), 3 * 6 * 3 + 2 * 3);
        let mut keys: Vec<String> = settings.iter().map(SettingPlan::key).collect();
        assert_eq!((keys[0].as_str(), keys[1].as_str()), ("regular-1-seed1", "regular-1-seed2"));
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), settings.len());
        let baseline = |split: &str| settings.iter().find(|plan| plan.setting.split == split).unwrap();
        let single = baseline("single");
        let setting = &single.setting;
        assert_eq!((single.members(), setting.share_low, setting.share_high), (1, 1.0, 1.0));
        let balanced = baseline("balanced");
        assert_eq!(
            (balanced.members(), balanced.setting.share_low, balanced.setting.number),
            (3, 1.0 / 3.0, 1)
        );
    }

    #[test]
    fn a_logit_range_that_is_trained_for_anyway_is_the_first_setting_itself() {
        let experiment = load("paper").unwrap();
        let ranges = experiment.logit_ranges().unwrap();
        let found: Vec<u32> = ranges.iter().map(|(bits, _)| *bits).collect();
        assert_eq!(found, [24, 26, 28, 30]);
        for (bits, plan) in &ranges {
            assert_eq!(plan.training(&experiment).logit_bits, *bits);
        }
        assert_eq!(ranges[0].1.key(), "regular-1-seed1-bits24");
        assert_eq!(ranges[3].1, experiment.settings().unwrap()[0]);
    }
}
