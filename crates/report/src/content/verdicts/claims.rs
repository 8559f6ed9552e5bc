//! Verdicts on the paper's claims.

use sottovoce_evaluate::records::{Domain, ElapsedRow};

use crate::content::verdicts::evidence::Evidence;
use crate::content::verdicts::exactness::{Exactness, lost, wins_text};
use crate::content::verdicts::verdict::{JudgedStatement, Verdict, Verdicts, not_measured};
use crate::data::paper;
use crate::data::statistics::advantage::paper_won;
use crate::data::statistics::summary::median;
use crate::data::wording::{counted, thousands};

/// A time or size up to this many times the paper's counts as reproduced.
const ALIKE: f64 = 1.1;
/// An accuracy counts as reproduced up to this many percentage points below the paper's.
const ALIKE_POINTS: f64 = 1.0;
/// Elapsed times count as a staircase if they deviate by at most this fraction from a straight line over batches.
const STEP_TOLERANCE: f64 = 0.15;

/// Judges every claim.
pub(crate) fn claims(evidence: &Evidence<'_>) -> Verdicts {
    Verdicts {
        title: "Claims of the paper",
        words: ["reproduced or better", "not reproduced", "not measured"],
        header: ["claim", "paper", "ours", "verdict"],
        notes: vec![format!(
            "Paper: Xiong, Nguyen, So and Chen (2020). Reproduced: times and sizes up to {ALIKE} times the paper's, \
             accuracies within {ALIKE_POINTS} point. Better: beyond the paper's. Times are of different machines: the paper's of {}. Its share ranges are not known, so \
             settings are matched by number.",
            paper::MACHINE,
        )],
        judged: vec![
            wins(evidence),
            range(evidence),
            exact(evidence),
            batch(evidence),
            staircase(evidence),
            fifty_thousand(evidence),
            message(evidence, "upload", "An upload of m x m images is m² ciphertexts"),
            message(evidence, "answer", "An answer is one ciphertext for each of ten classes"),
        ],
    }
}

fn wins(evidence: &Evidence<'_>) -> JudgedStatement {
    let settings = &evidence.advantages;
    let papers = settings.iter().filter(|s| paper_won(&s.split, s.setting) == Some(true)).count();
    let ours = settings.iter().filter(|setting| setting.wins_every_seed()).count();
    let verdict = match evidence.incomparable() {
        Some(reason) => Verdict::NotMeasured(reason),
        None if ours > papers => Verdict::Better,
        None if ours == papers => Verdict::Reproduced,
        None => Verdict::NotReproduced(format!("not in {}", lost(evidence).join(", "))),
    };
    let result = if settings.is_empty() {
        not_measured("no setting of the three split methods")
    } else {
        (wins_text(evidence), verdict)
    };
    let here = if settings.len() == 18 || settings.is_empty() {
        String::new()
    } else {
        format!(" ({papers} of the {} measured here)", settings.len())
    };
    JudgedStatement::new(
        "The ensemble is more accurate than each of its members",
        format!("17 of 18 settings{here}"),
        result,
    )
}

fn range(evidence: &Evidence<'_>) -> JudgedStatement {
    let ends = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((100.0_f64, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)))
    };
    let means = evidence.ensemble(Domain::Encrypted);
    let (low, high) = ends(&mut means.values().map(|mean| mean * 100.0));
    // The paper's accuracies at the settings of this run.
    let (paper_low, paper_high) = ends(
        &mut means.keys().filter_map(|(split, setting)| Some(paper::accuracy(split, *setting)?.ensemble)),
    );
    let all_better = means.iter().all(|((split, setting), mean)| {
        paper::accuracy(split, *setting).is_some_and(|paper| mean * 100.0 > paper.ensemble)
    });
    let result = if means.is_empty() {
        not_measured("no setting of the three split methods")
    } else {
        let measured =
            format!("{low:.1} to {high:.1} % in {}", counted(means.len() as u64, "setting", "settings"));
        let verdict = match evidence.incomparable() {
            Some(reason) => Verdict::NotMeasured(reason),
            None if all_better => Verdict::Better,
            None if low >= paper_low - ALIKE_POINTS && high >= paper_high - ALIKE_POINTS => {
                Verdict::Reproduced
            }
            None => {
                Verdict::NotReproduced(format!("the paper has {paper_low:.1} to {paper_high:.1} % there"))
            }
        };
        (measured, verdict)
    };
    JudgedStatement::new("Ensemble accuracy on encrypted images", "91.2 to 97.6 %", result)
}

fn exact(evidence: &Evidence<'_>) -> JudgedStatement {
    let exactness = Exactness::of(evidence);
    let verdict = match exactness.obstacle() {
        _ if exactness.mismatches > 0 => Verdict::NotReproduced("some logits differ".to_owned()),
        Some(reason) => Verdict::NotMeasured(reason),
        None => Verdict::Reproduced,
    };
    JudgedStatement::new("The encrypted result equals the plain result", "equal", (exactness.text(), verdict))
}

fn batch(evidence: &Evidence<'_>) -> JudgedStatement {
    let paper = paper::ensemble_seconds();
    let slots = evidence.records.facts.slots();
    let result = match (evidence.layers.ensemble_without_encryption(), slots) {
        (None, _) => not_measured("layers.csv lacks one of the paper's layers"),
        _ if evidence.layers.members != paper::MEMBERS => not_measured(format!(
            "the ensemble has {}",
            counted(evidence.layers.members as u64, "member", "members")
        )),
        (Some(_), Some(slots)) if slots != paper::BATCH as u64 => {
            not_measured(format!("a batch is {slots} images"))
        }
        (Some(seconds), _) => {
            (format!("{seconds:.2} s ({:.0} times as fast)", paper / seconds), against(seconds, paper, "s"))
        }
    };
    JudgedStatement::new(
        format!(
            "{} images through three members, encryption excluded (sum of Table 3)",
            thousands(paper::BATCH as u64)
        ),
        format!("{paper:.1} s"),
        result,
    )
}

