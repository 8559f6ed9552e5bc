//! Requests that are sent again until they succeed or make no more progress.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{Method, StatusCode};
use parking_lot::Mutex;
use rustls::ClientConfig;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;

use super::address::ProviderAddress;
use super::connection::{Connection, HttpRequest, HttpResponse};
use super::error::{AttemptError, RemoteError};
use crate::resource::{ErrorBody, RETRYABLE_STATUSES};
use crate::tls::model_manifest::RequiredModel;
use sottovoce_network::UntrustedText;

/// First pause before another attempt. It doubles with every attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Longest pause before another attempt that the provider did not ask for.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Longest pause that the provider can ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// Time after which a client gives up a request that makes no progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBudget {
    /// Maximum time without progress.
    pub max_stall: Duration,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { max_stall: Duration::from_secs(120) }
    }
}

/// Time without progress after which the user is told why a request fails.
const NOTICE_DELAY: Duration = Duration::from_secs(2);

/// Time between two notices, so that a provider that gives another reason at every attempt does not fill the terminal.
const NOTICE_INTERVAL: Duration = Duration::from_secs(10);

/// A request that fails and is sent again.
#[derive(Debug)]
pub struct RetryNotice<'a> {
    /// Address of the provider.
    pub address: &'a ProviderAddress,
    /// Requested action.
    pub action: &'static str,
    /// Reason for which the last attempt failed.
    pub reason: &'a UntrustedText,
    /// Time for which the request is sent again if it makes no progress.
    pub left: Duration,
}

impl fmt::Display for RetryNotice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, action, reason, left } = self;
        let seconds = left.as_secs_f64().round();
        write!(f, "{address} did not {action} yet: {reason}; trying again for up to {seconds} s")
    }
}

