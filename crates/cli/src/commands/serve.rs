//! `serve`: exported networks as a service over HTTP.

pub mod models;
mod reload;
pub mod served_parameters;
mod start_messages;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use sottovoce_bfv::planner::ChosenParameters;
use sottovoce_evaluate::RangeKind;
use sottovoce_network::access_rights::check_private_folder;
use sottovoce_protocol::provider::Provider;
use sottovoce_protocol::{Fingerprint, size};
use sottovoce_service::server::{
    self, AccessPolicy, Limits, MemoryBound, Providers, ServedSizes, Server, StateFolder,
};
use sottovoce_service::tls::{RevocationFiles, ServerTls, ServerTlsFiles};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use models::Models;
use reload::{ReloadSignals, Reloader};
use served_parameters::ServedParameters;
use start_messages::StartMessages;

use crate::args::global::GlobalOptions;
use crate::args::policy::HIDING_ASSUMPTIONS;
use crate::args::service::{LogFormat, ServeOptions};
use crate::config_error::exit_code;
use crate::memory::peak_memory_bytes;
use crate::output::{self, counted};

/// Memory of the program without parameters, where the system does not tell the memory of the process.
const PROGRAM_BYTES: u64 = 64 << 20;

pub fn run(options: &ServeOptions, global: &GlobalOptions) -> Result<ExitCode> {
    start_log(options);
    match (run_service(options, global), options.log) {
        (Err(error), LogFormat::Json) => {
            tracing::error!(reason = format!("{error:#}"), "the service ended");
            Ok(exit_code(&error))
        }
        (result, _) => result.map(|()| ExitCode::SUCCESS),
    }
}

fn run_service(options: &ServeOptions, global: &GlobalOptions) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("cannot start the threads of the service")?;
    // From now on SIGHUP does not end the service. One that comes before the models are served reads them again then.
    let signals = runtime.block_on(async { ReloadSignals::new() })?;
    let messages = StartMessages { format: options.log };
    let folder = StateFolder::open(&options.state)?;
    let access = access_policy(options, messages)?;
    let models = Models::read(&options.models)?;
    let ranged = models.ranged();
    let policy = options.policy.policy(ranged.iter().all(|one| one.observed_logit.is_some()))?;
    let parameters = ServedParameters::choose(&policy, &models.named_and_ranged(), options.batched_only)?;
    let choice = &parameters.batched;
    if policy.range == RangeKind::Observed {
        messages.warning(output::OBSERVED_RANGE);
    }
    if policy.hide_model {
        messages.note(&format!("note: {HIDING_ASSUMPTIONS}"));
    }
    let limits = limits(options);
    let batched = Provider::new(&choice.parameters, models.ensembles(), limits.keys_in_memory)?
        .with_flooding(choice.flooding)?;
    let packed =
        parameters.packed.as_ref().ok().map(|packed| {
            Provider::new(&packed.parameters, models.ensembles(), limits.packed_keys_in_memory)
        });
    let providers = Providers { batched, packed: packed.transpose()? };
    for (name, fingerprint) in models.fingerprints() {
        messages.model(name, fingerprint);
    }
    if let Err(reason) = &parameters.packed {
        messages.note(&format!("note: packed evaluation is not served: {reason}"));
    }
    let named = models.named(&parameters);
    let service = Server::new(providers, named, access, limits, &folder, peak_memory_bytes)?;
    let pixels = models.pixels();
    let served = models.fingerprints().map(|(name, fingerprint)| (name.to_owned(), fingerprint)).collect();
    drop(models);
    let start = Start { messages, models: served, as_json: global.json };
    runtime.block_on(serve(options, &parameters, pixels, service, start, signals))
}

