//! All reasons for which the service refuses a request. The list below is the only one: every handler returns a [`Refusal`],
//! and the table in docs/protocol.md is made from it.

use std::fmt::Display;
use std::io;
use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;
use sottovoce_protocol::{Fingerprint, MessageKind, ParseFingerprintError, ProtocolError};

use super::key_store::KeyStoreError;
use crate::error_text::with_causes;
use crate::resource::ErrorBody;
use crate::tls::identity::{ClientIdentity, IdentityError, OutdatedList};

/// `Retry-After` of a client that sends the same thing twice, or comes while others register or its own work waits.
const SHORT_WAIT: Duration = Duration::from_secs(1);

/// `Retry-After` of a client whose upload gave its slot to another client.
const YIELDED_WAIT: Duration = Duration::from_secs(5);

/// `Retry-After` while the provider's operator must do something.
const OPERATOR_WAIT: Duration = Duration::from_secs(30);

/// `Retry-After` while the service stops.
const RESTART_WAIT: Duration = Duration::from_secs(5);

/// Requests that a reason applies to, as the document names them.
#[cfg(test)]
mod requests {
    pub const WITH_FINGERPRINT: &str = "any with a fingerprint in its path";
    pub const WITH_KEYS: &str = "any with keys in its path";
    pub const ANY: &str = "any";
    pub const PUT_BATCH: &str = "PUT batch";
    pub const PUT_KEYS: &str = "PUT keys";
    pub const PUT: &str = "PUT keys, PUT batch";
    pub const MESSAGE_READ: &str = "PUT or GET keys, PUT batch";
    pub const GET_MODEL: &str = "GET model";
    pub const GET_PACKED: &str = "GET packed parameters or model";
    pub const KEYS_NEEDED: &str = "GET keys, PUT batch";
    pub const BATCH_NEEDED: &str = "GET or DELETE batch, GET answer";
    pub const EVALUATION_NEEDED: &str = "PUT or GET batch, GET answer";
    pub const STORE_NEEDED: &str = "PUT, GET or DELETE keys, PUT batch";
}

/// Declares the reasons: condition (as documentation), name, status, requests and `Retry-After`.
macro_rules! reasons {
    ($($(#[doc = $condition:literal])+ $name:ident, $status:ident, $requests:ident, $retry_after:literal;)*) => {
        /// Reason for which the service refuses a request.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[doc = $condition])+ $name,)*
        }

        impl Reason {
            /// Returns the status of the response.
            fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)*
                }
            }

            /// Rows of the document: reason, condition, requests, `Retry-After`.
            #[cfg(test)]
            const ROWS: &[(Self, &str, &str, &str)] =
                &[$((Self::$name, concat!($($condition),+), requests::$requests, $retry_after)),*];
        }
    };
}

