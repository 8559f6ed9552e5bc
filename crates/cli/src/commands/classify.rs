//! `classify`: classification of images by a provider that sees only ciphertexts.

pub mod batches;
mod remarks;
mod summary;

use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use sottovoce_dataset::{PictureOptions, read_pictures};
use sottovoce_evaluate::encode_logits;
use sottovoce_protocol::client::Client;
use sottovoce_protocol::{Fingerprint, ModelDescription};
use sottovoce_service::ModelEntry;
use sottovoce_service::remote::RemoteProvider;

use super::client_folder::ClientFolder;
use crate::args::global::GlobalOptions;
use crate::args::service::ClassifyOptions;
use crate::files;
use crate::output::{self, counted, to_value};
use batches::{Classified, classify};

pub fn run(options: &ClassifyOptions, global: &GlobalOptions) -> Result<ExitCode> {
    // Checked before keys are created.
    for path in &options.images {
        ensure!(path.exists(), "there is no file or folder {}", path.display());
    }
    files::check_replaceable(&options.out, options.replace)?;
    let folder = ClientFolder::open(&options.client)?;
    let secure = options.client.provider.is_secure();
    if secure && !folder.has_certificate() {
        bail!(
            "there is no {}; create keys and a request with `sottovoce enrol`, from which the authority issues the certificate",
            folder.file("certificate.pem").display()
        );
    }
    let remote = folder.remote(secure)?;
    let client = folder.client(&remote)?;
    let (name, model) = model(&client, &remote, options.model.as_deref())?;
    let side = model.pixels().isqrt();
    ensure!(
        side * side == model.pixels(),
        "the model {name} reads {} pixels, which is not the size of a square image",
        model.pixels()
    );
    let pictures = read_pictures(&options.images, PictureOptions { side, invert: options.invert })?;
    for left_out in pictures.skipped() {
        output::remark(&format!("{} is skipped: {}", left_out.path.display(), left_out.reason));
    }
    let remarks = remarks::remarks(&pictures, options.invert);
    remarks.iter().for_each(|remark| output::remark(&format!("warning: {remark}")));
    // Created before anything is sent, so that an error appears early.
    if let Some(parent) = options.out.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent)
            .with_context(|| format!("cannot make the folder {}", parent.display()))?;
    }
    if !remote.is_registered(client.key_fingerprint())? {
        remote.register(client.key_fingerprint(), client.registration_message())?;
        output::remark(&format!("registered the keys {}", client.key_fingerprint()));
    }
    let classified = classify(&client, &remote, &model, pictures.pixels())?;
    files::write(&options.out, &csv(pictures.names(), &classified)?)?;
    if global.json {
        output::json(&json!({
            "provider": remote.address().to_string(),
            "model": name,
            "images": pictures.len(),
            "out": options.out,
            "remarks": remarks,
            "parameters": summary::parameters(client.parameters()),
            "steps": to_value(&classified.steps),
        }));
    } else {
        output::result(&summary::steps(&classified, &name, model.pixels(), client.parameters()).to_text());
        output::result(&format!(
            "Predictions and logits of {} are in {}.",
            counted(pictures.len(), "image", "images"),
            options.out.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The provider's model called `wanted`, or its only model.
fn model(
    client: &Client,
    remote: &RemoteProvider,
    wanted: Option<&str>,
) -> Result<(String, ModelDescription)> {
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
    let model = client.read_model(&remote.model(fingerprint)?[..])?;
    ensure!(
        model.fingerprint() == fingerprint,
        "{} was asked for the model {fingerprint}, but described {}",
        remote.address(),
        model.fingerprint()
    );
    Ok((entry.name.clone(), model))
}

/// Encodes predictions as CSV: the columns `image` and `prediction`, and a column of exact integers for each logit.
fn csv(names: &[String], classified: &Classified) -> Result<Vec<u8>> {
    let rows = names.iter().zip(&classified.logits).map(|(name, logits)| {
        ([name.clone(), sottovoce_network::predict(logits).to_string()], logits.as_slice())
    });
    encode_logits(["image", "prediction"], rows).context("cannot write predictions as CSV")
}
