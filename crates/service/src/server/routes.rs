//! The resources (docs/protocol.md) and their handlers. Every refusal is a [`Refusal`].
//!
//! Work that changes something is logged and counted where it is done: its client may have reset the request.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{FromRequestParts, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Extension, Json, Router};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use sottovoce_protocol::provider::{Provider, RegisteredKey};
use sottovoce_protocol::{Fingerprint, MessageKind, ProtocolError};
use tracing::{info, warn};

use super::access::Caller;
use super::answer_body::AnswerBody;
use super::batch_name::BatchName;
use super::blocking_work::WorkOwner;
use super::connections::RequestBudget;
use super::evaluation_times::EvaluationKind;
use super::refusal::Refusal;
use super::registration_slots::max_upload;
use super::served_models::{self, ServedModels};
use super::state::ServerState;
use super::upload::{BodyError, TimedBody, UploadReader, collect_body, read_body};
use super::upload_progress::UploadProgress;
use super::upload_slot::{Reservation, UploadSlot};
use crate::resource::{
    BatchState, MODELS_PATH, PACKED_PARAMETERS_PATH, PARAMETERS_PATH, answer_path, batch_path, keys_path,
    model_path, packed_model_path,
};

type Reply = Result<Response, Refusal>;
type Shared = State<Arc<ServerState>>;

/// Returns all resources, for the clients on one connection.
pub fn client_router(state: &Arc<ServerState>) -> Router {
    let batch = batch_path("{keys}", "{batch}");
    Router::new()
        .route("/health", get(health))
        .route(PARAMETERS_PATH, get(parameters))
        .route(MODELS_PATH, get(models))
        .route(&model_path("{model}"), get(model))
        .route(PACKED_PARAMETERS_PATH, get(packed_parameters))
        .route(&packed_model_path("{model}"), get(packed_model))
        .route(&keys_path("{keys}"), put(register).get(are_keys_registered).delete(delete_keys))
        .route(&batch, put(submit).get(batch_state).delete(delete_batch))
        .route(&answer_path(&batch), get(answer))
        .fallback(async || Refusal::no_such_resource())
        .with_state(state.clone())
}

/// Returns health and metrics, for a listener of their own.
pub fn metrics_router(state: &Arc<ServerState>) -> Router {
    Router::new().route("/health", get(health)).route("/metrics", get(metrics)).with_state(state.clone())
}

/// A request for keys that its sender may use.
struct KeysRequest {
    keys: Fingerprint,
    caller: Caller,
}

/// A request for a batch under keys that its sender may use.
struct BatchRequest {
    name: BatchName,
    caller: Caller,
}

impl FromRequestParts<Arc<ServerState>> for KeysRequest {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<ServerState>) -> Result<Self, Refusal> {
        // A path that cannot be decoded holds no fingerprint either.
        let keys = Path::<String>::from_request_parts(parts, state).await;
        authorise(parts, state, &keys.map_or_else(|_| String::new(), |Path(keys)| keys))
    }
}

impl FromRequestParts<Arc<ServerState>> for BatchRequest {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<ServerState>) -> Result<Self, Refusal> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let (keys, batch) = path.map_or_else(|_| Default::default(), |Path(path)| path);
        let batch = parse_fingerprint(&batch)?;
        let KeysRequest { keys, caller } = authorise(parts, state, &keys)?;
        Ok(Self { name: BatchName { key: keys, batch }, caller })
    }
}

/// Checks that the sender of a request may use the keys in its path.
fn authorise(parts: &Parts, state: &ServerState, keys: &str) -> Result<KeysRequest, Refusal> {
    let keys = parse_fingerprint(keys)?;
    let caller = parts.extensions.get().cloned().unwrap_or(Caller(None));
    state.access.check(&caller, keys)?;
    Ok(KeysRequest { keys, caller })
}

fn parse_fingerprint(text: &str) -> Result<Fingerprint, Refusal> {
    text.parse().map_err(|error| Refusal::invalid_fingerprint(&error))
}

fn message_response(message: impl Into<Body>) -> Response {
    ([(CONTENT_TYPE, "application/octet-stream")], message.into()).into_response()
}

fn state_response(state: BatchState) -> Response {
    (StatusCode::ACCEPTED, Json(state)).into_response()
}

/// Runs work of a client that waits for the disk.
async fn run_blocking<T: Send + 'static>(
    state: &Arc<ServerState>,
    keys: Fingerprint,
    work: impl FnOnce(&ServerState) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let shared = state.clone();
    state.work.run(WorkOwner::Client(keys), move || work(&shared)).await?
}

