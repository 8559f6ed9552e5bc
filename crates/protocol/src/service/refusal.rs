//! What a client is told when it does not get what it asked for.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;
use serde_json::json;

use crate::ProtocolError;
use crate::message::field;

/// An error as a response: a status, a sentence, and when to come again where that makes sense.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub status: StatusCode,
    pub text: String,
    retry_after: Option<Duration>,
}

impl Refusal {
    pub fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), retry_after: None }
    }

    pub fn not_found(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, text)
    }

    pub fn later(status: StatusCode, text: impl Into<String>, after: Duration) -> Self {
        Self { retry_after: Some(after), ..Self::new(status, text) }
    }

    /// A message that was refused, with its reason. Messages are the client's own and public: there is nothing to hide.
    pub fn message(error: &ProtocolError) -> Self {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        let status = match error {
            ProtocolError::Transfer { .. } => StatusCode::REQUEST_TIMEOUT,
            // The keys that were at hand a moment ago: the client registers them again.
            ProtocolError::Unknown { field: field::KEY, .. } => StatusCode::NOT_FOUND,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, text)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(json!({ "error": self.text }))).into_response();
        if let Some(after) = self.retry_after {
            let seconds = after.as_secs_f64().ceil().max(1.0) as u64;
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
