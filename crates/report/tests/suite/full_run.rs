//! A made-up run with every record that there can be.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};
use sottovoce_evaluate::records::{
    AccuracyRow, BitsRow, ElapsedRow, LabelRow, PairRow, RecallRow, SizeRow, ValidationRow,
};
use tempfile::TempDir;

use super::records::{layer, sweep};

pub const LAYERS: [&str; 6] =
    ["EncryptedLayer", "ConverLayer1", "ActivationLayer2", "DenseLayer3", "ActivationLayer4", "DenseLayer5"];

/// A configuration that is the paper's in everything.
pub const CONFIG: &str = r#"
name = "made-up"
[data]
name = "mnist"
[architecture]
image_side = 28
kernel = 5
stride = 2
padding = { leading = 1, trailing = 0 }
maps = 5
hidden = 100
classes = 10
[ensemble]
members = 3
[training]
float_epochs = 12
quantised_epochs = 8
batch = 64
pixel_levels = 4
logit_bits = 30
augmentation = { rotation_degrees = 8.0, shift_pixels = 1.0, scale = 0.05 }
"#;

pub fn write_csv(path: &Path, rows: &[impl Serialize]) {
    let mut writer = csv::Writer::from_path(path).unwrap();
    rows.iter().for_each(|row| writer.serialize(row).unwrap());
    writer.flush().unwrap();
}

/// All three sweeps over two seeds, and both baselines.
pub fn accuracy() -> Vec<AccuracyRow> {
    let mut rows: Vec<AccuracyRow> =
        ["regular", "likewise", "random"].iter().flat_map(|split| sweep(split, 6, 3, 2)).collect();
    for row in rows.iter_mut().filter(|row| row.voter == "ensemble") {
        row.correct += 40;
        row.accuracy = row.correct as f64 / 10_000.0;
    }
    rows.extend(sweep("balanced", 1, 3, 2));
    rows.extend(sweep("single", 1, 1, 2));
    rows
}

/// A run folder with every file. Each setting took 30 s to train.
pub fn full_run() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write_csv(&path("accuracy.csv"), &accuracy());
    let members = ["member-1", "member-2", "member-3"];
    let mut layers = vec![layer(1, "ensemble", 1, "EncryptedLayer", 0.3)];
    for name in &LAYERS[1..] {
        layers.extend(members.map(|member| layer(1, member, 1, name, 0.1)));
    }
    write_csv(&path("layers.csv"), &layers);

    let (mut validation, mut pairs, mut labels, mut recall) = (vec![], vec![], vec![], vec![]);
    for split in ["regular", "likewise", "random"] {
        for (setting, seed) in (1..=6).flat_map(|setting| [(setting, 1), (setting, 2)]) {
            let split = split.to_owned();
            for (number, member) in members.iter().enumerate() {
                let (split, member) = (split.clone(), (*member).to_owned());
                validation.push(ValidationRow {
                    split: split.clone(),
                    setting,
                    seed,
                    voter: member.clone(),
                    images: 5_000,
                    correct: 4_800 + number,
                    accuracy: (4_800 + number) as f64 / 5_000.0,
                });
                let (both, ensemble_only, member_only, neither) = (9_450, 400, 50, 100);
                pairs.push(PairRow {
                    split: split.clone(),
                    setting,
                    seed,
                    member: member.clone(),
                    both,
                    ensemble_only,
                    member_only,
                    neither,
                });
                for label in 0..10 {
                    let images = if usize::from(label) % 3 == number { 4_000 } else { 1_000 };
                    labels.push(LabelRow {
                        split: split.clone(),
                        setting,
                        seed,
                        member: member.clone(),
                        label,
                        images,
                    });
                }
            }
            for voter in members.iter().chain(&["ensemble"]) {
                for label in 0..10 {
                    let (voter, correct) = ((*voter).to_owned(), 900 + usize::from(label));
                    recall.push(RecallRow {
                        split: split.clone(),
                        setting,
                        seed,
                        voter,
                        label,
                        images: 1_000,
                        correct,
                    });
                }
            }
        }
    }
    write_csv(&path("validation.csv"), &validation);
    write_csv(&path("pairs.csv"), &pairs);
    write_csv(&path("labels.csv"), &labels);
    write_csv(&path("recall.csv"), &recall);
    write_csv(&path("elapsed.csv"), &elapsed());
    let bits = [24, 30].map(|logit_bits| BitsRow {
        logit_bits,
        plaintext_bits: logit_bits + 1,
        seed: 1,
        voter: "ensemble".to_owned(),
        images: 10_000,
        correct: 9_800,
        accuracy: 0.98,
        mismatches: 0,
    });
    write_csv(&path("bits.csv"), &bits);
    let sizes = [("upload", 784, 163_912), ("answer", 10, 93_250)].map(|(message, ciphertexts, each)| {
        SizeRow { message: message.to_owned(), ciphertexts, slots: 8_192, bytes: ciphertexts * each }
    });
    write_csv(&path("sizes.csv"), &sizes);
    write_facts(folder.path(), &facts());
    fs::write(path("config.toml"), CONFIG).unwrap();
    folder
}

/// 5,000 to 50,000 images, two seconds a batch.
pub fn elapsed() -> Vec<ElapsedRow> {
    let row = |images: usize| {
        let batches = images.div_ceil(8_192);
        let seconds = 2.0 * batches as f64;
        ElapsedRow {
            images,
            batches,
            seconds,
            encrypt_seconds: 0.3 * seconds,
            evaluate_seconds: 0.5 * seconds,
            decrypt_seconds: 0.1 * seconds,
            threads: 8,
            transfer_seconds: 0.1 * seconds,
        }
    };
    (1..=10).map(|thousands| row(5_000 * thousands)).collect()
}

/// Contents of `run.json` of that run.
pub fn facts() -> Value {
    let setting = |split: &str, number: usize, seed: u64| {
        json!({
            "setting": { "split": split, "number": number, "seed": seed },
            "evaluator": "engine",
            "seconds": 6.0,
            "training": { "images": 1_000_000, "seconds": 60.0, "images_per_second": 16_666.7 },
            "parameters": { "degree": 8192, "plaintext_modulus": 1_901_592_577_u64, "security_limit_bits": 214 },
        })
    };
    let settings: Vec<Value> = ["regular", "likewise", "random"]
        .iter()
        .flat_map(|split| (1..=6).map(move |number| setting(split, number, 1)))
        .collect();
    json!({
        "dataset": { "name": "MNIST", "synthetic": false, "train_images": 60_000, "test_images": 10_000,
                     "sha256": { "train-labels-idx1-ubyte": "65a50c" } },
        "settings": settings,
        "elapsed": { "evaluator": "engine", "mismatches": 0 },
        "invocations": [{ "command": "sottovoce reproduce", "threads": 8,
                          "training": { "images": 9_000_000, "seconds": 300.0, "images_per_second": 30_000.0 },
                          "source": { "git_revision": "164d1477", "git_dirty": false } }],
    })
}

pub fn write_facts(folder: &Path, facts: &Value) {
    fs::write(folder.join("run.json"), facts.to_string()).unwrap();
}
