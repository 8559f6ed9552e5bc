//! `data`: what there is to train on.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use serde_json::json;
use sottovoce_dataset::{CLASSES, DataSet, Fetch, Origin, label_counts, partition};
use sottovoce_report::table::Table;

use crate::args::{Common, DataCommand};
use crate::config;
use crate::output;
use crate::stages;

pub fn run(command: &DataCommand, common: &Common) -> Result<ExitCode> {
    match command {
        DataCommand::Fetch => fetch(common),
        DataCommand::Info { experiment } => info(experiment, common),
        DataCommand::Show { name, out, columns, rows, test } => {
            let data = stages::open(name, usize::MAX, usize::MAX, common)?;
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

fn info(name: &str, common: &Common) -> Result<ExitCode> {
    let experiment = config::load(name)?;
    let plan = &experiment.data;
    let data = stages::open(&plan.name, plan.train_images, plan.test_images, common)?;
    let (training, validation) = stages::training_and_validation(&experiment, &data)?;
    let mut settings = Vec::new();
    let mut tables = Vec::new();
    for plan in experiment.settings()? {
        let labels = training.labels();
        let parts = partition(labels, &plan.groups, plan.share, plan.setting.seed)?;
        let counts = label_counts(&parts.indices, labels, experiment.architecture.classes);
        tables.push(table(&plan.key(), &plan.groups, &counts));
        settings.push(json!({
            "setting": output::to_value(&plan.setting),
            "groups": plan.groups,
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
        "{}, {origin}: {} training and {} test images of {side} x {side} pixels",
        data.name,
        data.train.len(),
        data.test.len(),
        side = data.train.side(),
    );
    for (file, sha256) in &data.checksums {
        text.push_str(&format!("\n  SHA-256 {sha256}  {file}"));
    }
    text
}

/// Images of each label for every member.
fn table(key: &str, groups: &[Vec<u8>], counts: &[Vec<usize>]) -> Table {
    let classes = counts.first().map_or(CLASSES, Vec::len);
    let mut header = vec!["member".to_owned(), "group".to_owned()];
    header.extend((0..classes).map(|label| label.to_string()));
    header.push("all".to_owned());
    let rows = counts.iter().zip(groups).enumerate().map(|(index, (counts, group))| {
        let group: Vec<String> = group.iter().map(u8::to_string).collect();
        let mut row = vec![(index + 1).to_string(), group.join(" ")];
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
