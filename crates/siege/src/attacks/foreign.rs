//! Attempts to use what belongs to others, and certificates and keys that are no longer valid.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sottovoce_protocol::Fingerprint;

use super::registration::open_registered;
use super::repetition::repeat;
use crate::attacker::{Attacker, keys_path};
use crate::bounds::Bounds;
use crate::http2::session::{Failure, Response, Session};
use crate::report::Tally;

/// Pause between rounds, each of which tries everything.
const ROUND_PAUSE: Duration = Duration::from_millis(100);

/// Reads, replaces and deletes the keys, batches and answers of other clients. Everything but a refusal is a breach.
pub async fn paths(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    if attacker.foreign_paths.is_empty() {
        return;
    }
    let open = async || Session::open(&attacker.target).await;
    repeat(bounds, tally, open, async |session| {
        for path in &attacker.foreign_paths {
            for method in [Method::GET, Method::PUT, Method::DELETE] {
                if !bounds.allow(tally.attempts()) {
                    return Ok(());
                }
                // An answer can only be read.
                if path.ends_with("/answer") && method != Method::GET {
                    continue;
                }
                tally.attempt();
                let response = match method {
                    Method::PUT => {
                        session.send_body(method.clone(), path, attacker.registration.clone()).await
                    }
                    _ => session.send(method.clone(), path).await,
                };
                expect_refusal(response?, &format!("{method} {path}"), tally);
                bounds.pause().await;
            }
        }
        bounds.sleep(ROUND_PAUSE).await;
        Ok(())
    })
    .await;
}

/// Sends batches and keys of others under the attacker's own paths. The refusals must not tell whether the provider knows those
/// keys, so they are compared with that of keys that nobody has.
pub async fn messages(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    let mut rng = StdRng::seed_from_u64(attacker.seed);
    let open = async || open_registered(attacker).await;
    repeat(bounds, tally, open, async |session| {
        let nobody = Fingerprint::from_bytes(rng.random());
        for &keys in attacker.foreign_keys.iter().chain([&nobody]) {
            if !bounds.allow(tally.attempts()) {
                return Ok(());
            }
            tally.attempt();
            let batch = attacker.batch.under_keys(keys);
            let path = attacker.batch_path_of(batch.fingerprint);
            let response = session.send_body(Method::PUT, &path, batch.message).await;
            match response {
                Ok(response) => {
                    let (status, text) = (response.status, String::from_utf8_lossy(&response.body));
                    tally.outcome(format!("status {}", status.as_u16()));
                    let is_alike = status == StatusCode::FORBIDDEN
                        && text.contains(&format!("belongs to the keys {keys}, but must"));
                    // The provider has refused the request before it has read the batch.
                    let is_unread = status.is_server_error()
                        || status == StatusCode::TOO_MANY_REQUESTS
                        || status == StatusCode::NOT_FOUND && text.contains(&attacker.keys.to_string());
                    if !is_alike && !is_unread {
                        tally.breach(format!("a batch of other keys: status {status}: {text}"));
                    }
                }
                // A response to an early refusal is lost if the provider resets the stream before it is read.
                Err(Failure(reason)) if !session.is_closed() => tally.outcome(reason),
                Err(failure) => return Err(failure),
            }
            bounds.pause().await;
        }
        bounds.sleep(ROUND_PAUSE).await;
        Ok(())
    })
    .await;
}

/// Uses keys that the certificate does not name.
pub async fn other_keys(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    let Some((other, registration)) = &attacker.other_keys else { return };
    let open = async || Session::open(&attacker.target).await;
    repeat(bounds, tally, open, async |session| {
        let attempts: [(&str, Method, String, Bytes); 4] = [
            ("other keys under their own name", Method::PUT, keys_path(*other), registration.clone()),
            ("other keys under the certified name", Method::PUT, attacker.keys_path(), registration.clone()),
            ("own keys under the other name", Method::PUT, keys_path(*other), attacker.registration.clone()),
            ("the other keys", Method::GET, keys_path(*other), Bytes::new()),
        ];
        // The provider does not read keys that it has.
        session.send(Method::DELETE, &attacker.keys_path()).await?;
        for (name, method, path, body) in attempts {
            tally.attempt();
            let response = match body.is_empty() {
                true => session.send(method, &path).await?,
                false => session.send_body(method, &path, body).await?,
            };
            expect_refusal(response, name, tally);
            bounds.pause().await;
        }
        bounds.sleep(ROUND_PAUSE).await;
        Ok(())
    })
    .await;
}

/// Connects with a revoked certificate and asks for its own keys. Every response that is no refusal is a breach.
pub async fn revoked_certificate(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    let Some(target) = &attacker.revoked else { return };
    while bounds.allow(tally.attempts()) {
        tally.attempt();
        let asked = async {
            let mut session = Session::open(target).await?;
            session.send(Method::GET, &attacker.keys_path()).await
        };
        match asked.await {
            Ok(response) => expect_refusal(response, "GET keys with a revoked certificate", tally),
            Err(Failure(reason)) => tally.outcome(reason),
        }
        bounds.pause().await;
    }
}

/// Counts a response. A success, or that something is known or missing, is a breach: it must be refused before that.
fn expect_refusal(response: Response, attempt: &str, tally: &Tally) {
    let status = response.status;
    tally.outcome(format!("status {}", status.as_u16()));
    if status.is_success() || status == StatusCode::NOT_FOUND {
        tally.breach(format!("{attempt}: status {status}"));
    }
}
