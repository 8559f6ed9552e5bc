//! Times the stages of an import on the images of a folder: reading, suspects, quantisation, and writing with a check.
//!
//! ```sh
//! cargo run --release -p sottovoce-export --example import_speed -- DESCRIPTION.toml DATA-FOLDER
//! ```
//!
//! Standard output is the outcome, without times, so that two revisions can be compared with `diff`; standard error
//! has one line of seconds.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example's output")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use sottovoce_dataset::{DataName, Request, open};
use sottovoce_export::import::{
    AccuracyRowKind, Description, WeightFiles, better_readings, check_description, float_accuracy, quantise,
    read_members,
};
use sottovoce_network::disk::{Origin, read_ensemble, write_ensemble};

/// As `sottovoce import` tries other readings.
const IMAGES_FOR_OTHER_READINGS: usize = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let [description, data] = std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(
        |_| "two arguments are needed: the description of an import and the folder of its data set",
    )?;
    let path = Path::new(&description);
    let folder = path.parent().unwrap_or(Path::new(""));
    let description: Description = toml::from_str(&std::fs::read_to_string(path)?)?;
    check_description(&description)?;

    let start = Instant::now();
    let request = Request { path: Some(data.into()), ..Request::new(DataName::Mnist) };
    let data = open(&request, &mut |_| {})?;
    let first = data.train.len().saturating_sub(description.data.images);
    let images = data.train.select(&(first..data.train.len()).collect::<Vec<_>>());
    let test = data.test.take(description.data.test_images);
    let data_seconds = start.elapsed().as_secs_f64();

    let mut sources = WeightFiles::new(folder, images.side());
    let start = Instant::now();
    let imported = read_members(&description, &mut sources, images.side())?;
    let few = images.take(IMAGES_FOR_OTHER_READINGS);
    println!("float {:.2} %", float_accuracy(&imported.members, &few));
    let read_seconds = start.elapsed().as_secs_f64();

    let start = Instant::now();
    println!("better readings {:?}", better_readings(&description, &mut sources, &few, 1.0));
    let suspect_seconds = start.elapsed().as_secs_f64();

    let start = Instant::now();
    let outcome = quantise(&imported.members, &description.quantisation, &images, &test, &|_| {})?;
    let quantise_seconds = start.elapsed().as_secs_f64();

    // Reading checks what was written.
    let start = Instant::now();
    let out = tempfile::tempdir()?;
    let ensemble = out.path().join("ensemble");
    let origin = Origin {
        observed: Some(outcome.observed.clone()),
        provenance: BTreeMap::new(),
        input_hash: String::new(),
    };
    write_ensemble(&ensemble, &outcome.ensemble, &origin)?;
    read_ensemble(&ensemble)?;
    let write_seconds = start.elapsed().as_secs_f64();

    println!("chosen {:?}, equalised {}", outcome.chosen, outcome.equalised);
    println!("observed {:?}", outcome.observed);
    for row in &outcome.rows {
        let scales = match row.kind {
            AccuracyRowKind::Float => "float".to_owned(),
            AccuracyRowKind::Rounded { candidate, largest_weights, chosen } => {
                format!("{:?} {} {largest_weights:?} {chosen}", candidate.levels, candidate.scales)
            }
        };
        let judgements = [row.training, row.test].map(|judgement| {
            let bits = judgement.bits();
            format!(
                "{} of {}, {} agree, {bits:.9} bits",
                judgement.correct, judgement.images, judgement.agreeing
            )
        });
        println!("{scales}: {}; {}", judgements[0], judgements[1]);
    }
    eprintln!(
        "seconds: data {data_seconds:.3}, reading {read_seconds:.3}, suspects {suspect_seconds:.3}, quantisation \
         {quantise_seconds:.3}, writing {write_seconds:.3}, without data {:.3}",
        read_seconds + suspect_seconds + quantise_seconds + write_seconds
    );
    Ok(())
}
