//! `bench noise`: predicted and measured noise of random networks.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};
use sottovoce_evaluate::measure_noise;
use sottovoce_evaluate::records::write_rows;
use sottovoce_report::{NoiseSummary, noise_table, write_noise_chart};

use crate::args::experiments::bench::NoiseOptions;
use crate::args::global::GlobalOptions;
use crate::files;
use crate::output;
use crate::progress::StageProgress;

pub fn run(options: &NoiseOptions, global: &GlobalOptions) -> Result<ExitCode> {
    let folder = &options.out;
    // Checked first, so that an error appears before minutes are spent.
    for file in ["noise.csv", "noise.svg", "noise.png"] {
        files::check_replaceable(&folder.join(file), options.replace)?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let progress = StageProgress::new("bench".to_owned());
    let rows = measure_noise(options.networks.into(), options.seed, &progress)?;
    write_rows(&folder.join("noise.csv"), &rows)?;
    write_noise_chart(&rows, folder)?;
    let summaries = NoiseSummary::of(&rows);
    if global.json {
        output::json(&output::to_value(&summaries));
    } else {
        output::result(&noise_table(&summaries).to_text());
    }
    let holds = summaries.iter().all(NoiseSummary::holds);
    Ok(ExitCode::from(u8::from(!holds)))
}
