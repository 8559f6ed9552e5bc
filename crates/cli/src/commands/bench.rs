//! `bench`: speed, measured as a ratio in one process.

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use sottovoce_bfv::Kernel;
use sottovoce_bfv::planner::Fixed;
use sottovoce_evaluate::engine_benchmark::{
    BenchmarkInputs, BenchmarkRecord, benchmark_engine, random_ensemble,
};
use sottovoce_network::IntegerEnsemble;
use sottovoce_report::table::Table;

use super::weights;
use crate::args::{BenchCommand, Common, EngineOptions, Format};
use crate::machine::peak_memory_bytes;
use crate::output::{self, counted};
use crate::progress::StageProgress;

pub fn run(command: &BenchCommand, common: &Common) -> Result<ExitCode> {
    match command {
        BenchCommand::Engine(options) => engine(options, common),
        BenchCommand::Service(options) => super::bench_service::run(options, common),
        BenchCommand::Noise(options) => super::bench_noise::run(options, common),
    }
}

fn engine(options: &EngineOptions, common: &Common) -> Result<ExitCode> {
    let EngineOptions { members, images, repetitions, ensemble, kernel, key, degree, no_reference, format } =
        options;
    let (ensemble, largest_logit) = match ensemble {
        Some(folder) => {
            let exported = weights::read(folder)?;
            let networks = exported.ensemble.members();
            ensure!(
                networks.len() >= usize::from(*members),
                "{} has {} members, but --members is {members}",
                folder.display(),
                networks.len(),
            );
            let networks = networks[..usize::from(*members)].to_vec();
            (IntegerEnsemble::new(networks)?, exported.origin.observed.map(|range| range.largest()))
        }
        None => (random_ensemble((*members).into()).context("cannot make a random ensemble")?, None),
    };
    let subject = BenchmarkInputs {
        ensemble: &ensemble,
        largest_logit,
        images: images.map_or(*degree, usize::from),
        repetitions: (*repetitions).into(),
        with_reference: !no_reference,
        kernel: kernel.unwrap_or_else(Kernel::detect),
        fixed: Fixed { encryption: key.encryption(), degree: Some(*degree), ..Fixed::default() },
    };
    let record = benchmark_engine(&subject, peak_memory_bytes, &StageProgress::new("bench".to_owned()))?;
    if common.json || *format == Format::Json {
        output::json(&output::to_value(&record));
    } else {
        output::result(&table(&record).to_text());
    }
    // The same code as everywhere: logits that differ are no result.
    Ok(ExitCode::from(if record.mismatches == 0 { 0 } else { super::EXIT_MISMATCH }))
}

fn table(record: &BenchmarkRecord) -> Table {
    let seconds =
        |seconds: Option<f64>| seconds.map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.3}"));
    let ratio = |reference: Option<f64>, engine: f64| {
        // What the engine does not do by itself has no ratio.
        let done = reference.filter(|_| engine > 1e-3);
        done.map_or_else(|| "–".to_owned(), |reference| format!("{:.1}×", reference / engine))
    };
    let row = |name: &str, reference: Option<f64>, engine: f64| {
        vec![name.to_owned(), seconds(reference), seconds(Some(engine)), ratio(reference, engine)]
    };
    let mut rows: Vec<Vec<String>> = record
        .layers
        .iter()
        .map(|layer| row(&layer.layer, layer.reference_seconds, layer.engine_seconds))
        .collect();
    rows.push(row("provider's work", record.reference_seconds, record.engine_seconds));
    rows.push(row("encryption", record.fhe_encrypt_seconds, record.encrypt_seconds));
    let memory = record.peak_rss_bytes.map_or_else(String::new, |bytes| {
        format!("; at most {:.2} GiB of memory", bytes as f64 / f64::from(1 << 30))
    });
    Table {
        title: format!(
            "Engine against reference: {} members, {} images, {} threads, {}",
            record.members, record.images, record.threads, record.kernel
        ),
        header: ["layer", "reference, s", "engine, s", "ratio"].map(str::to_owned).to_vec(),
        rows,
        notes: vec![
            format!(
                "The reference's encryption is the fhe crate's, on the same batch. Transfer {:.3} s, decryption {:.4} s; from \
                 pixels to predictions {:.3} s; {} mismatches{memory}.",
                record.transfer_seconds, record.decrypt_seconds, record.prediction_seconds, record.mismatches
            ),
            format!(
                "{} encryption: {:.1} MB up, {:.2} MB down.",
                record.encryption,
                record.upload_bytes as f64 / 1e6,
                record.download_bytes as f64 / 1e6
            ),
            format!(
                "N = {}; t of {} bits in {}, Q of {:.0} bits in {} primes, of which hidden units keep {}; medians of {} runs, but \
                 for the reference's work.",
                record.degree,
                record.plaintext_bits,
                counted(record.plaintext_moduli, "modulus", "moduli"),
                record.ciphertext_modulus_bits,
                record.ciphertext_primes,
                record.hidden_primes,
                record.engine_seconds_all.len()
            ),
        ],
    }
}
