//! Evaluation of ensembles for other logit ranges, each under its own encryption parameters.

use anyhow::{Context, Result};
use sottovoce_evaluate::records::{BitsRow, Domain};
use sottovoce_evaluate::{EncryptedImages, Evaluation};

use super::cache::{Cached, read_cached};
use super::evaluate::{evaluate_on, read_exported, run_evaluation_hash, separate_session, summary};
use crate::json_files::write_json;
use crate::output;
use crate::run::experiment_run::ExperimentRun;

/// Evaluates the ensemble of every logit range that is not evaluated yet. Returns all evaluations, and whether any was
/// made now.
///
/// # Errors
/// If an ensemble cannot be read or evaluated, or a file cannot be written.
pub fn evaluate_logit_ranges(run: &ExperimentRun) -> Result<(Vec<(u32, Evaluation)>, bool)> {
    let mut results = Vec::new();
    let mut worked = false;
    for (bits, setting) in &run.logit_ranges {
        let exported = read_exported(run, setting)?;
        let input_hash = run_evaluation_hash(run, &exported.origin.input_hash)?;
        let path = run.folder.logit_range(*bits);
        let evaluation = read_cached(&path, &input_hash)
            .filter(|evaluation: &Evaluation| evaluation.setting == setting.id);
        if let Some(evaluation) = evaluation {
            results.push((*bits, evaluation));
            continue;
        }
        worked = true;
        let title = format!("{bits} logit bits");
        let evaluate = || {
            let session = separate_session(run, &exported)?;
            evaluate_on(run, &EncryptedImages::new(&session, &run.data.test), setting, &exported, &title)
        };
        let evaluation = evaluate().with_context(|| format!("cannot evaluate {title}"))?;
        let file = Cached { input_hash, result: evaluation };
        write_json(&path, &file)?;
        output::remark(&summary(&title, &file.result));
        results.push((*bits, file.result));
    }
    Ok((results, worked))
}

/// The rows of `bits.csv` for one logit range.
pub fn rows(logit_bits: u32, evaluation: &Evaluation) -> impl Iterator<Item = BitsRow> {
    let encrypted = evaluation.accuracy.iter().filter(|row| row.domain == Domain::Encrypted);
    encrypted.map(move |row| BitsRow {
        logit_bits,
        // A plaintext modulus has fewer than 121 bits.
        plaintext_bits: evaluation.parameters.plaintext_bits.ceil() as u32,
        seed: row.seed,
        voter: row.voter.clone(),
        images: row.images,
        correct: row.correct,
        accuracy: row.accuracy,
        mismatches: row.mismatches.unwrap_or(0),
    })
}
