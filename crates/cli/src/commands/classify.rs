//! `classify`: classification of images by a provider that sees only ciphertexts.

mod agreement;
pub mod batches;
mod form;
pub mod known_images;
mod known_models;
mod model_choice;
mod predictions_file;
mod remarks;
mod slots;
mod summary;

use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use sottovoce_bfv::planner::EvaluationForm;
use sottovoce_dataset::{PictureOptions, read_pictures};
use sottovoce_protocol::Fingerprint;

use super::client_folder::ClientFolder;
use crate::args::global::GlobalOptions;
use crate::args::service::ClassifyOptions;
use crate::files;
use crate::output::{self, counted, to_value};
use batches::classify;
use known_images::KnownImages;
use known_models::{ModelIdentity, NewModel, recognise};
use model_choice::ChosenModel;

pub fn run(options: &ClassifyOptions, global: &GlobalOptions) -> Result<ExitCode> {
    // Checked before keys are created.
    for path in options.images.iter().chain(&options.check_images).chain(&options.check_answers) {
        ensure!(path.exists(), "there is no file or folder {}", path.display());
    }
    files::check_replaceable(&options.out, options.replace)?;
    let folder = ClientFolder::open(&options.client)?;
    let secure = options.client.provider.is_secure();
    if secure && !folder.has_certificate()? {
        bail!(
            "there is no {}; create keys and a request with `sottovoce enrol`, from which the authority issues the certificate",
            folder.file("certificate.pem").display()
        );
    }
    let remote = folder.remote(secure)?;
    let ChosenModel { name, fingerprint, costs } =
        model_choice::choose(&remote, options.model.as_deref(), options.model_fingerprint)?;
    // The number of images decides which keys are used, and their size comes from the list of models.
    let listed_pixels = match costs {
        Some(costs) => usize::try_from(costs.pixels)?,
        None => {
            let client = folder.client(&remote, EvaluationForm::Batched)?;
            model_choice::describe(&client, &remote, fingerprint)?.pixels()
        }
    };
    let side = listed_pixels.isqrt();
    ensure!(
        side * side == listed_pixels,
        "the model {name} reads {listed_pixels} pixels, which is not the size of a square image",
    );
    let picture_options = PictureOptions { side, invert: options.invert };
    let pictures = read_pictures(&options.images, picture_options)?;
    for left_out in pictures.skipped() {
        output::remark(&format!("{} is skipped: {}", left_out.path.display(), left_out.reason));
    }
    let remarks = remarks::remarks(&pictures, options.invert);
    remarks.iter().for_each(|remark| output::remark(&format!("warning: {remark}")));
    let form = form::choose(options, &folder, costs.as_ref(), pictures.len())?;
    let client = folder.client(&remote, form.form)?;
    let model = model_choice::describe(&client, &remote, fingerprint)?;
    ensure!(
        model.pixels() == listed_pixels,
        "{} lists the model {name} with {listed_pixels} pixels, but it reads {}",
        remote.address(),
        model.pixels()
    );
    let known = match &options.check_answers {
        Some(answers) => KnownImages::read(&options.check_images, answers, picture_options, &model)?,
        None => KnownImages::default(),
    };
    let identity = ModelIdentity {
        provider: remote.address().to_string(),
        name,
        model: model.fingerprint(),
        form: form.form,
        parameters: Fingerprint::of_parameters(client.parameters()),
    };
    remote.require_model(&identity.name, identity.model, options.require_manifest)?;
    let is_accepted = options.accept_new_model || options.model_fingerprint.is_some();
    let new_model = match options.model {
        _ if is_accepted => NewModel::Accepted,
        Some(_) => NewModel::Named,
        None => NewModel::Refused,
    };
    recognise(&options.client.client, &identity, new_model)?;
    // Created before anything is sent, so that an error appears early.
    if let Some(parent) = options.out.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent)
            .with_context(|| format!("cannot make the folder {}", parent.display()))?;
    }
    if !remote.is_registered(client.key_fingerprint())? {
        remote.register(client.key_fingerprint(), client.registration_message())?;
        output::remark(&format!("registered the keys {}", client.key_fingerprint()));
    }
    let mut classified = classify(&client, &remote, &model, pictures.pixels(), &known)?;
    classified.agreement.check()?;
    if !options.noise {
        classified.steps.noise_bits = None;
    }
    let predictions =
        predictions_file::encode(pictures.names(), &classified.logits, identity.model, identity.parameters)?;
    files::write_private(&options.out, &predictions)?;
    if global.json {
        let mut remarks = remarks;
        remarks.push(summary::range_note(&classified, client.parameters()));
        output::json(&json!({
            "provider": identity.provider,
            "model": identity.name,
            "model_fingerprint": identity.model.to_string(),
            "parameters_fingerprint": identity.parameters.to_string(),
            "images": pictures.len(),
            "evaluation": form.record(),
            "out": options.out,
            "remarks": remarks,
            "parameters": summary::parameters(client.parameters()),
            "steps": to_value(&classified.steps),
            "checked": to_value(&classified.agreement),
        }));
    } else {
        output::result(&summary::steps(&classified, &identity, client.parameters(), &form).to_text());
        output::result(&format!(
            "Predictions and logits of {} are in {}.",
            counted(pictures.len(), "image", "images"),
            options.out.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}
