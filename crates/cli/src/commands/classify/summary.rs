//! The summary that `classify` prints: times, bytes and parameters.

use serde_json::{Value, json};
use sottovoce_bfv::Parameters;
use sottovoce_bfv::planner::EvaluationForm;
use sottovoce_table::Table;

use super::batches::Classified;
use super::known_models::ModelIdentity;
use crate::commands::form_choice::FormChoice;
use crate::output::counted;

/// Parameters as JSON.
pub fn parameters(parameters: &Parameters) -> Value {
    json!({
        "degree": parameters.degree(),
        "encryption": parameters.encryption(),
        "plaintext_moduli": parameters.plaintext_moduli(),
        "ciphertext_primes": parameters.ciphertext_primes(),
    })
}

/// The table of time and bytes of every step. Notes say which model answered.
pub fn steps(
    classified: &Classified,
    model: &ModelIdentity,
    parameters: &Parameters,
    form: &FormChoice,
) -> Table {
    let steps = &classified.steps;
    let images = classified.logits.len().max(1);
    let row = |name: &str, seconds: f64, bytes: Option<u64>| {
        let per_image = |bytes: u64| format!("{:.0}", (bytes * steps.batches as u64) as f64 / images as f64);
        vec![
            name.to_owned(),
            format!("{seconds:.2}"),
            bytes.map_or_else(String::new, |bytes| bytes.to_string()),
            bytes.map_or_else(String::new, per_image),
        ]
    };
    let mut notes = vec![
        format!("Provider {}, model {}, parameters {}.", model.provider, model.model, model.parameters),
        format!(
            "{} in {} of at most {}; {} encryption.",
            counted(images, "image", "images"),
            counted(steps.batches, "batch", "batches"),
            counted(parameters.images_per_batch(), "image", "images"),
            parameters.encryption(),
        ),
        form.describe(),
        match form.form {
            EvaluationForm::Batched => classified.agreement.describe(),
            EvaluationForm::Packed => {
                "A packed image has no spare slots for copies and known images, so nothing was compared."
                    .to_owned()
            }
        },
    ];
    notes.extend(steps.noise_bits.map(|bits| {
        format!(
            "The noise of the answers has {bits} bits. It depends on the secret key: never tell the provider, and publish it \
             nowhere."
        )
    }));
    notes.push(range_note(classified, parameters));
    Table {
        title: format!("Classified by the model {}, which saw only ciphertexts", model.name),
        header: ["step", "seconds", "bytes per batch", "bytes per image"].map(str::to_owned).to_vec(),
        rows: vec![
            row("encrypt", steps.encrypt_seconds, None),
            row("upload", steps.upload_seconds, Some(steps.upload_bytes)),
            row("compute", steps.compute_seconds, None),
            row("download", steps.download_seconds, Some(steps.download_bytes)),
            row("decrypt", steps.decrypt_seconds, None),
            row("all", steps.seconds(), Some(steps.upload_bytes + steps.download_bytes)),
        ],
        notes,
    }
}

/// The note on the range in which logits are exact.
pub fn range_note(classified: &Classified, parameters: &Parameters) -> String {
    let largest = classified.logits.iter().flatten().map(|logit| logit.unsigned_abs()).max().unwrap_or(0);
    // Logits are exact up to half of the product.
    let half = parameters.plaintext_moduli().iter().map(|&modulus| modulus as f64).product::<f64>() / 2.0;
    format!(
        "Logits are exact up to 2^{:.1}; the largest logit here is {:.0} % of this bound. If the provider chose the bound by \
         observed logits, an image unlike its training images can exceed the bound and get a wrong label, which a client cannot \
         notice.",
        half.log2(),
        100.0 * largest as f64 / half
    )
}
