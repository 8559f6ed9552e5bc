//! Folders as a sweep leaves them, with made-up numbers that look like measured ones.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::json;

/// Columns of `table.csv` behind the axes.
const COLUMNS: &str = "seed,voter,domain,images,correct,accuracy,mismatches,outside,plaintext_bits,ciphertext_bits,\
                       upload_bytes,answer_bytes,hidden_density,noise_budget_bits,training_seconds,\
                       encryption_seconds,provider_seconds,decryption_seconds";

/// A sweep over the product of its axes.
pub struct SampleSweep<'a> {
    pub name: &'a str,
    /// Path and values of each axis.
    pub axes: Vec<(&'a str, Vec<&'a str>)>,
    pub seeds: Vec<u64>,
    /// Points without rows.
    pub failed: Vec<&'a str>,
    pub synthetic: bool,
    /// The ensemble's accuracy at the values of a point, before a little noise.
    pub accuracy: fn(&[f64]) -> f64,
}

impl SampleSweep<'_> {
    /// Writes `table.csv`, `sweep.json` and `run.json` into `folder`.
    pub fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let paths: Vec<&str> = self.axes.iter().map(|(path, _)| *path).collect();
        let mut table =
            format!("point,{}{COLUMNS}\n", paths.iter().map(|path| format!("{path},")).collect::<String>());
        let mut points = Vec::new();
        for (number, values) in self.combinations().into_iter().enumerate() {
            let parts: Vec<String> = paths
                .iter()
                .zip(&values)
                .map(|(path, value)| format!("{}={value}", path.rsplit('.').next().unwrap()))
                .collect();
            let point = parts.join(",");
            let failed = self.failed.contains(&point.as_str());
            points.push(json!({
                "point": point,
                "values": paths.iter().copied().zip(values.iter().copied()).collect::<std::collections::BTreeMap<_, _>>(),
                "state": if failed { "failed" } else { "done" },
                "error": failed.then_some("training diverged: the loss of member 2 is not finite"),
            }));
            if !failed {
                for &seed in &self.seeds {
                    self.rows(&mut table, (&point, number), &values, seed);
                }
            }
        }
        fs::write(folder.join("table.csv"), table).unwrap();
        let dataset = json!({
            "name": if self.synthetic { "Synthetic digits" } else { "MNIST" },
            "synthetic": self.synthetic,
        });
        let axes: Vec<_> =
            self.axes.iter().map(|(path, values)| json!({ "path": path, "values": values })).collect();
        let sweep = json!({
            "name": self.name, "dataset": dataset, "axes": axes, "seeds": self.seeds, "points": points,
        });
        fs::write(folder.join("sweep.json"), sweep.to_string()).unwrap();
        let machine = json!({ "cpu": "a processor", "cores": 2 });
        let run = json!({
            "dataset": dataset,
            "invocations": [{ "command": "sottovoce sweep", "machine": machine, "seconds": 12.5 }],
        });
        fs::write(folder.join("run.json"), run.to_string()).unwrap();
    }

    fn combinations(&self) -> Vec<Vec<&str>> {
        let mut all: Vec<Vec<&str>> = vec![Vec::new()];
        for (_, values) in &self.axes {
            let longer = |row: &Vec<_>, value| row.iter().copied().chain([value]).collect::<Vec<_>>();
            all = all.iter().flat_map(|row| values.iter().map(move |value| longer(row, *value))).collect();
        }
        all
    }

    fn value_of(&self, path: &str, values: &[&str], otherwise: f64) -> f64 {
        let position = self.axes.iter().position(|(axis, _)| *axis == path);
        position.and_then(|axis| values[axis].parse().ok()).unwrap_or(otherwise)
    }

    fn rows(&self, table: &mut String, (point, number): (&str, usize), values: &[&str], seed: u64) {
        let numbers: Vec<f64> = values
            .iter()
            .zip(&self.axes)
            .map(|(value, (_, all))| {
                let first = value.split('-').next().unwrap_or_default().parse();
                first.unwrap_or_else(|_| all.iter().position(|other| other == value).unwrap() as f64)
            })
            .collect();
        let noise = |salt: u64| {
            let hash = (number as u64 * 31 + seed * 17 + salt * 7 + 3).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            (hash >> 40) as f64 / (1_u64 << 24) as f64 - 0.5
        };
        let members = self.value_of("ensemble.members", values, 3.0);
        let bits = self.value_of("training.logit_bits", values, 27.0);
        let hidden = self.value_of("architecture.hidden", values, 100.0);
        let ensemble = (self.accuracy)(&numbers) + 0.002 * noise(0);
        let plaintext = bits + 0.4 + 0.1 * noise(100);
        let provider = 0.055 * members * hidden / 100.0 + (bits - 22.0) * 0.003 + 0.01 * noise(200);
        let cells: String = values.iter().map(|value| format!("{value},")).collect();
        for voter in 1..=members as u64 + 1 {
            let is_ensemble = voter > members as u64;
            let name = if is_ensemble { "ensemble".to_owned() } else { format!("member-{voter}") };
            let lost = if is_ensemble { 0.0 } else { 0.005 + 0.003 * noise(voter) };
            for domain in ["float", "integer", "encrypted"] {
                let gained = if domain == "float" { 0.0008 } else { 0.0 };
                let correct = ((ensemble - lost + gained).min(1.0) * 10_000.0).round();
                let mismatches = if domain == "encrypted" { "0" } else { "" };
                writeln!(
                    table,
                    "\"{point}\",{cells}{seed},{name},{domain},10000,{correct},{},{mismatches},0,{plaintext:.3},138,\
                     11293000,360000,0.21,4.25,{:.2},0.612,{provider:.4},0.021",
                    correct / 10_000.0,
                    31.2 * members,
                )
                .unwrap();
            }
        }
    }
}

