//! `serve`: exported networks as a service over HTTP.

pub mod models;
mod reload;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use sottovoce_bfv::planner::ChosenParameters;
use sottovoce_evaluate::Evaluator;
use sottovoce_network::access_rights::check_private_folder;
use sottovoce_protocol::provider::Provider;
use sottovoce_protocol::size;
use sottovoce_service::server::{self, AccessPolicy, Limits, Server, StateFolder};
use sottovoce_service::tls::{RevocationFiles, ServerTls, ServerTlsFiles};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use models::{Models, PLANNED_IMAGES};
use reload::{ReloadSignals, Reloader};

use crate::args::policy::HIDING_ASSUMPTIONS;
use crate::args::service::{LogFormat, ServeOptions};
use crate::memory::peak_memory_bytes;
use crate::output::{self, counted};

pub fn run(options: &ServeOptions) -> Result<ExitCode> {
    start_log(options);
    let folder = StateFolder::open(&options.state)?;
    let access = access_policy(options)?;
    let models = Models::read(&options.models)?;
    let ranged = models.ranged();
    let policy = options.policy.policy(ranged.iter().all(|one| one.observed_logit.is_some()))?;
    let choice = policy.choose(&ranged, PLANNED_IMAGES, &[Evaluator::default()])?;
    output::warn_of_range(policy.range);
    if policy.hide_model {
        output::remark(&format!("note: {HIDING_ASSUMPTIONS}"));
    }
    let limits = limits(options);
    let provider = Provider::new(&choice.parameters, models.ensembles(), limits.keys_in_memory)
        .with_flooding(choice.flooding);
    for (name, fingerprint) in models.fingerprints() {
        output::remark(&format!("the model {name} has the fingerprint {fingerprint}"));
    }
    let service = Server::new(provider, models.names(), access, limits, &folder, peak_memory_bytes)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("cannot start the threads of the service")?;
    let pixels = models.pixels();
    drop(models);
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
            "the provider needs a certificate: name the folder of `sottovoce provider-request`, with the certificate.pem and \
             root.pem of the authority, with --identity, or give --insecure-local to serve only this machine, without \
             certificates"
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
    let revocations = options.revoked.as_ref().map(|list| RevocationFiles {
        list: list.clone(),
        kept: Some(options.state.join("revoked.pem")),
        max_age: options.revocation_days.map(|days| Duration::from_secs(u64::from(days) * 24 * 60 * 60)),
    });
    let tls = ServerTls::load(ServerTlsFiles {
        certificate: file("certificate.pem"),
        private_key: file("key.pem"),
        roots: file("root.pem"),
        revocations,
    })?;
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
    // From before the program prints its address, SIGHUP does not end it.
    let signals = ReloadSignals::new()?;
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
    let reloader = Reloader {
        models: options.models.clone(),
        policy: options.policy.clone(),
        parameters: parameters.clone(),
        service: service.clone(),
    };
    let (told, stop) = tokio::sync::oneshot::channel();
    let twice = async {
        stop_signal().await;
        let _ = told.send(());
        stop_signal().await;
    };
    tokio::select! {
        served = service.serve(listener, async { drop(stop.await) }) => served?,
        () = twice => bail!("stopped at once by a second signal; unfinished batches are lost"),
        never = reloader.run(signals) => match never {},
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
