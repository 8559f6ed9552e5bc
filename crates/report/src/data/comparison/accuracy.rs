//! Accuracies of two folders side by side, and tests of their differences.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use sottovoce_evaluate::records::Domain;

use crate::data::statistics::paired_tests::{PairedTests, two_proportions};
use crate::data::values::distinct;
use crate::data::voter::Voter;

/// Names and values that identify a setting (`split` and `share`) or a point of a sweep (its axes).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AxisValues(pub(crate) Vec<(String, String)>);

/// Serialises as an object.
impl Serialize for AxisValues {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl AxisValues {
    /// Writes `split=regular, share=0.5-0.6`.
    pub(crate) fn text(&self) -> String {
        let parts: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if parts.is_empty() { "base".to_owned() } else { parts.join(", ") }
    }
}

/// Counts of one voter with one seed in one folder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Observation {
    pub(crate) axis_values: AxisValues,
    pub(crate) seed: u64,
    pub(crate) voter: Voter,
    pub(crate) domain: Domain,
    /// Number of test images. Counts of several points of a sweep with the same axis values are added up.
    pub(crate) images: usize,
    /// Number of test images classified correctly.
    pub(crate) correct: usize,
}

/// Accuracies of one voter at one setting with one seed, in both folders.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AccuracyDifference {
    /// Axis values of the setting or point.
    #[serde(rename = "place")]
    pub axis_values: AxisValues,
    /// Seed of split and training.
    pub seed: u64,
    /// `Member 1`, ... or `Ensemble`.
    pub voter: String,
    /// Domain in which both accuracies were measured.
    pub domain: Domain,
    /// Number of test images of the first and of the second.
    pub images: [usize; 2],
    /// Number of test images classified correctly.
    pub correct: [usize; 2],
    /// `correct / images`, as fractions.
    pub accuracy: [f64; 2],
    /// The second accuracy minus the first, in percentage points.
    pub difference_points: f64,
    /// Two-sided p-value of the test of two proportions, which treats the images as different.
    pub unpaired_p: Option<f64>,
}

/// Paired tests of the ensemble. A pair has the same axis values and seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairedTest {
    /// Pairs included: of one setting or point, of one split method, or all.
    pub over: String,
    /// Number of pairs.
    pub pairs: usize,
    /// Mean of the second accuracy minus the first, in percentage points.
    pub mean_points: f64,
    /// Sample standard deviation of the differences, in percentage points.
    pub deviation_points: Option<f64>,
    /// Number of pairs in which the second is more accurate.
    pub better: usize,
    /// Number of pairs in which the second is less accurate.
    pub worse: usize,
    /// Two-sided p-value of the paired t test.
    pub t_p: Option<f64>,
    /// Two-sided p-value of Wilcoxon's signed-rank test.
    pub wilcoxon_p: Option<f64>,
}

type Key<'a> = (&'a AxisValues, u64, Voter);

/// Differences of the rows that both folders have, in the order of the first, and the number of rows of each without a partner.
/// The rows are of one domain: the first of encrypted, integer and float in which the folders have a common row.
pub(crate) fn differences(
    first: &[Observation],
    second: &[Observation],
) -> (Vec<AccuracyDifference>, [usize; 2]) {
    for domain in [Domain::Encrypted, Domain::Integer, Domain::Float] {
        let of = |rows: &'_ [Observation]| -> Vec<Observation> {
            rows.iter().filter(|row| row.domain == domain).cloned().collect()
        };
        let (ours, theirs) = (of(first), of(second));
        let partners: BTreeMap<Key<'_>, &Observation> =
            theirs.iter().rev().map(|row| ((&row.axis_values, row.seed, row.voter), row)).collect();
        let found: Vec<AccuracyDifference> = ours
            .iter()
            .filter_map(|row| Some(difference(row, partners.get(&(&row.axis_values, row.seed, row.voter))?)))
            .collect();
        if !found.is_empty() {
            let alone = [ours.len() - found.len(), theirs.len().saturating_sub(found.len())];
            return (found, alone);
        }
    }
    (Vec::new(), [first.len(), second.len()])
}

