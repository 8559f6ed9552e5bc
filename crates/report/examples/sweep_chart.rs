//! From the records of a sweep to a chart for a paper.
//!
//! `cargo run --release -p sottovoce-report --example sweep_chart -- FOLDER`; without FOLDER, a temporary folder is used.

#![expect(clippy::print_stdout, reason = "an example narrates on the terminal")]

use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;

use sottovoce_report::{ChartKind, ChartQuery, Format, Rendering, SweepChart, SweepRecords};

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args().nth(1).map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&folder)?;

    println!(
        "1. A sweep leaves a table with a row for each point and seed. This one is made up: 1 to 7 members."
    );
    let mut table =
        "point,ensemble.members,seed,voter,domain,images,correct,accuracy,provider_seconds\n".to_owned();
    for members in 1..=7 {
        for seed in 1..=3 {
            let correct = 9_935 - 40 / members + 3 * seed;
            let (accuracy, seconds) = (f64::from(correct) / 10_000.0, 0.06 * f64::from(members));
            writeln!(
                table,
                "members={members},{members},{seed},ensemble,encrypted,10000,{correct},{accuracy},{seconds:.2}"
            )?;
        }
    }
    std::fs::write(folder.join("table.csv"), table)?;

    println!("2. A query selects what a chart shows.");
    let line = ChartQuery::new("members", "accuracy");
    let frontier =
        ChartQuery { kind: ChartKind::Frontier, ..ChartQuery::new("provider_seconds", "accuracy") };

    println!("3. The charts as PDF, 84 mm wide with letters of 8 pt, and their captions:");
    let rendering = Rendering {
        format: Format::Pdf,
        width: Some("84mm".parse()?),
        font_size: "8pt".parse()?,
        title: false,
    };
    let records = SweepRecords::read(&folder)?;
    for query in [line, frontier] {
        let chart = SweepChart::new(&records, &query)?;
        let (bytes, _) = chart.render(&rendering, Some("60mm".parse()?))?;
        let path = folder.join(format!("{}.pdf", chart.stem()));
        std::fs::write(&path, bytes)?;
        println!("   {}\n   {}", path.display(), chart.caption());
    }
    Ok(())
}
