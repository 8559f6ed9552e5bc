//! `serve`: exported networks as a service over HTTP.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use sottovoce_bfv::planner::ChosenParameters;
use sottovoce_evaluate::{Evaluator, RangedEnsemble};
use sottovoce_network::UntrustedText;
use sottovoce_network::access_rights::check_private_folder;
use sottovoce_network::disk::ExportedEnsemble;
use sottovoce_protocol::provider::Provider;
use sottovoce_protocol::{Fingerprint, size};
use sottovoce_service::server::{self, AccessPolicy, Limits, Server};
use sottovoce_service::tls::ServerTls;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::exported_networks;
use crate::args::policy::HIDING_ASSUMPTIONS;
use crate::args::service::{LogFormat, ServeOptions};
use crate::memory::peak_memory_bytes;
use crate::output::{self, counted};

/// Number of images for which parameters are chosen: many batches of one client.
pub const PLANNED_IMAGES: usize = 100_000;

pub fn run(options: &ServeOptions) -> Result<ExitCode> {
    start_log(options);
    let access = access_policy(options)?;
    let models = options.models.iter().map(|model| Model::read(model)).collect::<Result<Vec<_>>>()?;
    check_names(&models)?;
    let ranged: Vec<RangedEnsemble<'_>> =
        models.iter().map(|model| RangedEnsemble::from(&model.exported)).collect();
    let policy = options.policy.policy(ranged.iter().all(|one| one.observed_logit.is_some()))?;
    let choice = policy.choose(&ranged, PLANNED_IMAGES, &[Evaluator::default()])?;
    output::warn_of_range(policy.range);
    if policy.hide_model {
        output::remark(&format!("note: {HIDING_ASSUMPTIONS}"));
    }
    let limits = limits(options);
    let ensembles = models.iter().map(|model| model.exported.ensemble.clone()).collect();
    let provider =
        Provider::new(&choice.parameters, ensembles, limits.keys_in_memory).with_flooding(choice.flooding);
    let names = models.iter().map(|model| model.name.clone()).collect();
    for model in &models {
        let fingerprint = Fingerprint::of_ensemble(&model.exported.ensemble);
        output::remark(&format!("the model {} has the fingerprint {fingerprint}", model.name));
    }
    fs::create_dir_all(&options.state)
        .with_context(|| format!("cannot make the folder {}", options.state.display()))?;
    let keys = options.state.join("keys.redb");
    let service = Server::new(provider, names, access, limits, &keys, peak_memory_bytes)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("cannot start the threads of the service")?;
    let pixels =
        models.iter().map(|model| model.exported.ensemble.architecture().pixels()).max().unwrap_or(0);
    runtime.block_on(serve(options, &choice, pixels, service))?;
    Ok(ExitCode::SUCCESS)
}

/// Starts the log on standard error. The log contains names, fingerprints, sizes and times.
fn start_log(options: &ServeOptions) {
    let level = if options.verbose { LevelFilter::DEBUG } else { LevelFilter::INFO };
    // HTTP/2's library warns of peers that break its rules, as often as they do.
    let filter = Targets::new().with_target("sottovoce", level);
    let builder = tracing_subscriber::fmt().with_writer(|| output::LogOutput).with_max_level(level);
    match options.log {
        LogFormat::Text => builder.with_ansi(false).finish().with(filter).init(),
        LogFormat::Json => builder.json().finish().with(filter).init(),
    }
}

/// A model to serve.
struct Model {
    name: String,
    folder: PathBuf,
    exported: ExportedEnsemble,
}

impl Model {
    /// Reads the model that `argument` names: FOLDER or NAME=FOLDER.
    fn read(argument: &str) -> Result<Self> {
        let whole = Path::new(argument);
        // A folder may be called `lr=0.01`; a model's name has no path separators.
        let named = argument.split_once('=').filter(|(name, _)| {
            !whole.exists() && !name.is_empty() && !name.contains(std::path::is_separator)
        });
        let (name, folder) = match named {
            Some((name, folder)) => {
                ensure!(
                    Path::new(folder).exists(),
                    "--models {argument}: there is neither a folder {argument} nor a folder {folder} for the model {name}"
                );
                (Some(name.to_owned()), Path::new(folder))
            }
            None => (None, whole),
        };
        let exported = exported_networks::read(folder)?;
        let name = name.map_or_else(|| exported_networks::name(folder), Ok)?;
        let shown = UntrustedText::new(&name);
        ensure!(
            shown.as_str() == name,
            "--models {argument}: the name {shown} has control characters or more than 500 characters, so clients could not choose \
             the model; give it another name with --models NAME={}",
            folder.display()
        );
        Ok(Self { name, folder: folder.to_owned(), exported })
    }
}

/// Refuses two models with the same name, because clients choose models by name.
fn check_names(models: &[Model]) -> Result<()> {
    for (index, model) in models.iter().enumerate() {
        if let Some(earlier) = models.iter().take(index).find(|earlier| earlier.name == model.name) {
            bail!(
                "{} and {} have the same name {}, but clients choose models by name; give one of them another name with --models \
                 NAME={}",
                earlier.folder.display(),
                model.folder.display(),
                model.name,
                model.folder.display(),
            );
        }
    }
    Ok(())
}

