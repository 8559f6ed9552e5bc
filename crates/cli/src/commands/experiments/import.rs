//! `import`: float networks that were trained elsewhere, as an exported ensemble.

mod reading_choice;
mod report;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use sottovoce_dataset::{DataEvent, DataSet, LabelledImages};
use sottovoce_export::import::{
    DataOptions, Description, ImportError, ImportedMembers, MemberSource, PixelLevelsChoice,
    QuantisedEnsemble, ScalesChoice, WeightFiles, check_description, complete_description, quantise,
    remark_on_classes, remark_on_normalisation,
};
use sottovoce_network::Architecture;
use sottovoce_network::disk::{Origin, read_ensemble, write_ensemble};

use crate::args::experiments::data_options::SharedOptions;
use crate::args::experiments::import::ImportOptions;
use crate::config::description::{import_problem, load_description};
use crate::json_files::fingerprint;
use crate::output;
use crate::progress::Progress;
use crate::stages::data;
use crate::stages::download_reporter::DownloadReporter;
use reading_choice::{Evidence, ReadingChoice};

/// Raise this whenever import makes other networks from the same weights.
const VERSION: u32 = 3;

/// The key of a weights file's checksum in the provenance, before the file's path.
const SHA256_OF: &str = "sha256 of ";

/// Largest number of unread tensors that are named; further tensors are counted.
const MAX_NAMED: usize = 6;

