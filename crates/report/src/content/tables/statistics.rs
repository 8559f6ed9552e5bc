//! Tables of statistics.

use sottovoce_evaluate::records::AccuracyRow;
use sottovoce_table::{ABSENT, Table};

use crate::data::baseline::Baseline;
use crate::data::statistics::advantage::advantages;
use crate::data::statistics::best_member::BestMemberTest;
use crate::data::statistics::summary::{Summary, wilson_interval};
use crate::data::wording::{counted, thousands};

/// Table of the ensemble's mean and spread over seeds, the sampling error of the test set, and the best member.
pub(crate) fn spread_table(rows: &[AccuracyRow]) -> Table {
    let sweeps = advantages(rows).into_iter().map(|setting| {
        let won = format!("{} of {}", setting.seeds_won(), setting.ensemble.len());
        let best = Summary::of(&setting.best_member).map(|summary| summary.mean);
        line(
            [setting.split.clone(), setting.setting.to_string()],
            &setting.ensemble,
            setting.images,
            best,
            won,
        )
    });
    let baselines = Baseline::ALL.into_iter().map(|baseline| {
        let ensemble: Vec<f64> = baseline.percents(rows).iter().map(|percent| percent / 100.0).collect();
        let of_baseline = rows.iter().filter(|row| Baseline::from_split(&row.split) == Some(baseline));
        let images = of_baseline.map(|row| row.images).max().unwrap_or(0);
        line([baseline.description().to_owned(), ABSENT.into()], &ensemble, images, None, ABSENT.into())
    });
    Table {
        title: "The ensemble over seeds, under encryption".to_owned(),
        header: [
            "split",
            "setting",
            "seeds",
            "images",
            "ensemble, mean %",
            "standard deviation, points",
            "95 % interval, from %",
            "to %",
            "best member, mean %",
            "advantage, points",
            "seeds won",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: sweeps.chain(baselines).flatten().collect(),
        notes: vec![
            "Standard deviation: of the sample, over seeds. 95 % interval: Wilson's score interval (1927) for the mean \
             accuracy on one test set of so many images; seeds share their test images, so more seeds do not narrow it. \
             Best member: the one with the most correct answers on the test images, seed by seed, which is the hardest \
             one to beat. Won: the ensemble has more correct answers than every member."
                .to_owned(),
        ],
    }
}

fn line(
    place: [String; 2],
    ensemble: &[f64],
    images: usize,
    best: Option<f64>,
    won: String,
) -> Option<Vec<String>> {
    let percent = |fraction: f64| format!("{:.2}", fraction * 100.0);
    let or_absent = |text: Option<String>| text.unwrap_or_else(|| ABSENT.to_owned());
    let summary = Summary::of(ensemble)?;
    let interval = wilson_interval(summary.mean * images as f64, images as f64);
    let mut cells = place.to_vec();
    cells.extend([
        ensemble.len().to_string(),
        thousands(images as u64),
        percent(summary.mean),
        or_absent(summary.deviation.map(percent)),
        or_absent(interval.map(|(low, _)| percent(low))),
        or_absent(interval.map(|(_, high)| percent(high))),
        or_absent(best.map(percent)),
        or_absent(best.map(|best| format!("{:+.2}", (summary.mean - best) * 100.0))),
        won,
    ]);
    Some(cells)
}

/// Table of McNemar's tests of the ensemble against the best member, for every setting and seed.
pub(crate) fn best_member_table(best_member_tests: &[BestMemberTest]) -> Table {
    let cells = |c: &BestMemberTest| {
        vec![
            c.split.clone(),
            c.setting.to_string(),
            c.seed.to_string(),
            c.member.to_string(),
            thousands(c.ensemble_only as u64),
            thousands(c.member_only as u64),
            p_text(c.p),
        ]
    };
    let tests = best_member_tests.len();
    let better = best_member_tests.iter().filter(|c| c.ensemble_only > c.member_only);
    let below = |limit: f64| better.clone().filter(|c| c.p < limit).count();
    let chosen = if best_member_tests.iter().all(|c| c.by_validation) {
        "Best member: by accuracy on held-out training images of the same seed."
    } else {
        "Best member: by accuracy on the test images themselves where no validation was recorded, which favours \
         the member."
    };
    Table {
        title: "The ensemble against its best member".to_owned(),
        header: [
            "split",
            "setting",
            "seed",
            "best member by validation",
            "only ensemble right",
            "only member right",
            "p",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: best_member_tests.iter().map(cells).collect(),
        notes: vec![
            format!(
                "McNemar's test (1947), exact and two-sided, on the test images that just one of the two got right. The \
                 ensemble is better with p below 0.05 in {} of {}, and with p below 0.05 divided by the number of \
                 tests (Bonferroni) in {}.",
                below(0.05),
                counted(tests as u64, "test", "tests"),
                below(0.05 / tests.max(1) as f64),
            ),
            chosen.to_owned(),
        ],
    }
}

/// A p-value with three decimals, or with two significant digits if it is below 0.001.
pub(crate) fn p_text(p: f64) -> String {
    if p >= 0.001 {
        format!("{p:.3}")
    } else if p > 0.0 {
        format!("{p:.1e}")
    } else {
        "0".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_p_values_keep_their_digits() {
        assert_eq!([0.5, 0.0123, 3.716e-5, 0.0].map(p_text), ["0.500", "0.012", "3.7e-5", "0"]);
    }
}
