//! The accuracy table of a split method, and the layer times beside the paper's Table 3.

use std::collections::{BTreeMap, BTreeSet};

use sottovoce_evaluate::records::{AccuracyRow, Domain, LayerRow};

use crate::paper;
use crate::sweep::total_mismatches;
use crate::table::Table;
use crate::voter::{UnknownVoter, Voter};
use crate::wording::{counted, share_range, thousands};

/// Stands for a number that was not measured or not printed.
pub(crate) const ABSENT: &str = "–";

/// Accuracy in percent of every voter at every setting of a split method, in each domain, beside the
/// paper's (for an ensemble of as many members), and the decrypted logits that differ from the integer
/// oracle. Several seeds are averaged; their mismatches are added.
///
/// # Errors
/// If a voter's name is unknown.
pub fn accuracy_table(rows: &[AccuracyRow], split: &str) -> Result<Table, UnknownVoter> {
    let mut groups: BTreeMap<(usize, Voter), Vec<&AccuracyRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.split == split) {
        groups.entry((row.setting, row.voter.parse()?)).or_default().push(row);
    }
    let members: BTreeSet<Voter> =
        groups.keys().map(|(_, voter)| *voter).filter(|voter| *voter != Voter::Ensemble).collect();
    let paper_of = |setting, voter| {
        paper::voter_accuracy(split, setting, voter).filter(|_| members.len() == paper::MEMBERS)
    };
    let has_paper = groups.keys().any(|&(setting, voter)| paper_of(setting, voter).is_some());

    let cells = |(&(setting, voter), group): (&(usize, Voter), &Vec<&AccuracyRow>)| {
        let shares = group.first().map_or_else(String::new, |row| share_range(row.share_low, row.share_high));
        let mut cells = vec![setting.to_string(), shares, voter.to_string()];
        cells.extend(
            [Domain::Float, Domain::Integer, Domain::Encrypted].map(|domain| mean_percent(group, domain)),
        );
        if has_paper {
            cells.push(paper_of(setting, voter).map_or_else(|| ABSENT.to_owned(), |p| format!("{p:.2}")));
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
        title: format!("Test accuracy, {split} split"),
        header: header.into_iter().map(str::to_owned).collect(),
        rows: groups.iter().map(cells).collect(),
        notes: accuracy_notes(rows, split, has_paper),
    })
}

fn mean_percent(group: &[&AccuracyRow], domain: Domain) -> String {
    let accuracies: Vec<f64> =
        group.iter().filter(|row| row.domain == domain).map(|row| row.accuracy).collect();
    mean(&accuracies).map_or_else(|| ABSENT.to_owned(), |accuracy| format!("{:.2}", accuracy * 100.0))
}

fn accuracy_notes(rows: &[AccuracyRow], split: &str, has_paper: bool) -> Vec<String> {
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
    if has_paper {
        notes.push(
            "Paper: Xiong, Nguyen, So and Chen (2020). The share ranges of its settings are not known, so \
             settings are matched by number."
                .to_owned(),
        );
    }
    notes
}