fn limits(options: &ServeOptions) -> Limits {
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    Limits {
        batches: options.batches.into(),
        batches_per_client: options.batches_per_client.into(),
        stored_keys: options.stored_keys.into(),
        connections: options.connections.into(),
        connections_per_client: options.connections_per_client.into(),
        connection_idle: seconds(options.idle_seconds),
        connection_age: seconds(options.connection_seconds),
        requests_per_second: options.requests_per_second,
        upload: seconds(options.upload_seconds),
        upload_bytes_per_second: options.upload_bytes_per_second,
        upload_grace: seconds(options.upload_grace_seconds),
        silence: seconds(options.silence_seconds),
        answer_age: seconds(options.answer_seconds),
        drain: seconds(options.drain_seconds),
        ..Limits::default()
    }
}

fn access_policy(options: &ServeOptions) -> Result<AccessPolicy> {
    let Some(identity) = &options.identity else {
        ensure!(
            options.insecure_local,
            "the provider needs a certificate: name the folder of `sottovoce provider-request`, with the certificate.pem and root.pem of \
             the authority, with --identity, or give \
             --insecure-local to serve only this machine, without certificates"
        );
        output::remark(
            "INSECURE: no TLS and no certificates. Everybody who can reach the port on this machine is a client, and can read \
             and change messages. Never use this between machines.",
        );
        return Ok(AccessPolicy::InsecureLocal);
    };
    if identity.exists() {
        check_private_folder(identity)?;
    }
    let file = |name| identity.join(name);
    let tls = ServerTls::load(
        &file("certificate.pem"),
        &file("key.pem"),
        &file("root.pem"),
        options.revoked.as_deref(),
    )?;
    if options.revoked.is_none() {
        output::remark("warning: without --revoked, revoked certificates are accepted until they expire");
    }
    Ok(AccessPolicy::Certificates(Arc::new(tls)))
}

async fn serve(
    options: &ServeOptions,
    choice: &ChosenParameters,
    pixels: usize,
    service: Server,
) -> Result<()> {
    let listener = service.bind(options.listen).await?;
    let metrics = match options.metrics {
        Some(address) => Some(server::bind_metrics(address, options.public_metrics).await?),
        None => None,
    };
    let scheme = if options.insecure_local { "http" } else { "https" };
    let address = listener.local_addr().context("the listener has no address")?;
    let parameters = &choice.parameters;
    output::remark(&describe(options, choice, pixels));
    output::result(&format!(
        "serving {} on {scheme}://{address}",
        counted(options.models.len(), "model", "models")
    ));
    if let Some(listener) = metrics {
        let address = listener.local_addr().context("the listener has no address")?;
        output::result(&format!("health and metrics on http://{address}"));
        tokio::spawn(service.clone().serve_metrics(listener));
    }
    tracing::info!(
        %address,
        degree = parameters.degree(),
        batch_bytes = size::batch_bytes(parameters, pixels),
        registration_bytes = size::registration_bytes(parameters),
        hides_model = choice.flooding.is_some(),
        "serving"
    );
    let (told, stop) = tokio::sync::oneshot::channel();
    let twice = async {
        stop_signal().await;
        let _ = told.send(());
        stop_signal().await;
    };
    tokio::select! {
        served = service.serve(listener, async { drop(stop.await) }) => served?,
        () = twice => bail!("stopped at once by a second signal; unfinished batches are lost"),
    }
    Ok(())
}

/// The parameters, and the bytes and memory of a batch.
fn describe(options: &ServeOptions, choice: &ChosenParameters, pixels: usize) -> String {
    let (parameters, cost) = (&choice.parameters, &choice.cost);
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let hidden = match choice.flooding {
        Some(flood) => format!("; answers hide the model with noise of {} bits", flood.bits()),
        None => String::new(),
    };
    let batch = size::batch_memory_bytes(parameters, pixels);
    let evaluation = (cost.memory_bytes as u64).saturating_sub(batch);
    let all = evaluation + u64::from(options.batches) * batch;
    format!(
        "N = {}, t of {:.0} bits in {}, Q of {:.0} bits, {} encryption{hidden}\n\
         a batch: up to {} images, {:.1} MB up, {:.2} MB down; memory at most about {:.1} GiB: {} batches of {:.2} GiB each, \
         and {:.2} GiB to evaluate one batch",
        parameters.degree(),
        parameters.plaintext_bits(),
        counted(parameters.channels().len(), "modulus", "moduli"),
        parameters.ciphertext_modulus_bits(),
        parameters.encryption(),
        parameters.degree(),
        cost.upload_bytes as f64 / 1e6,
        cost.download_bytes as f64 / 1e6,
        gib(all),
        options.batches,
        gib(batch),
        gib(evaluation),
    )
}

/// Waits for SIGTERM or Ctrl-C.
#[cfg(unix)]
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
async fn stop_signal() {
    drop(tokio::signal::ctrl_c().await);
}
