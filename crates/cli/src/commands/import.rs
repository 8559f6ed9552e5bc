//! `import`: float weights that were trained elsewhere, to an exported ensemble.

mod report;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use sottovoce_dataset::{DataSet, Event, LabelledImages};
use sottovoce_export::import::{
    DataPlan, Description, Imported, Outcome, float_accuracy, likelier_readings, quantise, read_members,
};
use sottovoce_network::Architecture;
use sottovoce_network::disk::{Origin, write_ensemble};

use crate::args::Common;
use crate::config;
use crate::output;
use crate::progress::Progress;
use crate::run_folder::fingerprint;
use crate::stages;

/// Raised whenever import makes other networks of the same weights.
const VERSION: u32 = 2;

/// Below this accuracy, in per cent, weights were probably read in another way than they were written.
const SUSPICIOUS: f64 = 60.0;

/// Images that other readings are tried on.
const IMAGES_FOR_OTHER_READINGS: usize = 1000;

/// Unread tensors that are named; the others are counted.
const MOST_NAMED: usize = 6;

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
    let data = open(plan, common)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let imported =
        read_members(&description, folder, data.train.side()).map_err(
            |error| match config::import_problem(path, &error) {
                Some(problem) => anyhow::Error::new(problem),
                None => anyhow::Error::new(error).context(format!("cannot import {}", path.display())),
            },
        )?;
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
    tell_unread(&imported);
    check_reading(&description, folder, &imported, &images)?;
    let progress = Progress::new("rounding the weights", 1);
    let outcome = quantise(&imported.members, &description.quantisation, &images, &data.test, &|text| {
        progress.note(text);
    });
    drop(progress);
    let outcome = outcome?;
    write(&out, &name, &description, &imported, &data, &outcome)?;
    if common.json {
        output::json(&report::to_json(&name, &out, &architecture, &imported, &data, &outcome));
    } else {
        output::result(&report::table(&name, &description.quantisation, &data, &outcome).to_text());
        output::result(&format!(
            "\nThe ensemble is in {out}. Next:\n\n  sottovoce plan {out}\n  sottovoce predict {out}",
            out = out.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The data set that ranges, scales and accuracy go by; never another in its place.
fn open(plan: &DataPlan, common: &Common) -> Result<DataSet> {
    let mut teller = stages::Teller::default();
    let mut missing = None;
    let mut data = sottovoce_dataset::open(&stages::request(&plan.name, common), &mut |event| match event {
        Event::FellBack { reason } => missing = Some(reason),
        event => teller.tell(event),
    })?;
    if let Some(reason) = missing {
        bail!(
            "MNIST is not to be had: {reason}\nRanges, scales and accuracy go by images, and other ones say nothing about weights \
             that were trained on these. Put MNIST's four files into data/mnist or name their folder with --data-dir; \
             or ask for the built-in digits with `data.name = \"synthetic\"`."
        );
    }
    data.test = data.test.take(plan.test_images);
    Ok(data)
}

/// Says which tensors no layer reads: each is a part of the trained network that this one lacks, or harmless.
fn tell_unread(imported: &Imported) {
    for (file, names) in &imported.unread {
        let named: Vec<&str> = names.iter().take(MOST_NAMED).map(String::as_str).collect();
        let more = match names.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        output::remark(&format!(
            "{file} also holds {}{more}, which no layer reads; a layer between them, such as BatchNorm, must be folded into \
             the convolution first (see docs/import.md)",
            named.join(", ")
        ));
    }
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
            "WARNING: the float network itself has an accuracy of {accuracy:.1} % on {} images. If that is not what it had where it \
             was trained, the description is wrong, or the network is another one: its weights may lie in another order, its \
             pixels on another scale, its activation may not be the square, or a layer may be missing here.",
            images.len()
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
        ("equalised".to_owned(), outcome.equalised.to_string()),
        ("range images".to_owned(), outcome.rows.first().map_or(0, |row| row.training.images).to_string()),
    ]);
    for (file, sha256) in &imported.files {
        provenance.insert(format!("sha256 of {file}"), sha256.clone());
    }
    let inputs = fingerprint(&(VERSION, format!("{description:?}"), &imported.files, &data.checksums))?;
    let origin = Origin { observed: Some(outcome.observed.clone()), provenance, inputs };
    Ok(write_ensemble(out, &outcome.ensemble, &origin)?)
}