/// Facts about a service that are printed when it has its addresses.
struct Start {
    messages: StartMessages,
    /// Names and fingerprints of the models.
    models: Vec<(String, Fingerprint)>,
    /// The addresses are printed as JSON.
    as_json: bool,
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

fn access_policy(options: &ServeOptions, messages: StartMessages) -> Result<AccessPolicy> {
    let Some(identity) = &options.identity else {
        ensure!(
            options.insecure_local,
            "the provider needs a certificate: name the folder of `sottovoce provider-request`, with the certificate.pem and \
             root.pem of the authority, with --identity, or give --insecure-local to serve only this machine, without \
             certificates"
        );
        messages.warning(
            "INSECURE: no TLS and no certificates. Everybody who can reach the port on this machine is a client, and can read \
             and change messages. Never use this between machines.",
        );
        return Ok(AccessPolicy::InsecureLocal);
    };
    ensure!(
        !identity.is_file(),
        "{} is a file; --identity names the folder that holds it",
        identity.display()
    );
    ensure!(
        identity.is_dir(),
        "there is no folder {}: `sottovoce provider-request --out FOLDER` makes it, with a private key and the request for a certificate",
        identity.display()
    );
    check_private_folder(identity)?;
    let file = |name| identity.join(name);
    for name in ["certificate.pem", "root.pem"] {
        let exists =
            file(name).try_exists().with_context(|| format!("cannot read {}", file(name).display()))?;
        ensure!(
            exists,
            "there is no {}: the authority issues the certificate with `sottovoce authority provider AUTHORITY {} --out FOLDER`, \
             which writes certificate.pem and root.pem; copy both to {}",
            file(name).display(),
            file("request.pem").display(),
            identity.display()
        );
    }
    let revocations = options.revoked.as_ref().map(|list| RevocationFiles {
        list: list.clone(),
        kept: Some(options.state.join("revoked.pem")),
        max_age: Some(Duration::from_secs(u64::from(options.revocation_days) * 24 * 60 * 60)),
    });
    let tls = ServerTls::load(ServerTlsFiles {
        certificate: file("certificate.pem"),
        private_key: file("key.pem"),
        roots: file("root.pem"),
        revocations,
    })?;
    if options.revoked.is_none() {
        messages.warning("warning: without --revoked, revoked certificates are accepted until they expire");
    }
    Ok(AccessPolicy::Certificates(Arc::new(tls)))
}

async fn serve(
    options: &ServeOptions,
    served: &ServedParameters,
    pixels: usize,
    service: Server,
    start: Start,
    signals: ReloadSignals,
) -> Result<()> {
    let listener = service.bind(options.listen).await?;
    let metrics = match options.metrics {
        Some(address) => Some(server::bind_metrics(address, options.public_metrics).await?),
        None => None,
    };
    let scheme = if options.insecure_local { "http" } else { "https" };
    let address = listener.local_addr().context("the listener has no address")?;
    let (choice, parameters) = (&served.batched, &served.batched.parameters);
    start.messages.note(&describe(options, served, pixels));
    let metrics_address = match &metrics {
        Some(listener) => {
            let address = listener.local_addr().context("the listener has no address")?;
            Some(format!("http://{address}"))
        }
        None => None,
    };
    let service_address = format!("{scheme}://{address}");
    start.messages.addresses(&service_address, metrics_address.as_deref(), &start.models, start.as_json);
    if let Some(listener) = metrics {
        tokio::spawn(service.clone().serve_metrics(listener));
    }
    tracing::info!(
        %address,
        degree = parameters.degree(),
        batch_bytes = size::batch_bytes(parameters, pixels),
        registration_bytes = size::registration_bytes(parameters),
        hides_model = choice.flooding.is_some(),
        packed = served.packed.is_ok(),
        "serving"
    );
    let reloader = Reloader {
        models: options.models.clone(),
        policy: options.policy.clone(),
        parameters: parameters.clone(),
        packed: served.packed.as_ref().ok().map(|packed| packed.parameters.clone()),
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

/// The parameters, the bytes of a batch, and the memory and disk space of the service.
fn describe(options: &ServeOptions, served: &ServedParameters, pixels: usize) -> String {
    let choice = &served.batched;
    let (parameters, cost) = (&choice.parameters, &choice.cost);
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let hidden = match choice.flooding {
        Some(flood) => format!("; answers hide the model with noise of {} bits", flood.bits()),
        None => String::new(),
    };
    let program = peak_memory_bytes().unwrap_or_else(|| {
        let primes = parameters.ciphertext_primes().len();
        PROGRAM_BYTES
            + size::parameters_memory_bytes(parameters.degree(), parameters.channels().len(), primes)
    });
    let packed = served.packed.as_ref().ok();
    let sizes = served_sizes(choice, pixels);
    let packed_sizes = packed.map(|packed| served_sizes(packed, pixels));
    let memory = MemoryBound::new(&sizes, packed_sizes.as_ref(), &limits(options), program);
    let registration = size::registration_bytes(parameters)
        .max(packed.map_or(0, |packed| size::registration_bytes(&packed.parameters)));
    // The database takes a power of two of bytes for a long message.
    let disk_bytes = u64::from(options.stored_keys) * registration.next_power_of_two();
    let packed = packed.map_or_else(String::new, |packed| {
        let megabytes = |bytes: usize| bytes as f64 / 1e6;
        format!(
            "\npacked evaluation of one image: N = {}, {:.2} MB up, {:.2} MB down, keys of {:.1} MB",
            packed.parameters.degree(),
            megabytes(packed.cost.upload_bytes),
            megabytes(packed.cost.download_bytes),
            megabytes(packed.cost.key_bytes),
        )
    });
    format!(
        "N = {}, t of {:.0} bits in {}, Q of {:.0} bits, {} encryption{hidden}\n\
         a batch: up to {} images, {:.1} MB up, {:.2} MB down; memory at most about {:.1} GiB: {:.2} for {}, {:.2} to evaluate \
         one, {:.2} for keys, {:.2} for answers, {:.2} for connections, {:.2} for the program, {:.2} kept by the allocator; \
         disk space of {} at most about {:.1} GB{packed}",
        parameters.degree(),
        parameters.plaintext_bits(),
        counted(parameters.channels().len(), "modulus", "moduli"),
        parameters.ciphertext_modulus_bits(),
        parameters.encryption(),
        parameters.degree(),
        cost.upload_bytes as f64 / 1e6,
        cost.download_bytes as f64 / 1e6,
        gib(memory.total()),
        gib(memory.batches),
        counted(options.batches.into(), "batch", "batches"),
        gib(memory.evaluation),
        gib(memory.keys),
        gib(memory.answers),
        gib(memory.connections),
        gib(memory.program),
        gib(memory.allocator),
        counted(options.stored_keys as usize, "set of stored keys", "sets of stored keys"),
        disk_bytes as f64 / 1e9,
    )
}

/// The sizes of one form of evaluation that its memory depends on.
fn served_sizes(choice: &ChosenParameters, pixels: usize) -> ServedSizes<'_> {
    let (parameters, cost) = (&choice.parameters, &choice.cost);
    let batch = size::batch_memory_bytes(parameters, pixels);
    let evaluation = (cost.memory_bytes as u64).saturating_sub(batch);
    ServedSizes { parameters, pixels, answer: cost.download_bytes as u64, evaluation }
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
