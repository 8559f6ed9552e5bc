//! Which of a run's numbers the paper's may stand beside.
//!
//! The paper's numbers are of one experiment: three members of one architecture, trained on label-skewed parts of MNIST. Beside
//! a run on other data, with another architecture or another number of members they would say nothing, so that such a run's
//! charts, tables and report do not have them, and nobody judges it by the paper's claims or this project's targets. Synthetic
//! digits are other data: they are easier than MNIST, and no label makes up for that.
//!
//! Of a run that is the paper's, a setting is the paper's where both its number and its range of shares are those of
//! [`paper::SHARES`]. Training, seeds, images used, encryption and votes are the run's own: the report's title says how members were
//! trained.

use sottovoce_evaluate::records::AccuracyRow;

use sottovoce_network::Architecture;

use crate::data::experiment_facts::ExperimentFacts;
use crate::data::paper;
use crate::data::run_facts::RunFacts;
use crate::data::voter::Voter;
use crate::data::wording::{counted, thousands};

/// Whether the paper's numbers are comparable with a run's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaperScope {
    /// Why none of them is, if so.
    obstacle: Option<String>,
    /// Images of a batch, where they are not as many as the paper's.
    other_batch: Option<u64>,
    /// How the run's members were trained.
    training: Option<String>,
}

impl PaperScope {
    /// The scope of a run that is the paper's in everything.
    #[must_use]
    pub fn full() -> Self {
        Self { obstacle: None, other_batch: None, training: None }
    }

    /// The scope of what is not held against the paper at all.
    pub(crate) fn none() -> Self {
        Self { obstacle: Some("not asked for".to_owned()), ..Self::full() }
    }

    /// The scope of a run with the settings of `rows` that `config.toml` and `run.json` describe. Without a configuration
    /// nothing is comparable, and without a setting of the paper's neither.
    pub(crate) fn of(
        config: Option<&str>,
        experiment: Option<&ExperimentFacts>,
        facts: &RunFacts,
        rows: &[AccuracyRow],
    ) -> Self {
        let obstacle = match (config, experiment) {
            (None, _) => Some("the run has no config.toml".to_owned()),
            (Some(_), None) => Some("the run's config.toml is no TOML".to_owned()),
            (Some(_), Some(experiment)) => obstacle(experiment, facts),
        };
        let other_batch = facts.slots().filter(|&slots| slots != paper::BATCH as u64);
        let training = experiment.and_then(ExperimentFacts::training);
        let scope = Self { obstacle, other_batch, training };
        if scope.is_comparable() && !rows.iter().any(|row| scope.setting(row).is_some()) {
            let obstacle = "no setting has a split method and a range of shares of the paper's".to_owned();
            return Self { obstacle: Some(obstacle), ..scope };
        }
        scope
    }

    /// Why the paper's numbers are not comparable, if so: `the data set is fashion-mnist`.
    #[must_use]
    pub fn obstacle(&self) -> Option<&str> {
        self.obstacle.as_deref()
    }

    /// Whether the paper's numbers may stand beside the run's.
    pub(crate) fn is_comparable(&self) -> bool {
        self.obstacle.is_none()
    }

    /// Whether the paper's times of a batch may: a batch of another size takes another time.
    pub(crate) fn has_times(&self) -> bool {
        self.is_comparable() && self.other_batch.is_none()
    }

    /// How the run's members were trained, in a line, where it is known.
    pub(crate) fn training(&self) -> Option<&str> {
        self.training.as_deref()
    }

    /// The number of the paper's setting that a row belongs to.
    pub(crate) fn setting(&self, row: &AccuracyRow) -> Option<usize> {
        paper::figure(&row.split)?;
        let (low, high) = paper::shares(row.setting)?;
        // Ranges are decimals of two digits, as written in configurations.
        let same = |a: f64, b: f64| (a - b).abs() < 1e-9;
        let is_papers = self.is_comparable() && same(low, row.share_low) && same(high, row.share_high);
        is_papers.then_some(row.setting)
    }