reasons! {
    /// A fingerprint in the path is not 64 hexadecimal digits.
    InvalidFingerprint, BAD_REQUEST, WITH_FINGERPRINT, "";
    /// The client has no certificate.
    NoCertificate, UNAUTHORIZED, WITH_KEYS, "";
    /// The client's certificate or its issuer's has expired, is revoked or is no longer trusted.
    CertificateEnded, FORBIDDEN, WITH_KEYS, "";
    /// The client's certificate is for other keys than the path names.
    CertificateOfOtherKeys, FORBIDDEN, WITH_KEYS, "";
    /// The batch in the body is encrypted under other keys than the path names.
    BatchOfOtherKeys, FORBIDDEN, PUT_BATCH, "";
    /// The path names no resource.
    NoSuchResource, NOT_FOUND, ANY, "";
    /// The provider has no such model.
    NoSuchModel, NOT_FOUND, GET_MODEL, "";
    /// The provider serves only batched evaluation.
    NoPackedEvaluation, NOT_FOUND, GET_PACKED, "";
    /// The keys are not registered, or were registered for other parameters.
    KeysNotRegistered, NOT_FOUND, KEYS_NEEDED, "";
    /// The client has no such batch: it never arrived, was deleted, or its answer is too old.
    NoSuchBatch, NOT_FOUND, BATCH_NEEDED, "";
    /// The batch was deleted after its last byte had arrived.
    DeletedAfterUpload, NOT_FOUND, PUT_BATCH, "";
    /// The batch was deleted, or the service stopped, while the body arrived.
    DeletedDuringUpload, REQUEST_TIMEOUT, PUT_BATCH, "";
    /// The body took too long: `--upload-seconds` for a batch, 30 s for keys, or for long ones the time at four times
    /// `--upload-bytes-per-second`.
    /// Or it paused for `--silence-seconds`,
    /// or came more slowly than `--upload-bytes-per-second` after `--upload-grace-seconds`.
    SlowBody, REQUEST_TIMEOUT, PUT, "";
    /// The connection broke before the end of the body.
    BrokenBody, REQUEST_TIMEOUT, PUT, "";
    /// Another connection is sending the same batch.
    BatchArriving, CONFLICT, PUT_BATCH, "1";
    /// Another connection is sending the same keys.
    KeysArriving, CONFLICT, PUT_KEYS, "1";
    /// `Content-Length` is larger than the message can be.
    BodyTooLong, PAYLOAD_TOO_LARGE, PUT, "";
    /// `Content-Length` is not the length of the message.
    WrongLength, UNPROCESSABLE_ENTITY, PUT, "";
    /// The body, or the stored registration of the keys, is not the message that it must be: it ends early or late, is
    /// damaged, is for other parameters, or is a batch for an unknown model.
    InvalidMessage, UNPROCESSABLE_ENTITY, MESSAGE_READ, "";
    /// The body holds another batch than the path names.
    OtherBatch, UNPROCESSABLE_ENTITY, PUT_BATCH, "";
    /// The body holds other keys than the path names.
    OtherKeys, UNPROCESSABLE_ENTITY, PUT_KEYS, "";
    /// The client sends more than `--requests-per-second`, fetches more than 16 MiB per second, or registers too often.
    TooManyRequests, TOO_MANY_REQUESTS, ANY, "1";
    /// The client opens more than 5 connections per second, and has opened 100 beyond that.
    TooManyNewConnections, TOO_MANY_REQUESTS, ANY, "1";
    /// The client has `--connections-per-client` connections, and requests run on all of them.
    TooManyConnectionsOfClient, TOO_MANY_REQUESTS, ANY, "1";
    /// The client has `--batches-per-client` batches at the service.
    TooManyBatchesOfClient, TOO_MANY_REQUESTS, PUT_BATCH, "time of an evaluation";
    /// 5 requests of the client wait for the database of registered keys, which is the limit.
    TooMuchWork, TOO_MANY_REQUESTS, STORE_NEEDED, "1";
    /// The evaluation failed, and would fail again.
    EvaluationFailed, INTERNAL_SERVER_ERROR, EVALUATION_NEEDED, "";
    /// The service has an internal error.
    Internal, INTERNAL_SERVER_ERROR, ANY, "";
    /// Clients with certificates have all their slots of `--connections`, and none of them is idle.
    TooManyConnections, SERVICE_UNAVAILABLE, ANY, "1";
    /// The service has `--batches` batches.
    TooManyBatches, SERVICE_UNAVAILABLE, PUT_BATCH, "time of an evaluation, 5 at most";
    /// The client has a batch at the service, and the free slots are kept for clients that have none.
    SlotsKept, SERVICE_UNAVAILABLE, PUT_BATCH, "time of an evaluation, 5 at most";
    /// The upload was slower than four times `--upload-bytes-per-second` and gave its slot to another client.
    YieldedUpload, SERVICE_UNAVAILABLE, PUT_BATCH, "5";
    /// 32 clients are sending their keys, or 4 clients keys for packed evaluation, which is the limit.
    TooManyRegistrations, SERVICE_UNAVAILABLE, PUT_KEYS, "1";
    /// The operating system gives the service no more threads.
    NoThreads, SERVICE_UNAVAILABLE, PUT_BATCH, "";
    /// The provider's revocation list is too old to tell which certificates are revoked.
    OutdatedRevocationList, SERVICE_UNAVAILABLE, WITH_KEYS, "30";
    /// The service is stopping.
    Stopping, SERVICE_UNAVAILABLE, PUT_BATCH, "5";
    /// The keys of `--stored-keys` clients are stored.
    KeyStoreFull, INSUFFICIENT_STORAGE, PUT_KEYS, "";
    /// The database of registered keys fails.
    KeyStoreFailed, INSUFFICIENT_STORAGE, STORE_NEEDED, "";
}

/// A refused request: the reason, a sentence for the client, and when to try again.
#[derive(Debug, Clone)]
pub struct Refusal {
    reason: Reason,
    text: String,
    retry_after: Option<Duration>,
}

impl Refusal {
    fn new(reason: Reason, text: impl Into<String>) -> Self {
        Self { reason, text: text.into(), retry_after: None }
    }

    fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// Returns the sentence for the client.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn invalid_fingerprint(error: &ParseFingerprintError) -> Self {
        Self::new(Reason::InvalidFingerprint, error.to_string())
    }

    pub fn no_certificate() -> Self {
        Self::new(
            Reason::NoCertificate,
            "the request needs a client certificate that the provider's authority signed",
        )
    }

    pub fn certificate_ended(error: &IdentityError) -> Self {
        Self::new(Reason::CertificateEnded, error.to_string())
    }

    pub fn outdated_revocation_list(error: &OutdatedList) -> Self {
        let text = format!("{error}; its operator must copy a new one of the authority");
        Self::new(Reason::OutdatedRevocationList, text).retry_after(OPERATOR_WAIT)
    }

    pub fn certificate_of_other_keys(identity: &ClientIdentity, requested: Fingerprint) -> Self {
        let ClientIdentity { name, keys, packed_keys, .. } = identity;
        let packed = packed_keys.map_or_else(String::new, |keys| format!(" and {keys}"));
        let text = format!(
            "the certificate of {name} is for the keys {keys}{packed}, but the request is for {requested}"
        );
        Self::new(Reason::CertificateOfOtherKeys, text)
    }

    pub fn no_such_resource() -> Self {
        Self::new(Reason::NoSuchResource, "there is no such resource")
    }

    pub fn no_such_model(model: Fingerprint) -> Self {
        Self::new(Reason::NoSuchModel, format!("there is no model {model}"))
    }

    pub fn no_packed_evaluation() -> Self {
        let text = "this provider serves only batched evaluation, and has no packed parameters";
        Self::new(Reason::NoPackedEvaluation, text)
    }

    pub fn keys_not_registered(keys: Fingerprint) -> Self {
        Self::new(Reason::KeysNotRegistered, format!("the keys {keys} are not registered"))
    }

    pub fn no_such_batch() -> Self {
        Self::new(Reason::NoSuchBatch, "there is no such batch of this client")
    }

    pub fn deleted_after_upload() -> Self {
        Self::new(Reason::DeletedAfterUpload, "the batch was deleted after it had arrived")
    }

    pub fn batch_arriving() -> Self {
        let text = "this batch is being received on another connection";
        Self::new(Reason::BatchArriving, text).retry_after(SHORT_WAIT)
    }

    pub fn keys_arriving() -> Self {
        let text = "keys of this client are being received on another connection";
        Self::new(Reason::KeysArriving, text).retry_after(SHORT_WAIT)
    }

    /// Refuses a body by its `Content-Length`, if that is none of the allowed lengths.
    pub fn check_length(found: Option<u64>, allowed: &[u64]) -> Result<(), Self> {
        if found.is_some_and(|found| allowed.contains(&found)) {
            return Ok(());
        }
        let is_longer = found.is_some_and(|found| allowed.iter().all(|&allowed| found > allowed));
        let reason = if is_longer { Reason::BodyTooLong } else { Reason::WrongLength };
        let allowed = allowed.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        let text = format!("the body has {} bytes, but must have {allowed}", found.unwrap_or(0));
        Err(Self::new(reason, text))
    }

    /// Refuses a body for the reason for which its message was refused. Messages are the client's own, so the reason reveals
    /// nothing.
    pub fn of_message(error: &ProtocolError) -> Self {
        let reason = match error {
            ProtocolError::Transfer { source, .. } => match source.kind() {
                io::ErrorKind::TimedOut => Reason::SlowBody,
                CANCELLED_BODY => Reason::DeletedDuringUpload,
                YIELDED_BODY => Reason::YieldedUpload,
                _ => Reason::BrokenBody,
            },
            ProtocolError::OtherKeys { message: MessageKind::Batch, .. } => Reason::BatchOfOtherKeys,
            ProtocolError::OtherKeys { .. } => Reason::OtherKeys,
            _ => Reason::InvalidMessage,
        };
        let refusal = Self::new(reason, with_causes(error));
        if reason == Reason::YieldedUpload { refusal.retry_after(YIELDED_WAIT) } else { refusal }
    }

    pub fn other_batch(found: Fingerprint, requested: Fingerprint) -> Self {
        let text = format!("the body is the batch {found}, but the request names {requested}");
        Self::new(Reason::OtherBatch, text)
    }

    pub fn too_many_requests() -> Self {
        let text = "the client sends more requests per second than it may";
        Self::new(Reason::TooManyRequests, text).retry_after(SHORT_WAIT)
    }

    pub fn too_many_sent_bytes() -> Self {
        let text = "the client fetches more bytes per second than it may";
        Self::new(Reason::TooManyRequests, text).retry_after(SHORT_WAIT)
    }

    pub fn registered_too_often() -> Self {
        let text = "the client registers its keys more often than it may";
        Self::new(Reason::TooManyRequests, text).retry_after(SHORT_WAIT)
    }

    pub fn too_many_connections_of_client(held: usize) -> Self {
        let text = format!(
            "the client has {held} connections, which is the maximum, and requests run on all of them"
        );
        Self::new(Reason::TooManyConnectionsOfClient, text).retry_after(SHORT_WAIT)
    }

    pub fn too_many_new_connections() -> Self {
        let text = "the client opens new connections too often; one connection carries all requests";
        Self::new(Reason::TooManyNewConnections, text).retry_after(SHORT_WAIT)
    }

    pub fn too_many_connections(held: usize) -> Self {
        let text = format!("the service has {held} connections of clients, which is the maximum");
        Self::new(Reason::TooManyConnections, text).retry_after(SHORT_WAIT)
    }

    pub fn too_many_batches_of_client(max: usize, wait: Duration) -> Self {
        let text = format!("the service already has {max} batches of this client, which is the maximum");
        Self::new(Reason::TooManyBatchesOfClient, text).retry_after(wait)
    }

    pub fn too_much_work(max: usize) -> Self {
        let text = format!("{max} requests of this client wait for the disk, which is the maximum");
        Self::new(Reason::TooMuchWork, text).retry_after(SHORT_WAIT)
    }

    pub fn too_many_batches(held: usize, wait: Duration) -> Self {
        let text = format!("the service already has {held} batches, which is the maximum");
        Self::new(Reason::TooManyBatches, text).retry_after(wait)
    }

    pub fn slots_kept(own: usize, wait: Duration) -> Self {
        let own = if own == 1 { "a batch".to_owned() } else { format!("{own} batches") };
        let text =
            format!("this client has {own} at the service, and the free slots are kept for other clients");
        Self::new(Reason::SlotsKept, text).retry_after(wait)
    }

    pub fn too_many_registrations(max: usize) -> Self {
        let text = format!("{max} clients are sending their keys, which is the maximum");
        Self::new(Reason::TooManyRegistrations, text).retry_after(SHORT_WAIT)
    }

    pub fn no_threads() -> Self {
        Self::new(Reason::NoThreads, "the service has no free threads at present")
    }

    pub fn stopping() -> Self {
        Self::new(Reason::Stopping, "the service is stopping").retry_after(RESTART_WAIT)
    }

    pub fn evaluation_failed() -> Self {
        Self::new(Reason::EvaluationFailed, "the evaluation failed")
    }

    /// Logs an internal error, of which the client learns nothing.
    pub fn internal(error: &dyn Display) -> Self {
        tracing::error!(%error, "internal error");
        Self::new(Reason::Internal, "the service failed")
    }

    pub fn key_store_full(max: u64) -> Self {
        let text = format!("the keys of {max} clients are stored, which is the maximum");
        Self::new(Reason::KeyStoreFull, text)
    }

    /// Logs a failure of the database.
    pub fn key_store_failed(failure: &KeyStoreError) -> Self {
        let reason: &dyn std::error::Error = failure;
        tracing::error!(reason, "the database failed");
        Self::new(Reason::KeyStoreFailed, "the service cannot store or find keys at present")
    }
}

