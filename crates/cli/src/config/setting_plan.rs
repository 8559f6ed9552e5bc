//! What there is to train and to evaluate.

use sottovoce_dataset::{ShareRange, SplitError, SplitMethod, groups};
use sottovoce_evaluate::Setting;
use sottovoce_network::disk::sha256;
use sottovoce_train::TrainingConfig;

use super::experiment::{EnsemblePlan, Experiment};

/// One setting of an experiment, with one seed.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingPlan {
    pub setting: Setting,
    pub share: ShareRange,
    /// The labels of each member's group.
    pub groups: Vec<Vec<u8>>,
    /// Another logit range than the experiment's to train for.
    logit_bits: Option<u32>,
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
        let bits = self.logit_bits.map_or_else(String::new, |bits| format!("-bits{bits}"));
        format!("{split}-{number}-seed{seed}{bits}")
    }

    /// How its members are trained in `experiment`.
    pub fn training(&self, experiment: &Experiment) -> TrainingConfig {
        let logit_bits = self.logit_bits.unwrap_or(experiment.training.logit_bits);
        TrainingConfig { logit_bits, ..experiment.training.clone() }
    }

    pub fn members(&self) -> usize {
        self.groups.len()
    }
}

impl Experiment {
    /// Every setting with every seed, in the order of the records: the splits, then the baselines.
    pub fn settings(&self) -> Result<Vec<SettingPlan>, SplitError> {
        let EnsemblePlan { members, splits, shares, seeds, baselines, .. } = &self.ensemble;
        let classes = self.architecture.classes;
        let plan = |split: String, number, share: ShareRange, seed, groups| SettingPlan {
            setting: Setting { split, number, share_low: share.low(), share_high: share.high(), seed },
            share,
            groups,
            logit_bits: None,
        };
        let mut plans = Vec::new();
        for split in splits {
            for (share, number) in shares.iter().zip(1..) {
                for &seed in seeds {
                    let groups = groups(split, *members, classes, seed)?;
                    plans.push(plan(split.to_string(), number, *share, seed, groups));
                }
            }
        }
        if *baselines {
            // One group gets all of every label; a share of 1 / members leaves as much to each other member.
            let like = 1.0 / *members as f64;
            for (name, members, share) in [("single", 1, 1.0), ("balanced", *members, like)] {
                let share = ShareRange::new(share, share)?;
                for &seed in seeds {
                    let groups = groups(&SplitMethod::Regular, members, classes, seed)?;
                    plans.push(plan(name.to_owned(), 1, share, seed, groups));
                }
            }
        }
        Ok(plans)
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
    use crate::config::load;

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
        assert_eq!((single.members(), single.share.low(), single.share.high()), (1, 1.0, 1.0));
        let balanced = baseline("balanced");
        assert_eq!((balanced.members(), balanced.share.low(), balanced.setting.number), (3, 1.0 / 3.0, 1));
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
