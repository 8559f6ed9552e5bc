//! A provider's service as its clients see it.
//!
//! Every request means the same however often it is made, since keys and batches are named by what they are: so whatever
//! fails for a reason that may pass (a line that breaks, a provider that restarts or has too much to do) is tried again
//! with the same bytes, until nothing has gone forward for as long as [`Patience`] lasts. Nothing that a provider could
//! learn from goes back to it: whether an answer decrypted is not told, and never leads to another try.

mod address;
mod body;
mod error;
mod evaluation;
mod line;
mod watched;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{Method, StatusCode};
use rustls::ClientConfig;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;

pub use address::{AddressError, DEFAULT_PORT, ProviderAddress};
use error::Failure;
pub use error::RemoteError;
pub use evaluation::{RemoteStep, RemoteTimes};
use line::{Call, Line, Reply};

use crate::lock::lock;
use crate::service::ModelEntry;
use crate::{Fingerprint, size};

/// The longest text of a provider that is read.
const MOST_TEXT: u64 = 1 << 20;

/// The first pause before another try, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// The longest wait that a provider can ask for.
const MOST_WAIT: Duration = Duration::from_secs(30);

/// How long a client tries without getting any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience(pub Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(Duration::from_secs(120))
    }
}

/// A provider's service. Calls wait for their end; connections are made as needed.
pub struct Remote {
    runtime: Runtime,
    address: ProviderAddress,
    tls: Option<Arc<ClientConfig>>,
    patience: Patience,
    line: Mutex<Option<Line>>,
}

impl Remote {
    /// The service at an address; with TLS ([`client_tls`](crate::tls::client_tls)) if, and only if, the address says so.
    ///
    /// # Errors
    /// If TLS is missing or out of place, or no thread can be started.
    pub fn new(
        address: ProviderAddress,
        tls: Option<Arc<ClientConfig>>,
        patience: Patience,
    ) -> Result<Self, RemoteError> {
        if address.is_secure() != tls.is_some() {
            let needed = match address.is_secure() {
                true => "the certificate of the authority that it is vouched for by",
                false => "no certificates: it is addressed without TLS (http://)",
            };
            return Err(RemoteError::Setup { address, needed });
        }
        // A thread of its own, so that the connection stays alive while the client encrypts.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(RemoteError::Runtime)?;
        Ok(Self { runtime, address, tls, patience, line: Mutex::new(None) })
    }

    /// The provider's address.
    #[must_use]
    pub fn address(&self) -> &ProviderAddress {
        &self.address
    }

    /// Ends the connection. A client does so before it decrypts: when it does something afterwards, or nothing more, may
    /// depend on what decrypts.
    pub fn hang_up(&self) {
        *lock(&self.line) = None;
    }

    /// The parameters message.
    ///
    /// # Errors
    /// If it is not to be had.
    pub fn parameters(&self) -> Result<Bytes, RemoteError> {
        self.fetch("tell its parameters", "/v1/parameters", size::MOST_PARAMETERS_BYTES)
    }

    /// The models.
    ///
    /// # Errors
    /// If the list is not to be had.
    pub fn models(&self) -> Result<Vec<ModelEntry>, RemoteError> {
        let what = "list its models";
        self.text(what, &self.fetch(what, "/v1/models", MOST_TEXT)?)
    }

    /// The message of a model.
    ///
    /// # Errors
    /// If it is not to be had.
    pub fn model(&self, model: Fingerprint) -> Result<Bytes, RemoteError> {
        self.fetch("describe its model", &format!("/v1/models/{model}"), size::MODEL_BYTES)
    }