/// Kind of the error with which a body ends if its batch was deleted.
pub const CANCELLED_BODY: io::ErrorKind = io::ErrorKind::ConnectionAborted;

/// Kind of the error with which a body ends if its slot was given to another client.
pub const YIELDED_BODY: io::ErrorKind = io::ErrorKind::ResourceBusy;

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.reason.status(), Json(ErrorBody { error: self.text })).into_response();
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::RETRYABLE_STATUSES;

    const DOCUMENT: &str = include_str!("../../../../docs/protocol.md");
    const START: &str = "<!-- Made from crates/service/src/server/refusal.rs; its test compares them. -->\n";
    const END: &str = "<!-- End of the table of refusals. -->\n";

    /// Returns the table of all reasons, ordered by status.
    fn markdown_table() -> String {
        let mut rows = Reason::ROWS.to_vec();
        rows.sort_by_key(|(reason, ..)| reason.status());
        let mut table = "| status | reason | requests | `Retry-After`, s | `classify` |\n\
                         | --- | --- | --- | --- | --- |\n"
            .to_owned();
        for (reason, condition, requests, retry_after) in rows {
            let status = reason.status();
            let client = match status {
                StatusCode::NOT_FOUND if requests.contains("batch") => "registers or sends again",
                _ if RETRYABLE_STATUSES.contains(&status) => "tries again",
                _ => "ends",
            };
            let condition = condition.trim();
            table +=
                &format!("| {} | {condition} | {requests} | {retry_after} | {client} |\n", status.as_u16());
        }
        table
    }

    #[test]
    fn the_document_lists_every_reason() {
        let (_, rest) = DOCUMENT.split_once(START).expect("the start of the table");
        let (found, _) = rest.split_once(END).expect("the end of the table");
        let expected = markdown_table();
        assert!(found == expected, "docs/protocol.md must have this table:\n{expected}");
    }
}