    /// The paper's accuracy beside a row's, in percent.
    pub(crate) fn accuracy(&self, row: &AccuracyRow, voter: Voter) -> Option<f64> {
        paper::voter_accuracy(&row.split, self.setting(row)?, voter)
    }
}

fn obstacle(experiment: &ExperimentFacts, facts: &RunFacts) -> Option<String> {
    let is_mnist = |name: &str| name.eq_ignore_ascii_case("mnist");
    let recorded = &facts.dataset;
    if recorded.synthetic {
        return Some("the data are synthetic".to_owned());
    }
    match (experiment.dataset(), recorded.recorded_name()) {
        (Some(configured), Some(recorded)) if is_mnist(configured) && is_mnist(recorded) => {}
        (_, None) => return Some("run.json does not name the data set".to_owned()),
        (Some(configured), Some(_)) if !is_mnist(configured) => {
            return Some(format!("the data set is {configured}"));
        }
        (_, Some(recorded)) => return Some(format!("the data set is {recorded}")),
    }
    if experiment.alters_images() {
        return Some("the images are inverted or turned".to_owned());
    }
    match experiment.architecture() {
        None => return Some("config.toml describes no architecture".to_owned()),
        Some(found) => {
            if let Some(difference) = other_architecture(&found) {
                return Some(difference);
            }
        }
    }
    match experiment.members() {
        None => Some("config.toml does not say how many members there are".to_owned()),
        Some(members) if members != paper::MEMBERS as u64 => {
            Some(format!("the ensemble has {}", counted(members, "member", "members")))
        }
        Some(_) => None,
    }
}