/// Seconds of each layer for one batch, summed over the voters (every member, and what they share), then
/// averaged over batches, settings and seeds; beside Table 3 of the paper.
///
/// The ratio takes Table 3 as the time of the paper's whole ensemble of three, the reading less favourable
/// to us (see [`paper::LAYER_SECONDS`]), and is left out for other numbers of members.
///
/// # Errors
/// If a voter's name is unknown.
pub fn layer_table(rows: &[LayerRow]) -> Result<Table, UnknownVoter> {
    let voters: BTreeSet<Voter> = rows.iter().map(|row| row.voter.parse()).collect::<Result<_, _>>()?;
    let members = voters.iter().filter(|voter| **voter != Voter::Ensemble).count();
    let ours = seconds_per_batch(rows);

    let mut layers: Vec<&str> = paper::LAYER_SECONDS.iter().map(|(layer, _)| *layer).collect();
    for row in rows {
        if !layers.contains(&row.layer.as_str()) {
            layers.push(&row.layer);
        }
    }
    let line = |name: &str, ours: Option<f64>, paper: Option<f64>| {
        let ratio = match (ours, paper) {
            (Some(ours), Some(paper)) if ours > 0.0 && members == paper::MEMBERS => Some(paper / ours),
            _ => None,
        };
        vec![
            name.to_owned(),
            ours.map_or_else(|| ABSENT.to_owned(), |seconds| format!("{seconds:.3}")),
            paper.map_or_else(|| ABSENT.to_owned(), |seconds| format!("{seconds:.3}")),
            ratio.map_or_else(|| ABSENT.to_owned(), |ratio| format!("{ratio:.1}×")),
        ]
    };
    let mut table_rows: Vec<Vec<String>> = layers
        .iter()
        .map(|&layer| line(layer, ours.get(layer).copied(), paper::layer_seconds(layer)))
        .collect();
    let listed: Option<f64> = paper::LAYER_SECONDS.iter().map(|(layer, _)| ours.get(layer).copied()).sum();
    let paper_sum = paper::LAYER_SECONDS.iter().map(|(_, seconds)| seconds).sum();
    table_rows.push(line("Sum of the paper's layers", listed, Some(paper_sum)));

    Ok(Table {
        title: "Seconds per layer and batch".to_owned(),
        header: ["layer", "ours, s", "paper, s", "paper / ours"].map(str::to_owned).to_vec(),
        rows: table_rows,
        notes: layer_notes(rows, members),
    })
}

/// Mean seconds of each layer for one batch of the whole ensemble.
fn seconds_per_batch(rows: &[LayerRow]) -> BTreeMap<&str, f64> {
    // Rows have no seed: those alike in all else are of several seeds (or runs) and are averaged first.
    let mut repeats: BTreeMap<(&str, &str, usize, usize, &str), Vec<f64>> = BTreeMap::new();
    for row in rows {
        let key = (row.layer.as_str(), row.split.as_str(), row.setting, row.batch, row.voter.as_str());
        repeats.entry(key).or_default().push(row.seconds);
    }
    let mut batches: BTreeMap<(&str, &str, usize, usize), f64> = BTreeMap::new();
    for ((layer, split, setting, batch, _), seconds) in &repeats {
        *batches.entry((layer, split, *setting, *batch)).or_default() += mean(seconds).unwrap_or(0.0);
    }
    let mut layers: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for ((layer, ..), seconds) in batches {
        layers.entry(layer).or_default().push(seconds);
    }
    layers.iter().filter_map(|(layer, seconds)| Some((*layer, mean(seconds)?))).collect()
}

fn layer_notes(rows: &[LayerRow], members: usize) -> Vec<String> {
    let threads: BTreeSet<usize> = rows.iter().map(|row| row.threads).collect();
    let threads: Vec<String> = threads.iter().map(usize::to_string).collect();
    let batches: BTreeSet<_> = rows.iter().map(|row| (&row.split, row.setting, row.batch)).collect();
    let mut notes = vec![
        format!(
            "Ours: wall-clock seconds of one batch, summed over {} and what they share, mean over {} of all \
             settings; worker threads: {}.",
            counted(members as u64, "member", "members"),
            counted(batches.len() as u64, "batch", "batches"),
            threads.join(", "),
        ),
        format!(
            "Paper: Table 3 of Xiong, Nguyen, So and Chen (2020), seconds for one batch of {} images on {}; it \
             does not list layers marked {ABSENT}.",
            paper::BATCH,
            paper::MACHINE,
        ),
    ];
    notes.push(if members == paper::MEMBERS {
        format!(
            "The ratio takes Table 3 as the time of the whole ensemble of {}. It may be that of one member: the \
             paper's elapsed time for a batch and its ensemble, {} s, is about three times the table's sum. The \
             ratio would then be up to three times as large.",
            paper::MEMBERS,
            paper::ELAPSED_SECONDS_PER_BATCH,
        )
    } else {
        format!("No ratio: our ensemble does not have {} members.", paper::MEMBERS)
    });
    notes
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
