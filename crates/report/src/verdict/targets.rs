//! This project's own targets.

use std::ops::RangeInclusive;

use sottovoce_evaluate::records::Domain;

use super::accuracy::{Exactness, lost, wins_text};
use super::evidence::{Evidence, SETTINGS, SPLITS};
use super::{Judged, Verdict, Verdicts};
use crate::tables::ABSENT;
use crate::wording::{counted, thousands};

/// Loss of ensemble accuracy by rounding to integers, in points.
const MOST_POINTS_LOST: f64 = 0.3;
const MOST_PLAINTEXT_BITS: u32 = 31;
/// Images to be classified in [`MOST_SECONDS`], encryption included.
const IMAGES: usize = 50_000;
const MOST_SECONDS: f64 = 20.0;
/// Minutes in which all members of one seed are to be trained.
const MOST_TRAINING_MINUTES: f64 = 12.0;
/// Seconds in which all settings of one seed are to be classified.
const MOST_EVALUATION_SECONDS: f64 = 120.0;

/// Every target with its verdict.
pub(crate) fn targets(evidence: &Evidence<'_>) -> Verdicts {
    Verdicts {
        title: "Targets of this project",
        words: ["met", "not met", "not measured"],
        header: ["target", "wanted", "measured", "verdict"],
        notes: vec![
            "A setting counts as won only if the ensemble has more correct answers than every member with every \
             seed. Accuracies are means over seeds."
                .to_owned(),
        ],
        judged: vec![
            accuracy(evidence, 1..=4, 98.5),
            accuracy(evidence, 5..=5, 98.0),
            accuracy(evidence, 6..=6, 97.0),
            wins(evidence),
            exact(evidence),
            quantised(evidence),
            plaintext_modulus(evidence),
            speed(evidence),
            training(evidence),
            evaluation(evidence),
        ],
    }
}

fn open(reason: impl Into<String>) -> (String, Verdict) {
    (ABSENT.to_owned(), Verdict::NotMeasured(reason.into()))
}

fn judged(statement: impl Into<String>, wanted: impl Into<String>, found: (String, Verdict)) -> Judged {
    Judged { statement: statement.into(), reference: wanted.into(), measured: found.0, verdict: found.1 }
}

fn accuracy(evidence: &Evidence<'_>, settings: RangeInclusive<usize>, least: f64) -> Judged {
    let name = match (settings.start(), settings.end()) {
        (first, last) if first == last => format!("setting {first}"),
        (first, last) => format!("settings {first} to {last}"),
    };
    let all = settings.clone().count() * SPLITS.len();
    let mut found: Vec<(f64, String)> = evidence
        .ensemble(Domain::Encrypted)
        .into_iter()
        .filter(|((_, setting), _)| settings.contains(setting))
        .map(|((split, setting), mean)| (mean * 100.0, format!("{split} {setting}")))
        .collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let result = match found.first() {
        None => open("no such setting"),
        Some((lowest, place)) => {
            let seeds = counted(evidence.seeds() as u64, "seed", "seeds");
            let measured = format!("lowest {lowest:.2} % ({place}), {seeds}");
            let missed: Vec<&str> =
                found.iter().filter(|(mean, _)| *mean < least).map(|(_, place)| place.as_str()).collect();
            let verdict = if missed.is_empty() {
                complete(found.len(), all)
            } else {
                Verdict::NotMet(format!("below in {}", missed.join(", ")))
            };
            (measured, verdict)
        }
    };
    judged(
        format!("Ensemble accuracy under encryption, {name}, all three split methods"),
        format!("≥ {least:.1} %"),
        result,
    )
}

fn wins(evidence: &Evidence<'_>) -> Judged {
    let all = SPLITS.len() * SETTINGS;
    let found = evidence.advantages.len();
    let lost = lost(evidence);
    let result = match evidence.incomparable() {
        _ if found == 0 => open("no setting of the three split methods"),
        Some(reason) => (wins_text(evidence), Verdict::NotMeasured(reason)),
        None if !lost.is_empty() => {
            (wins_text(evidence), Verdict::NotMet(format!("not in {}", lost.join(", "))))
        }
        None => (wins_text(evidence), Verdict::Met),
    };
    judged("The ensemble beats every member", format!("{all} of {all} settings"), result)
}

fn exact(evidence: &Evidence<'_>) -> Judged {
    let exactness = Exactness::of(evidence);
    let verdict = match exactness.open() {
        _ if exactness.different > 0 => Verdict::NotMet("some differ".to_owned()),
        Some(reason) => Verdict::NotMeasured(reason),
        None => Verdict::Met,
    };
    judged("Every decrypted logit equals the integer oracle's", "0 differ", (exactness.text(), verdict))
}

