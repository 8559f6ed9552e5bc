//! Units of a sweep, every point with each of its seeds, and the hashes of their parts.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use sottovoce_evaluate::Evaluator;

use crate::args::Common;
use crate::config::{ConfigError, Configuration, DataPlan, Experiment, SettingPlan, Study};
use crate::run_folder::fingerprint;
use crate::stages::{Images, check_fit, evaluation_inputs, export_inputs, share_out};

/// Raised whenever training gives other members from the same inputs.
const TRAINING_VERSION: u32 = 1;

/// Digits of a hash that name a file: 96 bits.
const NAME_DIGITS: usize = 24;

/// The hash of everything that a file is made from. Its first digits name the file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Key(String);

impl Key {
    fn of(inputs: &impl Serialize) -> Result<Self> {
        let mut digits = fingerprint(inputs)?;
        digits.truncate(NAME_DIGITS);
        Ok(Self(digits))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One member of a unit.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberKeys {
    /// The float phase of its training.
    pub float: Key,
    /// All of its training.
    pub member: Key,
}

/// One point with one seed: the ensemble that is trained, exported and evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// Its place among the points.
    pub point: usize,
    pub plan: SettingPlan,
    pub members: Vec<MemberKeys>,
    /// The exported networks.
    pub ensemble: Key,
    /// Their evaluation.
    pub evaluation: Key,
}

/// The data sets of a sweep, each opened once.
#[derive(Default)]
pub struct DataSets {
    opened: HashMap<String, Images>,
}

impl DataSets {
    /// The images that `plan` says.
    pub fn open(&mut self, plan: &DataPlan, common: &Common) -> Result<&Images> {
        let name = fingerprint(plan)?;
        if !self.opened.contains_key(&name) {
            self.opened.insert(name.clone(), Images::open(plan, common)?);
        }
        self.opened.get(&name).context("a data set is gone")
    }

    /// The images of an experiment, which were opened before.
    pub fn of(&self, experiment: &Experiment) -> Result<&Images> {
        self.opened.get(&fingerprint(&experiment.data)?).context("a data set was not opened")
    }
}

/// Every unit of a sweep, point by point; every data set is opened, and every point checked against its own.
pub fn units(
    configuration: &Configuration,
    study: &Study,
    evaluator: Evaluator,
    data_sets: &mut DataSets,
    common: &Common,
) -> Result<Vec<Unit>> {
    let mut units = Vec::new();
    let mut fitting: HashSet<String> = HashSet::new();
    // Images of the smallest member, by what decides it.
    let mut smallest: HashMap<String, (usize, usize)> = HashMap::new();
    for (point_index, point) in study.points.iter().enumerate() {
        let experiment = &point.experiment;
        let images = data_sets.open(&experiment.data, common)?;
        if fitting.insert(fingerprint(&(&experiment.architecture, &experiment.data))?) {
            check_fit(experiment, &images.data)
                .with_context(|| format!("the point {} cannot run", point.name))?;
        }
        for plan in point.settings()? {
            let division = fingerprint(&(&plan.division, plan.setting.seed, &experiment.data))?;
            let (count, member) = match smallest.get(&division) {
                Some(found) => *found,
                None => {
                    let parts = share_out(&images.training, &plan)?;
                    let fewest = parts.indices.iter().map(Vec::len).zip(1..).min().unwrap_or_default();
                    smallest.insert(division, fewest);
                    fewest
                }
            };
            let batch = experiment.training.batch;
            if count < batch.max(1) {
                let message = format!(
                    "is {batch}, but member {member} of the point {} with seed {} has {count} training images, and a batch may not be \
                     larger; lower it, or use more images or fewer members",
                    point.name, plan.setting.seed
                );
                bail!(ConfigError::from(configuration.value_problem(&["training", "batch"], message)));
            }
            units.push(unit(point_index, plan, experiment, images, evaluator)?);
        }
    }
    Ok(units)
}

fn unit(
    point: usize,
    plan: SettingPlan,
    experiment: &Experiment,
    images: &Images,
    evaluator: Evaluator,
) -> Result<Unit> {
    let training = plan.training(experiment);
    let counts = (images.training.len(), images.validation.len());
    let checksums = &images.data.checksums;
    let members = (1..=plan.members())
        .map(|number| {
            let float = Key::of(&(
                TRAINING_VERSION,
                &experiment.architecture,
                training.float_phase(),
                &plan.division,
                plan.setting.seed,
                number,
                counts,
                checksums,
            ))?;
            // Logits are scaled for the number of members.
            let member = Key::of(&(&float, &training, plan.members()))?;
            Ok(MemberKeys { float, member })
        })
        .collect::<Result<Vec<_>>>()?;
    let keys: Vec<&Key> = members.iter().map(|keys| &keys.member).collect();
    let ensemble = Key::of(&export_inputs(experiment, &fingerprint(&keys)?, images.validation.len())?)?;
    let evaluation = Key::of(&evaluation_inputs(
        experiment,
        evaluator,
        ensemble.as_str(),
        (images.validation.len(), images.data.test.len()),
        checksums,
    )?)?;
    Ok(Unit { point, plan, members, ensemble, evaluation })
}
