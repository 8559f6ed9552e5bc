//! `classify`: images to predictions, by a provider that cannot see them.

pub mod batches;
mod remarks;
mod table;

use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use sottovoce_dataset::{PictureForm, read_pictures};
use sottovoce_evaluate::encode_logits;
use sottovoce_protocol::remote::Remote;
use sottovoce_protocol::service::ModelEntry;
use sottovoce_protocol::{Client, Fingerprint, ModelDescription};

use super::client_folder::ClientFolder;
use crate::args::{ClassifyOptions, Common};
use crate::output::{self, counted, to_value};
use crate::run_folder;
use batches::{Classified, classify};

pub fn run(options: &ClassifyOptions, common: &Common) -> Result<ExitCode> {
    // Before keys are made.
    for path in &options.images {
        ensure!(path.exists(), "there are no images {}", path.display());
    }
    run_folder::check_replaceable(&options.out, options.replace)?;
    let folder = ClientFolder::open(&options.client)?;
    let secure = options.client.provider.is_secure();
    if secure && !folder.has_certificate() {
        bail!(
            "there is no {}: `sottovoce enrol` makes the keys and a request, of which the authority makes it",
            folder.file("certificate.pem").display()
        );
    }
    let remote = folder.remote(secure)?;
    let client = folder.client(&remote)?;
    let (name, model) = model(&client, &remote, options.model.as_deref())?;
    let side = model.pixels().isqrt();
    ensure!(
        side * side == model.pixels(),
        "the model {name} reads {} pixels, which are no square",
        model.pixels()
    );
    let pictures = read_pictures(&options.images, PictureForm { side, invert: options.invert })?;
    for left_out in pictures.passed_over() {
        output::remark(&format!("{} is passed over: {}", left_out.path.display(), left_out.reason));
    }
    let remarks = remarks::remarks(&pictures, options.invert);
    remarks.iter().for_each(|remark| output::remark(&format!("warning: {remark}")));
    // Before anything is sent: a folder that is not there.
    if let Some(parent) = options.out.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent)
            .with_context(|| format!("cannot make the folder {}", parent.display()))?;
    }
    if !remote.is_registered(client.registered())? {
        remote.register(client.registered(), client.registration())?;
        output::remark(&format!("registered the keys {}", client.registered()));
    }
    let classified = classify(&client, &remote, &model, pictures.pixels())?;
    run_folder::write(&options.out, &csv(pictures.names(), &classified)?)?;
    if common.json {
        output::json(&json!({
            "provider": remote.address().to_string(),
            "model": name,
            "images": pictures.len(),
            "out": options.out,
            "remarks": remarks,
            "parameters": table::parameters(client.parameters()),
            "steps": to_value(&classified.steps),
        }));
    } else {
        output::result(&table::steps(&classified, &name, model.pixels(), client.parameters()).to_text());
        output::result(&format!(
            "Predictions and logits of {} are in {}.",
            counted(pictures.len(), "image", "images"),
            options.out.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The model of that name, or the only one.
fn model(client: &Client, remote: &Remote, wanted: Option<&str>) -> Result<(String, ModelDescription)> {
    let models = remote.models()?;
    let listed = || models.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>().join(", ");
    let entry: &ModelEntry = match (wanted, &models[..]) {
        (Some(wanted), models) => match models.iter().find(|entry| entry.name == wanted) {
            Some(entry) => entry,
            None => bail!("{} has no model {wanted}; its models are: {}", remote.address(), listed()),
        },
        (None, [only]) => only,
        (None, []) => bail!("{} has no models", remote.address()),
        (None, _) => bail!("{} has several models; choose one with --model: {}", remote.address(), listed()),
    };
    let fingerprint: Fingerprint = entry.model.parse().context("the provider's list of models is damaged")?;
    let model = client.model(&remote.model(fingerprint)?[..])?;
    ensure!(
        model.fingerprint() == fingerprint,
        "{} was asked for the model {fingerprint}, but described {}",
        remote.address(),
        model.fingerprint()
    );
    Ok((entry.name.clone(), model))
}

/// Encodes predictions as CSV: `image`, `prediction`, and a column for each logit.
fn csv(names: &[String], classified: &Classified) -> Result<Vec<u8>> {
    let rows = names.iter().zip(&classified.logits).map(|(name, logits)| {
        ([name.clone(), sottovoce_network::predict(logits).to_string()], logits.as_slice())
    });
    encode_logits(["image", "prediction"], rows).context("cannot write predictions as CSV")
}
