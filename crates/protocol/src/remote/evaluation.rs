//! From an encrypted batch to its encrypted answer.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, StatusCode};

use super::line::Call;
use super::{Remote, RemoteError, call};
use crate::service::BatchState;
use crate::{Client, PendingAnswer, size};

/// How often a provider is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RemoteStep {
    /// The batch is sent: so many bytes of all.
    Upload {
        /// Bytes that were handed to the connection.
        sent: u64,
        /// Bytes of the message.
        all: u64,
    },
    /// It waits for others' batches.
    Waiting {
        /// How many are before it.
        ahead: usize,
    },
    /// It is evaluated: this share is done.
    Computing(f64),
    /// The answer is fetched.
    Download,
}

/// Wall-clock time of the steps, with everything that was done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemoteTimes {
    /// Until the provider had received and checked the batch.
    pub upload: Duration,
    /// Until it had evaluated it, waiting included.
    pub compute: Duration,
    /// Until the answer was here.
    pub download: Duration,
}

impl Remote {
    /// Has a batch evaluated: sends the message of a request, waits, and fetches the answer's message. Where the provider
    /// has lost the batch or the client's keys (it was restarted), they are sent again.
    ///
    /// The provider may forget the answer after that; whether it decrypts is between client and answer.
    ///
    /// # Errors
    /// If the provider refuses, or gets no further for too long.
    pub fn evaluate(
        &self,
        client: &Client,
        pending: &PendingAnswer,
        message: &Bytes,
        watch: &(dyn Fn(RemoteStep) + Sync),
    ) -> Result<(Bytes, RemoteTimes), RemoteError> {
        let path = format!("/v1/keys/{}/batches/{}", client.registered(), pending.batch());
        let mut times = RemoteTimes::default();
        // Restarts without end are no progress either.
        let mut losses = Losses { left: 10 };
        loop {
            let start = Instant::now();
            let received = self.submit(client, &path, message, watch)?;
            times.upload += start.elapsed();
            if !received {
                losses.count(self)?;
                continue;
            }
            let start = Instant::now();
            let known = self.wait(&path, watch)?;
            times.compute += start.elapsed();
            if !known {
                losses.count(self)?;
                continue;
            }
            watch(RemoteStep::Download);
            let start = Instant::now();
            let answer = self.answer(client, pending, &path)?;
            times.download += start.elapsed();
            match answer {
                Some(answer) => return Ok((answer, times)),
                None => losses.count(self)?,
            }
        }
    }

    /// Sends a batch; false where the keys had to be registered first.
    fn submit(
        &self,
        client: &Client,
        path: &str,
        message: &Bytes,
        watch: &(dyn Fn(RemoteStep) + Sync),
    ) -> Result<bool, RemoteError> {
        let what = "take the batch";
        let all = message.len() as u64;
        let request = Call { body: message.clone(), ..call(Method::PUT, path.to_owned()) };
        let reply = self.call(what, request, &|sent| watch(RemoteStep::Upload { sent, all }))?;
        match reply.status {
            StatusCode::ACCEPTED => Ok(true),
            StatusCode::NOT_FOUND => {
                self.register(client.registered(), client.registration())?;
                Ok(false)
            }
            _ => Err(self.refused(what, &reply)),
        }
    }

    /// Waits until the batch is answered; false where the provider does not know it any longer.
    fn wait(&self, path: &str, watch: &(dyn Fn(RemoteStep) + Sync)) -> Result<bool, RemoteError> {
        let what = "say how far the batch is";
        let mut last: Option<(BatchState, Instant)> = None;
        loop {
            let reply = self.call(what, call(Method::GET, path.to_owned()), &|_| ())?;
            match reply.status {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => return Ok(false),
                _ => return Err(self.refused("evaluate the batch", &reply)),
            }
            let state: BatchState = self.text(what, &reply.body)?;
            match state {
                BatchState::Answered => return Ok(true),
                BatchState::Receiving => {}
                BatchState::Waiting { ahead, .. } => watch(RemoteStep::Waiting { ahead }),
                BatchState::Computing { done } => watch(RemoteStep::Computing(done.clamp(0.0, 1.0))),
            }
            match last {
                Some((before, since)) if before == state => {
                    if since.elapsed() > self.patience.0 {
                        let (address, seconds) = (self.address.clone(), self.patience.0.as_secs());
                        let reason = format!("it stayed at {state:?}");
                        return Err(RemoteError::GaveUp {
                            address,
                            what: "evaluate the batch",
                            seconds,
                            reason,
                        });
                    }
                }
                _ => last = Some((state, Instant::now())),
            }
            std::thread::sleep(ASK_EVERY);
        }
    }

    fn answer(
        &self,
        client: &Client,
        pending: &PendingAnswer,
        path: &str,
    ) -> Result<Option<Bytes>, RemoteError> {
        let what = "give its answer";
        let most = size::answer_bytes(client.parameters(), pending.classes());
        let request =
            Call { most: most.max(super::MOST_TEXT), ..call(Method::GET, format!("{path}/answer")) };
        let reply = self.call(what, request, &|_| ())?;
        match reply.status {
            StatusCode::OK if reply.body.len() as u64 == most => {
                // It need not keep what is here. Where that fails, it forgets by itself: this is tried once.
                let forget = self.attempt(call(Method::DELETE, path.to_owned()), &|_| ());
                let _ = self.runtime.block_on(forget);
                Ok(Some(reply.body))
            }
            StatusCode::OK => {
                let reason = format!("the answer has {} bytes, but must have {most}", reply.body.len());
                Err(self.nonsense(what, reason))
            }
            StatusCode::NOT_FOUND | StatusCode::ACCEPTED => Ok(None),
            _ => Err(self.refused(what, &reply)),
        }
    }
}

/// How often a provider may lose what it was sent.
struct Losses {
    left: u32,
}

impl Losses {
    fn count(&mut self, remote: &Remote) -> Result<(), RemoteError> {
        if self.left == 0 {
            let reason = "it lost what it was sent again and again".to_owned();
            return Err(remote.nonsense("evaluate the batch", reason));
        }
        self.left -= 1;
        Ok(())
    }
}