/// Better if ours is below the paper's, reproduced up to [`ALIKE`] times the paper's.
fn against(ours: f64, paper: f64, unit: &str) -> Verdict {
    if ours < paper {
        Verdict::Better
    } else if ours <= ALIKE * paper {
        Verdict::Reproduced
    } else {
        Verdict::NotReproduced(format!("{ours:.1} {unit}"))
    }
}

fn staircase(evidence: &Evidence<'_>) -> JudgedStatement {
    let rows = &evidence.records.elapsed;
    let slots = evidence.size("upload").map(|row| row.slots as u64).or(evidence.records.facts.slots());
    let slots = slots.unwrap_or(paper::BATCH as u64);
    let statement =
        format!("Elapsed time is a staircase with a step every {} images", thousands(paper::BATCH as u64));
    let paper = format!("{} s a step", paper::ELAPSED_SECONDS_PER_BATCH);
    let batches: std::collections::BTreeSet<usize> = rows.iter().map(|row| row.batches).collect();
    if batches.len() < 3 {
        return JudgedStatement::new(
            statement,
            paper,
            not_measured("elapsed.csv has too few numbers of batches"),
        );
    }
    let (first, step) = line(rows);
    let wrong = rows.iter().find(|row| row.batches as u64 != (row.images as u64).div_ceil(slots));
    let worst = rows
        .iter()
        .map(|row| (row.seconds / (first + step * row.batches as f64) - 1.0).abs())
        .fold(0.0, f64::max);
    let measured = format!(
        "{step:.2} s a step of {} images; times within {:.0} % of it",
        thousands(slots),
        (worst * 100.0).ceil()
    );
    let verdict = match wrong {
        Some(row) => Verdict::NotReproduced(format!("{} images in {} batches", row.images, row.batches)),
        None if slots != paper::BATCH as u64 => {
            Verdict::NotReproduced(format!("a batch is {} images", thousands(slots)))
        }
        None if worst > STEP_TOLERANCE || step <= 0.0 => {
            Verdict::NotReproduced("times do not go by batches alone".to_owned())
        }
        None if step < paper::ELAPSED_SECONDS_PER_BATCH => Verdict::Better,
        None => Verdict::Reproduced,
    };
    JudgedStatement::new(statement, paper, (measured, verdict))
}

/// Fits a line by least squares. Returns its seconds at zero batches and its seconds per batch.
fn line(rows: &[ElapsedRow]) -> (f64, f64) {
    let count = rows.len() as f64;
    let mean = |of: fn(&ElapsedRow) -> f64| rows.iter().map(of).sum::<f64>() / count;
    let (batches, seconds) = (mean(|row| row.batches as f64), mean(|row| row.seconds));
    let moment = |of: &dyn Fn(&ElapsedRow) -> f64| rows.iter().map(of).sum::<f64>();
    let covariance = moment(&|row| (row.batches as f64 - batches) * (row.seconds - seconds));
    let step = covariance / moment(&|row| (row.batches as f64 - batches).powi(2));
    (seconds - step * batches, step)
}

fn fifty_thousand(evidence: &Evidence<'_>) -> JudgedStatement {
    const IMAGES: usize = 50_000;
    let paper = median(paper::ELAPSED.iter().filter(|(images, _)| *images == IMAGES).map(|point| point.1));
    let result = match (evidence.elapsed(IMAGES), paper) {
        (Some((images, seconds)), Some(paper)) if images == IMAGES => {
            (format!("{seconds:.1} s ({:.0} times as fast)", paper / seconds), against(seconds, paper, "s"))
        }
        _ => not_measured(format!("elapsed.csv has no run of {} images", thousands(IMAGES as u64))),
    };
    let paper = paper.map_or_else(String::new, |seconds| format!("{seconds:.0} s"));
    JudgedStatement::new(format!("{} images through the ensemble", thousands(IMAGES as u64)), paper, result)
}

fn message(evidence: &Evidence<'_>, message: &str, statement: &str) -> JudgedStatement {
    let bytes = thousands(paper::CIPHERTEXT_BYTES as u64);
    let reference = format!("{bytes} bytes each, for each of {} plaintext moduli", paper::PLAINTEXT_MODULI);
    let result = match evidence.size(message) {
        None => not_measured("sizes.csv has no such message"),
        Some(row) => {
            let each = row.bytes as f64 / row.ciphertexts.max(1) as f64;
            let measured = format!(
                "{} ciphertexts, {} bytes: {} bytes each, for one plaintext modulus",
                thousands(row.ciphertexts as u64),
                thousands(row.bytes as u64),
                thousands(each.round() as u64)
            );
            // Compared with one of the paper's moduli, which is stricter: our client sends everything once.
            let paper = paper::CIPHERTEXT_BYTES as f64;
            let verdict = if row.slots < paper::BATCH {
                Verdict::NotReproduced(format!("for {} images only", thousands(row.slots as u64)))
            } else if each < paper || each <= paper * ALIKE {
                against(each, paper, "bytes")
            } else {
                Verdict::NotReproduced(format!("{:.1} times the paper's", each / paper))
            };
            (measured, verdict)
        }
    };
    JudgedStatement::new(statement, reference, result)
}
