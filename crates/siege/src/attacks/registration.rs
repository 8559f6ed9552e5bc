//! The registration of an attacker's own keys, with which other attacks begin.

use http::Method;

use crate::attacker::Attacker;
use crate::http2::session::{Failure, Response, Session};

/// Opens a connection and registers the attacker's keys, whatever the provider responds.
pub async fn open_registered(attacker: &Attacker) -> Result<Session, Failure> {
    let mut session = Session::open(&attacker.target).await?;
    register(attacker, &mut session).await?;
    Ok(session)
}

/// Registers the attacker's keys.
pub async fn register(attacker: &Attacker, session: &mut Session) -> Result<Response, Failure> {
    session.send_body(Method::PUT, &attacker.keys_path(), attacker.registration.clone()).await
}
