//! McNemar's test of the ensemble against its best member, image by image.

use std::collections::BTreeMap;
use std::f64::consts::LN_2;

use sottovoce_evaluate::records::{PairRow, ValidationRow};

use crate::data::baseline::Baseline;
use crate::data::values::distinct;
use crate::data::voter::{UnknownVoter, Voter};

/// McNemar's test of one setting and seed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BestMemberTest {
    pub(crate) split: String,
    /// Number of the setting, from 1.
    pub(crate) setting: usize,
    pub(crate) seed: u64,
    /// The best member.
    pub(crate) member: Voter,
    /// True if the member is the best on held-out training images; otherwise it is the best on the test images.
    pub(crate) by_validation: bool,
    /// Number of test images that only the ensemble classified correctly.
    pub(crate) ensemble_only: usize,
    /// Number of test images that only the member classified correctly.
    pub(crate) member_only: usize,
    /// Two-sided p-value.
    pub(crate) p: f64,
}

/// The test for each setting and seed except baselines, in the order of their first rows.
///
/// # Errors
/// If a voter's name is unknown.
pub(crate) fn best_member_tests(
    pairs: &[PairRow],
    validation: &[ValidationRow],
) -> Result<Vec<BestMemberTest>, UnknownVoter> {
    let mut held_out: BTreeMap<(&str, usize, u64, Voter), f64> = BTreeMap::new();
    for row in validation {
        held_out.insert((&row.split, row.setting, row.seed, row.voter.parse()?), row.accuracy);
    }
    let of_sweeps = pairs.iter().filter(|row| Baseline::from_split(&row.split).is_none());
    let runs = distinct(of_sweeps.map(|row| (row.split.as_str(), row.setting, row.seed)));
    let mut found = Vec::new();
    for (split, setting, seed) in runs {
        let mut members: Vec<(Voter, &PairRow)> = pairs
            .iter()
            .filter(|row| (row.split.as_str(), row.setting, row.seed) == (split, setting, seed))
            .map(|row| Ok((row.member.parse()?, row)))
            .collect::<Result<_, UnknownVoter>>()?;
        // Among equally good members, the one with the lowest number is chosen: `max_by` returns the last maximum.
        members.sort_by_key(|(voter, _)| std::cmp::Reverse(*voter));
        let by_validation =
            members.iter().all(|(voter, _)| held_out.contains_key(&(split, setting, seed, *voter)));
        let merit = |voter: Voter, row: &PairRow| match held_out.get(&(split, setting, seed, voter)) {
            Some(accuracy) if by_validation => *accuracy,
            _ => (row.both + row.member_only) as f64,
        };
        let best = members.into_iter().max_by(|(a, x), (b, y)| merit(*a, x).total_cmp(&merit(*b, y)));
        if let Some((member, row)) = best {
            let (split, p) = (split.to_owned(), mcnemar_p_value(row.ensemble_only, row.member_only));
            let (ensemble_only, member_only) = (row.ensemble_only, row.member_only);
            found.push(BestMemberTest {
                split,
                setting,
                seed,
                member,
                by_validation,
                ensemble_only,
                member_only,
                p,
            });
        }
    }
    Ok(found)
}

/// The exact two-sided p-value of McNemar's test. `first` and `second` count the images that only the first and only the second
/// classifier got right. If both are equally good, each such image is a toss of a fair coin. The p-value is twice the smaller tail
/// of a binomial distribution with chance 1/2, at most 1.
///
/// Source: Q. McNemar, *Note on the sampling error of the difference between correlated proportions or
/// percentages*, Psychometrika 12 (1947) 153-157; exact as in A. Agresti, *Categorical Data Analysis*, section
/// 10.1.
fn mcnemar_p_value(first: usize, second: usize) -> f64 {
    let tosses = first + second;
    // Logarithms: 2^-tosses is below the smallest f64 from 1075 tosses on.
    let mut log_term = -(tosses as f64) * LN_2;
    let mut tail = 0.0;
    for heads in 0..=first.min(second) {
        tail += log_term.exp();
        log_term += ((tosses - heads) as f64).ln() - ((heads + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(member: &str, ensemble_only: usize, member_only: usize, both: usize) -> PairRow {
        let (split, member) = ("regular".to_owned(), member.to_owned());
        let neither = 1_000 - both - ensemble_only - member_only;
        PairRow { split, setting: 1, seed: 1, member, both, ensemble_only, member_only, neither }
    }

    fn held_out(voter: &str, accuracy: f64) -> ValidationRow {
        let (split, voter) = ("regular".to_owned(), voter.to_owned());
        ValidationRow { split, setting: 1, seed: 1, voter, images: 100, correct: 90, accuracy }
    }

    #[test]
    fn the_best_member_is_named_by_validation_where_there_is_one() {
        let pairs = [pair("member-1", 6, 0, 900), pair("member-2", 9, 9, 900)];
        let by_test = best_member_tests(&pairs, &[]).unwrap();
        assert_eq!((by_test[0].member, by_test[0].by_validation), (Voter::Member(2), false));
        let rows = [held_out("member-1", 0.98), held_out("member-2", 0.97), held_out("ensemble", 0.99)];
        let by_validation = best_member_tests(&pairs, &rows).unwrap();
        assert_eq!((by_validation[0].member, by_validation[0].by_validation), (Voter::Member(1), true));
        assert!((by_validation[0].p - 0.03125).abs() < 1e-12);
    }

    #[test]
    fn of_equally_good_members_the_first_is_taken() {
        let found =
            best_member_tests(&[pair("member-2", 1, 1, 900), pair("member-1", 2, 1, 900)], &[]).unwrap();
        assert_eq!(found[0].member, Voter::Member(1));
    }

    /// Agresti's approval ratings of a prime minister (150 against 86), as the R package `exact2x2` documents it.
    #[test]
    fn the_published_p_value_of_the_approval_ratings_comes_out() {
        let p = mcnemar_p_value(86, 150);
        assert!((p - 3.716e-5).abs() < 5e-9, "{p}");
        assert_eq!(p, mcnemar_p_value(150, 86));
    }

    #[test]
    fn small_counts_agree_with_coin_tosses() {
        assert_eq!(mcnemar_p_value(0, 0), 1.0);
        assert!((mcnemar_p_value(0, 6) - 2.0 / 64.0).abs() < 1e-12);
        assert!((mcnemar_p_value(1, 5) - 14.0 / 64.0).abs() < 1e-12);
        assert_eq!(mcnemar_p_value(3, 3), 1.0);
    }

    #[test]
    fn thousands_of_images_do_not_underflow() {
        let p = mcnemar_p_value(2_400, 2_600);
        assert!(p > 0.004 && p < 0.006, "{p}");
    }
}