fn difference(first: &Observation, second: &Observation) -> AccuracyDifference {
    let share = |row: &Observation| row.correct as f64 / row.images.max(1) as f64;
    AccuracyDifference {
        axis_values: first.axis_values.clone(),
        seed: first.seed,
        voter: first.voter.to_string(),
        domain: first.domain,
        images: [first.images, second.images],
        correct: [first.correct, second.correct],
        accuracy: [share(first), share(second)],
        difference_points: (share(second) - share(first)) * 100.0,
        unpaired_p: two_proportions((first.correct, first.images), (second.correct, second.images)),
    }
}

/// Tests of the ensemble: for each setting or point with several seeds, for each value of the first axis (such as a split method),
/// and for all pairs.
pub(crate) fn ensemble_tests(differences: &[AccuracyDifference]) -> Vec<PairedTest> {
    let ensemble: Vec<&AccuracyDifference> =
        differences.iter().filter(|row| row.voter == Voter::Ensemble.to_string()).collect();
    let test = |over: String, rows: &mut dyn Iterator<Item = &&AccuracyDifference>| {
        let points: Vec<f64> = rows.map(|row| row.difference_points / 100.0).collect();
        let tests = PairedTests::of(&points)?;
        Some(PairedTest {
            over,
            pairs: points.len(),
            mean_points: tests.mean * 100.0,
            deviation_points: tests.deviation.map(|deviation| deviation * 100.0),
            better: tests.above,
            worse: tests.below,
            t_p: tests.t_p,
            wilcoxon_p: tests.wilcoxon_p,
        })
    };
    let places = distinct(ensemble.iter().map(|row| &row.axis_values));
    let mut found: Vec<PairedTest> = places
        .iter()
        .filter_map(|place| test(place.text(), &mut ensemble.iter().filter(|row| row.axis_values == **place)))
        .filter(|test| test.pairs > 1 && places.len() > 1)
        .collect();
    let groups = distinct(places.iter().filter_map(|place| place.0.first()));
    let is_several = groups.len() > 1 && places.iter().any(|place| place.0.len() > 1);
    for (name, value) in groups.into_iter().filter(|_| is_several) {
        let mut rows =
            ensemble.iter().filter(|row| row.axis_values.0.first().is_some_and(|(_, found)| found == value));
        found.extend(test(format!("all of {name}={value}"), &mut rows));
    }
    found.extend(test("all".to_owned(), &mut ensemble.iter()));
    found
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    fn row(split: &str, seed: u64, domain: Domain, correct: usize) -> Observation {
        let axis_values = AxisValues(vec![
            ("split".to_owned(), split.to_owned()),
            ("share".to_owned(), "0.5-0.6".to_owned()),
        ]);
        Observation { axis_values, seed, voter: Voter::Ensemble, domain, images: 1_000, correct }
    }

    #[test]
    fn rows_meet_by_place_seed_and_voter_in_the_strictest_common_domain() {
        let first = [row("a", 1, Domain::Encrypted, 900), row("a", 1, Domain::Integer, 901)];
        let second = [row("a", 1, Domain::Integer, 911), row("b", 1, Domain::Integer, 800)];
        let (found, alone) = differences(&first, &second);
        assert_eq!((found.len(), found[0].domain, found[0].correct), (1, Domain::Integer, [901, 911]));
        assert!((found[0].difference_points - 1.0).abs() < 1e-9);
        assert_eq!(alone, [0, 1]);
        assert_eq!(differences(&first, &[row("a", 2, Domain::Float, 1)]).0, []);
    }

    #[test]
    fn places_with_several_seeds_groups_and_all_are_tested() {
        let rows = |more: usize| -> Vec<Observation> {
            let one = |split, seed| row(split, seed, Domain::Encrypted, 900 + more * seed as usize);
            vec![one("a", 1), one("a", 2), one("b", 1)]
        };
        let (found, _) = differences(&rows(0), &rows(1));
        let tests = ensemble_tests(&found);
        let over: Vec<&str> = tests.iter().map(|test| test.over.as_str()).collect();
        assert_eq!(over, ["split=a, share=0.5-0.6", "all of split=a", "all of split=b", "all"]);
        assert_eq!((tests[3].pairs, tests[3].better, tests[3].worse), (3, 3, 0));
        assert!((tests[0].mean_points - 0.15).abs() < 1e-9);
    }
}