/// A function that is called with new reasons for which a request fails.
pub type RetryObserver = Box<dyn Fn(&RetryNotice<'_>) + Send + Sync>;

/// Sends requests to one provider.
pub struct Requester {
    runtime: Runtime,
    address: ProviderAddress,
    tls: Option<Arc<ClientConfig>>,
    retry_budget: RetryBudget,
    observe_retry: Option<RetryObserver>,
    /// Connection of the last request, unless a request is using it.
    connection: Mutex<Option<Connection>>,
    /// Model that the provider's certificate must list, on every connection.
    required_model: Mutex<Option<RequiredModel>>,
}

impl Requester {
    pub fn new(
        address: ProviderAddress,
        tls: Option<Arc<ClientConfig>>,
        retry_budget: RetryBudget,
    ) -> Result<Self, RemoteError> {
        if address.is_secure() != tls.is_some() {
            let needed = match address.is_secure() {
                true => "the certificate of the authority that certified it",
                false => "no certificates: it is addressed without TLS (http://)",
            };
            return Err(RemoteError::Setup { address, needed });
        }
        // One thread keeps the connection alive while the client encrypts.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(RemoteError::Runtime)?;
        Ok(Self {
            runtime,
            address,
            tls,
            retry_budget,
            observe_retry: None,
            connection: Mutex::new(None),
            required_model: Mutex::new(None),
        })
    }

    /// Calls `observe` when a request has failed for some seconds, once for every reason, and at most every ten seconds.
    pub fn observe_retries(&mut self, observe: RetryObserver) {
        self.observe_retry = Some(observe);
    }

    pub fn address(&self) -> &ProviderAddress {
        &self.address
    }

    pub fn max_stall(&self) -> Duration {
        self.retry_budget.max_stall
    }

    pub fn disconnect(&self) {
        *self.connection.lock() = None;
    }

    /// Requires that the provider's certificate lists `model`, on the present connection and on later ones.
    pub fn require_model(&self, model: RequiredModel) -> Result<(), RemoteError> {
        if let Some(connection) = &*self.connection.lock() {
            model
                .check(connection.manifest())
                .map_err(|source| RemoteError::Manifest { address: self.address.clone(), source })?;
        }
        *self.required_model.lock() = Some(model);
        Ok(())
    }

    /// Fetches a resource of at most `max_bytes`, or the maximum length of a text if that is longer.
    pub fn fetch(&self, action: &'static str, path: &str, max_bytes: u64) -> Result<Bytes, RemoteError> {
        let request = HttpRequest::new(Method::GET, path.to_owned()).with_max_response(max_bytes);
        let response = self.send(action, request, &|_| ())?;
        match response.status {
            StatusCode::OK => Ok(response.body),
            _ => Err(self.refused(action, &response)),
        }
    }

    /// Parses the body of a response.
    pub fn parse_json<T: DeserializeOwned>(
        &self,
        action: &'static str,
        body: &[u8],
    ) -> Result<T, RemoteError> {
        serde_json::from_slice(body).map_err(|error| self.invalid_response(action, &error.to_string()))
    }

    /// Returns the error of a response that is not what it must be.
    pub fn invalid_response(&self, action: &'static str, reason: &str) -> RemoteError {
        RemoteError::InvalidResponse {
            address: self.address.clone(),
            action,
            reason: UntrustedText::new(reason),
        }
    }

    /// Returns the error of a refused request.
    pub fn refused(&self, action: &'static str, response: &HttpResponse) -> RemoteError {
        RemoteError::Refused {
            address: self.address.clone(),
            action,
            reason: refusal_text(&response.body),
            status: response.status,
        }
    }

    /// Returns the error of an action that made no progress for too long.
    pub fn stalled(&self, action: &'static str, reason: UntrustedText) -> RemoteError {
        let seconds = self.max_stall().as_secs();
        RemoteError::Stalled { address: self.address.clone(), action, seconds, reason }
    }

    /// Sends a request until a response does not ask to send it again. Calls `observe` with the number of bytes of the
    /// attempt that were handed to the connection.
    pub fn send(
        &self,
        action: &'static str,
        request: HttpRequest,
        observe: &(dyn Fn(u64) + Sync),
    ) -> Result<HttpResponse, RemoteError> {
        let mut last_progress = Instant::now();
        let mut most_sent = 0;
        let mut pause = FIRST_PAUSE;
        let mut notices = Notices::default();
        loop {
            let sent = AtomicU64::new(0);
            let observe_attempt = |bytes| {
                sent.store(bytes, Ordering::Relaxed);
                observe(bytes);
            };
            let (reason, wait) = match self.runtime.block_on(self.attempt(request.clone(), &observe_attempt))
            {
                Ok(response) if RETRYABLE_STATUSES.contains(&response.status) => {
                    (refusal_text(&response.body), requested_wait(&response))
                }
                Ok(response) => return Ok(response),
                Err(AttemptError::Connection(reason)) => (reason, None),
                Err(AttemptError::Certificate(reason)) => {
                    return Err(RemoteError::Certificate { address: self.address.clone(), reason });
                }
                Err(AttemptError::OtherProtocol(reason)) => {
                    return Err(RemoteError::OtherProtocol { address: self.address.clone(), reason });
                }
                Err(AttemptError::Manifest(source)) => {
                    return Err(RemoteError::Manifest { address: self.address.clone(), source });
                }
                Err(AttemptError::InvalidResponse(reason)) => {
                    return Err(self.invalid_response(action, reason.as_str()));
                }
            };
            // An attempt that sends more than all attempts before is progress.
            let sent = sent.into_inner();
            if sent > most_sent {
                (most_sent, last_progress) = (sent, Instant::now());
            }
            let left = self.max_stall().saturating_sub(last_progress.elapsed());
            if left.is_zero() {
                return Err(self.stalled(action, reason));
            }
            // A pause does not outlast the budget.
            let wait = wait.unwrap_or(pause).min(left).min(MAX_RETRY_AFTER);
            let is_long = last_progress.elapsed() + wait >= NOTICE_DELAY;
            if let Some(observe) = &self.observe_retry
                && is_long
                && notices.is_due(&reason, Instant::now())
            {
                observe(&RetryNotice { address: &self.address, action, reason: &reason, left });
            }
            std::thread::sleep(wait.mul_f64(jitter()));
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    /// Sends a request once, and ignores its outcome.
    pub fn send_once(&self, request: HttpRequest) {
        let _ = self.runtime.block_on(self.attempt(request, &|_| ()));
    }

    async fn attempt(
        &self,
        request: HttpRequest,
        observe: &(dyn Fn(u64) + Sync),
    ) -> Result<HttpResponse, AttemptError> {
        let open = self.connection.lock().take().filter(Connection::is_open);
        let mut connection = match open {
            Some(connection) => connection,
            None => {
                let connection = Connection::open(&self.address, self.tls.as_ref()).await?;
                if let Some(model) = &*self.required_model.lock() {
                    model.check(connection.manifest()).map_err(AttemptError::Manifest)?;
                }
                connection
            }
        };
        let response = connection.exchange(request, observe).await?;
        *self.connection.lock() = Some(connection);
        Ok(response)
    }
}

/// Notices that were given about one request.
#[derive(Debug, Default)]
struct Notices {
    reasons: HashSet<UntrustedText>,
    last: Option<Instant>,
}

impl Notices {
    /// Returns whether a notice about `reason` is due, and notes that it is given.
    fn is_due(&mut self, reason: &UntrustedText, now: Instant) -> bool {
        let is_early = self.last.is_some_and(|last| now.duration_since(last) < NOTICE_INTERVAL);
        if is_early || self.reasons.contains(reason) {
            return false;
        }
        self.last = Some(now);
        self.reasons.insert(reason.clone())
    }
}

/// Returns the pause before the next attempt that a response asks for.
fn requested_wait(response: &HttpResponse) -> Option<Duration> {
    let seconds = response.headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Returns the reason in the body of a refusal.
fn refusal_text(body: &[u8]) -> UntrustedText {
    match serde_json::from_slice::<ErrorBody>(body) {
        Ok(ErrorBody { error }) => error.into(),
        Err(_) => UntrustedText::new("no reason given"),
    }
}

/// Returns a factor from 1 to 1.25, so that clients that failed together do not try again together. It comes from the clock's
/// nanoseconds, which are random enough.
fn jitter() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    1.0 + f64::from(now.map_or(0, |now| now.subsec_nanos()) % 1000) / 4000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_changes_at_every_attempt_is_told_every_ten_seconds() {
        let start = Instant::now();
        let mut notices = Notices::default();
        let told = (0..100).filter(|&second| {
            let reason = UntrustedText::new(&format!("reason {second}"));
            notices.is_due(&reason, start + Duration::from_secs(second))
        });
        assert_eq!(told.count(), 10);
        let later = start + Duration::from_secs(1000);
        assert!(!notices.is_due(&UntrustedText::new("reason 0"), later), "a reason is told once");
        assert!(notices.is_due(&UntrustedText::new("reason 1"), later));
    }

    #[test]
    fn a_provider_s_reason_cannot_act_on_the_terminal() {
        let text = refusal_text(b"{\"error\":\"no\\u001b[2J room\\n\\u202e\"}");
        assert_eq!(text.as_str(), r"no\u{1b}[2J room\u{a}\u{202e}");
        assert_eq!(refusal_text(b"<html>").as_str(), "no reason given");
        let long = format!("{{\"error\":\"{}\"}}", "x".repeat(10_000));
        assert!(refusal_text(long.as_bytes()).as_str().len() < 600);
    }
}