/// Makes sure that a client's keys are in memory. Waits for the disk only if they are not.
async fn load_keys(
    state: &Arc<ServerState>,
    served: &Arc<ServedModels>,
    caller: &Caller,
    keys: Fingerprint,
) -> Result<(), Refusal> {
    if state.keys.use_loaded(served, caller, keys) {
        return Ok(());
    }
    let (served, caller) = (served.clone(), caller.clone());
    run_blocking(state, keys, move |state| state.keys.load(&served, &state.access, &caller, keys)).await
}

/// Refuses a body by its announced length, before any of it arrives. Returns the length, if it is announced.
fn check_length(headers: &HeaderMap, allowed: &[u64]) -> Result<Option<u64>, Refusal> {
    let Some(length) = headers.get(CONTENT_LENGTH) else { return Ok(None) };
    let length = length.to_str().ok().and_then(|length| length.parse().ok());
    Refusal::check_length(length, allowed)?;
    Ok(length)
}

async fn health(State(state): Shared) -> Response {
    let (held, answers) = state.batches.counts();
    Json(serde_json::json!({ "held_batches": held, "answers": answers })).into_response()
}

async fn metrics(State(state): Shared) -> Reply {
    let shared = state.clone();
    let text = state.work.run(WorkOwner::Metrics, move || shared.metrics_text()).await?;
    let text = text.map_err(|error| Refusal::internal(&error))?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

async fn parameters(State(state): Shared) -> Response {
    message_response(state.served().batched().parameters_message())
}

async fn packed_parameters(State(state): Shared) -> Reply {
    let served = state.served();
    let packed = served.packed().ok_or_else(Refusal::no_packed_evaluation)?;
    Ok(message_response(packed.parameters_message()))
}

async fn models(State(state): Shared) -> Response {
    ([(CONTENT_TYPE, "application/json")], state.served().list()).into_response()
}

async fn model(State(state): Shared, Path(model): Path<String>) -> Reply {
    model_response(state.served().batched(), &model)
}

async fn packed_model(State(state): Shared, Path(model): Path<String>) -> Reply {
    let served = state.served();
    model_response(served.packed().ok_or_else(Refusal::no_packed_evaluation)?, &model)
}

fn model_response(provider: &Provider, model: &str) -> Reply {
    let requested = parse_fingerprint(model)?;
    let mut models = provider.models().zip(provider.model_messages());
    let found = models.find(|(model, _)| model.fingerprint() == requested);
    let (_, message) = found.ok_or_else(|| Refusal::no_such_model(requested))?;
    Ok(message_response(message))
}

async fn register(
    State(state): Shared,
    Extension(budget): Extension<Arc<RequestBudget>>,
    KeysRequest { keys, caller }: KeysRequest,
    headers: HeaderMap,
    body: Body,
) -> Reply {
    let served = state.served();
    let lengths = served.registration_lengths();
    let announced = check_length(&headers, &lengths)?;
    // A length that is not announced may be the longest.
    let length = announced.or(lengths.iter().max().copied()).unwrap_or(0);
    let is_packed = served.packed().is_some() && lengths.first() != Some(&length);
    let kind = if is_packed { EvaluationKind::Packed } else { EvaluationKind::Batched };
    // The slot is occupied until the work is done, even if the client no longer waits.
    let slot = state.registration_slots.reserve(caller.client(keys), kind)?;
    // Keys with the same name are the same keys. Those in memory are on disk, unless they are being registered now.
    if served.is_loaded(keys) {
        load_keys(&state, &served, &caller, keys).await?;
        return Ok(StatusCode::CREATED.into_response());
    }
    if !budget.spend_registration(Instant::now().into()) {
        return Err(Refusal::registered_too_often());
    }
    let progress = Arc::new(UploadProgress::new(&state.limits));
    let max_duration = max_upload(length, state.limits.upload_bytes_per_second);
    let body = TimedBody::new(body, &progress, max_duration, state.limits.silence);
    let message = collect_body(body, length).await.map_err(|source| {
        Refusal::of_message(&ProtocolError::Transfer { message: MessageKind::Registration, source })
    })?;
    run_blocking(&state, keys, move |state| {
        let _slot = slot;
        state.keys.register(&served, &state.access, &caller, keys, &message)?;
        if state.log_limiter.allows_for("registered", keys) {
            info!(client = caller.name(), key = %keys, "registered");
        }
        Ok(())
    })
    .await?;
    Ok(StatusCode::CREATED.into_response())
}

async fn are_keys_registered(State(state): Shared, KeysRequest { keys, caller }: KeysRequest) -> Reply {
    load_keys(&state, &state.served(), &caller, keys).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn delete_keys(State(state): Shared, KeysRequest { keys, caller }: KeysRequest) -> Reply {
    run_blocking(&state, keys, move |state| {
        let deleted = state.keys.delete(&state.served(), &state.batches, keys);
        let is_deleted = deleted.map_err(|failure| Refusal::key_store_failed(&failure))?;
        if is_deleted && state.log_limiter.allows_for("deleted", keys) {
            info!(client = caller.name(), key = %keys, "deleted");
        }
        Ok(())
    })
    .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn submit(
    State(state): Shared,
    BatchRequest { name, caller }: BatchRequest,
    headers: HeaderMap,
    body: Body,
) -> Reply {
    let served = state.served();
    check_length(&headers, served.batch_lengths())?;
    load_keys(&state, &served, &caller, name.key).await?;
    let slot = match UploadSlot::reserve(&state.batches, name)? {
        Reservation::Known(batch_state) => return Ok(state_response(batch_state)),
        Reservation::Slot(slot) => slot,
    };
    // From now on, a deletion of the keys ends the upload, and nothing else can take them from it.
    let (provider, key) = served.loaded(name.key).ok_or_else(|| Refusal::keys_not_registered(name.key))?;
    let provider = provider.clone();
    let start = Instant::now();
    let (receiver, sender) = (state.clone(), caller.clone());
    let body = TimedBody::new(body, slot.progress(), state.limits.upload, state.limits.silence);
    let received = read_body(body, state.metrics.received_bytes.clone(), move |body| {
        let received = receive(provider, &key, name.batch, slot, body);
        log_received(&receiver, &sender, name, start, &received);
        received
    });
    match received.await {
        Ok(received) => Ok(state_response(received?)),
        // The body failed before it was read.
        Err(BodyError::Transfer(source)) => {
            let message = MessageKind::Batch;
            let refusal = Refusal::of_message(&ProtocolError::Transfer { message, source });
            log_received(&state, &caller, name, start, &Err(refusal.clone()));
            Err(refusal)
        }
        Err(BodyError::Thread(error)) => Err(Refusal::internal(&error)),
    }
}

/// Receives, checks and queues a batch.
fn receive(
    provider: Arc<Provider>,
    key: &RegisteredKey,
    requested: Fingerprint,
    slot: UploadSlot,
    body: UploadReader,
) -> Result<BatchState, Refusal> {
    let received = served_models::receive(&provider, key, body)?;
    if received.fingerprint() != requested {
        return Err(Refusal::other_batch(received.fingerprint(), requested));
    }
    slot.queue(provider, received)
}

/// Logs and counts an upload that has ended.
fn log_received(
    state: &ServerState,
    caller: &Caller,
    name: BatchName,
    start: Instant,
    received: &Result<BatchState, Refusal>,
) {
    let seconds = start.elapsed().as_secs_f64();
    let BatchName { key, batch } = name;
    match received {
        Ok(_) => {
            state.metrics.receive_seconds.observe(seconds);
            info!(client = caller.name(), %key, %batch, seconds, "received");
        }
        Err(refusal) => {
            state.metrics.batches.with_label_values(&["refused"]).inc();
            // A client can send such batches as often as it sends requests.
            if state.log_limiter.allows_for("refused batch", key) {
                warn!(client = caller.name(), %key, %batch, seconds, reason = refusal.text(), "refused");
            }
        }
    }
}

async fn batch_state(State(state): Shared, BatchRequest { name, .. }: BatchRequest) -> Reply {
    Ok(Json(state.batches.state(name)?).into_response())
}

async fn answer(State(state): Shared, BatchRequest { name, .. }: BatchRequest) -> Reply {
    Ok(match state.batches.answer(name)? {
        Ok(answer) => message_response(Body::new(AnswerBody::new(&answer, state.metrics.sent_bytes.clone()))),
        Err(batch_state) => state_response(batch_state),
    })
}

async fn delete_batch(State(state): Shared, BatchRequest { name, .. }: BatchRequest) -> Reply {
    state.batches.delete(name)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
