//! `bench engine`: the speed of the engine, relative to the reference evaluator in the same process.

use std::process::ExitCode;

use anyhow::{Context, Result};
use sottovoce_bfv::Kernel;
use sottovoce_bfv::planner::FixedParameters;
use sottovoce_evaluate::engine_benchmark::{
    BenchmarkInputs, BenchmarkRecord, benchmark_engine, random_ensemble,
};
use sottovoce_network::IntegerEnsemble;
use sottovoce_table::Table;

use crate::args::experiments::bench::{EngineOptions, Format};
use crate::args::global::GlobalOptions;
use crate::commands::experiments::exactness::EXIT_MISMATCH;
use crate::commands::exported_networks;
use crate::memory::peak_memory_bytes;
use crate::output::{self, counted};
use crate::progress::StageProgress;

pub fn run(options: &EngineOptions, global: &GlobalOptions) -> Result<ExitCode> {
    let EngineOptions { members, images, repetitions, ensemble, kernel, key, degree, no_reference, format } =
        options;
    let (ensemble, largest_logit) = match ensemble {
        Some(folder) => {
            let exported = exported_networks::read(folder)?;
            let networks = exported.ensemble.members();
            let chosen = networks.get(..usize::from(*members)).with_context(|| {
                format!("{} has {} members, but --members is {members}", folder.display(), networks.len())
            })?;
            (IntegerEnsemble::new(chosen.to_vec())?, exported.origin.observed.map(|range| range.largest()))
        }
        None => (random_ensemble((*members).into()).context("cannot make a random ensemble")?, None),
    };
    let inputs = BenchmarkInputs {
        ensemble: &ensemble,
        largest_logit,
        images: images.map_or(*degree, usize::from),
        repetitions: (*repetitions).into(),
        with_reference: !no_reference,
        kernel: kernel.unwrap_or_else(Kernel::detect),
        fixed: FixedParameters {
            encryption: key.encryption(),
            degree: Some(*degree),
            ..FixedParameters::default()
        },
    };
    let record = benchmark_engine(&inputs, peak_memory_bytes, &StageProgress::new("bench".to_owned()))?;
    if global.json || *format == Format::Json {
        output::json(&output::to_value(&record));
    } else {
        output::result(&table(&record).to_text());
    }
    Ok(ExitCode::from(if record.mismatches == 0 { 0 } else { EXIT_MISMATCH }))
}

fn table(record: &BenchmarkRecord) -> Table {
    let seconds =
        |seconds: Option<f64>| seconds.map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.3}"));
    let ratio = |reference: Option<f64>, engine: f64| {
        // Layers that the engine does not evaluate separately have no ratio.
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
        format!("; peak memory {:.2} GiB", bytes as f64 / f64::from(1 << 30))
    });
    Table {
        title: format!(
            "Engine and reference: {} members, {} images, {} threads, {}",
            record.members, record.images, record.threads, record.kernel
        ),
        header: ["layer", "reference, s", "engine, s", "ratio"].map(str::to_owned).to_vec(),
        rows,
        notes: vec![
            format!(
                "The reference encrypts the same batch with the fhe crate. Transfer {:.3} s, decryption {:.4} s; from pixels to \
                 predictions {:.3} s; {} mismatches{memory}.",
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
                 one run of the reference.",
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
