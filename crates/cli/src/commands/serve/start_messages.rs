//! Messages of `serve` at its start: lines for people, or entries of the log if that is JSON.

use serde_json::json;
use sottovoce_protocol::Fingerprint;

use crate::args::service::LogFormat;
use crate::output;

/// Says what the operator must know about the service that starts.
#[derive(Debug, Clone, Copy)]
pub struct StartMessages {
    pub format: LogFormat,
}

impl StartMessages {
    pub fn warning(self, text: &str) {
        match self.format {
            LogFormat::Text => output::remark(text),
            LogFormat::Json => tracing::warn!("{}", text.strip_prefix("warning: ").unwrap_or(text)),
        }
    }

    pub fn note(self, text: &str) {
        match self.format {
            LogFormat::Text => output::remark(text),
            LogFormat::Json => text.lines().for_each(|line| tracing::info!("{line}")),
        }
    }

    pub fn model(self, name: &str, fingerprint: Fingerprint) {
        match self.format {
            LogFormat::Text => {
                output::remark(&format!("the model {name} has the fingerprint {fingerprint}"));
            }
            LogFormat::Json => tracing::info!(name, model = %fingerprint, "a model is served"),
        }
    }

    /// Prints the addresses of the service on standard output.
    pub fn addresses(
        self,
        service: &str,
        metrics: Option<&str>,
        models: &[(String, Fingerprint)],
        as_json: bool,
    ) {
        if as_json {
            let model = |(name, fingerprint): &(String, Fingerprint)| json!({ "name": name, "fingerprint": fingerprint.to_string() });
            let models: Vec<_> = models.iter().map(model).collect();
            output::json(&json!({ "address": service, "metrics": metrics, "models": models }));
            return;
        }
        let count = output::counted(models.len(), "model", "models");
        output::result(&format!("serving {count} on {service}"));
        if let Some(metrics) = metrics {
            output::result(&format!("health and metrics on {metrics}"));
        }
    }
}
