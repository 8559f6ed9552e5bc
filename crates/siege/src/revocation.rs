//! Connections of a client that is revoked meanwhile.

use std::time::SystemTime;

use futures_util::future::join_all;
use http::Method;
use serde::{Deserialize, Serialize};
use tokio::time::timeout_at;

use crate::attacker::Attacker;
use crate::bounds::Bounds;
use crate::http2::session::{Failure, Session};

/// A connection that was held, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedConnection {
    /// Time at which the provider closed the connection; `None` if it was open at the end.
    pub closed: Option<SystemTime>,
    /// Reason.
    pub reason: String,
}

/// Opens as many connections as the limits allow, makes a request on each, and waits until the provider closes them or the time of
/// the limits is over. Connections that cannot be opened are left out.
pub async fn hold_connections(attacker: &Attacker, bounds: &Bounds) -> Vec<ClosedConnection> {
    let one = async || {
        let mut session = Session::open(&attacker.target).await.ok()?;
        session.send(Method::GET, &attacker.keys_path()).await.ok()?;
        Some(match timeout_at(bounds.end(), session.closed()).await {
            Ok(Failure(reason)) => ClosedConnection { closed: Some(SystemTime::now()), reason },
            Err(_) => ClosedConnection { closed: None, reason: "open to the end".to_owned() },
        })
    };
    let ends = join_all((0..bounds.connections()).map(|_| one())).await;
    ends.into_iter().flatten().collect()
}
