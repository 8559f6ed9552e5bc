//! `data`: what there is to train on.

mod description;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use serde_json::json;
use sottovoce_dataset::{
    DataName, DataSet, Fetch, LabelledImages, Orientation, Origin, Request, label_counts,
};
use sottovoce_report::table::Table;

use crate::args::{Common, DataCommand};
use crate::config::{ConfigError, Configuration, Experiment};
use crate::output;
use crate::run_folder;
use crate::stages;

pub fn run(command: &DataCommand, common: &Common) -> Result<ExitCode> {
    match command {
        DataCommand::Fetch => fetch(common),
        DataCommand::Info { name, sheet, set } => match subject(name, set, common)? {
            Subject::Experiment(experiment) => experiment_info(&experiment, common),
            Subject::DataSet(request) => data_set_info(*request, sheet.as_deref(), common),
        },
        DataCommand::Show { name, out, replace, columns, rows, test } => {
            run_folder::check_replaceable(out, *replace)?;
            let data = stages::open_request(request(name, common), usize::MAX, usize::MAX)?;
            let images = if *test { &data.test } else { &data.train };
            sottovoce_report::contact_sheet(images, *columns, *rows, out)?;
            if common.json {
                output::json(&json!({ "dataset": data.name, "file": out }));
            } else {
                output::result(&out.display().to_string());
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn fetch(common: &Common) -> Result<ExitCode> {
    let request = stages::request("mnist", common);
    ensure!(request.allow_download, "`data fetch` downloads, which --offline forbids");
    let folder = request.explicit_dir.unwrap_or(request.default_dir);
    let mut teller = stages::Teller::default();
    let fetch = Fetch { mirrors: request.mirrors, ..Fetch::default() };
    fetch.mnist(&folder, &mut |event| teller.tell(event))?;
    drop(teller);
    if common.json {
        output::json(&json!({ "folder": folder }));
    } else {
        output::result(&format!("MNIST is in {}, its SHA-256 sums are right.", folder.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// What `data info` is asked about.
enum Subject {
    Experiment(Box<Experiment>),
    DataSet(Box<Request>),
}

/// An experiment where there is one of this name, else a data set.
fn subject(name: &str, sets: &[String], common: &Common) -> Result<Subject> {
    let is_data = is_data_path(name) || !matches!(name.parse(), Ok(DataName::Other(_)));
    if is_data {
        return Ok(Subject::DataSet(Box::new(request(name, common))));
    }
    match Configuration::load(name, sets) {
        Ok(configuration) => {
            if configuration.has_axes() {
                output::remark(
                    "what [sweep] varies is left aside: this is what the configuration says without it",
                );
            }
            Ok(Subject::Experiment(Box::new(configuration.experiment)))
        }
        // A name close to an experiment's is a slip.
        Err(ConfigError::Unknown { hint, .. }) if hint.is_empty() && common.data_path().is_some() => {
            Ok(Subject::DataSet(Box::new(request(name, common))))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether a name is that of a folder or an archive.
fn is_data_path(name: &str) -> bool {
    let path = Path::new(name);
    let is_archive = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz"));
    path.is_dir() || (is_archive && path.is_file())
}

/// The data set in the folder or archive `name`, else the one of that name.
fn request(name: &str, common: &Common) -> Request {
    let mut request = stages::request(name, common);
    if is_data_path(name) {
        let path = PathBuf::from(name);
        let stem = path.canonicalize().ok().and_then(|path| path.file_stem().map(ToOwned::to_owned));
        let stem = stem.map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned());
        // Not MNIST by its name: what the files are is what is asked.
        request.name = DataName::Other(stem);
        request.explicit_dir = Some(path);
    }
    request
}

/// Images on a contact sheet, about, and in a row of it.
const SHEET_IMAGES: usize = 200;
const SHEET_COLUMNS: usize = 20;
/// Pixels on a side of a contact sheet, about, where its images are large.
const SHEET_SIDE: usize = 8000;

fn data_set_info(request: Request, sheet: Option<&Path>, common: &Common) -> Result<ExitCode> {
    let data = stages::open_request(request, usize::MAX, usize::MAX)?;
    let sheet =
        sheet.map_or_else(|| PathBuf::from(format!("contact-sheet-{}.png", data.name)), Path::to_owned);
    let images = of_every_label(&data.train, SHEET_IMAGES);
    // An image is shown twice as large, with some space for its label.
    let columns = (SHEET_SIDE / (2 * images.side() + 8)).clamp(1, SHEET_COLUMNS);
    let rows = images.len().div_ceil(columns).min((SHEET_SIDE / (2 * images.side() + 26)).max(1));
    sottovoce_report::contact_sheet(&images, columns, rows, &sheet)?;
    let unusual = description::unusual(&data);
    if common.json {
        output::json(&description::to_json(&data, &unusual, &sheet));
        return Ok(ExitCode::SUCCESS);
    }
    output::result(&describe(&data));
    output::result(&format!("\n{}", description::labels(&data).to_text()));
    match unusual.as_slice() {
        [] => output::result("Nothing is unusual about its images and labels."),
        unusual => {
            output::result("Unusual:");
            unusual.iter().for_each(|remark| output::result(&format!("- {remark}")));
        }
    }
    output::result(&format!("\nIts images are shown in {}.", sheet.display()));
    Ok(ExitCode::SUCCESS)
}

/// About `count` images, as many of each label as there are, by label.
fn of_every_label(images: &LabelledImages, count: usize) -> LabelledImages {
    let classes = images.counts().iter().filter(|&&count| count > 0).count().max(1);
    let each = (count / classes).max(1);
    let mut indices_of = vec![Vec::new(); images.counts().len()];
    for (index, &label) in images.labels().iter().enumerate() {
        let indices: &mut Vec<usize> = &mut indices_of[usize::from(label)];
        if indices.len() < each {
            indices.push(index);
        }
    }
    images.select(&indices_of.concat())
}

fn experiment_info(experiment: &Experiment, common: &Common) -> Result<ExitCode> {
    let stages::Images { data, training, validation } = stages::Images::open(&experiment.data, common)?;
    let mut settings = Vec::new();
    let mut tables = Vec::new();
    for plan in experiment.settings()? {
        let labels = training.labels();
        let parts = plan.division.partition(labels, plan.setting.seed)?;
        let counts = label_counts(&parts.indices, labels, experiment.architecture.classes);
        tables.push(table(&plan.key(), plan.division.groups(), &counts));
        settings.push(json!({
            "setting": output::to_value(&plan.setting),
            "groups": plan.division.groups(),
            "shares": parts.shares,
            "label_counts": counts,
        }));
    }
    if common.json {
        output::json(&json!({
            "name": data.name,
            "synthetic": data.is_synthetic(),
            "train_images": data.train.len(),
            "validation_images": validation.len(),
            "test_images": data.test.len(),
            "sha256": data.checksums,
            "settings": settings,
        }));
    } else {
        output::result(&describe(&data));
        for table in tables {
            output::result(&format!("\n{}", table.to_text()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(data: &DataSet) -> String {
    let origin = match &data.origin {
        Origin::Folder(folder) => format!("from {}", folder.display()),
        Origin::Synthetic { seed } => format!("SYNTHETIC, drawn from seed {seed}"),
    };
    let mut text = format!(
        "{}, {origin}: {} training and {} test images of {side} x {side} pixels, {} classes",
        data.name,
        data.train.len(),
        data.test.len(),
        data.classes,
        side = data.train.side(),
    );
    if let Some(known) = data.recognised {
        text.push_str(&format!("\n  recognised as {known} by its SHA-256 sums"));
    }
    if data.orientation == Orientation::Transposed {
        text.push_str("\n  transposed in its files, turned upright here");
    }
    for (file, sha256) in &data.checksums {
        text.push_str(&format!("\n  SHA-256 {sha256}  {file}"));
    }
    text
}

/// Images of each label for every member.
fn table(key: &str, groups: Option<&[Vec<u8>]>, counts: &[Vec<usize>]) -> Table {
    let classes = counts.first().map_or(0, Vec::len);
    let mut header = vec!["member".to_owned(), "group".to_owned()];
    header.extend((0..classes).map(|label| label.to_string()));
    header.push("all".to_owned());
    let rows = counts.iter().enumerate().map(|(index, counts)| {
        // Only splits by groups of labels have any.
        let group = groups.and_then(|groups| groups.get(index)).map_or_else(
            || "-".to_owned(),
            |group| group.iter().map(u8::to_string).collect::<Vec<_>>().join(" "),
        );
        let mut row = vec![(index + 1).to_string(), group];
        row.extend(counts.iter().map(usize::to_string));
        row.push(counts.iter().sum::<usize>().to_string());
        row
    });
    Table {
        title: format!("Training images per label and member, {key}"),
        header,
        rows: rows.collect(),
        notes: Vec::new(),
    }
}
