//! From the records of a run to its report: charts, tables and a page.
//!
//! `cargo run --release -p sottovoce-report --example run_report -- FOLDER`; without FOLDER, a temporary folder is used.

#![expect(clippy::print_stdout, reason = "an example narrates on the terminal")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use sottovoce_report::{Format, Rendering, run_tables, write_charts, write_report};

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args().nth(1).map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    fs::create_dir_all(&folder)?;

    println!(
        "1. An evaluation leaves records. These are made up: three members and an ensemble at two settings."
    );
    let mut accuracy =
        "split,setting,share_low,share_high,seed,voter,images,correct,accuracy,domain,mismatches\n"
            .to_owned();
    for (setting, shares) in [(1, "0.5,0.6"), (2, "0.9,0.95")] {
        for (voter, correct) in
            [("member-1", 9_640), ("member-2", 9_655), ("member-3", 9_610), ("ensemble", 9_802)]
        {
            let correct = correct - 40 * setting;
            let share = f64::from(correct) / 10_000.0;
            writeln!(accuracy, "regular,{setting},{shares},1,{voter},10000,{correct},{share},encrypted,0")?;
        }
    }
    fs::write(folder.join("accuracy.csv"), accuracy)?;
    let layers = "split,setting,voter,batch,layer,seconds,threads\n\
                  regular,1,ensemble,1,EncryptedLayer,0.61,2\n\
                  regular,1,ensemble,1,DenseLayer5,0.02,2\n";
    fs::write(folder.join("layers.csv"), layers)?;

    println!("2. The report is drawn from these files only:");
    for file in write_report(&folder)? {
        println!("   {}", file.display());
    }

    println!("3. The same tables for a terminal:\n");
    for table in run_tables(&folder)?.accuracy {
        println!("{}", table.to_text());
    }

    println!("4. The same charts for a column of a paper, 84 mm wide:");
    let rendering = Rendering { format: Format::Pdf, width: Some("84mm".parse()?), ..Rendering::default() };
    for chart in write_charts(&folder, &folder.join("print"), &rendering)? {
        println!("   {} {}", chart.path.display(), chart.remark.unwrap_or_default());
    }
    Ok(())
}
