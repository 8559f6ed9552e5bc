//! `chart`: a chart over the axes of a sweep.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::json;
use sottovoce_network::atomic_file;
use sottovoce_report::rendering::Format;
use sottovoce_report::study::{Chart, ChartQuery, StudyRecords};

use crate::args::{ChartOptions, Common};
use crate::output;

pub fn run(options: &ChartOptions, common: &Common) -> Result<ExitCode> {
    let format = format(options)?;
    let records = StudyRecords::read(&options.run)?;
    let chart = Chart::new(&records, &query(options))?;
    let (bytes, shortfall) = chart.render(&options.print.rendering(format), options.height)?;
    let path = options.out.clone().unwrap_or_else(|| {
        options.run.join("charts").join(format!("{}.{}", chart.stem(), format.extension()))
    });
    write(&path, &bytes, options.out.is_some() && !options.replace)?;

    let remarks = chart.remarks().iter().cloned().chain(shortfall.map(|text| format!("Remark: {text}.")));
    for remark in remarks {
        output::remark(&remark);
    }
    if common.json {
        output::json(&json!({
            "file": path,
            "caption": chart.caption(),
            "remarks": chart.remarks(),
            "numbers": chart.numbers(),
        }));
    } else {
        output::result(&format!("{}\n\n{}", path.display(), chart.caption()));
    }
    Ok(ExitCode::SUCCESS)
}

fn query(options: &ChartOptions) -> ChartQuery {
    ChartQuery {
        kind: options.kind.into(),
        x: options.x.clone(),
        y: options.y.clone(),
        series: options.series.clone(),
        facet: options.facet.clone(),
        fixed: options.fixed.clone(),
        average: options.average,
        voter: options.voter.clone(),
        domain: options.domain.clone(),
        log_x: options.log_x,
        log_y: options.log_y,
        title: options.title.clone(),
        x_label: options.x_label.clone(),
        y_label: options.y_label.clone(),
    }
}

/// The format that is asked for, by name or by the ending of the file.
fn format(options: &ChartOptions) -> Result<Format> {
    let asked = options.print.format.map(Format::from);
    let Some(out) = &options.out else { return Ok(asked.unwrap_or(Format::Svg)) };
    let ending = out.extension().and_then(|ending| ending.to_str());
    match (asked, ending.and_then(Format::of_extension)) {
        (Some(asked), Some(named)) if asked != named => bail!(
            "--format {} and --out {} name two formats; leave --format out or change the ending",
            asked.extension(),
            out.display()
        ),
        (Some(format), _) | (None, Some(format)) => Ok(format),
        (None, None) => bail!(
            "--out {} does not say the format; end the name in .svg, .png or .pdf, or add --format",
            out.display()
        ),
    }
}

fn write(path: &Path, bytes: &[u8], keep: bool) -> Result<()> {
    if keep && path.exists() {
        bail!("{} is there already; add --replace to replace it, or choose another --out", path.display());
    }
    let folder: PathBuf = path.parent().map(Path::to_owned).unwrap_or_default();
    if !folder.as_os_str().is_empty() {
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    atomic_file::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
