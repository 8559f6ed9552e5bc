//! `data`: data sets, and how experiments divide them among members.

mod description;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use serde_json::json;
use sottovoce_dataset::{
    DataName, DataSet, LabelledImages, MnistDownload, Orientation, Origin, Request, label_counts,
};
use sottovoce_table::Table;

use crate::args::experiments::data::DataCommand;
use crate::args::experiments::data_options::SharedOptions;
use crate::config::configuration::Configuration;
use crate::config::experiment::Experiment;
use crate::config::setting::settings;
use crate::config_error::ConfigError;
use crate::files;
use crate::output;
use crate::stages::data::{Images, open_request, request as data_request};
use crate::stages::download_reporter::DownloadReporter;

pub fn run(command: &DataCommand, shared: &SharedOptions<'_>) -> Result<ExitCode> {
    match command {
        DataCommand::Fetch => fetch(shared),
        DataCommand::Info { name, sheet, set } => match subject(name, set, shared)? {
            Subject::Experiment(experiment) => experiment_info(&experiment, shared),
            Subject::DataSet(request) => data_set_info(*request, sheet.as_deref(), shared),
        },
        DataCommand::Show { name, out, replace, columns, rows, test } => {
            files::check_replaceable(out, *replace)?;
            let data = open_request(request(name, shared), usize::MAX, usize::MAX)?;
            let images = if *test { &data.test } else { &data.train };
            sottovoce_report::contact_sheet(images, *columns, *rows, out)?;
            if shared.json {
                output::json(&json!({ "dataset": data.name, "file": out }));
            } else {
                output::result(&out.display().to_string());
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn fetch(shared: &SharedOptions<'_>) -> Result<ExitCode> {
    let request = data_request("mnist", shared);
    ensure!(request.allow_download, "`data fetch` cannot download with --offline");
    let folder = request.path.unwrap_or(request.default_dir);
    let mut reporter = DownloadReporter::default();
    let download = MnistDownload { mirrors: request.mirrors, ..MnistDownload::default() };
    download.run(&folder, &mut |event| reporter.report(event))?;
    drop(reporter);
    if shared.json {
        output::json(&json!({ "folder": folder }));
    } else {
        output::result(&format!("MNIST is in {}; its SHA-256 sums are correct.", folder.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// The subject of `data info`.
enum Subject {
    Experiment(Box<Experiment>),
    DataSet(Box<Request>),
}

/// The data set or experiment called `name`. Names of data sets and paths come first, then experiments, then other data sets.
fn subject(name: &str, sets: &[String], shared: &SharedOptions<'_>) -> Result<Subject> {
    let is_data = is_data_path(name) || !matches!(name.parse(), Ok(DataName::Other(_)));
    if is_data {
        return Ok(Subject::DataSet(Box::new(request(name, shared))));
    }
    match Configuration::load(name, sets) {
        Ok(configuration) => {
            if configuration.has_axes() {
                output::remark(
                    "the table [sweep] is ignored here: the information is about the experiment without axes",
                );
            }
            Ok(Subject::Experiment(Box::new(configuration.experiment)))
        }
        // A name that is similar to an experiment's name is a typing mistake, not a data set.
        Err(ConfigError::Unknown { suggestion, .. })
            if suggestion.is_empty() && shared.data.data_path().is_some() =>
        {
            Ok(Subject::DataSet(Box::new(request(name, shared))))
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns whether a name is the path of a folder or of an archive.
fn is_data_path(name: &str) -> bool {
    let path = Path::new(name);
    let is_archive = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz"));
    path.is_dir() || (is_archive && path.is_file())
}

/// The request for the data set in the folder or archive `name`, or else for the data set of that name.
fn request(name: &str, shared: &SharedOptions<'_>) -> Request {
    let mut request = data_request(name, shared);
    if is_data_path(name) {
        let path = PathBuf::from(name);
        let stem = path.canonicalize().ok().and_then(|path| path.file_stem().map(ToOwned::to_owned));
        let stem = stem.map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned());
        // The files decide what the data set is, not the name: a folder `mnist` may hold other images.
        request.name = DataName::Other(stem);
        request.path = Some(path);
    }
    request
}

/// Approximate number of images on a contact sheet.
const SHEET_IMAGES: usize = 200;

/// Largest number of images in a row of a contact sheet.
const SHEET_COLUMNS: usize = 20;

/// Approximate largest side of a contact sheet, in pixels.
const SHEET_SIDE: usize = 8000;

fn data_set_info(request: Request, sheet: Option<&Path>, shared: &SharedOptions<'_>) -> Result<ExitCode> {
    let data = open_request(request, usize::MAX, usize::MAX)?;
    let sheet =
        sheet.map_or_else(|| PathBuf::from(format!("contact-sheet-{}.png", data.name)), Path::to_owned);
    let images = sample_of_labels(&data.train, SHEET_IMAGES);
    // Images are drawn at twice their size: 8 pixels between columns, and 26 between rows for the label.
    let columns = (SHEET_SIDE / (2 * images.side() + 8)).clamp(1, SHEET_COLUMNS);
    let rows = images.len().div_ceil(columns).min((SHEET_SIDE / (2 * images.side() + 26)).max(1));
    sottovoce_report::contact_sheet(&images, columns, rows, &sheet)?;
    let unusual = description::unusual(&data);
    if shared.json {
        output::json(&description::to_json(&data, &unusual, &sheet));
        return Ok(ExitCode::SUCCESS);
    }
    output::result(&describe(&data));
    output::result(&format!("\n{}", description::label_table(&data).to_text()));
    match unusual.as_slice() {
        [] => output::result("Nothing is unusual about the images and labels."),
        unusual => {
            output::result("Unusual:");
            unusual.iter().for_each(|remark| output::result(&format!("- {remark}")));
        }
    }
    output::result(&format!("\nThe contact sheet is {}.", sheet.display()));
    Ok(ExitCode::SUCCESS)
}

/// About `count` images, the same number of each label if there are enough, sorted by label.
fn sample_of_labels(images: &LabelledImages, count: usize) -> LabelledImages {
    let classes = images.counts().iter().filter(|&&count| count > 0).count().max(1);
    let each = (count / classes).max(1);
    let mut indices_of = vec![Vec::new(); images.counts().len()];
    for (index, &label) in images.labels().iter().enumerate() {
        let indices: Option<&mut Vec<usize>> = indices_of.get_mut(usize::from(label));
        if let Some(indices) = indices.filter(|indices| indices.len() < each) {
            indices.push(index);
        }
    }
    images.select(&indices_of.concat())
}

fn experiment_info(experiment: &Experiment, shared: &SharedOptions<'_>) -> Result<ExitCode> {
    let Images { data, training, validation } = Images::open(&experiment.data, shared)?;
    let mut records = Vec::new();
    let mut tables = Vec::new();
    for setting in settings(experiment)? {
        let labels = training.labels();
        let parts = setting.partition(labels)?;
        let counts = label_counts(&parts.indices, labels, experiment.architecture.classes);
        tables.push(table(&setting.file_name(), setting.division.groups(), &counts));
        records.push(json!({
            "setting": output::to_value(&setting.id),
            "groups": setting.division.groups(),
            "shares": parts.shares,
            "label_counts": counts,
        }));
    }
    if shared.json {
        output::json(&json!({
            "name": data.name,
            "synthetic": data.is_synthetic(),
            "train_images": data.train.len(),
            "validation_images": validation.len(),
            "test_images": data.test.len(),
            "sha256": data.checksums,
            "settings": records,
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
        text.push_str("\n  transposed in the files; images are turned upright when they are read");
    }
    for (file, sha256) in &data.checksums {
        text.push_str(&format!("\n  SHA-256 {sha256}  {file}"));
    }
    text
}

/// The table of training images of each label, for every member of one setting.
fn table(key: &str, groups: Option<&[Vec<u8>]>, counts: &[Vec<usize>]) -> Table {
    let classes = counts.first().map_or(0, Vec::len);
    let mut header = vec!["member".to_owned(), "group".to_owned()];
    header.extend((0..classes).map(|label| label.to_string()));
    header.push("all".to_owned());
    let rows = counts.iter().enumerate().map(|(index, counts)| {
        // Dirichlet splits have no groups.
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