    /// Whether a client's keys are registered.
    ///
    /// # Errors
    /// If the provider does not say, or not to this client.
    pub fn is_registered(&self, key: Fingerprint) -> Result<bool, RemoteError> {
        let what = "say whether keys are registered";
        let reply = self.call(what, call(Method::GET, keys_path(key)), &|_| ())?;
        match reply.status {
            StatusCode::NO_CONTENT => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.refused(what, &reply)),
        }
    }

    /// Registers a client's keys ([`Client::registration`](crate::Client::registration)).
    ///
    /// # Errors
    /// If the provider refuses.
    pub fn register(&self, key: Fingerprint, registration: &[u8]) -> Result<(), RemoteError> {
        let what = "register the client's keys";
        let body = Bytes::copy_from_slice(registration);
        let reply = self.call(what, Call { body, ..call(Method::PUT, keys_path(key)) }, &|_| ())?;
        match reply.status {
            StatusCode::CREATED => Ok(()),
            _ => Err(self.refused(what, &reply)),
        }
    }

    /// Has the provider forget a client's keys, batches and answers.
    ///
    /// # Errors
    /// If the provider refuses.
    pub fn forget(&self, key: Fingerprint) -> Result<(), RemoteError> {
        let what = "forget the client's keys";
        let reply = self.call(what, call(Method::DELETE, keys_path(key)), &|_| ())?;
        match reply.status {
            StatusCode::NO_CONTENT => Ok(()),
            _ => Err(self.refused(what, &reply)),
        }
    }

    fn fetch(&self, what: &'static str, path: &str, most: u64) -> Result<Bytes, RemoteError> {
        let call = Call { most: most.max(MOST_TEXT), ..call(Method::GET, path.to_owned()) };
        let reply = self.call(what, call, &|_| ())?;
        match reply.status {
            StatusCode::OK => Ok(reply.body),
            _ => Err(self.refused(what, &reply)),
        }
    }

    fn text<T: DeserializeOwned>(&self, what: &'static str, body: &[u8]) -> Result<T, RemoteError> {
        let nonsense = |reason: serde_json::Error| self.nonsense(what, reason.to_string());
        serde_json::from_slice(body).map_err(nonsense)
    }

    fn nonsense(&self, what: &'static str, reason: String) -> RemoteError {
        RemoteError::Nonsense { address: self.address.clone(), what, reason }
    }

    fn refused(&self, what: &'static str, reply: &Reply) -> RemoteError {
        RemoteError::Refused {
            address: self.address.clone(),
            what,
            reason: reason(&reply.body),
            status: reply.status,
        }
    }

    /// Makes a request until there is a response that is no "later".
    fn call(
        &self,
        what: &'static str,
        call: Call,
        watch: &(dyn Fn(u64) + Sync),
    ) -> Result<Reply, RemoteError> {
        let mut start = Instant::now();
        let mut furthest = 0;
        let mut pause = PAUSES[0];
        loop {
            let sent = std::sync::atomic::AtomicU64::new(0);
            let tell = |bytes| {
                sent.store(bytes, std::sync::atomic::Ordering::Relaxed);
                watch(bytes);
            };
            let (reason, wait) = match self.runtime.block_on(self.attempt(call.clone(), &tell)) {
                Ok(reply) => match later(&reply) {
                    None => return Ok(reply),
                    Some(after) => (reason(&reply.body), after),
                },
                Err(Failure::Line(reason)) => (reason, None),
                Err(Failure::Certificate(reason)) => {
                    return Err(RemoteError::Certificate { address: self.address.clone(), reason });
                }
                Err(Failure::Nonsense(reason)) => return Err(self.nonsense(what, reason)),
            };
            // Who gets further each time may go on trying.
            let sent = sent.into_inner();
            if sent > furthest {
                (furthest, start) = (sent, Instant::now());
            }
            let left = self.patience.0.saturating_sub(start.elapsed());
            if left.is_zero() {
                let seconds = self.patience.0.as_secs();
                return Err(RemoteError::GaveUp { address: self.address.clone(), what, seconds, reason });
            }
            // Never longer than there is patience for.
            let wait = wait.unwrap_or(pause).min(left).min(MOST_WAIT);
            std::thread::sleep(wait.mul_f64(jitter()));
            pause = (pause * 2).min(PAUSES[1]);
        }
    }

    async fn attempt(&self, call: Call, watch: &(dyn Fn(u64) + Sync)) -> Result<Reply, Failure> {
        let line = lock(&self.line).take().filter(Line::is_open);
        let mut line = match line {
            Some(line) => line,
            None => Line::open(&self.address, self.tls.as_ref()).await?,
        };
        let reply = line.exchange(call, watch).await?;
        *lock(&self.line) = Some(line);
        Ok(reply)
    }
}

fn call(method: Method, path: String) -> Call {
    Call { method, path, body: Bytes::new(), most: MOST_TEXT }
}

fn keys_path(key: Fingerprint) -> String {
    format!("/v1/keys/{key}")
}

/// Whether a response asks for another try, and when.
fn later(reply: &Reply) -> Option<Option<Duration>> {
    let again = [
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::CONFLICT,
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    let after = reply.headers.get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
    again.contains(&reply.status).then(|| after.map(Duration::from_secs))
}

/// What an error's body says.
fn reason(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Said {
        error: String,
    }
    match serde_json::from_slice::<Said>(body) {
        // Somebody else's text, on somebody's terminal.
        Ok(Said { error }) => error.chars().filter(|letter| !letter.is_control()).take(500).collect(),
        Err(_) => "no reason given".to_owned(),
    }
}

/// From 1 to 1.25, so that clients that failed together do not come again together. The clock's nanoseconds are as good as
/// any.
fn jitter() -> f64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    1.0 + f64::from(now.map_or(0, |now| now.subsec_nanos()) % 1000) / 4000.0
}
