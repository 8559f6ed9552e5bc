//! `chart`: a chart over the axes of a sweep.

use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::json;
use sottovoce_report::{ChartQuery, Format, SweepChart, SweepRecords};

use crate::args::experiments::report::ChartOptions;
use crate::args::global::GlobalOptions;
use crate::files;
use crate::output;

pub fn run(options: &ChartOptions, global: &GlobalOptions) -> Result<ExitCode> {
    let format = format(options)?;
    let records = SweepRecords::read(&options.run)?;
    let chart = SweepChart::new(&records, &query(options))?;
    let (bytes, shortfall) = chart.render(&options.print.rendering(format), options.height)?;
    let path = options.out.clone().unwrap_or_else(|| {
        options.run.join("charts").join(format!("{}.{}", chart.stem(), format.extension()))
    });
    files::check_replaceable(&path, options.replace || options.out.is_none())?;
    files::write(&path, &bytes)?;

    let remarks = chart.remarks().iter().cloned().chain(shortfall.map(|text| format!("Remark: {text}.")));
    for remark in remarks {
        output::remark(&remark);
    }
    if global.json {
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

/// The file format, from --format or the ending of --out.
fn format(options: &ChartOptions) -> Result<Format> {
    let asked = options.print.format.map(Format::from);
    let Some(out) = &options.out else { return Ok(asked.unwrap_or(Format::Svg)) };
    let ending = out.extension().and_then(|ending| ending.to_str());
    match (asked, ending.and_then(Format::of_extension)) {
        (Some(asked), Some(named)) if asked != named => bail!(
            "--format {} contradicts the ending of --out {}; leave out --format or change the ending",
            asked.extension(),
            out.display()
        ),
        (Some(format), _) | (None, Some(format)) => Ok(format),
        (None, None) => bail!(
            "--out {} does not name a format; end it with .svg, .png or .pdf, or add --format",
            out.display()
        ),
    }
}
