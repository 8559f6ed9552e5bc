//! Batches and keys that are damaged, cut, too long or in the wrong place.

use bytes::Bytes;
use http::Method;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sottovoce_protocol::Fingerprint;

use super::registration::{open_registered, register};
use super::repetition::repeat;
use crate::attacker::Attacker;
use crate::bounds::Bounds;
use crate::http2::session::{Failure, Response, Session, send_with_body};
use crate::report::Tally;

/// Bytes of a batch's message before its ciphertexts: the header (40 bytes), the fingerprints of the model and of the client's keys,
/// and the number of pixels (docs/protocol.md).
pub const HEAD_BYTES: usize = 40 + 2 * Fingerprint::BYTES + 4;

/// Sends damaged messages. None may be accepted under a wrong name.
pub async fn damaged(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    let mut rng = StdRng::seed_from_u64(attacker.seed);
    let open = async || Session::open(&attacker.target).await;
    repeat(bounds, tally, open, async |session| {
        tally.attempt();
        let case = rng.random_range(0..10);
        let sent = send(attacker, session, case, &mut rng).await;
        expect_refusal(sent, session, tally)
    })
    .await;
}

/// Sends the first byte of a batch without its length, again and again. Each takes a slot that others could have.
pub async fn tiny_batches(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    let mut rng = StdRng::seed_from_u64(attacker.seed);
    let open = async || open_registered(attacker).await;
    repeat(bounds, tally, open, async |session| {
        tally.attempt();
        let path = attacker.batch_path_of(Fingerprint::from_bytes(rng.random()));
        let sent = async {
            let (response, stream) = session.start(Method::PUT, &path, None, true).await?;
            let byte = attacker.batch.message.slice(..attacker.batch.message.len().min(1));
            Ok(("a batch of one byte", send_with_body(response, stream, byte).await?))
        };
        let sent = sent.await;
        expect_refusal(sent, session, tally)
    })
    .await;
}

/// Counts the response to a message that must be refused.
fn expect_refusal(
    sent: Result<(&str, Response), Failure>,
    session: &Session,
    tally: &Tally,
) -> Result<(), Failure> {
    match sent {
        Ok((name, response)) => {
            tally.outcome(format!("{name}: status {}", response.status.as_u16()));
            if response.status.is_success() {
                tally.breach(format!("{name}: accepted with status {}", response.status));
            }
            Ok(())
        }
        // A response to an early refusal is lost if the provider resets the stream before it is read.
        Err(Failure(reason)) if !session.is_closed() => {
            tally.outcome(reason);
            Ok(())
        }
        Err(failure) => Err(failure),
    }
}

/// Sends one message, and returns the name of its fault with the response.
async fn send(
    attacker: &Attacker,
    session: &mut Session,
    case: u32,
    rng: &mut StdRng,
) -> Result<(&'static str, Response), Failure> {
    let message = &attacker.batch.message;
    let random = Fingerprint::from_bytes(rng.random());
    // A name that the provider does not know, so that it reads the body.
    let path = attacker.batch_path_of(random);
    let place = rng.random_range(HEAD_BYTES.min(message.len() / 2)..message.len().max(2));
    let (name, bytes) = match case {
        0 => ("a batch that is cut", message.slice(..place).to_vec()),
        1 => ("a batch with a flipped bit", flipped(message, place)),
        2 => ("a batch with more bytes", [message, &[0; 50][..]].concat()),
        3 => ("a batch with another head", flipped(message, rng.random_range(0..HEAD_BYTES))),
        4 => ("a batch under another name", message.to_vec()),
        5 => ("a batch of random bytes", random_bytes(message.len(), rng)),
        6 => ("an empty batch", Vec::new()),
        7 => {
            let announced = rng.random_range(0..u64::MAX / 2);
            let (response, stream) = session.start(Method::PUT, &path, Some(announced), true).await?;
            let part = message.slice(..message.len().min(4096));
            let response = send_with_body(response, stream, part).await?;
            return Ok(("a batch of a false length", response));
        }
        8 => {
            let keys =
                flipped(&attacker.registration, rng.random_range(0..attacker.registration.len().max(1)));
            return Ok(("keys with a flipped bit", send_keys(attacker, session, keys).await?));
        }
        _ => {
            let keys = random_bytes(attacker.registration.len(), rng);
            return Ok(("keys of random bytes", send_keys(attacker, session, keys).await?));
        }
    };
    let body = Bytes::from(bytes);
    // Half of the bodies come without their length.
    let response = match rng.random() {
        true => session.send_body(Method::PUT, &path, body).await?,
        false => {
            let (response, stream) = session.start(Method::PUT, &path, None, true).await?;
            send_with_body(response, stream, body).await?
        }
    };
    Ok((name, response))
}

/// Sends damaged keys in place of the registered ones, which are deleted before, because the provider does not read keys that it
/// has. Then registers the right ones again.
async fn send_keys(attacker: &Attacker, session: &mut Session, keys: Vec<u8>) -> Result<Response, Failure> {
    let path = attacker.keys_path();
    session.send(Method::DELETE, &path).await?;
    let response = session.send_body(Method::PUT, &path, keys.into()).await?;
    register(attacker, session).await?;
    Ok(response)
}

fn flipped(message: &[u8], place: usize) -> Vec<u8> {
    let mut bytes = message.to_vec();
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= 1 << (place % 8);
    }
    bytes
}

fn random_bytes(length: usize, rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng.fill(&mut bytes[..]);
    bytes
}
