//! Bytes that are no handshake, and handshakes for other protocols.

use std::io;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::attacker::Attacker;
use crate::bounds::Bounds;
use crate::http2::frame::PREFACE;
use crate::http2::session::describe_io;
use crate::report::Tally;
use crate::target::Stream;

/// Time for the provider's reaction.
const REACTION_TIMEOUT: Duration = Duration::from_secs(1);

const HTTP_1: &[u8] = b"GET /health HTTP/1.1\r\nHost: provider\r\n\r\n";

/// Sends random bytes, plain HTTP and damaged records of TLS to the port.
pub async fn bytes(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    let mut rng = StdRng::seed_from_u64(attacker.seed);
    while bounds.allow(tally.attempts()) {
        tally.attempt();
        let mut random = vec![0; rng.random_range(1..2000)];
        rng.fill(&mut random[..]);
        let (name, bytes) = match tally.attempts() % 6 {
            0 => ("random bytes", random),
            1 => ("HTTP/1.1", HTTP_1.to_vec()),
            2 => ("plain HTTP/2", [PREFACE, &random].concat()),
            // A record of a handshake whose content is random.
            3 => ("a random handshake", [&[22, 3, 1, 1, 0][..], &random].concat()),
            // The largest record, and a ClientHello that announces 16 MB.
            4 => ("a long handshake", [&[22, 3, 3, 0x40, 0, 1, 0xff, 0xff, 0xff], &random[..]].concat()),
            _ => ("an alert", vec![21, 3, 3, 0, 2, 2, 40]),
        };
        let sent = async {
            let mut stream = attacker.target.open_tcp().await?;
            stream.write_all(&bytes).await?;
            reaction(Box::new(stream)).await
        };
        let reaction = sent.await.unwrap_or_else(|error| describe_io(&error));
        tally.outcome(format!("{name}: {reaction}"));
        bounds.pause().await;
    }
}

/// Begins TLS for HTTP/1.1, for an unknown protocol and for none, and speaks HTTP/1.1.
pub async fn wrong_protocols(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    let protocols: [(&str, &[&[u8]]); 4] = [
        ("http/1.1", &[b"http/1.1"]),
        ("an unknown protocol", &[b"nonsense"]),
        ("no protocol", &[]),
        ("h2, but HTTP/1.1", &[b"h2"]),
    ];
    for (name, protocols) in protocols.into_iter().cycle() {
        if !bounds.allow(tally.attempts()) {
            return;
        }
        tally.attempt();
        let sent = async {
            let mut stream = attacker.target.with_protocols(protocols).open().await?;
            stream.write_all(HTTP_1).await?;
            stream.flush().await?;
            reaction(stream).await
        };
        let reaction = sent.await.unwrap_or_else(|error| describe_io(&error));
        tally.outcome(format!("{name}: {reaction}"));
        bounds.pause().await;
    }
}

/// Reads until the provider closes the connection, for a short time.
async fn reaction(mut stream: Stream) -> io::Result<String> {
    let mut buffer = [0; 1024];
    loop {
        match timeout(REACTION_TIMEOUT, stream.read(&mut buffer)).await {
            Err(_) => return Ok("stays open".to_owned()),
            Ok(Ok(0)) => return Ok("connection closed".to_owned()),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(error),
        }
    }
}
