//! Tables of accuracies and of layer times.

use std::collections::{BTreeMap, BTreeSet};

use sottovoce_evaluate::records::{AccuracyRow, Domain, LayerRow};
use sottovoce_table::{ABSENT, Table};

use crate::data::baseline::Baseline;
use crate::data::layer_times::{LayerSeconds, LayerTimes};
use crate::data::paper;
use crate::data::paper_scope::PaperScope;
use crate::data::split_accuracy::total_mismatches;
use crate::data::voter::{UnknownVoter, Voter};
use crate::data::wording::{counted, share_range, thousands};

/// Table of accuracies in percent of every voter at every setting of a split method, in each domain. Accuracies are means over seeds.
/// Mismatches are decrypted logits that differ from the integer oracle, summed over seeds. The table includes the paper's accuracies if
/// `scope` has them and the ensemble has as many members as the paper's.
///
/// # Errors
/// If a voter's name is unknown.
pub fn accuracy_table(rows: &[AccuracyRow], split: &str, scope: &PaperScope) -> Result<Table, UnknownVoter> {
    let mut groups: BTreeMap<(usize, Voter), Vec<&AccuracyRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.split == split) {
        groups.entry((row.setting, row.voter.parse()?)).or_default().push(row);
    }
    let members: BTreeSet<Voter> =
        groups.keys().map(|(_, voter)| *voter).filter(|voter| *voter != Voter::Ensemble).collect();
    let paper_of = |voter, group: &[&AccuracyRow]| {
        let paper = group.first().and_then(|row| scope.accuracy(row, voter));
        paper.filter(|_| members.len() == paper::MEMBERS)
    };
    let has_paper = groups.iter().any(|(&(_, voter), group)| paper_of(voter, group).is_some());

    let cells = |(&(setting, voter), group): (&(usize, Voter), &Vec<&AccuracyRow>)| {
        let shares = group.first().map_or_else(String::new, |row| share_range(row.share_low, row.share_high));
        let mut cells = vec![setting.to_string(), shares, voter.to_string()];
        cells.extend(
            [Domain::Float, Domain::Integer, Domain::Encrypted].map(|domain| mean_percent(group, domain)),
        );
        if has_paper {
            cells.push(paper_of(voter, group).map_or_else(|| ABSENT.to_owned(), |p| format!("{p:.2}")));
        }
        cells.push(total_mismatches(group.iter().copied()).map_or_else(|| ABSENT.to_owned(), thousands));
        cells
    };
    let mut header = vec!["setting", "majority share", "voter", "float %", "integer %", "encrypted %"];
    if has_paper {
        header.push("paper %");
    }
    header.push("mismatches");
    Ok(Table {
        title: match Baseline::from_split(split) {
            Some(baseline) => format!("Test accuracy, baseline: {}", baseline.description()),
            None => format!("Test accuracy, {split} split"),
        },
        header: header.into_iter().map(str::to_owned).collect(),
        rows: groups.iter().map(cells).collect(),
        notes: accuracy_notes(rows, split, has_paper.then_some(scope)),
    })
}

fn mean_percent(group: &[&AccuracyRow], domain: Domain) -> String {
    let accuracies: Vec<f64> =
        group.iter().filter(|row| row.domain == domain).map(|row| row.accuracy).collect();
    mean(&accuracies).map_or_else(|| ABSENT.to_owned(), |accuracy| format!("{:.2}", accuracy * 100.0))
}

