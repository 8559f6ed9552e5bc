//! The service's resources (docs/service.md).

use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Extension, Json, Router};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::Service;
use super::batches::BatchName;
use super::counting::Counting;
use super::door::Caller;
use super::place::Admission;
use super::refusal::Refusal;
use super::registering;
use super::upload::read_body;
use crate::{Fingerprint, ProtocolError, size};

type Reply = Result<Response, Refusal>;
type Shared = State<Arc<Service>>;

/// A model as `/v1/models` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelEntry {
    /// What clients may call it by.
    pub name: String,
    /// Its fingerprint, which `/v1/models/FINGERPRINT` has the message of.
    pub model: String,
}

/// All resources, for clients on one connection.
pub fn routes(service: &Arc<Service>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/v1/parameters", get(parameters))
        .route("/v1/models", get(models))
        .route("/v1/models/{model}", get(model))
        .route("/v1/keys/{key}", put(register).get(registered).delete(forget_key))
        .route("/v1/keys/{key}/batches/{batch}", put(submit).get(state).delete(forget_batch))
        .route("/v1/keys/{key}/batches/{batch}/answer", get(answer))
        .fallback(async || Refusal::not_found("there is no such resource"))
        .layer(middleware::from_fn_with_state(service.clone(), counted))
        .with_state(service.clone())
}

/// Health and metrics, for a listener of their own.
pub fn inner_routes(service: &Arc<Service>) -> Router {
    let routes = Router::new().route("/health", get(health)).route("/metrics", get(metrics));
    routes.with_state(service.clone())
}

async fn counted(State(service): Shared, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    service.metrics.responses.with_label_values(&[response.status().as_str()]).inc();
    response
}

fn message(bytes: impl Into<Body>) -> Response {
    ([(CONTENT_TYPE, "application/octet-stream")], bytes.into()).into_response()
}

fn internal(error: &dyn std::fmt::Display) -> Refusal {
    tracing::error!(%error, "internal error");
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the service failed")
}

fn fingerprint(text: &str) -> Result<Fingerprint, Refusal> {
    Fingerprint::from_str(text).map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))
}

async fn health(State(service): Shared) -> Response {
    let (held, answers) = service.batches.counts();
    Json(serde_json::json!({ "held_batches": held, "answers": answers })).into_response()
}