pub fn run(options: &ImportOptions, shared: &SharedOptions<'_>) -> Result<ExitCode> {
    let request = ImportRequest::new(options)?;
    let (out, result) = request.run(shared, false)?;
    let Some(result) = result else { return Ok(ExitCode::SUCCESS) };
    if shared.json {
        output::json(&result.to_json(&request.name, &out));
    } else {
        let table =
            report::table(&request.name, &request.description.quantisation, &result.data, &result.outcome);
        output::result(&table.to_text());
        output::result(&format!(
            "\nThe ensemble is in {out}. Next:\n\n  sottovoce plan {out}\n  sottovoce predict {out}",
            out = out.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the folder of the exported ensemble of a file of weights or a description. Imports it to its default folder, unless
/// an earlier import from the same inputs is there.
pub fn import_once(file: &Path, data: &str, shared: &SharedOptions<'_>) -> Result<PathBuf> {
    let data = (!is_description(file)).then(|| data.to_owned());
    let options = ImportOptions {
        inputs: vec![file.to_owned()],
        out: None,
        replace: false,
        check: Vec::new(),
        name: None,
        data,
        pixel_levels: None,
        scales: Vec::new(),
        tolerance: None,
    };
    let (out, result) = ImportRequest::new(&options)?.run(shared, true)?;
    let state = if result.is_some() { "was imported to" } else { "was imported earlier to" };
    output::remark(&format!("{} {state} {}", file.display(), out.display()));
    Ok(out)
}

fn is_description(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("toml"))
}

/// An import that was requested, checked as far as possible without reading weights.
struct ImportRequest {
    /// The description's file, if there is one.
    path: Option<PathBuf>,
    description: Description,
    /// The folder that paths in the description are relative to.
    folder: PathBuf,
    name: String,
    out: PathBuf,
    /// Set if an ensemble of other weights in the folder `out` is replaced.
    replace: bool,
    check: Vec<PathBuf>,
}

/// A finished import.
struct FinishedImport {
    imported: ImportedMembers,
    /// The architecture of every member.
    architecture: Architecture,
    data: DataSet,
    outcome: QuantisedEnsemble,
    reading: Evidence,
}

impl FinishedImport {
    fn to_json(&self, name: &str, out: &Path) -> serde_json::Value {
        let Self { imported, architecture, data, outcome, .. } = self;
        let mut value = report::to_json(name, out, architecture, imported, data, outcome);
        output::add_field(&mut value, "reading", &self.reading);
        value
    }
}

impl ImportRequest {
    fn new(options: &ImportOptions) -> Result<Self> {
        let (path, mut description, folder) = match options.inputs.as_slice() {
            [path] if is_description(path) => {
                let folder = path.parent().unwrap_or(Path::new("")).to_owned();
                (Some(path.clone()), load_description(path)?, folder)
            }
            files => {
                if let Some(toml) = files.iter().find(|path| is_description(path)) {
                    bail!(
                        "{} is a description; name either one description or files of weights",
                        toml.display()
                    );
                }
                let file = |path: &PathBuf| {
                    let text = path
                        .to_str()
                        .with_context(|| format!("the file name {} is not UTF-8", path.display()))?;
                    Ok(MemberSource::File(text.to_owned()))
                };
                let members = files.iter().map(file).collect::<Result<_>>()?;
                (None, Description::of_members(members), PathBuf::new())
            }
        };
        if let Some(data) = &options.data {
            description.data.name.clone_from(data);
        }
        let quantisation = &mut description.quantisation;
        if let Some(levels) = options.pixel_levels {
            quantisation.pixel_levels = PixelLevelsChoice::Fixed(levels);
        }
        if !options.scales.is_empty() {
            let scales = <[f64; 3]>::try_from(options.scales.as_slice());
            let scales = scales.map_err(|_| {
                anyhow::anyhow!(
                    "--scales has {} numbers, but must have three: for the convolution, hidden and output layer",
                    options.scales.len()
                )
            })?;
            quantisation.scales = ScalesChoice::Fixed(scales);
        }
        if let Some(tolerance) = options.tolerance {
            quantisation.tolerance = tolerance;
        }
        if options.name.is_some() {
            description.name.clone_from(&options.name);
        }
        check_description(&description).map_err(|problem| anyhow::anyhow!("{problem}"))?;
        let name = match &description.name {
            Some(name) => name.clone(),
            None => default_name(&options.inputs),
        };
        ensure!(
            options.check.is_empty() || options.check.len() == description.members.len(),
            "--check is given {} times, but there are {} members; give one archive for each member, in order",
            options.check.len(),
            description.members.len()
        );
        let out = options.out.clone().unwrap_or_else(|| PathBuf::from("results/import").join(&name));
        check_replaceable(&out)?;
        Ok(Self {
            path,
            description,
            folder,
            name,
            out,
            replace: options.replace,
            check: options.check.clone(),
        })
    }

    /// Imports the weights. Returns the folder of the ensemble, and the import, which is `None` if `keep` is set and the folder has
    /// an ensemble from the same inputs.
    fn run(&self, shared: &SharedOptions<'_>, keep: bool) -> Result<(PathBuf, Option<FinishedImport>)> {
        let plan = &self.description.data;
        let data = open(plan, shared)?;
        let mut sources = WeightFiles::new(&self.folder, data.train.side());
        let problem = |error: ImportError| self.problem(error);
        let completed = complete_description(&self.description, &mut sources).map_err(problem)?;
        let input_hash =
            fingerprint(&(VERSION, format!("{:?}", self.description), sources.checksums(), &data.checksums))?;
        if keep && read_ensemble(&self.out).is_ok_and(|exported| exported.origin.input_hash == input_hash) {
            return Ok((self.out.clone(), None));
        }
        if !self.replace {
            check_earlier(&self.out, &sources.checksums())?;
        }
        let images = last(&data.train, plan.images);
        ensure!(!images.is_empty() && !data.test.is_empty(), "the data set {} has no images", data.name);
        let choice = ReadingChoice {
            original: &self.description,
            completed: &completed,
            check: &self.check,
            images: &images,
        };
        let (description, imported, reading) = choice.choose(&mut sources).map_err(problem)?;
        let architecture = *imported.members.first().context("the import has no members")?.architecture();
        check_data(&data, &architecture)?;
        output::remark(&format!(
            "{}: {} of {architecture}; {}, {} images to measure on and {} to test on",
            self.name,
            output::counted(imported.members.len(), "network", "networks"),
            if data.is_synthetic() { "SYNTHETIC digits".to_owned() } else { data.name.clone() },
            images.len(),
            data.test.len(),
        ));
        for remark in &imported.remarks {
            output::remark(remark);
        }
        if let Some(remark) = remark_on_normalisation(&description.pixels) {
            output::remark(&format!("WARNING: {remark}"));
        }
        let labels = data.train.labels().iter().chain(data.test.labels()).copied();
        if let Some(remark) = remark_on_classes(architecture.classes, labels) {
            output::remark(&format!("WARNING: {remark}"));
        }
        // Created first, so that an error appears before the search for scales.
        if let Some(parent) = self.out.parent() {
            fs::create_dir_all(parent).with_context(|| {
                format!("cannot write to {}; choose another folder with --out", parent.display())
            })?;
        }
        report_unread(&imported);
        reading.print(&description, &imported, &mut sources, &images)?;
        let progress = Progress::new("rounding the weights", 1);
        let outcome = quantise(&imported.members, &description.quantisation, &images, &data.test, &|text| {
            progress.note(text);
        });
        drop(progress);
        let outcome = outcome?;
        self.write(&description, &imported, &data, &outcome, input_hash)?;
        Ok((self.out.clone(), Some(FinishedImport { imported, architecture, data, outcome, reading })))
    }

    /// Adds the line of the description to an error of the weights, if the description is at fault.
    fn problem(&self, error: ImportError) -> anyhow::Error {
        let Some(path) = &self.path else { return anyhow::Error::new(error) };
        match import_problem(path, &error) {
            Some(problem) => anyhow::Error::new(problem),
            None => anyhow::Error::new(error).context(format!("cannot import {}", path.display())),
        }
    }

    fn write(
        &self,
        description: &Description,
        imported: &ImportedMembers,
        data: &DataSet,
        outcome: &QuantisedEnsemble,
        input_hash: String,
    ) -> Result<()> {
        let mut provenance = BTreeMap::from([
            ("imported".to_owned(), self.name.clone()),
            ("data".to_owned(), data.name.clone()),
            ("pixels".to_owned(), description.pixels.to_string()),
            ("scales".to_owned(), outcome.chosen.scales.to_string()),
            ("equalised".to_owned(), outcome.equalised.to_string()),
            (
                "range images".to_owned(),
                outcome.rows.first().map_or(0, |row| row.training.images).to_string(),
            ),
        ]);
        if let Some(layout) = description.layout {
            provenance.insert("layout".to_owned(), format!("{layout:?}").to_lowercase());
        }
        for (file, sha256) in &imported.files {
            provenance.insert(format!("{SHA256_OF}{file}"), sha256.clone());
        }
        let origin = Origin { observed: Some(outcome.observed.clone()), provenance, input_hash };
        Ok(write_ensemble(&self.out, &outcome.ensemble, &origin)?)
    }
}

/// Opens the data set on which ranges, scales and accuracy are measured.
///
/// # Errors
/// If the data set is missing: the synthetic digits do not replace it here.
fn open(plan: &DataOptions, shared: &SharedOptions<'_>) -> Result<DataSet> {
    let mut reporter = DownloadReporter::default();
    let mut missing = None;
    let mut request = data::request(&plan.name, shared);
    request.orientation = request.orientation.or(plan.orientation);
    request.first_label = plan.first_label;
    request.invert = plan.invert;
    let mut data = sottovoce_dataset::open(&request, &mut |event| match event {
        DataEvent::SyntheticUsed { reason } => missing = Some(reason),
        event => reporter.report(event),
    })?;
    if let Some(reason) = missing {
        bail!(
            "MNIST is not available: {reason}\nRanges, scales and accuracy are measured on images of the kind that the weights were \
             trained on. Put MNIST's four files into data/mnist or name their folder with --data-dir; or use the built-in digits \
             with `--data synthetic` (`data.name` in a description)."
        );
    }
    data.test = data.test.take(plan.test_images);
    Ok(data)
}

/// Prints the tensors that no layer reads. Such a tensor is harmless, or belongs to a layer that is missing here.
fn report_unread(imported: &ImportedMembers) {
    for (file, names) in &imported.unread_tensors {
        let named: Vec<&str> = names.iter().take(MAX_NAMED).map(String::as_str).collect();
        let more = match names.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        output::remark(&format!(
            "{file} also holds {}{more}, which no layer reads; if they belong to a layer such as BatchNorm, describe it with \
             `batch_norm` in a description (docs/import.md)",
            named.join(", ")
        ));
    }
}

/// The default name of an import: the first file's name without its ending, and the number of further files.
fn default_name(inputs: &[PathBuf]) -> String {
    let stem = inputs.first().and_then(|path| path.file_stem());
    let stem = stem.map_or_else(|| "import".to_owned(), |stem| stem.to_string_lossy().into_owned());
    // `net.weights.h5` becomes `net`; every character except letters, digits and `-_.` becomes `-`.
    let stem = stem.strip_suffix(".weights").unwrap_or(&stem);
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let plain: String = stem.trim_start_matches('.').chars().map(plain).collect();
    let plain = if plain.is_empty() { "import".to_owned() } else { plain };
    match inputs.len() {
        0 | 1 => plain,
        several => format!("{plain}-and-{}-more", several - 1),
    }
}

/// Refuses to replace a folder that holds anything but an exported ensemble.
fn check_replaceable(out: &Path) -> Result<()> {
    if !out.exists() {
        return Ok(());
    }
    let entries = fs::read_dir(out)
        .with_context(|| format!("{} is not a folder; choose another folder with --out", out.display()))?;
    for entry in entries {
        let name = entry.with_context(|| format!("cannot read {}", out.display()))?.file_name();
        let name = name.to_string_lossy();
        if name != "ensemble.json" && !name.starts_with("member-") {
            bail!(
                "{} holds {name}, which is not part of an exported ensemble and would be deleted; choose another folder with --out",
                out.display()
            );
        }
    }
    Ok(())
}

/// Refuses to replace an ensemble in the folder `out` that was made from other weights. `files` has the SHA-256 of every file by
/// its path.
fn check_earlier(out: &Path, files: &BTreeMap<String, String>) -> Result<()> {
    if !out.join("ensemble.json").exists() {
        return Ok(());
    }
    let provenance = read_ensemble(out).map(|earlier| earlier.origin.provenance).unwrap_or_default();
    let earlier: BTreeMap<&str, &String> = provenance
        .iter()
        .filter_map(|(name, sha256)| Some((name.strip_prefix(SHA256_OF)?, sha256)))
        .collect();
    ensure!(
        earlier == files.iter().map(|(file, sha256)| (file.as_str(), sha256)).collect(),
        "{} holds an ensemble that was made from other weights; choose another folder with --out, or replace it with --replace",
        out.display()
    );
    output::remark(&format!("{} holds an earlier import of these weights, which is replaced", out.display()));
    Ok(())
}

/// The last `count` images, or all images if there are fewer.
fn last(images: &LabelledImages, count: usize) -> LabelledImages {
    let first = images.len().saturating_sub(count);
    images.select(&(first..images.len()).collect::<Vec<_>>())
}

/// Refuses images of another size than the network reads, and labels beyond its classes.
fn check_data(data: &DataSet, architecture: &Architecture) -> Result<()> {
    ensure!(
        data.train.side() == architecture.image_side,
        "the data set {} has images of {side} x {side} pixels, but the network reads {} x {}; name a data set of that size with \
         --data and --data-dir (`data.name` in a description)",
        data.name,
        architecture.image_side,
        architecture.image_side,
        side = data.train.side(),
    );
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
