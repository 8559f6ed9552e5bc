//! Draws charts of made-up sweeps at several widths, to be looked at:
//! `cargo run --release -p sottovoce-report --example sample_studies -- FOLDER`.

// Test code, which an example may share.
#![allow(clippy::unwrap_used)]

use std::error::Error;
use std::path::PathBuf;

use sottovoce_report::{ChartKind, ChartQuery, Format, Rendering, SweepChart, SweepRecords};

#[path = "../tests/suite/sample_sweep.rs"]
mod sample_sweep;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("name a folder to draw into")?);
    for sweep in sample_sweep::samples() {
        sweep.write(&folder.join(sweep.name));
    }
    let line = |x: &str, y: &str| ChartQuery::new(x, y);
    let heat = |x: &str, y: &str| ChartQuery { kind: ChartKind::Heat, ..line(x, y) };
    let frontier = |x: &str| ChartQuery { kind: ChartKind::Frontier, ..line(x, "accuracy") };
    let named = |name: &str| Some(name.to_owned());
    let charts = [
        ("members", line("members", "accuracy")),
        ("members", ChartQuery { series: named("voter"), ..line("members", "accuracy") }),
        ("members", line("members", "provider_seconds")),
        ("pixels", ChartQuery { series: named("pixel_levels"), ..line("logit_bits", "accuracy") }),
        ("pixels", ChartQuery { series: named("pixel_levels"), ..heat("logit_bits", "accuracy") }),
        ("pixels", ChartQuery { log_x: true, average: true, ..line("pixel_levels", "error") }),
        ("skew", ChartQuery { series: named("split"), ..line("share", "accuracy") }),
        ("skew", ChartQuery { series: named("voter"), facet: named("split"), ..line("share", "accuracy") }),
        (
            "dirichlet",
            ChartQuery { series: named("averaging"), log_x: true, ..line("dirichlet", "accuracy") },
        ),
        (
            "three-axes",
            ChartQuery { series: named("members"), facet: named("hidden"), ..line("logit_bits", "accuracy") },
        ),
        (
            "three-axes",
            ChartQuery { series: named("members"), facet: named("hidden"), ..heat("logit_bits", "accuracy") },
        ),
        ("three-axes", frontier("provider_seconds")),
        ("three-axes", ChartQuery { series: named("hidden"), ..frontier("plaintext_bits") }),
        ("weights", line("largest_weights", "accuracy")),
    ];
    let narrow = Rendering {
        width: Some("84mm".parse()?),
        font_size: "8pt".parse()?,
        title: false,
        format: Format::Png,
    };
    for (sweep, query) in charts {
        let records = SweepRecords::read(&folder.join(sweep))?;
        let chart = SweepChart::new(&records, &query)?;
        for (size, rendering) in
            [("wide", Rendering { format: Format::Png, ..Rendering::default() }), ("84mm", narrow)]
        {
            for format in [Format::Svg, Format::Png, Format::Pdf] {
                let (bytes, remark) = chart.render(&Rendering { format, ..rendering }, None)?;
                let name = format!("{sweep}-{}-{size}.{}", chart.stem(), format.extension());
                if let (Some(remark), Format::Png) = (remark, format) {
                    std::fs::write(folder.join(format!("{name}.remark")), remark)?;
                }
                std::fs::write(folder.join(name), bytes)?;
            }
        }
        std::fs::write(
            folder.join(format!("{sweep}-{}.json", chart.stem())),
            format!("{:#}", chart.numbers()),
        )?;
        std::fs::write(folder.join(format!("{sweep}-{}.txt", chart.stem())), chart.caption())?;
    }
    Ok(())
}
