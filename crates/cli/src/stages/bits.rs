//! Accuracy against the logit range, each ensemble under parameters of its own.

use anyhow::{Context, Result};
use sottovoce_evaluate::records::{BitsRow, Domain};
use sottovoce_evaluate::{EncryptedImages, Evaluation};

use super::evaluate::summary;
use super::{Found, Run, found};
use crate::output;
use crate::run_folder::write_json;

impl Run {
    /// Evaluates the ensemble of every logit range that is not evaluated yet, telling `evaluated` of all so far after
    /// each; also whether there was any to evaluate.
    pub fn evaluate_logit_ranges(
        &self,
        evaluated: impl Fn(&[(u32, Evaluation)]) -> Result<()>,
    ) -> Result<(Vec<(u32, Evaluation)>, bool)> {
        let mut results = Vec::new();
        let mut worked = false;
        for (bits, plan) in &self.logit_ranges {
            let exported = self.ensemble(plan)?;
            let inputs = self.evaluation_inputs(&exported.origin.input_hash)?;
            let path = self.folder.bits(*bits);
            let evaluation =
                found(&path, &inputs).filter(|evaluation: &Evaluation| evaluation.setting == plan.setting);
            if let Some(evaluation) = evaluation {
                results.push((*bits, evaluation));
                continue;
            }
            worked = true;
            let title = format!("{bits} logit bits");
            let evaluate = || {
                let session = self.own_session(&exported)?;
                self.evaluate_on(&EncryptedImages::new(&session, &self.data.test), plan, &exported, &title)
            };
            let evaluation = evaluate().with_context(|| format!("cannot evaluate {title}"))?;
            let file = Found { inputs, found: evaluation };
            write_json(&path, &file)?;
            output::remark(&summary(&title, &file.found));
            results.push((*bits, file.found));
            evaluated(&results)?;
        }
        Ok((results, worked))
    }
}

/// The rows of `bits.csv` for one logit range.
pub fn rows(logit_bits: u32, evaluation: &Evaluation) -> impl Iterator<Item = BitsRow> {
    let encrypted = evaluation.accuracy.iter().filter(|row| row.domain == Domain::Encrypted);
    encrypted.map(move |row| BitsRow {
        logit_bits,
        // Below 121.
        plaintext_bits: evaluation.parameters.plaintext_bits.ceil() as u32,
        seed: row.seed,
        voter: row.voter.clone(),
        images: row.images,
        correct: row.correct,
        accuracy: row.accuracy,
        mismatches: row.mismatches.unwrap_or(0),
    })
}