async fn metrics(State(service): Shared) -> Reply {
    let text = blocking(move || service.metrics_text().map_err(|error| internal(&error))).await?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

async fn parameters(State(service): Shared) -> Reply {
    Ok(message(service.provider.parameters_message().map_err(|error| internal(&error))?))
}

async fn models(State(service): Shared) -> Json<Vec<ModelEntry>> {
    let entry =
        |(name, model): (&String, Fingerprint)| ModelEntry { name: name.clone(), model: model.to_string() };
    let fingerprints = service.provider.models().map(|model| model.fingerprint());
    Json(service.names.iter().zip(fingerprints).map(entry).collect())
}

async fn model(State(service): Shared, Path(name): Path<String>) -> Reply {
    let wanted = fingerprint(&name)?;
    let place = service.provider.models().position(|model| model.fingerprint() == wanted);
    let messages = service.provider.model_messages().map_err(|error| internal(&error))?;
    let found = place.and_then(|place| messages.into_iter().nth(place));
    Ok(message(found.ok_or_else(|| Refusal::not_found(format!("there is no model {wanted}")))?))
}

/// Refuses a body that says that it is not as long as it must be, before any of it comes.
fn check_length(headers: &HeaderMap, lengths: &[u64]) -> Result<(), Refusal> {
    let Some(length) = headers.get(CONTENT_LENGTH) else { return Ok(()) };
    let found = length.to_str().ok().and_then(|length| length.parse::<u64>().ok());
    if found.is_some_and(|found| lengths.contains(&found)) {
        return Ok(());
    }
    let allowed = lengths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
    let text = format!("the body has {} bytes, but must have {allowed}", found.unwrap_or(0));
    let most = lengths.iter().max().copied().unwrap_or(0);
    let large = found.is_some_and(|found| found > most);
    let status = if large { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::UNPROCESSABLE_ENTITY };
    Err(Refusal::new(status, text))
}

async fn register(
    State(service): Shared,
    Extension(caller): Extension<Caller>,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Reply {
    let key = fingerprint(&key)?;
    service.door.admit(&caller, key)?;
    let length = size::registration_bytes(service.provider.parameters());
    check_length(&headers, &[length])?;
    let place = service.registering.admit(key)?;
    let reader = service.clone();
    let registered = read_body(body, registering::UPLOAD, service.limits.silence, move |mut body| {
        // For as long as there is work, whether or not the client waits for it.
        let _place = place;
        // No more than that is ever held.
        let mut message = Vec::new();
        let read = std::io::Read::read_to_end(&mut std::io::Read::take(&mut body, length + 1), &mut message);
        read.map_err(|source| {
            Refusal::message(&ProtocolError::Transfer { message: crate::Kind::Registration, source })
        })?;
        reader.register(key, &message)
    });
    registered.await.map_err(|error| internal(&error))??;
    info!(client = caller.name(), %key, "registered");
    Ok(StatusCode::CREATED.into_response())
}

async fn registered(
    State(service): Shared,
    Extension(caller): Extension<Caller>,
    Path(key): Path<String>,
) -> Reply {
    let key = fingerprint(&key)?;
    service.door.admit(&caller, key)?;
    blocking(move || service.at_hand(key)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn forget_key(
    State(service): Shared,
    Extension(caller): Extension<Caller>,
    Path(key): Path<String>,
) -> Reply {
    let key = fingerprint(&key)?;
    service.door.admit(&caller, key)?;
    blocking(move || service.forget(key)).await?;
    info!(client = caller.name(), %key, "forgotten");
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What touches the disk, on a thread that may wait for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|error| internal(&error))?
}

fn batch_name(
    service: &Service,
    caller: &Caller,
    (key, batch): &(String, String),
) -> Result<BatchName, Refusal> {
    let name = BatchName { key: fingerprint(key)?, batch: fingerprint(batch)? };
    service.door.admit(caller, name.key)?;
    Ok(name)
}

async fn submit(
    State(service): Shared,
    Extension(caller): Extension<Caller>,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Reply {
    let name = batch_name(&service, &caller, &path)?;
    check_length(&headers, &service.batch_lengths)?;
    let keys = service.clone();
    blocking(move || keys.at_hand(name.key)).await?;
    let place = match service.batches.admit(name)? {
        Admission::Known(state) => return Ok((StatusCode::ACCEPTED, Json(state)).into_response()),
        Admission::Receive(place) => place,
    };
    let start = Instant::now();
    let receiver = service.clone();
    let received = read_body(body, service.limits.upload, service.limits.silence, move |body| {
        let mut body = Counting::new(body, &receiver.metrics.received_bytes, &place);
        let received = receiver.receive(&mut body)?;
        if received.fingerprint() != name.batch {
            let text = format!(
                "the body is the batch {}, but the request names {}",
                received.fingerprint(),
                name.batch
            );
            return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, text));
        }
        if received.key() != name.key {
            let text =
                format!("the batch is for the keys {}, but the request for {}", received.key(), name.key);
            return Err(Refusal::new(StatusCode::FORBIDDEN, text));
        }
        place.queue(received)
    });
    let state = received.await.map_err(|error| internal(&error))?;
    let seconds = start.elapsed().as_secs_f64();
    match state {
        Ok(state) => {
            service.metrics.receive_seconds.observe(seconds);
            info!(client = caller.name(), key = %name.key, batch = %name.batch, seconds, "received");
            Ok((StatusCode::ACCEPTED, Json(state)).into_response())
        }
        Err(refusal) => {
            service.metrics.batches.with_label_values(&["refused"]).inc();
            let reason = refusal.text.as_str();
            warn!(client = caller.name(), key = %name.key, batch = %name.batch, seconds, reason, "refused");
            Err(refusal)
        }
    }
}

async fn state(
    State(service): Shared,
    Extension(caller): Extension<Caller>,
    Path(path): Path<(String, String)>,
) -> Reply {
    let name = batch_name(&service, &caller, &path)?;
    Ok(Json(service.batches.state(name)?).into_response())
}

async fn answer(
    State(service): Shared,
    Extension(caller): Extension<Caller>,
    Path(path): Path<(String, String)>,
) -> Reply {
    let name = batch_name(&service, &caller, &path)?;
    Ok(match service.batches.answer(name)? {
        Ok(answer) => {
            service.metrics.sent_bytes.inc_by(answer.len() as u64);
            message(answer)
        }
        Err(state) => (StatusCode::ACCEPTED, Json(state)).into_response(),
    })
}

async fn forget_batch(
    State(service): Shared,
    Extension(caller): Extension<Caller>,
    Path(path): Path<(String, String)>,
) -> Reply {
    let name = batch_name(&service, &caller, &path)?;
    if service.batches.forget(name) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Err(Refusal::not_found("there is no such batch of this client"))
}
