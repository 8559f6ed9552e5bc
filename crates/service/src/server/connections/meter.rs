//! Counts the requests of a connection, answered and abandoned ones.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;
use tracing::warn;

use super::budget::{RequestBudget, Spending};
use super::connection::{CloseReason, Closing, OpenConnection};
use crate::server::access::Caller;
use crate::server::log_limiter::LogLimiter;
use crate::server::metrics::RequestCounters;
use crate::server::refusal::Refusal;

/// Counts the requests of one connection, and takes them from its owner's budget.
pub struct RequestMeter {
    pub connection: Arc<OpenConnection>,
    pub budget: Arc<RequestBudget>,
    pub caller: Caller,
    pub counters: RequestCounters,
    pub log_limiter: Arc<LogLimiter>,
}

/// Budget that a refused request would exceed.
#[derive(Debug, Clone, Copy)]
enum Exceeded {
    Requests,
    SentBytes,
}

/// Answers a request if it is in the budget, and counts the response.
pub async fn meter_request(State(meter): State<Arc<RequestMeter>>, request: Request, next: Next) -> Response {
    let counters = meter.counters.clone();
    let response = answer_in_budget(meter, request, next).await;
    counters.responses.with_label_values(&[response.status().as_str()]).inc();
    response
}

async fn answer_in_budget(meter: Arc<RequestMeter>, request: Request, next: Next) -> Response {
    match meter.budget.spend_request(Instant::now()) {
        Spending::Allowed => {}
        Spending::Refused => return meter.refuse(Exceeded::Requests),
        Spending::Ignored => {
            meter.close(CloseReason::Requests);
            return meter.refuse(Exceeded::Requests);
        }
    }
    let observer = ReceivedRequest { meter: meter.clone() };
    let request = request.map(|body| Body::new(ObservedBody { body, observer }));
    let running = RunningRequest::begin(meter.clone());
    let response = next.run(request).await;
    if !meter.budget.spend_sent(response.body().size_hint().lower(), Instant::now()) {
        drop(running.answer());
        return meter.refuse(Exceeded::SentBytes);
    }
    let sending = running.answer();
    response.map(|body| {
        let observer = SentAnswer { meter: sending.filter(|_| !body.is_end_stream()) };
        Body::new(ObservedBody { body, observer })
    })
}

impl RequestMeter {
    fn refuse(&self, exceeded: Exceeded) -> Response {
        let (client, peer) = (self.caller.name(), self.connection.peer);
        let (kind, refusal) = match exceeded {
            Exceeded::Requests => ("request budget", Refusal::too_many_requests()),
            Exceeded::SentBytes => ("download budget", Refusal::too_many_sent_bytes()),
        };
        if self.allows_line(kind) {
            warn!(client, %peer, budget = kind, "a client is beyond its budget: requests are refused");
        }
        self.counters.refused.inc();
        refusal.into_response()
    }

    /// Returns whether a line about this client may be logged now.
    fn allows_line(&self, kind: &'static str) -> bool {
        match &self.caller.0 {
            Some(identity) => self.log_limiter.allows_for(kind, identity.keys),
            None => self.log_limiter.allows(kind),
        }
    }

    /// Takes received bytes from the budget. HTTP/2 allows any number of frames such as PING and SETTINGS without a request, and
    /// `h2` answers them all. The bytes of bodies go back to the budget.
    pub fn count_received(&self, bytes: usize) {
        if !self.budget.spend_received(bytes, Instant::now()) {
            self.close(CloseReason::Frames);
        }
    }

    /// Takes an abandoned request from the budget.
    fn count_reset(&self) {
        // When the connection is closed, its requests end without fault of the client.
        if self.connection.is_closing() {
            return;
        }
        self.counters.resets.inc();
        if !self.budget.spend_reset(Instant::now()) {
            self.close(CloseReason::Resets);
        }
    }

    fn close(&self, reason: CloseReason) {
        if self.connection.close(Closing::Now(reason)) && self.allows_line(reason.label()) {
            let (client, peer, reason) = (self.caller.name(), self.connection.peer, reason.label());
            warn!(client, %peer, reason, "a connection beyond its budget was closed");
        }
    }
}

/// A request that is not answered yet.
struct RunningRequest {
    /// Taken when the request is answered.
    meter: Option<Arc<RequestMeter>>,
}

impl RunningRequest {
    fn begin(meter: Arc<RequestMeter>) -> Self {
        meter.connection.begin_request();
        Self { meter: Some(meter) }
    }

    /// Notes that the answer begins.
    fn answer(mut self) -> Option<Arc<RequestMeter>> {
        self.meter.take().inspect(|meter| meter.connection.end_request())
    }
}

impl Drop for RunningRequest {
    fn drop(&mut self) {
        if let Some(meter) = self.meter.take() {
            meter.count_reset();
            meter.connection.end_request();
        }
    }
}

/// A body whose frames are observed.
struct ObservedBody<O> {
    body: Body,
    observer: O,
}

/// Observer of a body.
trait BodyObserver: Unpin {
    /// Observes a frame, an error, or `None` at the end. `is_last` is set if no frame follows.
    fn note(&mut self, frame: Option<&Result<Frame<Bytes>, axum::Error>>, is_last: bool);
}

impl<O: BodyObserver> HttpBody for ObservedBody<O> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(frame) = &polled {
            let is_last = self.body.is_end_stream();
            self.observer.note(frame.as_ref(), is_last);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer that is being sent. If its body is dropped before the end, the request was abandoned.
struct SentAnswer {
    /// `None` once the body has ended.
    meter: Option<Arc<RequestMeter>>,
}

impl BodyObserver for SentAnswer {
    fn note(&mut self, frame: Option<&Result<Frame<Bytes>, axum::Error>>, is_last: bool) {
        let Some(meter) = &self.meter else { return };
        meter.connection.note_progress();
        // A body that fails is no fault of the client.
        if is_last || !matches!(frame, Some(Ok(_))) {
            self.meter = None;
        }
    }
}

impl Drop for SentAnswer {
    fn drop(&mut self) {
        if let Some(meter) = self.meter.take() {
            meter.count_reset();
        }
    }
}

/// A request that is being received. Its bytes go back to the budget when the service reads them.
struct ReceivedRequest {
    meter: Arc<RequestMeter>,
}

impl BodyObserver for ReceivedRequest {
    fn note(&mut self, frame: Option<&Result<Frame<Bytes>, axum::Error>>, _: bool) {
        if let Some(Ok(frame)) = frame
            && let Some(data) = frame.data_ref()
        {
            self.meter.budget.return_received(data.len(), Instant::now());
        }
    }
}
