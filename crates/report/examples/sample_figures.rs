//! Draws the accuracy figure over made-up data of many shapes, to be looked at:
//! `cargo run --release -p sottovoce-report --example sample_figures -- FOLDER`.

use std::error::Error;
use std::path::PathBuf;

use sottovoce_evaluate::records::{AccuracyRow, Domain};
use sottovoce_report::{Caption, PaperScope, accuracy_chart};

const RANGES: [(f64, f64); 6] = [(0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 0.95), (0.95, 0.99)];

/// Rows of `settings` settings and `members` members that fall as the shares rise.
fn rows(split: &str, settings: usize, members: usize, seeds: u64, images: usize) -> Vec<AccuracyRow> {
    let mut rows = Vec::new();
    for setting in 1..=settings {
        let (share_low, share_high) = RANGES[(setting - 1) % RANGES.len()];
        for seed in 1..=seeds {
            for voter in 1..=members + 1 {
                let wobble = ((setting * 7 + voter * 13 + seed as usize * 5) % 11) as f64 / 11.0;
                let accuracy = if voter > members {
                    0.9886 - 0.0012 * setting as f64 - 0.002 * wobble
                } else {
                    0.985 - 0.004 * setting as f64 - 0.009 * wobble
                };
                rows.push(AccuracyRow {
                    split: split.to_owned(),
                    setting,
                    share_low,
                    share_high,
                    seed,
                    voter: if voter > members { "ensemble".into() } else { format!("member-{voter}") },
                    images,
                    correct: (accuracy * images as f64) as usize,
                    accuracy,
                    domain: Domain::Encrypted,
                    mismatches: Some(0),
                });
            }
        }
    }
    rows
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("name a folder to draw into")?);
    std::fs::create_dir_all(&folder)?;
    let mut extreme = rows("likewise", 6, 3, 1, 10_000);
    extreme[21].accuracy = 0.4013;
    let mut perfect = rows("regular", 6, 3, 1, 10_000);
    perfect.iter_mut().for_each(|row| row.accuracy = 1.0);
    let samples = [
        ("regular", "regular", rows("regular", 6, 3, 1, 10_000), false),
        ("likewise-extreme", "likewise", extreme, false),
        ("random-seeds", "random", rows("random", 6, 3, 5, 10_000), false),
        ("quick", "regular", rows("regular", 1, 3, 1, 8_192), false),
        ("quick-synthetic", "regular", rows("regular", 1, 3, 1, 1_000), true),
        ("members-8", "regular", rows("regular", 6, 8, 1, 10_000), false),
        ("members-12", "explicit", rows("explicit", 6, 12, 3, 10_000), false),
        ("members-2", "explicit", rows("explicit", 2, 2, 1, 10_000), true),
        ("members-8-quick", "explicit", rows("explicit", 1, 8, 1, 1_000), false),
        ("settings-12", "regular", rows("regular", 12, 3, 1, 10_000), false),
        ("perfect", "regular", perfect, false),
    ];
    for (name, split, rows, synthetic) in samples {
        let title = format!("Test accuracy under encryption, {split} split");
        let dataset = if synthetic { "Synthetic digits" } else { "MNIST" }.to_owned();
        let figure =
            accuracy_chart(&rows, split, &Caption { title, dataset, synthetic }, &PaperScope::full())?;
        std::fs::write(folder.join(format!("{name}.svg")), figure.svg()?)?;
        std::fs::write(folder.join(format!("{name}.png")), figure.png()?)?;
    }
    Ok(())
}
