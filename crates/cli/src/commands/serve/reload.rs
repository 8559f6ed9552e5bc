//! Reads models, certificates and revocation list again when the operator sends SIGHUP.

use std::convert::Infallible;

use anyhow::{Context as _, Result};
use sottovoce_bfv::Parameters;
use sottovoce_evaluate::Evaluator;
use sottovoce_protocol::size;
use sottovoce_service::server::Server;

use super::models::Models;
use super::served_parameters::{PLANNED_IMAGES, ServedParameters};
use crate::args::policy::PolicyOptions;

/// Why models are not replaced.
const OTHER_PARAMETERS: &str = "these models need other encryption parameters than those that are served, for which clients have made their \
                                keys; restart the service to change them, after which every client makes new keys";

/// Everything that is needed to read the files of a service again.
#[derive(Clone)]
pub struct Reloader {
    /// Arguments of `--models`.
    pub models: Vec<String>,
    pub policy: PolicyOptions,
    /// Parameters that are served. Clients' keys are for these.
    pub parameters: Parameters,
    /// Parameters for packed evaluation, if they are served.
    pub packed: Option<Parameters>,
    pub service: Server,
}

impl Reloader {
    /// Reads everything again after every signal, one signal after the other. Signals that arrive meanwhile count as one.
    #[expect(clippy::disallowed_methods, reason = "one reload at a time, and no client causes it")]
    pub async fn run(self, mut signals: ReloadSignals) -> Infallible {
        loop {
            signals.next().await;
            let reloader = self.clone();
            if let Err(error) = tokio::task::spawn_blocking(move || reloader.reload()).await {
                tracing::error!(%error, "reading the files failed");
            }
        }
    }

    /// Reads everything again. What cannot be used leaves everything as it was.
    fn reload(&self) {
        tracing::info!("reading certificates, revocation list and models again");
        let mut unchanged = self.service.reload_certificates();
        // The threads of evaluations are busy.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().context("cannot start a thread");
        match pool.and_then(|pool| pool.install(|| self.replace_models())) {
            Ok(()) => tracing::info!("the models were read"),
            Err(error) => {
                tracing::error!(reason = format!("{error:#}"), "the models stay as they were");
                unchanged.push("the models");
            }
        }
        match unchanged[..] {
            [] => tracing::info!("everything was read again"),
            _ => tracing::warn!(
                unchanged = unchanged.join("; "),
                "not everything could be read again; the reasons are in the lines before"
            ),
        }
    }

    /// Replaces the models if they need no other parameters.
    fn replace_models(&self) -> Result<()> {
        let models = Models::read(&self.models)?;
        let ranged = models.ranged();
        let policy = self.policy.policy(ranged.iter().all(|one| one.observed_logit.is_some()))?;
        let batched = policy
            .keep(&self.parameters, &ranged, PLANNED_IMAGES, &[Evaluator::default()])
            .context(OTHER_PARAMETERS)?;
        let packed = match &self.packed {
            Some(packed) => {
                Ok(policy.keep_packed(packed, &ranged, PLANNED_IMAGES).context(OTHER_PARAMETERS)?)
            }
            None => Err(String::new()),
        };
        let flooding = batched.flooding;
        let named = models.named(&ServedParameters { batched, packed });
        self.service.replace_models(models.ensembles(), &named, flooding)?;
        for (name, model) in models.fingerprints() {
            let batch_bytes = size::batch_bytes(&self.parameters, models.pixels());
            tracing::info!(name, %model, batch_bytes, "a model is served");
        }
        Ok(())
    }
}

/// Requests to read everything again: the signal SIGHUP. Other systems than Unix have none.
pub struct ReloadSignals {
    #[cfg(unix)]
    hangups: tokio::signal::unix::Signal,
}

impl ReloadSignals {
    /// Receives signals from now on. Before this call, SIGHUP ends the program.
    #[cfg(unix)]
    pub fn new() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { hangups: signal(SignalKind::hangup()).context("cannot receive SIGHUP")? })
    }

    #[cfg(not(unix))]
    pub fn new() -> Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next signal.
    async fn next(&mut self) {
        #[cfg(unix)]
        if self.hangups.recv().await.is_some() {
            return;
        }
        std::future::pending().await
    }
}
