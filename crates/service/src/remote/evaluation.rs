//! The evaluation of a batch: upload, wait, download.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, StatusCode};
use sottovoce_protocol::client::{Client, PendingAnswer};
use sottovoce_protocol::{Fingerprint, size};

use super::connection::HttpRequest;
use super::error::RemoteError;
use super::requester::Requester;
use crate::resource::{BatchState, answer_path, batch_path, keys_path};

/// Shortest and longest interval at which a client asks for the state of its batch. A packed batch is answered after some hundredths of
/// a second.
const POLL_INTERVALS: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(50));

/// Share of the time since the upload that a client waits before it asks again, as a divisor: it then learns of an answer at most a
/// quarter later than it could, and has asked about 15 times before the longest interval begins.
const WAITED_DIVISOR: u32 = 4;

/// How often a provider may lose a batch before the client gives up.
const MAX_LOSSES: u32 = 10;

const EVALUATE: &str = "evaluate the batch";

/// Current step of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RemoteProgress {
    /// The batch is being sent.
    Uploading {
        /// Number of bytes that were handed to the connection.
        sent_bytes: u64,
        /// Length of the message in bytes.
        total_bytes: u64,
    },
    /// The batch waits for batches of other clients.
    Waiting {
        /// Number of batches before it.
        ahead: usize,
    },
    /// The provider is evaluating the batch.
    Computing {
        /// Finished share, from 0 to 1.
        done: f64,
    },
    /// The answer is being fetched.
    Downloading,
}

/// Wall-clock times of the steps, repeated attempts included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemoteTimes {
    /// Time until the provider had received and checked the batch.
    pub upload: Duration,
    /// Time until the provider had evaluated the batch, waiting included.
    pub compute: Duration,
    /// Time until the client had received the answer.
    pub download: Duration,
}

/// Sends a batch, waits for its evaluation and fetches the answer. Sends the batch again if the provider has lost it.
pub fn evaluate(
    requester: &Requester,
    client: &Client,
    pending: &PendingAnswer,
    message: &Bytes,
    observe: &(dyn Fn(RemoteProgress) + Sync),
) -> Result<(Bytes, RemoteTimes), RemoteError> {
    let path = batch_path(client.key_fingerprint(), pending.batch_fingerprint());
    let answer_bytes = size::answer_bytes(client.parameters(), pending.classes());
    let mut times = RemoteTimes::default();
    // The first attempt, and one after each loss.
    for _ in 0..=MAX_LOSSES {
        let start = Instant::now();
        let is_received = submit(requester, client, &path, message, observe)?;
        times.upload += start.elapsed();
        if !is_received {
            continue;
        }
        let start = Instant::now();
        let is_answered = wait_for_answer(requester, &path, observe)?;
        times.compute += start.elapsed();
        if !is_answered {
            continue;
        }
        observe(RemoteProgress::Downloading);
        let start = Instant::now();
        let answer = fetch_answer(requester, &path, answer_bytes)?;
        times.download += start.elapsed();
        if let Some(answer) = answer {
            return Ok((answer, times));
        }
    }
    Err(requester.invalid_response(EVALUATE, "it lost the batch again and again"))
}

/// Registers a client's keys.
pub fn register(requester: &Requester, key: Fingerprint, registration: &[u8]) -> Result<(), RemoteError> {
    let action = "register the client's keys";
    let request =
        HttpRequest::new(Method::PUT, keys_path(key)).with_body(Bytes::copy_from_slice(registration));
    let response = requester.send(action, request, &|_| ())?;
    match response.status {
        StatusCode::CREATED => Ok(()),
        _ => Err(requester.refused(action, &response)),
    }
}

/// Sends a batch. Returns false if the provider did not have the keys, which are registered then.
fn submit(
    requester: &Requester,
    client: &Client,
    path: &str,
    message: &Bytes,
    observe: &(dyn Fn(RemoteProgress) + Sync),
) -> Result<bool, RemoteError> {
    let action = "take the batch";
    let total_bytes = message.len() as u64;
    let request = HttpRequest::new(Method::PUT, path.to_owned()).with_body(message.clone());
    let observe_sent = |sent_bytes| observe(RemoteProgress::Uploading { sent_bytes, total_bytes });
    let response = requester.send(action, request, &observe_sent)?;
    match response.status {
        StatusCode::ACCEPTED => Ok(true),
        StatusCode::NOT_FOUND => {
            register(requester, client.key_fingerprint(), client.registration_message())?;
            Ok(false)
        }
        _ => Err(requester.refused(action, &response)),
    }
}