fn accuracy_notes(rows: &[AccuracyRow], split: &str, paper: Option<&PaperScope>) -> Vec<String> {
    let rows: Vec<&AccuracyRow> = rows.iter().filter(|row| row.split == split).collect();
    let seeds: BTreeSet<u64> = rows.iter().map(|row| row.seed).collect();
    let images: BTreeSet<u64> = rows.iter().map(|row| row.images as u64).collect();
    let images = match (images.first(), images.last()) {
        (Some(least), Some(most)) if least != most => {
            format!("{} to {} test images", thousands(*least), thousands(*most))
        }
        (_, most) => counted(most.copied().unwrap_or(0), "test image", "test images"),
    };
    let averaged = if seeds.len() > 1 {
        format!(" and seed; means over up to {} seeds", seeds.len())
    } else {
        String::new()
    };
    let mut notes = vec![
        format!("{images} per setting{averaged}."),
        "Float: the trained network before quantisation. Integer: the exported network in plain integers. \
         Encrypted: the decrypted answers. Mismatches: decrypted logits that differ from the integer network's."
            .to_owned(),
    ];
    if let Some(scope) = paper {
        let training = scope.training().map_or_else(String::new, |line| format!(" This run: {line}."));
        notes.push(format!(
            "Paper: Xiong, Nguyen, So and Chen (2020). The share ranges of its settings are not known, so \
             settings are matched by number.{training}"
        ));
    }
    notes
}

/// Table of the seconds of each layer for one batch, as medians over batches, settings and seeds. The time of one member is the mean of
/// the members' medians plus shared work; the time of the ensemble is the sum of the medians plus shared work. If `scope` has times, the
/// table includes the paper's Table 3, which is read as the time of one member (see [`paper::LAYER_SECONDS`]).
///
/// # Errors
/// If a voter's name is unknown.
pub fn layer_table(rows: &[LayerRow], scope: &PaperScope) -> Result<Table, UnknownVoter> {
    let times = LayerTimes::gather(rows, scope)?;
    let cells = |row: &LayerSeconds| {
        let seconds = |seconds: Option<f64>| seconds.map_or_else(|| ABSENT.to_owned(), |s| format!("{s:.3}"));
        let mut cells = vec![row.layer.clone(), seconds(row.ensemble), seconds(row.member)];
        if times.has_paper {
            cells.extend([seconds(row.paper), ratio_text(row)]);
        }
        cells
    };
    let header: &[&str] = if times.has_paper {
        &["layer", "our ensemble, s", "our member, s", "paper's member, s", "paper / ours"]
    } else {
        &["layer", "ensemble, s", "member, s"]
    };
    Ok(Table {
        title: "Seconds per layer and batch".to_owned(),
        header: header.iter().map(|name| (*name).to_owned()).collect(),
        rows: times.layers.iter().chain([&times.sum]).map(cells).collect(),
        notes: layer_notes(&times),
    })
}

/// The time of the paper's member divided by the time of ours.
pub(crate) fn ratio_text(layer: &LayerSeconds) -> String {
    match (layer.member, layer.paper) {
        (Some(ours), Some(paper)) if ours > 0.0 => format!("{:.1}×", paper / ours),
        _ => ABSENT.to_owned(),
    }
}

fn layer_notes(times: &LayerTimes) -> Vec<String> {
    let encryption = paper::layer_seconds("EncryptedLayer").unwrap_or(0.0);
    let ours = if times.has_paper { "Ours: wall-clock" } else { "Wall-clock" };
    let mut notes = vec![format!(
        "{ours} seconds of one batch, medians over {} of all settings and seeds (encryption, which all of \
             them share, was timed once for each batch of the test set); ensemble of {}; worker threads: {}. A member: the \
             mean of the members. What the members share (encryption, the engine's lift and transforms, sum, decryption) counts in \
             full for one member, too.",
        counted(times.batches as u64, "batch", "batches"),
        counted(times.members as u64, "member", "members"),
        times.threads,
    )];
    if times.has_paper {
        notes.push(format!(
            "Paper: Table 3 of Xiong, Nguyen, So and Chen (2020), seconds for one batch of {} images on {}; it \
             does not list layers marked {ABSENT}. It is read as the time of one member: one encryption and {} \
             members make {:.1} s, and the paper's ensemble took {} s for a batch.",
            paper::BATCH,
            paper::MACHINE,
            paper::MEMBERS,
            encryption + paper::ensemble_seconds(),
            paper::ELAPSED_SECONDS_PER_BATCH,
        ));
    }
    notes
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
