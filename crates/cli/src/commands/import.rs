//! `import`: float networks that were trained elsewhere, to an exported ensemble.

mod reading;
mod report;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use sottovoce_dataset::{DataSet, Event, LabelledImages};
use sottovoce_export::import::{
    DataOptions, Description, ImportError, ImportedMembers, MemberSource, PixelLevelsChoice,
    QuantisedEnsemble, ScalesChoice, WeightFiles, check_description, complete_description, quantise,
    remark_on_classes, remark_on_normalisation,
};
use sottovoce_network::Architecture;
use sottovoce_network::disk::{Origin, read_ensemble, write_ensemble};

use crate::args::{Common, ImportOptions};
use crate::config;
use crate::output;
use crate::progress::Progress;
use crate::run_folder::fingerprint;
use crate::stages;

/// Raised whenever import makes other networks of the same weights.
const VERSION: u32 = 3;

/// The key of a weights file's checksum in the provenance, before the file's path.
const SHA256_OF: &str = "sha256 of ";

/// Unread tensors that are named; the others are counted.
const MOST_NAMED: usize = 6;

pub fn run(options: &ImportOptions, common: &Common) -> Result<ExitCode> {
    let import = Import::new(options)?;
    let (out, result) = import.run(common, false)?;
    let Some(result) = result else { return Ok(ExitCode::SUCCESS) };
    if common.json {
        output::json(&result.to_json(&import.name, &out));
    } else {
        let table =
            report::table(&import.name, &import.description.quantisation, &result.data, &result.outcome);
        output::result(&table.to_text());
        output::result(&format!(
            "\nThe ensemble is in {out}. Next:\n\n  sottovoce plan {out}\n  sottovoce predict {out}",
            out = out.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The exported ensemble of a file of weights or a description: the one that an import left in its default folder, where
/// nothing has changed since, or a new one.
pub fn exported(file: &Path, data: &str, common: &Common) -> Result<PathBuf> {
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
    let import = Import::new(&options)?;
    let (out, result) = import.run(common, true)?;
    let state = if result.is_some() { "imported to" } else { "was imported before, to" };
    output::remark(&format!("{} {state} {}", file.display(), out.display()));
    Ok(out)
}

fn is_description(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("toml"))
}

/// An import to be done, checked as far as possible without reading weights.
struct Import {
    /// The description's file, where there is one.
    path: Option<PathBuf>,
    description: Description,
    /// Paths in the description are relative to it.
    folder: PathBuf,
    name: String,
    out: PathBuf,
    /// Whether an ensemble of other weights in that folder is replaced.
    replace: bool,
    check: Vec<PathBuf>,
}

/// An import that was done.
struct Imports {
    imported: ImportedMembers,
    data: DataSet,
    outcome: QuantisedEnsemble,
    reading: reading::Report,
}

impl Imports {
    fn to_json(&self, name: &str, out: &Path) -> serde_json::Value {
        let architecture = self.imported.members[0].architecture();
        let mut value = report::to_json(name, out, architecture, &self.imported, &self.data, &self.outcome);
        value["reading"] = output::to_value(&self.reading);
        value
    }
}

impl Import {
    fn new(options: &ImportOptions) -> Result<Self> {
        let (path, mut description, folder) = match options.inputs.as_slice() {
            [path] if is_description(path) => {
                let folder = path.parent().unwrap_or(Path::new("")).to_owned();
                (Some(path.clone()), config::load_description(path)?, folder)
            }
            files => {
                if let Some(toml) = files.iter().find(|path| is_description(path)) {
                    bail!(
                        "{} is a description and is imported by itself; name either it or files of weights",
                        toml.display()
                    );
                }
                let file = |path: &PathBuf| {
                    let text =
                        path.to_str().with_context(|| format!("{} is no name in UTF-8", path.display()))?;
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
                    "--scales has {} numbers, but three are needed: convolution, hidden and output layer",
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
            None => name_of(&options.inputs),
        };
        ensure!(
            options.check.is_empty() || options.check.len() == description.members.len(),
            "--check is given {} times, but there are {} members; each needs an archive of its own, in their order",
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

    /// The folder of the ensemble, and how it came about; `None` where `keep` says that one of the same weights is good enough
    /// and it is there.
    fn run(&self, common: &Common, keep: bool) -> Result<(PathBuf, Option<Imports>)> {
        let plan = &self.description.data;
        let data = open(plan, common)?;
        let mut sources = WeightFiles::new(&self.folder, data.train.side());
        let problem = |error: ImportError| self.problem(error);
        let completed = complete_description(&self.description, &mut sources).map_err(problem)?;
        let inputs =
            fingerprint(&(VERSION, format!("{:?}", self.description), sources.checksums(), &data.checksums))?;
        if keep && read_ensemble(&self.out).is_ok_and(|exported| exported.origin.input_hash == inputs) {
            return Ok((self.out.clone(), None));
        }
        if !self.replace {
            check_earlier(&self.out, &sources.checksums())?;
        }
        let images = last(&data.train, plan.images);
        ensure!(!images.is_empty() && !data.test.is_empty(), "the data set {} has no images", data.name);
        let question = reading::Question {
            original: &self.description,
            completed: &completed,
            check: &self.check,
            images: &images,
        };
        let (description, imported, reading) = question.answer(&mut sources).map_err(problem)?;
        let architecture = *imported.members[0].architecture();
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
        // A read-only disk is reported before the search, not behind it.
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
        self.write(&description, &imported, &data, &outcome, inputs)?;
        Ok((self.out.clone(), Some(Imports { imported, data, outcome, reading })))
    }

    /// An error of the weights, with the description's line where it is the description's fault.
    fn problem(&self, error: ImportError) -> anyhow::Error {
        let Some(path) = &self.path else { return anyhow::Error::new(error) };
        match config::import_problem(path, &error) {
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
        inputs: String,
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
        let origin = Origin { observed: Some(outcome.observed.clone()), provenance, input_hash: inputs };
        Ok(write_ensemble(&self.out, &outcome.ensemble, &origin)?)
    }
}

/// The data set that ranges, scales and accuracy go by; never another in its place.
fn open(plan: &DataOptions, common: &Common) -> Result<DataSet> {
    let mut teller = stages::Teller::default();
    let mut missing = None;
    let mut request = stages::request(&plan.name, common);
    request.orientation = request.orientation.or(plan.orientation);
    request.first_label = plan.first_label;
    request.invert = plan.invert;
    let mut data = sottovoce_dataset::open(&request, &mut |event| match event {
        Event::FellBack { reason } => missing = Some(reason),
        event => teller.tell(event),
    })?;
    if let Some(reason) = missing {
        bail!(
            "MNIST is not available: {reason}\nRanges, scales and accuracy go by images, and other ones say nothing about weights \
             that were trained on these. Put MNIST's four files into data/mnist or name their folder with --data-dir; \
             or ask for the built-in digits with `--data synthetic` (`data.name` in a description)."
        );
    }
    data.test = data.test.take(plan.test_images);
    Ok(data)
}

/// Names the tensors that no layer reads: each is a part of the trained network that this one lacks, or harmless.
fn report_unread(imported: &ImportedMembers) {
    for (file, names) in &imported.unread_tensors {
        let named: Vec<&str> = names.iter().take(MOST_NAMED).map(String::as_str).collect();
        let more = match names.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        output::remark(&format!(
            "{file} also holds {}{more}, which no layer reads; a layer between them, such as BatchNorm, needs a `batch_norm` in a \
             description (docs/import.md)",
            named.join(", ")
        ));
    }
}

/// The first file's name without its ending; of several files with how many more there are.
fn name_of(inputs: &[PathBuf]) -> String {
    let stem = inputs.first().and_then(|path| path.file_stem());
    let stem = stem.map_or_else(|| "import".to_owned(), |stem| stem.to_string_lossy().into_owned());
    // `net.weights.h5` is `net`; what is no letter, digit or one of `-_.` is `-`.
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

/// Refuses to replace an ensemble in the folder `out` that was made from other weights than `files`, SHA-256 by path.
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
        "{} holds an ensemble that was not made from these weights; choose another folder with --out, or replace it with --replace",
        out.display()
    );
    output::remark(&format!(
        "{} holds an earlier import of these weights, which this one replaces",
        out.display()
    ));
    Ok(())
}

/// The last `count` images, or all where there are fewer.
fn last(images: &LabelledImages, count: usize) -> LabelledImages {
    let first = images.len().saturating_sub(count);
    images.select(&(first..images.len()).collect::<Vec<_>>())
}

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