/// The first shape that is not the paper's. Padding on either side makes the same network.
fn other_architecture(found: &Architecture) -> Option<String> {
    let paper = Architecture::default();
    let zeros = |architecture: &Architecture| architecture.padding.leading + architecture.padding.trailing;
    let shapes = [
        ("image_side", found.image_side, paper.image_side),
        ("kernel", found.kernel, paper.kernel),
        ("stride", found.stride, paper.stride),
        ("padding", zeros(found), zeros(&paper)),
        ("maps", found.maps, paper.maps),
        ("hidden", found.hidden, paper.hidden),
        ("classes", found.classes, paper.classes),
    ];
    let (name, found, paper) = shapes.into_iter().find(|(_, found, paper)| found != paper)?;
    Some(format!("the architecture's {name} is {}, not {}", thousands(found as u64), thousands(paper as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sottovoce_evaluate::records::Domain;

    const CONFIG: &str = r#"
        name = "paper"
        [data]
        name = "mnist"
        train_images = 60000
        test_images = 10000
        [architecture]
        image_side = 28
        kernel = 5
        stride = 2
        padding = { leading = 1, trailing = 0 }
        maps = 5
        hidden = 100
        classes = 10
        [ensemble]
        members = 3
        seeds = [1, 2, 3]
        [training]
        float_epochs = 12
        quantised_epochs = 8
    "#;

    fn facts(name: &str, synthetic: bool) -> RunFacts {
        let json = serde_json::json!({ "dataset": { "name": name, "synthetic": synthetic } });
        serde_json::from_value(json).unwrap()
    }

    fn row(split: &str, setting: usize, share_low: f64, share_high: f64) -> AccuracyRow {
        AccuracyRow {
            split: split.to_owned(),
            setting,
            share_low,
            share_high,
            seed: 1,
            voter: "ensemble".to_owned(),
            images: 100,
            correct: 90,
            accuracy: 0.9,
            domain: Domain::Encrypted,
            mismatches: None,
        }
    }

    fn scope(config: &str, facts: &RunFacts) -> PaperScope {
        let rows = [row("regular", 1, 0.5, 0.6)];
        PaperScope::of(Some(config), ExperimentFacts::parse(config).as_ref(), facts, &rows)
    }

    fn obstacle_after(from: &str, to: &str) -> Option<String> {
        assert!(CONFIG.contains(from), "{from}");
        scope(&CONFIG.replacen(from, to, 1), &facts("MNIST", false)).obstacle
    }

    #[test]
    fn the_papers_experiment_with_any_training_is_comparable() {
        assert_eq!(scope(CONFIG, &facts("MNIST", false)).obstacle(), None);
        for (from, to) in [
            ("float_epochs = 12", "float_epochs = 1"),
            ("seeds = [1, 2, 3]", "seeds = [9]"),
            ("train_images = 60000", "train_images = 30000"),
            ("leading = 1, trailing = 0", "leading = 0, trailing = 1"),
        ] {
            assert_eq!(obstacle_after(from, to), None, "{to}");
        }
    }

    #[test]
    fn every_other_experiment_is_told_by_what_differs() {
        for (from, to, expected) in [
            ("name = \"mnist\"", "name = \"fashion-mnist\"", "the data set is fashion-mnist"),
            ("hidden = 100", "hidden = 64", "the architecture's hidden is 64, not 100"),
            ("stride = 2", "stride = 3", "the architecture's stride is 3, not 2"),
            ("members = 3", "members = 5", "the ensemble has 5 members"),
            (
                "test_images = 10000",
                "test_images = 10000\ninvert = true",
                "the images are inverted or turned",
            ),
            ("hidden = 100\n", "", "config.toml describes no architecture"),
        ] {
            assert_eq!(obstacle_after(from, to).as_deref(), Some(expected), "{to}");
        }
        assert_eq!(scope(CONFIG, &facts("KMNIST", false)).obstacle(), Some("the data set is KMNIST"));
        assert_eq!(
            scope(CONFIG, &facts("Synthetic digits", true)).obstacle(),
            Some("the data are synthetic")
        );
        assert_eq!(
            scope(CONFIG, &RunFacts::default()).obstacle(),
            Some("run.json does not name the data set")
        );
        assert_eq!(
            PaperScope::of(None, None, &facts("MNIST", false), &[]).obstacle(),
            Some("the run has no config.toml")
        );
    }

    #[test]
    fn a_setting_is_the_papers_by_number_and_range() {
        let regular = |setting, low, high| row("regular", setting, low, high);
        let scope = PaperScope::full();
        assert_eq!(scope.accuracy(&regular(2, 0.6, 0.7), Voter::Ensemble), Some(96.86));
        assert_eq!(scope.accuracy(&regular(1, 0.9, 0.95), Voter::Ensemble), None);
        assert_eq!(scope.accuracy(&regular(7, 0.99, 1.0), Voter::Ensemble), None);
        assert_eq!(scope.setting(&row("0.1-2.3", 2, 0.6, 0.7)), None);
        let none = PaperScope { obstacle: Some("other data".to_owned()), ..PaperScope::full() };
        assert_eq!(none.accuracy(&regular(2, 0.6, 0.7), Voter::Ensemble), None);
    }

    #[test]
    fn a_run_without_any_of_the_papers_settings_is_not_the_papers() {
        let experiment = ExperimentFacts::parse(CONFIG);
        let of = |rows: &[AccuracyRow]| {
            PaperScope::of(Some(CONFIG), experiment.as_ref(), &facts("MNIST", false), rows)
        };
        assert!(of(&[row("regular", 1, 0.5, 0.6), row("regular", 2, 0.5, 0.9)]).is_comparable());
        for other in [row("regular", 1, 0.5, 0.9), row("0.1-2.3", 1, 0.5, 0.6), row("balanced", 1, 0.5, 0.6)]
        {
            let found = of(&[other]);
            assert!(found.obstacle().is_some_and(|text| text.starts_with("no setting has")), "{found:?}");
        }
    }

    #[test]
    fn times_need_the_papers_batch() {
        let mut facts = facts("MNIST", false);
        facts.settings = vec![serde_json::json!({ "parameters": { "degree": 16384 } })];
        let scope = scope(CONFIG, &facts);
        assert!(scope.is_comparable() && !scope.has_times());
    }
}
