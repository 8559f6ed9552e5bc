//! Units of a sweep: every point with each of its seeds, and the hashes of their files.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result, bail};
use sottovoce_evaluate::Evaluator;

use super::store::InputHash;
use crate::args::experiments::data_options::SharedOptions;
use crate::config::configuration::Configuration;
use crate::config::experiment::{DataConfig, Experiment};
use crate::config::setting::SeededSetting;
use crate::config::sweep::SweepConfig;
use crate::config_error::ConfigError;
use crate::json_files::fingerprint;
use crate::stages::data::{Images, check_images};
use crate::stages::evaluate::evaluation_hash;
use crate::stages::export::export_hash;

/// Raise this whenever training gives other members from the same inputs.
const TRAINING_VERSION: u32 = 1;

/// The files of one member of a unit.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberHashes {
    /// The member after the float phase of its training.
    pub float: InputHash,
    /// The member after all of its training.
    pub member: InputHash,
}

/// One point with one seed: the ensemble that is trained, exported and evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// Index of the point in the sweep.
    pub point: usize,
    pub setting: SeededSetting,
    pub members: Vec<MemberHashes>,
    /// The exported networks.
    pub ensemble: InputHash,
    /// The evaluation of the exported networks.
    pub evaluation: InputHash,
}

/// The data sets of a sweep, each opened once.
#[derive(Default)]
pub struct DataSets {
    opened: HashMap<String, Images>,
}

impl DataSets {
    /// The images of the data set that `config` describes; opens it if it is not open yet.
    pub fn open(&mut self, config: &DataConfig, shared: &SharedOptions<'_>) -> Result<&Images> {
        let name = fingerprint(config)?;
        if !self.opened.contains_key(&name) {
            self.opened.insert(name.clone(), Images::open(config, shared)?);
        }
        self.opened.get(&name).context("a data set was not opened")
    }

    /// The images of an experiment.
    ///
    /// # Errors
    /// If they were not opened before.
    pub fn of(&self, experiment: &Experiment) -> Result<&Images> {
        self.opened.get(&fingerprint(&experiment.data)?).context("a data set was not opened")
    }
}

/// The units of a sweep, point by point. Opens every data set, and checks that every point fits its data set.
///
/// # Errors
/// If a data set cannot be opened or does not fit, or a member has fewer training images than a batch.
pub fn units(
    configuration: &Configuration,
    sweep: &SweepConfig,
    evaluator: Evaluator,
    data_sets: &mut DataSets,
    shared: &SharedOptions<'_>,
) -> Result<Vec<Unit>> {
    let mut units = Vec::new();
    let mut fitting: HashSet<String> = HashSet::new();
    // The images of the smallest member and its number, by the fingerprint of division, seed and data.
    let mut smallest: HashMap<String, (usize, usize)> = HashMap::new();
    for (point_index, point) in sweep.points.iter().enumerate() {
        let experiment = &point.experiment;
        let images = data_sets.open(&experiment.data, shared)?;
        if fitting.insert(fingerprint(&(&experiment.architecture, &experiment.data))?) {
            check_images(experiment, &images.data)
                .with_context(|| format!("the point {} cannot run", point.name))?;
        }
        for setting in point.settings()? {
            let division = fingerprint(&(&setting.division, setting.id.seed, &experiment.data))?;
            let (count, member) = match smallest.get(&division) {
                Some(fewest) => *fewest,
                None => {
                    let parts = setting.partition(images.training.labels())?;
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
                    point.name, setting.id.seed
                );
                bail!(ConfigError::from(configuration.value_problem(&["training", "batch"], message)));
            }
            units.push(unit(point_index, setting, experiment, images, evaluator)?);
        }
    }
    Ok(units)
}

/// The units of one point. `units` are all units of the sweep, which are in the order of their points.
pub fn units_of_point(units: &[Unit], point: usize) -> &[Unit] {
    let begin = units.partition_point(|unit| unit.point < point);
    let end = units.partition_point(|unit| unit.point <= point);
    units.get(begin..end).unwrap_or_default()
}

fn unit(
    point: usize,
    setting: SeededSetting,
    experiment: &Experiment,
    images: &Images,
    evaluator: Evaluator,
) -> Result<Unit> {
    let training = setting.training(experiment);
    let counts = (images.training.len(), images.validation.len());
    let checksums = &images.data.checksums;
    let members = (1..=setting.members())
        .map(|number| {
            let float = InputHash::of(&(
                TRAINING_VERSION,
                &experiment.architecture,
                training.float_phase(),
                &setting.division,
                setting.id.seed,
                number,
                counts,
                checksums,
            ))?;
            // The scale of logits depends on the number of members.
            let member = InputHash::of(&(&float, &training, setting.members()))?;
            Ok(MemberHashes { float, member })
        })
        .collect::<Result<Vec<_>>>()?;
    let hashes: Vec<&InputHash> = members.iter().map(|hashes| &hashes.member).collect();
    let ensemble = InputHash::of(&export_hash(experiment, &fingerprint(&hashes)?, images.validation.len())?)?;
    let evaluation = InputHash::of(&evaluation_hash(
        experiment,
        evaluator,
        ensemble.as_str(),
        (images.validation.len(), images.data.test.len()),
        checksums,
    )?)?;
    Ok(Unit { point, setting, members, ensemble, evaluation })
}
