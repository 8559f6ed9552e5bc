//! Verdicts on this project's targets.

use std::ops::RangeInclusive;

use sottovoce_evaluate::records::Domain;

use crate::content::verdicts::evidence::{Evidence, SETTINGS, SPLITS};
use crate::content::verdicts::exactness::{Exactness, lost, wins_text};
use crate::content::verdicts::verdict::{JudgedStatement, Verdict, Verdicts, not_measured};
use crate::data::paper;
use crate::data::values::json_at;
use crate::data::wording::{counted, thousands};

/// Largest loss of ensemble accuracy by rounding to integers, in percentage points.
const MAX_POINTS_LOST: f64 = 0.3;
const MAX_PLAINTEXT_BITS: u32 = 31;
/// Number of images to classify in [`MAX_SECONDS`], including encryption.
const IMAGES: usize = 50_000;
const MAX_SECONDS: f64 = 20.0;
/// Largest training time of all members of one seed, in minutes.
const MAX_TRAINING_MINUTES: f64 = 12.0;
/// Largest evaluation time of all settings of one seed, in seconds.
const MAX_EVALUATION_SECONDS: f64 = 120.0;

/// Judges every target.
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

fn accuracy(evidence: &Evidence<'_>, settings: RangeInclusive<usize>, least: f64) -> JudgedStatement {
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
        None => not_measured("no such setting"),
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
    JudgedStatement::new(
        format!("Ensemble accuracy under encryption, {name}, all three split methods"),
        format!("≥ {least:.1} %"),
        result,
    )
}

fn wins(evidence: &Evidence<'_>) -> JudgedStatement {
    let all = SPLITS.len() * SETTINGS;
    let found = evidence.advantages.len();
    let lost = lost(evidence);
    let result = match evidence.incomparable() {
        _ if found == 0 => not_measured("no setting of the three split methods"),
        Some(reason) => (wins_text(evidence), Verdict::NotMeasured(reason)),
        None if !lost.is_empty() => {
            (wins_text(evidence), Verdict::NotMet(format!("not in {}", lost.join(", "))))
        }
        None => (wins_text(evidence), Verdict::Met),
    };
    JudgedStatement::new("The ensemble beats every member", format!("{all} of {all} settings"), result)
}

fn exact(evidence: &Evidence<'_>) -> JudgedStatement {
    let exactness = Exactness::of(evidence);
    let verdict = match exactness.obstacle() {
        _ if exactness.mismatches > 0 => Verdict::NotMet("some differ".to_owned()),
        Some(reason) => Verdict::NotMeasured(reason),
        None => Verdict::Met,
    };
    JudgedStatement::new(
        "Every decrypted logit equals the integer oracle's",
        "0 differ",
        (exactness.text(), verdict),
    )
}

fn quantised(evidence: &Evidence<'_>) -> JudgedStatement {
    let integer = evidence.ensemble(Domain::Integer);
    let settings = counted(integer.len() as u64, "setting", "settings");
    // A gain of accuracy is not a loss.
    let worst = evidence
        .ensemble(Domain::Float)
        .into_iter()
        .filter_map(|(key, float)| Some(((float - integer.get(&key)?) * 100.0, key)))
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let result = match worst {
        None => not_measured("no setting in both domains"),
        Some((points, (split, setting))) => {
            // Rounding errors of fractions with the denominator 10,000 are far smaller than 1e-9.
            if points <= 1e-9 {
                (format!("no loss in {settings}"), Verdict::Met)
            } else {
                let measured = format!("at most {points:.2} points lost in {settings} ({split} {setting})");
                let met = points <= MAX_POINTS_LOST + 1e-9;
                (measured, if met { Verdict::Met } else { Verdict::NotMet(format!("{points:.2} points")) })
            }
        }
    };
    JudgedStatement::new(
        "Integer against float accuracy of the ensemble",
        format!("≤ {MAX_POINTS_LOST} points lost"),
        result,
    )
}

fn plaintext_modulus(evidence: &Evidence<'_>) -> JudgedStatement {
    let result = match evidence.records.facts.plaintext_bits() {
        None => not_measured("run.json names no plaintext modulus"),
        Some(bits) if bits <= MAX_PLAINTEXT_BITS => (format!("at most {bits} bits"), Verdict::Met),
        Some(bits) => (format!("up to {bits} bits"), Verdict::NotMet(format!("{bits} bits"))),
    };
    JudgedStatement::new("Plaintext modulus", format!("≤ {MAX_PLAINTEXT_BITS} bits"), result)
}

fn speed(evidence: &Evidence<'_>) -> JudgedStatement {
    let result = match evidence.elapsed(IMAGES) {
        None => not_measured(format!("elapsed.csv has no run of {} images", thousands(IMAGES as u64))),
        Some((images, seconds)) => {
            let measured = format!("{seconds:.1} s for {} images", thousands(images as u64));
            let met = seconds <= MAX_SECONDS;
            (measured, if met { Verdict::Met } else { Verdict::NotMet(format!("{seconds:.1} s")) })
        }
    };
    JudgedStatement::new(
        format!("{} images through the ensemble, encryption included", thousands(IMAGES as u64)),
        format!("≤ {MAX_SECONDS:.0} s"),
        result,
    )
}

fn training(evidence: &Evidence<'_>) -> JudgedStatement {
    let settings = SPLITS.len() * SETTINGS;
    let facts = &evidence.records.facts;
    let images = facts.first_seed_values(|setting| json_at(setting, "/training/images").as_f64());
    let result = match (images.len(), facts.training_rate()) {
        (0, _) | (_, None) => not_measured("run.json does not say how fast members were trained"),
        (found, Some(rate)) => {
            let minutes = images.iter().sum::<f64>() / rate / 60.0;
            let measured = format!(
                "{minutes:.1} min for {} at the {} images/s of this run",
                counted(found as u64, "setting", "settings"),
                thousands(rate as u64)
            );
            let verdict = if minutes > MAX_TRAINING_MINUTES {
                Verdict::NotMet(format!("{minutes:.1} min"))
            } else {
                complete(found, settings)
            };
            (measured, verdict)
        }
    };
    JudgedStatement::new(
        format!("All {} members of one seed trained", settings * paper::MEMBERS),
        format!("≤ {MAX_TRAINING_MINUTES:.0} min"),
        result,
    )
}

fn evaluation(evidence: &Evidence<'_>) -> JudgedStatement {
    let settings = SPLITS.len() * SETTINGS;
    let seconds = evidence.records.facts.first_seed_values(|setting| json_at(setting, "/seconds").as_f64());
    let total: f64 = seconds.iter().sum();
    let result = if seconds.is_empty() {
        not_measured("run.json has no evaluation times")
    } else {
        let measured = format!("{total:.0} s for {}", counted(seconds.len() as u64, "setting", "settings"));
        let verdict = if total > MAX_EVALUATION_SECONDS {
            Verdict::NotMet(format!("{total:.0} s"))
        } else {
            complete(seconds.len(), settings)
        };
        (measured, verdict)
    };
    JudgedStatement::new(
        "Figures 5 to 7 under encryption for one seed, members' own logits included, without training",
        format!("≤ {MAX_EVALUATION_SECONDS:.0} s"),
        result,
    )
}

/// Met if all settings were measured.
fn complete(found: usize, settings: usize) -> Verdict {
    if found < settings {
        Verdict::NotMeasured(format!("only {found} of {settings} settings"))
    } else {
        Verdict::Met
    }
}
