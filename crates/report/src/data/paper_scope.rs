//! Comparability of a run with the paper.
//!
//! The paper's numbers come from one experiment: three members of one architecture, trained on label-skewed parts of MNIST. A run
//! with other data, another architecture or another number of members is not comparable. Its charts, tables and report do not show
//! the paper's numbers, and it is not judged by the paper's claims or this project's targets. Synthetic digits are other data: they
//! are easier to classify than MNIST.
//!
//! In a comparable run, a setting is one of the paper's if both its number and its range of shares are those of [`paper::SHARES`].
//! Training, seeds, number of images, encryption and votes may differ from the paper's. The title of the report describes the
//! training.

use sottovoce_evaluate::records::AccuracyRow;

use sottovoce_network::Architecture;

use crate::data::experiment_facts::ExperimentFacts;
use crate::data::paper;
use crate::data::run_facts::RunFacts;
use crate::data::voter::Voter;
use crate::data::wording::{counted, thousands};

/// Decides which of the paper's numbers are comparable with a run's.
///
/// ```rust
/// let scope = sottovoce_report::PaperScope::full();
/// assert_eq!(scope.obstacle(), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaperScope {
    /// The reason why no number is comparable, if none is.
    obstacle: Option<String>,
    /// Images of a batch, if the number differs from the paper's.
    other_batch: Option<u64>,
    /// Training of the run's members in one line, if it is known.
    training: Option<String>,
}

impl PaperScope {
    /// The scope of a run that equals the paper's experiment in everything that counts.
    #[must_use]
    pub fn full() -> Self {
        Self { obstacle: None, other_batch: None, training: None }
    }

    /// The scope of numbers that are not compared with the paper.
    pub(crate) fn none() -> Self {
        Self { obstacle: Some("not asked for".to_owned()), ..Self::full() }
    }

    /// The scope of a run that has the settings of `rows` and is described by `config.toml` and `run.json`. A run without a
    /// configuration is not comparable, and neither is a run without a setting of the paper.
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

    /// The reason why no number is comparable, such as `the data set is fashion-mnist`. `None` if the run is comparable.
    #[must_use]
    pub fn obstacle(&self) -> Option<&str> {
        self.obstacle.as_deref()
    }

    /// Returns whether the run is comparable with the paper.
    pub(crate) fn is_comparable(&self) -> bool {
        self.obstacle.is_none()
    }

    /// Returns whether times of a batch are comparable. They are not if the batches have different sizes.
    pub(crate) fn has_times(&self) -> bool {
        self.is_comparable() && self.other_batch.is_none()
    }

    /// Training of the run's members in one line, if it is known.
    pub(crate) fn training(&self) -> Option<&str> {
        self.training.as_deref()
    }

    /// Number of the paper's setting that a row belongs to, if it belongs to one.
    pub(crate) fn setting(&self, row: &AccuracyRow) -> Option<usize> {
        paper::figure(&row.split)?;
        let (low, high) = paper::shares(row.setting)?;
        // Ranges are decimals of two digits, as written in configurations.
        let same = |a: f64, b: f64| (a - b).abs() < 1e-9;
        let is_papers = self.is_comparable() && same(low, row.share_low) && same(high, row.share_high);
        is_papers.then_some(row.setting)
    }

    /// The paper's accuracy for the setting of a row, in percent.
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

/// Describes the first shape that differs from the paper's. Padding on either side makes the same network.
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
