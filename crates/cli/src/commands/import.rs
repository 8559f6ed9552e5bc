//! `import`: float weights that were trained elsewhere, to an exported ensemble.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use sottovoce_dataset::{DataSet, LabelledImages};
use sottovoce_export::import::{
    Description, Imported, Judgement, Outcome, Row, RowKind, float_accuracy, likelier_readings, quantise,
    read_members,
};
use sottovoce_network::Architecture;
use sottovoce_network::disk::{Origin, write_ensemble};
use sottovoce_report::table::Table;

use crate::args::Common;
use crate::config;
use crate::output;
use crate::progress::Progress;
use crate::run_folder::fingerprint;
use crate::stages;

/// Raised whenever import makes other networks of the same weights.
const VERSION: u32 = 1;

/// Below this accuracy, in per cent, weights were probably read in another way than they were written.
const SUSPICIOUS: f64 = 60.0;

/// Images that other readings are tried on.
const IMAGES_FOR_OTHER_READINGS: usize = 1000;

/// Points by which another reading is better where this one is wrong: no wrong reading is better than the right one.
const POINTS_BETTER: f64 = 1.0;

/// Points by which another reading is better where this one guesses.
const POINTS_FAR_BETTER: f64 = 20.0;

pub fn run(path: &Path, out: Option<&Path>, common: &Common) -> Result<ExitCode> {
    let description = config::load_description(path)?;
    let name = name_of(&description, path);
    let out = out.map_or_else(|| PathBuf::from("results/import").join(&name), Path::to_owned);
    check_replaceable(&out)?;
    let plan = &description.data;
    let data = stages::open(&plan.name, usize::MAX, plan.test_images, common)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let imported = read_members(&description, folder, data.train.side())
        .with_context(|| format!("cannot import {}", path.display()))?;
    let architecture = *imported.members[0].architecture();
    let images = last(&data.train, plan.images);
    check_data(&data, &images, &architecture)?;
    output::remark(&format!(
        "{name}: {} of {}; {}, {} images to measure on and {} to test on",
        members(imported.members.len()),
        describe(&architecture),
        if data.is_synthetic() { "SYNTHETIC digits".to_owned() } else { data.name.clone() },
        images.len(),
        data.test.len(),
    ));
    // An hour's search is no way to learn that a disk is read-only.
    if let Some(parent) = out.parent() {
        fs::create_dir_all(parent).with_context(|| {
            format!("cannot write to {}; choose another folder with --out", parent.display())
        })?;
    }
    check_reading(&description, folder, &imported, &images)?;
    let progress = Progress::new("rounding the weights", 1);
    let outcome = quantise(&imported.members, &description.quantisation, &images, &data.test, &|text| {
        progress.note(text);
    });
    drop(progress);
    let outcome = outcome?;
    write(&out, &name, &description, &imported, &data, &outcome)?;
    if common.json {
        output::json(&to_json(&name, &out, &architecture, &imported, &data, &outcome));
    } else {
        output::result(&table(&name, &data, &outcome).to_text());
        output::result(&format!(
            "\nThe ensemble is in {out}. Next:\n\n  sottovoce plan {out}\n  sottovoce predict {out}",
            out = out.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The description's name, or its file's.
fn name_of(description: &Description, path: &Path) -> String {
    let stem =
        || path.file_stem().map_or_else(|| "import".to_owned(), |stem| stem.to_string_lossy().into_owned());
    description.name.clone().unwrap_or_else(stem)
}

fn members(count: usize) -> String {
    if count == 1 { "one network".to_owned() } else { format!("{count} networks") }
}

fn describe(architecture: &Architecture) -> String {
    let Architecture { image_side, kernel, stride, padding, maps, hidden, classes } = *architecture;
    format!(
        "{image_side} x {image_side} pixels, {maps} maps of {kernel} x {kernel} with stride {stride} and padding {} leading, {} \
         trailing, {hidden} hidden units, {classes} classes",
        padding.leading, padding.trailing
    )
}

/// Refuses to replace a folder that holds anything but an exported ensemble.
fn check_replaceable(out: &Path) -> Result<()> {
    if !out.exists() {
        return Ok(());
    }
    let entries =
        fs::read_dir(out).with_context(|| format!("{} is no folder; choose another --out", out.display()))?;
    for entry in entries {
        let name = entry.with_context(|| format!("cannot read {}", out.display()))?.file_name();
        let name = name.to_string_lossy();
        if name != "ensemble.json" && !name.starts_with("member-") {
            bail!(
                "{} holds {name}, which is no part of an exported ensemble and would be lost; choose another folder with --out",
                out.display()
            );
        }
    }
    Ok(())
}

/// The last `count` images, or all where there are fewer.
fn last(images: &LabelledImages, count: usize) -> LabelledImages {
    let first = images.len().saturating_sub(count);
    images.select(&(first..images.len()).collect::<Vec<_>>())
}

fn check_data(data: &DataSet, images: &LabelledImages, architecture: &Architecture) -> Result<()> {
    ensure!(
        data.train.side() == architecture.image_side,
        "the data set {} has images of {side} x {side} pixels, but `architecture.image_side` is {}; name a data set of that \
         size with `data.name` and --data-dir",
        data.name,
        architecture.image_side,
        side = data.train.side(),
    );
    ensure!(!images.is_empty() && !data.test.is_empty(), "the data set {} has no images", data.name);
    let largest = data.train.labels().iter().chain(data.test.labels()).max().copied().unwrap_or(0);
    ensure!(
        usize::from(largest) < architecture.classes,
        "the data set {} has the label {largest}, but the network has {} classes, 0 to {}",
        data.name,
        architecture.classes,
        architecture.classes - 1,
    );
    Ok(())
}

/// Refuses a network that guesses as the description has it and not in another reading; warns of one that guesses in any,
/// or would be better in another.
fn check_reading(
    description: &Description,
    folder: &Path,
    imported: &Imported,
    images: &LabelledImages,
) -> Result<()> {
    let images = images.take(IMAGES_FOR_OTHER_READINGS);
    let accuracy = float_accuracy(&imported.members, &images);
    let guesses = accuracy < SUSPICIOUS;
    let points = if guesses { POINTS_FAR_BETTER } else { POINTS_BETTER };
    let better = likelier_readings(description, folder, &images, points);
    if !guesses {
        for (text, other) in better {
            output::remark(&format!(
                "WARNING: with `{text}` the float network would classify {other:.1} % of {} images correctly, and {accuracy:.1} % \
                 as it is described.",
                images.len()
            ));
        }
        return Ok(());
    }
    if better.is_empty() {
        output::remark(&format!(
            "WARNING: the float network itself has an accuracy of {accuracy:.1} %. Its weights may lie in another order than the \
             description says, or its pixels on another scale."
        ));
        return Ok(());
    }
    let readings: Vec<String> =
        better.iter().map(|(text, accuracy)| format!("\n  {accuracy:.1} % with `{text}`")).collect();
    bail!(
        "as the description reads the weights, the float network classifies {accuracy:.1} % of {} images correctly; it has{}",
        images.len(),
        readings.concat()
    )
}

fn write(
    out: &Path,
    name: &str,
    description: &Description,
    imported: &Imported,
    data: &DataSet,
    outcome: &Outcome,
) -> Result<()> {
    let mut provenance = BTreeMap::from([
        ("imported".to_owned(), name.to_owned()),
        ("layout".to_owned(), format!("{:?}", description.layout).to_lowercase()),
        ("data".to_owned(), data.name.clone()),
        ("scales".to_owned(), outcome.chosen.scales.to_string()),
        ("range images".to_owned(), outcome.rows.first().map_or(0, |row| row.training.images).to_string()),
    ]);
    for (file, sha256) in &imported.files {
        provenance.insert(format!("sha256 of {file}"), sha256.clone());
    }
    let inputs = fingerprint(&(VERSION, format!("{description:?}"), &imported.files, &data.checksums))?;
    let origin = Origin { observed: Some(outcome.observed.clone()), provenance, inputs };
    Ok(write_ensemble(out, &outcome.ensemble, &origin)?)
}

/// Accuracy against bits.
fn table(name: &str, data: &DataSet, outcome: &Outcome) -> Table {
    let absent = || "–".to_owned();
    let row = |row: &Row| {
        let percent = |value: f64| format!("{value:.2}");
        let [kind, levels, scales, weights, bits] = match row.kind {
            RowKind::Float => ["float".to_owned(), absent(), absent(), absent(), absent()],
            RowKind::Rounded { candidate, largest_weights, chosen } => [
                if chosen { "CHOSEN" } else { "" }.to_owned(),
                u16::from(candidate.levels).to_string(),
                candidate.scales.to_string(),
                largest_weights.map(|weight| weight.to_string()).join(", "),
                format!("{:.1}", row.training.bits()),
            ],
        };
        let agreement = if row.kind == RowKind::Float { absent() } else { percent(row.test.agreement()) };
        let (training, test) = (percent(row.training.accuracy()), percent(row.test.accuracy()));
        vec![kind, levels, scales, weights, bits, training, test, agreement]
    };
    let float = outcome.rows.first();
    let images = |judged: fn(&Row) -> usize| float.map_or(0, judged);
    let mut notes = vec![
        format!(
            "Bits: what a plaintext modulus needs for the largest logit on the {} training images that ranges and scales \
             go by. Agreement: test images that are classified as in floating point.",
            images(|row| row.training.images)
        ),
        format!(
            "The chosen one was evaluated in exact integers on all {} test images; its largest logit on training images is {}.",
            images(|row| row.test.images),
            outcome.observed.largest()
        ),
    ];
    if data.is_synthetic() {
        notes.push("SYNTHETIC digits: these accuracies are not MNIST's.".to_owned());
    }
    let header = [
        "",
        "levels",
        "scales",
        "largest weights",
        "bits",
        "training images, %",
        "test images, %",
        "agreement, %",
    ];
    let synthetic = if data.is_synthetic() { ", SYNTHETIC digits" } else { "" };
    Table {
        title: format!("Accuracy against bits: {name}{synthetic}"),
        header: header.map(str::to_owned).to_vec(),
        rows: outcome.rows.iter().map(row).collect(),
        notes,
    }
}

fn to_json(
    name: &str,
    out: &Path,
    architecture: &Architecture,
    imported: &Imported,
    data: &DataSet,
    outcome: &Outcome,
) -> Value {
    let judged = |judgement: &Judgement| {
        json!({
            "images": judgement.images,
            "accuracy": judgement.accuracy() / 100.0,
            "agreement": judgement.agreement() / 100.0,
        })
    };
    let rows = outcome.rows.iter().map(|row| {
        let mut value = json!({ "training": judged(&row.training), "test": judged(&row.test) });
        match row.kind {
            RowKind::Float => value["kind"] = json!("float"),
            RowKind::Rounded { candidate, largest_weights, chosen } => {
                value["kind"] = json!(if chosen { "chosen" } else { "candidate" });
                value["pixel_levels"] = json!(u16::from(candidate.levels));
                value["scales"] = json!(candidate.scales);
                value["largest_weights"] = json!(largest_weights);
                value["bits"] = json!(row.training.bits());
            }
        }
        value
    });
    json!({
        "name": name,
        "ensemble": out,
        "architecture": output::to_value(architecture),
        "members": imported.members.len(),
        "files": imported.files,
        "dataset": data.name,
        "synthetic": data.is_synthetic(),
        "logit_scale": outcome.ensemble.members()[0].logit_scale(),
        // Beyond JSON's numbers.
        "observed_logits": outcome.observed.largest().to_string(),
        "rows": rows.collect::<Vec<_>>(),
    })
}
