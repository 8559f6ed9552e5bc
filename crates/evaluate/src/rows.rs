//! The records' rows of one setting.

use sottovoce_dataset::LabelledImages;

use crate::clear::{ENSEMBLE, Verdicts, member_name};
use crate::encrypted::Answers;
use crate::evaluation::Setting;
use crate::records::{AccuracyRow, Domain, LayerRow, PairRow, RecallRow, ValidationRow};

fn count(verdicts: &[bool]) -> usize {
    verdicts.iter().filter(|correct| **correct).count()
}

fn fraction(correct: usize, images: usize) -> f64 {
    correct as f64 / images as f64
}

/// One row for each member and one for the ensemble; `mismatches` likewise, where something was decrypted.
pub fn accuracy(
    setting: &Setting,
    domain: Domain,
    verdicts: &Verdicts,
    mismatches: Option<&[u64]>,
) -> Vec<AccuracyRow> {
    let row = |(index, (voter, verdicts)): (usize, (String, &[bool]))| {
        let (images, correct) = (verdicts.len(), count(verdicts));
        AccuracyRow {
            split: setting.split.clone(),
            setting: setting.number,
            share_low: setting.share_low,
            share_high: setting.share_high,
            seed: setting.seed,
            voter,
            images,
            correct,
            accuracy: fraction(correct, images),
            domain,
            mismatches: mismatches.and_then(|counts| counts.get(index).copied()),
        }
    };
    verdicts.voters().enumerate().map(row).collect()
}

/// One row for each member and one for the ensemble; none without held-out images.
pub fn validation(setting: &Setting, verdicts: &Verdicts) -> Vec<ValidationRow> {
    let row = |(voter, verdicts): (String, &[bool])| {
        let (images, correct) = (verdicts.len(), count(verdicts));
        ValidationRow {
            split: setting.split.clone(),
            setting: setting.number,
            seed: setting.seed,
            voter,
            images,
            correct,
            accuracy: fraction(correct, images),
        }
    };
    verdicts.voters().filter(|(_, verdicts)| !verdicts.is_empty()).map(row).collect()
}

/// One row for each voter and each of the labels `0..classes`.
pub fn recall(
    setting: &Setting,
    classes: usize,
    test: &LabelledImages,
    verdicts: &Verdicts,
) -> Vec<RecallRow> {
    let mut rows = Vec::new();
    for (voter, verdicts) in verdicts.voters() {
        rows.extend((0..=u8::MAX).take(classes).map(|label| {
            let own = test.labels().iter().zip(verdicts).filter(|(found, _)| **found == label);
            RecallRow {
                split: setting.split.clone(),
                setting: setting.number,
                seed: setting.seed,
                voter: voter.clone(),
                label,
                images: own.clone().count(),
                correct: own.filter(|(_, correct)| **correct).count(),
            }
        }));
    }
    rows
}

/// One row for each member.
pub fn pairs(setting: &Setting, verdicts: &Verdicts) -> Vec<PairRow> {
    let row = |(member, own): (String, &[bool])| {
        let images = |ensemble: bool, member: bool| {
            verdicts.ensemble().iter().zip(own).filter(|(e, m)| (**e, **m) == (ensemble, member)).count()
        };
        PairRow {
            split: setting.split.clone(),
            setting: setting.number,
            seed: setting.seed,
            member,
            both: images(true, true),
            ensemble_only: images(true, false),
            member_only: images(false, true),
            neither: images(false, false),
        }
    };
    verdicts.voters().filter(|(voter, _)| voter != ENSEMBLE).map(row).collect()
}

/// The times of every layer and batch.
pub fn layers(setting: &Setting, answers: &Answers) -> Vec<LayerRow> {
    let mut rows = Vec::new();
    for (times, batch) in answers.times.iter().zip(1..) {
        rows.extend(times.iter().map(|time| LayerRow {
            split: setting.split.clone(),
            setting: setting.number,
            voter: time.member.map_or_else(|| ENSEMBLE.to_owned(), member_name),
            batch,
            layer: time.layer.to_string(),
            seconds: time.elapsed.as_secs_f64(),
            threads: rayon::current_num_threads(),
        }));
    }
    rows
}