fn quantised(evidence: &Evidence<'_>) -> Judged {
    let integer = evidence.ensemble(Domain::Integer);
    let settings = counted(integer.len() as u64, "setting", "settings");
    // A gain is no loss, however large it is.
    let worst = evidence
        .ensemble(Domain::Float)
        .into_iter()
        .filter_map(|(key, float)| Some(((float - integer.get(&key)?) * 100.0, key)))
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let result = match worst {
        None => open("no setting in both domains"),
        Some((points, (split, setting))) => {
            // Differences of fractions of 10,000 are exact to far more digits than that.
            if points <= 1e-9 {
                (format!("no loss in {settings}"), Verdict::Met)
            } else {
                let measured = format!("at most {points:.2} points lost in {settings} ({split} {setting})");
                let met = points <= MOST_POINTS_LOST + 1e-9;
                (measured, if met { Verdict::Met } else { Verdict::NotMet(format!("{points:.2} points")) })
            }
        }
    };
    judged(
        "Integer against float accuracy of the ensemble",
        format!("≤ {MOST_POINTS_LOST} points lost"),
        result,
    )
}

fn plaintext_modulus(evidence: &Evidence<'_>) -> Judged {
    let result = match evidence.records.facts.plaintext_bits() {
        None => open("run.json names no plaintext modulus"),
        Some(bits) if bits <= MOST_PLAINTEXT_BITS => (format!("at most {bits} bits"), Verdict::Met),
        Some(bits) => (format!("up to {bits} bits"), Verdict::NotMet(format!("{bits} bits"))),
    };
    judged("Plaintext modulus", format!("≤ {MOST_PLAINTEXT_BITS} bits"), result)
}

fn speed(evidence: &Evidence<'_>) -> Judged {
    let result = match evidence.elapsed(IMAGES) {
        None => open(format!("elapsed.csv has no run of {} images", thousands(IMAGES as u64))),
        Some((images, seconds)) => {
            let measured = format!("{seconds:.1} s for {} images", thousands(images as u64));
            let met = seconds <= MOST_SECONDS;
            (measured, if met { Verdict::Met } else { Verdict::NotMet(format!("{seconds:.1} s")) })
        }
    };
    judged(
        format!("{} images through the ensemble, encryption included", thousands(IMAGES as u64)),
        format!("≤ {MOST_SECONDS:.0} s"),
        result,
    )
}

fn training(evidence: &Evidence<'_>) -> Judged {
    let settings = SPLITS.len() * SETTINGS;
    let facts = &evidence.records.facts;
    let images = facts.of_first_seed(|setting| setting["training"]["images"].as_f64());
    let result = match (images.len(), facts.training_rate()) {
        (0, _) | (_, None) => open("run.json does not say how fast members were trained"),
        (found, Some(rate)) => {
            let minutes = images.iter().sum::<f64>() / rate / 60.0;
            let measured = format!(
                "{minutes:.1} min for {} at the {} images/s of this run",
                counted(found as u64, "setting", "settings"),
                thousands(rate as u64)
            );
            let verdict = if minutes > MOST_TRAINING_MINUTES {
                Verdict::NotMet(format!("{minutes:.1} min"))
            } else {
                complete(found, settings)
            };
            (measured, verdict)
        }
    };
    judged(
        format!("All {} members of one seed trained", settings * crate::paper::MEMBERS),
        format!("≤ {MOST_TRAINING_MINUTES:.0} min"),
        result,
    )
}

fn evaluation(evidence: &Evidence<'_>) -> Judged {
    let settings = SPLITS.len() * SETTINGS;
    let seconds = evidence.records.facts.of_first_seed(|setting| setting["seconds"].as_f64());
    let total: f64 = seconds.iter().sum();
    let result = if seconds.is_empty() {
        open("run.json has no evaluation times")
    } else {
        let measured = format!("{total:.0} s for {}", counted(seconds.len() as u64, "setting", "settings"));
        let verdict = if total > MOST_EVALUATION_SECONDS {
            Verdict::NotMet(format!("{total:.0} s"))
        } else {
            complete(seconds.len(), settings)
        };
        (measured, verdict)
    };
    judged(
        "Figures 5 to 7 under encryption for one seed, members' own logits included, without training",
        format!("≤ {MOST_EVALUATION_SECONDS:.0} s"),
        result,
    )
}

/// Met, if all settings are there.
fn complete(found: usize, settings: usize) -> Verdict {
    if found < settings {
        Verdict::NotMeasured(format!("only {found} of {settings} settings"))
    } else {
        Verdict::Met
    }
}
