//! Connections that take up slots.

use std::net::Ipv4Addr;

use http::Method;
use tokio::io::AsyncReadExt as _;
use tokio::time::Instant;

use super::repetition::keep;
use crate::attacker::Attacker;
use crate::bounds::Bounds;
use crate::http2::session::{Failure, Session, describe_io};
use crate::report::Tally;

/// Address of a flood, which no client has.
const FLOOD_SOURCE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 100);

/// Opens connections, makes one request on each, and then holds them. A connection that the provider closes is opened again.
pub async fn idle(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    keep(bounds.connections(), bounds, tally, async |_| {
        let mut session = Session::open(&attacker.target).await?;
        let response = session.send(Method::GET, &attacker.keys_path()).await?;
        tally.outcome(format!("opened, status {}", response.status.as_u16()));
        let start = Instant::now();
        let Failure(reason) = session.closed().await;
        Ok(format!("{reason} {}", after(start)))
    })
    .await;
}

/// Opens connections that send nothing: every second one before TLS, the others after it.
pub async fn silent(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    keep(bounds.connections(), bounds, tally, async |_| {
        let start = Instant::now();
        let mut buffer = [0; 64];
        if tally.attempts().is_multiple_of(2) {
            let mut stream = attacker.target.open_tcp().await?;
            let read = stream.read(&mut buffer).await;
            return Ok(format!("before TLS: {} {}", describe_read(read), after(start)));
        }
        let mut stream = attacker.target.open().await?;
        loop {
            match stream.read(&mut buffer).await {
                // The provider's settings.
                Ok(1..) => {}
                read => return Ok(format!("after TLS: {} {}", describe_read(read), after(start))),
            }
        }
    })
    .await;
}

/// Opens silent connections from another address, as many as possible.
pub async fn flood(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    let target = attacker.target.with_source(FLOOD_SOURCE);
    keep(bounds.connections(), bounds, tally, async |_| {
        let mut stream = target.open_tcp().await?;
        Ok(describe_read(stream.read(&mut [0; 64]).await))
    })
    .await;
}

/// Begins TLS with the attacker's certificate, and a hundred times that of its issuer.
pub async fn many_certificates(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    let target = attacker.target.with_repeated_issuer(100);
    while bounds.allow(tally.attempts()) {
        tally.attempt();
        let asked = async {
            let mut session = Session::open(&target).await?;
            session.send(Method::GET, "/v1/models").await
        };
        tally.outcome(match asked.await {
            Ok(response) => format!("status {}", response.status.as_u16()),
            Err(Failure(reason)) => reason,
        });
        bounds.pause().await;
    }
}

fn describe_read(read: std::io::Result<usize>) -> String {
    match read {
        Ok(0) => "connection closed".to_owned(),
        Ok(_) => "bytes".to_owned(),
        Err(error) => describe_io(&error),
    }
}

/// Opens connections without a certificate, tries to reach keys, and holds the connections.
pub async fn anonymous(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    let Some(target) = &attacker.anonymous else { return };
    keep(bounds.connections(), bounds, tally, async |_| {
        let start = Instant::now();
        let mut session = Session::open(target).await?;
        for path in attacker.foreign_paths.iter().chain([&attacker.keys_path()]) {
            let response = session.send(Method::GET, path).await?;
            tally.outcome(format!("status {}", response.status.as_u16()));
            if response.status.is_success() {
                tally.breach(format!("GET {path} without a certificate: {}", response.status));
            }
        }
        let Failure(reason) = session.closed().await;
        Ok(format!("{reason} {}", after(start)))
    })
    .await;
}

/// Connects, asks for something, and closes the connection, without pause.
pub async fn reconnect(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    while bounds.allow(tally.attempts()) {
        tally.attempt();
        match Session::open(&attacker.target).await {
            // The provider's refusal of a certificate arrives after the handshake.
            Ok(mut session) => match session.send(Method::GET, "/v1/models").await {
                Ok(response) => tally.outcome(format!("status {}", response.status.as_u16())),
                Err(Failure(reason)) => tally.outcome(reason),
            },
            Err(Failure(reason)) => tally.outcome(reason),
        }
        bounds.pause().await;
    }
}

/// Rounds a duration, so that equal outcomes are counted together.
fn after(start: Instant) -> String {
    let seconds = start.elapsed().as_secs();
    match seconds {
        0..10 => format!("after {seconds} s"),
        _ => format!("after {} to {} s", seconds / 10 * 10, seconds / 10 * 10 + 9),
    }
}