/// Waits until a batch is answered. Returns false if the provider does not know the batch any longer.
fn wait_for_answer(
    requester: &Requester,
    path: &str,
    observe: &(dyn Fn(RemoteProgress) + Sync),
) -> Result<bool, RemoteError> {
    let action = "say how far the batch is";
    let start = Instant::now();
    let mut last: Option<(BatchState, Instant)> = None;
    loop {
        let response = requester.send(action, HttpRequest::new(Method::GET, path.to_owned()), &|_| ())?;
        match response.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(false),
            _ => return Err(requester.refused(EVALUATE, &response)),
        }
        let state: BatchState = requester.parse_json(action, &response.body)?;
        match state {
            BatchState::Answered => return Ok(true),
            BatchState::Receiving => {}
            BatchState::Waiting { ahead, .. } => observe(RemoteProgress::Waiting { ahead }),
            BatchState::Computing { done } => {
                observe(RemoteProgress::Computing { done: done.clamp(0.0, 1.0) });
            }
        }
        match last {
            Some((before, since)) if before == state => {
                if since.elapsed() > requester.max_stall() {
                    return Err(requester.stalled(EVALUATE, stalled_reason(&state).into()));
                }
            }
            _ => last = Some((state, Instant::now())),
        }
        std::thread::sleep(poll_interval(start.elapsed()));
    }
}

/// Returns the pause before a client asks again, some time after the upload.
fn poll_interval(waited: Duration) -> Duration {
    let (shortest, longest) = POLL_INTERVALS;
    (waited / WAITED_DIVISOR).clamp(shortest, longest)
}

/// Describes the state in which a batch has stayed.
fn stalled_reason(state: &BatchState) -> String {
    let percent = |done: &f64| 100.0 * done.clamp(0.0, 1.0);
    match state {
        BatchState::Receiving => "the provider did not finish receiving the batch".to_owned(),
        BatchState::Waiting { ahead, done } => {
            format!("{ahead} other batches stayed before it, the first of them at {:.0} %", percent(done))
        }
        BatchState::Computing { done } => format!("the evaluation stayed at {:.0} %", percent(done)),
        BatchState::Answered => "the answer was not fetched".to_owned(),
    }
}

/// Fetches an answer of `bytes`. Returns `None` if the provider does not have it any longer.
fn fetch_answer(requester: &Requester, path: &str, bytes: u64) -> Result<Option<Bytes>, RemoteError> {
    let action = "give its answer";
    let request = HttpRequest::new(Method::GET, answer_path(path)).with_max_response(bytes);
    let response = requester.send(action, request, &|_| ())?;
    match response.status {
        StatusCode::OK if response.body.len() as u64 == bytes => {
            // The provider need not keep the answer. It drops answers by itself if this request fails.
            requester.send_once(HttpRequest::new(Method::DELETE, path.to_owned()));
            Ok(Some(response.body))
        }
        StatusCode::OK => {
            let reason = format!("the answer has {} bytes, but must have {bytes}", response.body.len());
            Err(requester.invalid_response(action, &reason))
        }
        StatusCode::NOT_FOUND | StatusCode::ACCEPTED => Ok(None),
        _ => Err(requester.refused(action, &response)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_asks_often_at_first_and_seldom_later() {
        let mut waited = Duration::ZERO;
        let mut asked = Vec::new();
        while waited < Duration::from_secs(10) {
            waited += poll_interval(waited);
            asked.push(waited);
        }
        let until = |millis| asked.iter().filter(|time| time.as_millis() <= millis).count();
        assert_eq!(asked[0], Duration::from_millis(5));
        assert!(until(20) >= 4 && until(200) <= 16, "{asked:?}");
        // The budget of requests hardly notices the first ones.
        assert!((200..=220).contains(&asked.len()), "{}", asked.len());
    }
}