/// The samples, from one axis to three.
pub fn samples() -> Vec<SampleSweep<'static>> {
    let bits = || ("training.logit_bits", vec!["22", "24", "26", "28", "30"]);
    fn of_bits(bits: f64) -> f64 {
        0.9945 - 0.018 * 2_f64.powf(-(bits - 21.5) / 1.5)
    }
    let sample = |name, axes, accuracy| SampleSweep {
        name,
        axes,
        seeds: vec![1, 2, 3],
        failed: Vec::new(),
        synthetic: false,
        accuracy,
    };
    vec![
        sample("members", vec![("ensemble.members", vec!["1", "2", "3", "4", "5", "6", "7"])], |values| {
            0.9935 - 0.004 / values[0]
        }),
        SampleSweep {
            failed: vec!["pixel_levels=16,logit_bits=22", "pixel_levels=4,logit_bits=22"],
            ..sample("pixels", vec![("training.pixel_levels", vec!["2", "3", "4", "16"]), bits()], |values| {
                of_bits(values[1]) - 0.004 / values[0]
            })
        },
        sample(
            "skew",
            vec![
                ("ensemble.split", vec!["regular", "likewise", "random"]),
                ("ensemble.share", vec!["0.5-0.6", "0.6-0.7", "0.7-0.8", "0.8-0.9", "0.9-0.95", "0.95-0.99"]),
            ],
            |values| 0.989 - 0.001 * values[0] - 0.03 * (values[1] - 0.5).powi(2),
        ),
        sample(
            "dirichlet",
            vec![
                ("ensemble.split.dirichlet", vec!["0.01", "0.03", "0.1", "0.3", "1", "10"]),
                ("ensemble.averaging", vec!["sum", "weighted"]),
            ],
            |values| 0.99 - 0.02 / (1.0 + 8.0 * values[0]) + 0.002 * values[1],
        ),
        SampleSweep {
            synthetic: true,
            ..sample(
                "three-axes",
                vec![
                    ("ensemble.members", vec!["1", "3", "5", "7"]),
                    bits(),
                    ("architecture.hidden", vec!["32", "64", "100"]),
                ],
                |values| of_bits(values[1]) - 0.004 / values[0] - 0.2 / values[2],
            )
        },
        SampleSweep {
            seeds: vec![1],
            ..sample(
                "weights",
                vec![("training.largest_weights", vec!["1-1-1", "1-1-3", "3-3-7", "7-7-7", "15-15-15"])],
                |values| 0.985 + 0.001 * values[0].min(8.0),
            )
        },
    ]
}
