//! Tables of the numbers in charts.

use std::collections::BTreeMap;

use sottovoce_evaluate::records::{BitsRow, ElapsedRow, RecallRow, SizeRow};
use sottovoce_table::{ABSENT, Table};

use crate::data::noise_summary::{MAX_GAP_BITS, NoiseSummary};
use crate::data::paper;
use crate::data::recall::{DigitRecall, digit_recalls};
use crate::data::statistics::summary::Summary;
use crate::data::voter::{UnknownVoter, Voter};
use crate::data::wording::{megabytes_text, thousands};

/// Table of `elapsed.csv`, with the paper's seconds for the same number of images if it `has_paper`.
pub(crate) fn elapsed_table(rows: &[ElapsedRow], has_paper: bool) -> Table {
    let some_seconds = |seconds: f64| if seconds > 0.0 { format!("{seconds:.2}") } else { ABSENT.to_owned() };
    let cells = |row: &ElapsedRow| {
        let paper = paper::ELAPSED.iter().find(|(images, _)| *images == row.images).map(|point| point.1);
        let ratio = paper.filter(|_| row.seconds > 0.0).map(|paper| format!("{:.1}×", paper / row.seconds));
        let mut cells = vec![
            thousands(row.images as u64),
            row.batches.to_string(),
            format!("{:.2}", row.seconds),
            format!("{:.2}", row.encrypt_seconds),
            // Older records have no messages between client and provider, and no such time.
            some_seconds(row.transfer_seconds),
            format!("{:.2}", row.evaluate_seconds),
            format!("{:.2}", row.decrypt_seconds),
            row.threads.to_string(),
        ];
        if has_paper {
            cells.push(paper.map_or_else(|| ABSENT.to_owned(), |seconds| format!("{seconds:.0}")));
            cells.push(ratio.unwrap_or_else(|| ABSENT.to_owned()));
        }
        cells
    };
    let mut header = vec![
        "images",
        "batches",
        "all, s",
        "encrypt, s",
        "transfer, s",
        "evaluate, s",
        "decrypt, s",
        "threads",
    ];
    let mut note = "From pixels to predictions.".to_owned();
    if has_paper {
        header.extend(["paper, s", "paper / ours"]);
        note += &format!(" Paper: read off its second Figure 7 to 5 s, on {}.", paper::MACHINE);
    }
    Table {
        title: "Elapsed seconds".to_owned(),
        header: header.into_iter().map(str::to_owned).collect(),
        rows: rows.iter().map(cells).collect(),
        notes: vec![note],
    }
}

/// Tables of the recall of each digit in percent at the last setting of each split method, over all seeds.
///
/// # Errors
/// If a voter's name is unknown.
pub(crate) fn recall_table(rows: &[RecallRow]) -> Result<Vec<Table>, UnknownVoter> {
    let table = |sweep: DigitRecall| {
        let cells = |(voter, digits): (&Voter, &BTreeMap<u8, (usize, usize)>)| {
            let percent = |digit: &u8| match digits.get(digit) {
                Some((correct, images)) if *images > 0 => {
                    format!("{:.2}", *correct as f64 / *images as f64 * 100.0)
                }
                _ => ABSENT.to_owned(),
            };
            [voter.to_string()].into_iter().chain(sweep.digits.iter().map(percent)).collect()
        };
        Table {
            title: format!("Recall in %, {} split, setting {}", sweep.split, sweep.setting),
            header: ["voter".to_owned()].into_iter().chain(sweep.digits.iter().map(u8::to_string)).collect(),
            rows: sweep.voters.iter().map(cells).collect(),
            notes: Vec::new(),
        }
    };
    Ok(digit_recalls(rows)?.into_iter().map(table).collect())
}

/// Table of `bits.csv`: mean accuracy of each voter over seeds.
///
/// # Errors
/// If a voter's name is unknown.
pub(crate) fn bits_table(rows: &[BitsRow]) -> Result<Table, UnknownVoter> {
    let mut groups: BTreeMap<(u32, Voter), Vec<&BitsRow>> = BTreeMap::new();
    for row in rows {
        groups.entry((row.logit_bits, row.voter.parse()?)).or_default().push(row);
    }
    let cells = |((bits, voter), group): (&(u32, Voter), &Vec<&BitsRow>)| {
        let percents: Vec<f64> = group.iter().map(|row| row.accuracy * 100.0).collect();
        let summary = Summary::of(&percents);
        let number = |value: Option<f64>| value.map_or_else(|| ABSENT.to_owned(), |v| format!("{v:.2}"));
        vec![
            bits.to_string(),
            group.iter().map(|row| row.plaintext_bits).max().unwrap_or(0).to_string(),
            voter.to_string(),
            percents.len().to_string(),
            number(summary.map(|summary| summary.mean)),
            number(summary.and_then(|summary| summary.deviation)),
            thousands(group.iter().map(|row| row.mismatches).sum()),
        ]
    };
    let header = [
        "logit bits",
        "plaintext modulus, bits",
        "voter",
        "seeds",
        "accuracy, mean %",
        "standard deviation, points",
        "mismatches",
    ];
    Ok(Table {
        title: "Accuracy under encryption against logit bits".to_owned(),
        header: header.map(str::to_owned).to_vec(),
        rows: groups.iter().map(cells).collect(),
        notes: Vec::new(),
    })
}

/// Table of `sizes.csv`, with the paper's sizes if it `has_paper`.
pub(crate) fn sizes_table(rows: &[SizeRow], has_paper: bool) -> Table {
    let cells = |row: &SizeRow| {
        let mut cells = vec![
            row.message.clone(),
            thousands(row.ciphertexts as u64),
            thousands(row.slots as u64),
            thousands(row.bytes as u64),
            megabytes_text(row.bytes),
        ];
        if has_paper {
            let one = row.ciphertexts * paper::CIPHERTEXT_BYTES;
            cells.extend([thousands(one as u64), thousands((paper::PLAINTEXT_MODULI * one) as u64)]);
        }
        cells
    };
    let mut header = vec!["message", "ciphertexts", "slots", "bytes", "MB"];
    let mut notes = Vec::new();
    if has_paper {
        header.extend(["paper, bytes for one plaintext modulus", "paper, bytes for both"]);
        notes.push(format!(
            "Paper: {} bytes a ciphertext, as many ciphertexts as ours for each plaintext modulus.",
            thousands(paper::CIPHERTEXT_BYTES as u64)
        ));
    }
    Table {
        title: "Sizes of messages".to_owned(),
        header: header.into_iter().map(str::to_owned).collect(),
        rows: rows.iter().map(cells).collect(),
        notes,
    }
}

/// Table of noise summaries.
#[must_use]
pub fn noise_table(summaries: &[NoiseSummary]) -> Table {
    let row = |summary: &NoiseSummary| {
        vec![
            summary.evaluator.clone(),
            summary.stage.clone(),
            summary.networks.to_string(),
            summary.within.to_string(),
            format!("{:.2} to {:.2}", summary.least_gap_bits, summary.most_gap_bits),
            format!("{:+.2} to {:+.2}", -summary.most_below_bits, summary.most_above_bits),
        ]
    };
    Table {
        title: "Measured against predicted noise".to_owned(),
        header: [
            "evaluator",
            "stage",
            "networks",
            "within",
            "bound - largest, bits",
            "deviation - predicted, bits",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: summaries.iter().map(row).collect(),
        notes: vec![format!(
            "Within: no coefficient is above the bound, and the largest at most {MAX_GAP_BITS:.0} bits below it."
        )],
    }
}
