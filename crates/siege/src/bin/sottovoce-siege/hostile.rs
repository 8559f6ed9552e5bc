//! Hostile clients, in a process of their own, so that their processor time is known and the provider is not charged for it.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};
use sottovoce_service::remote::{RemoteProvider, RetryBudget};
use sottovoce_siege::{
    AttackKind, AttackReport, Attacker, Bounds, ClosedConnection, Target, hold_connections, read_model,
};

use crate::samples::cpu_seconds;
use crate::world::{load_anonymous_tls, load_client, load_tls, write_json};

/// Task of the hostile process.
#[derive(Debug, Serialize, Deserialize)]
pub struct Plan {
    pub provider: std::net::SocketAddr,
    pub seconds: f64,
    /// Attacks, which run all at once.
    pub kinds: Vec<AttackKind>,
    /// Folders of hostile clients. They share the attacks.
    pub attackers: Vec<PathBuf>,
    /// Folder of a client that is revoked already.
    pub revoked_client: PathBuf,
    /// Folder of a client that is revoked during the siege.
    pub client_to_revoke: PathBuf,
    /// Keys and batches of honest clients.
    pub others: Vec<(String, Option<String>)>,
    pub seed: u64,
    /// File for the result.
    pub out: PathBuf,
}

/// Result of the hostile process.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    pub attacks: Vec<AttackReport>,
    /// Connections of the client that is revoked during the siege.
    pub held: Vec<ClosedConnection>,
    pub cpu_seconds: f64,
}

/// Connections of the client that is revoked during the siege.
const HELD_CONNECTIONS: usize = 6;

/// Attempts, connections and pause in milliseconds of an attack during one siege. Pauses leave a processor to the provider where
/// both share a machine; floods have next to none.
fn limits(kind: AttackKind) -> (u64, usize, u64) {
    match kind {
        AttackKind::ResetStreams => (50_000, 1, 1),
        AttackKind::FloodRequests => (50_000, 1, 20),
        AttackKind::ChurnKeys => (2000, 1, 50),
        AttackKind::CancelBatches | AttackKind::HoardAnswers | AttackKind::UnreadAnswers => (1000, 1, 500),
        AttackKind::IdleConnections => (20_000, 300, 100),
        AttackKind::SilentConnections => (5000, 40, 100),
        AttackKind::FloodConnections => (100_000, 100, 100),
        AttackKind::AnonymousConnections => (2000, 10, 100),
        AttackKind::Reconnect => (20_000, 1, 20),
        AttackKind::TrickleUploads => (1000, 3, 100),
        AttackKind::TrickleHeaders | AttackKind::TrickleHandshakes => (1000, 10, 100),
        AttackKind::UnreadResponses => (5000, 4, 100),
        AttackKind::FloodFrames => (5000, 1, 2),
        _ => (10_000, 1, 50),
    }
}

/// Last byte of the first hostile client's address. Each has an address of its own, as clients on the internet have; the honest
/// ones are at 127.0.0.1.
const FIRST_SOURCE: u8 = 10;

/// Number of hostile clients.
pub const CLIENTS: usize = 7;

/// Number of the hostile client that runs an attack, so that attacks do not undo each other: one deletes the keys that another one needs.
fn client_of(kind: AttackKind) -> usize {
    match kind {
        AttackKind::ResetStreams | AttackKind::ChurnKeys => 0,
        AttackKind::CancelBatches | AttackKind::WrongProtocols | AttackKind::NonsenseBytes => 1,
        AttackKind::IdleConnections | AttackKind::SilentConnections => 2,
        AttackKind::FloodRequests
        | AttackKind::FloodFrames
        | AttackKind::Reconnect
        | AttackKind::OtherKeys => 3,
        AttackKind::HoardAnswers | AttackKind::UnreadAnswers => 6,
        AttackKind::TrickleUploads
        | AttackKind::TrickleHeaders
        | AttackKind::TrickleHandshakes
        | AttackKind::UnreadResponses => 4,
        _ => 5,
    }
}

/// Runs all attacks at once for the time of the plan, and writes what they did.
pub fn attack(plan: &Path) -> Result<()> {
    let plan: Plan = serde_json::from_slice(&fs::read(plan)?)?;
    let duration = Duration::from_secs_f64(plan.seconds);
    let client_to_revoke = attacker(&plan, &plan.client_to_revoke, plan.attackers.len())?;
    let folders = plan.attackers.iter().enumerate();
    let attackers =
        folders.map(|(number, folder)| attacker(&plan, folder, number)).collect::<Result<Vec<_>>>()?;
    let attackers: Vec<Arc<Attacker>> = with_old_keys(attackers, &plan)?.into_iter().map(Arc::new).collect();
    let threads = plan.kinds.iter().filter_map(|&kind| {
        let attacker = attackers.get(client_of(kind))?.clone();
        let (attempts, connections, pause) = limits(kind);
        let bounds = Bounds::new(duration, attempts)
            .with_connections(connections)
            .with_pace(Duration::from_millis(pause));
        Some(std::thread::spawn(move || kind.run_blocking(&attacker, &bounds)))
    });
    let threads: Vec<_> = threads.collect();
    let bounds = Bounds::new(duration, 1000).with_connections(HELD_CONNECTIONS);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let held = runtime.block_on(hold_connections(&client_to_revoke, &bounds));
    let mut attacks = Vec::new();
    for thread in threads {
        attacks.push(thread.join().map_err(|_| anyhow!("an attack panicked"))??);
    }
    let cpu_seconds = cpu_seconds(std::process::id()).unwrap_or_default();
    write_json(&plan.out, &Outcome { attacks, held, cpu_seconds })
}

/// Opens the folder of a hostile client.
fn attacker(plan: &Plan, folder: &Path, number: usize) -> Result<Attacker> {
    let (client, tls) = (load_client(folder)?, load_tls(folder)?);
    let address = format!("https://{}", plan.provider).parse()?;
    let remote = RemoteProvider::new(address, Some(tls.clone()), RetryBudget::default())?;
    let model = read_model(&client, &remote, None)?;
    let source = Ipv4Addr::new(127, 0, 0, FIRST_SOURCE.saturating_add(u8::try_from(number)?));
    let target = Target::new(plan.provider, Some(tls))?.with_source(source);
    let mut attacker = Attacker::new(target, &client, &model)?;
    attacker.seed = plan.seed;
    attacker.anonymous = Some(attacker.target.with_tls(load_anonymous_tls(folder)?));
    attacker.revoked = Some(attacker.target.with_tls(load_tls(&plan.revoked_client)?));
    for (keys, batch) in &plan.others {
        let batch = batch.as_ref().map(|batch| batch.parse()).transpose()?;
        attacker = attacker.with_paths_of(keys.parse()?, batch);
    }
    Ok(attacker)
}

/// Gives each attacker the keys of a revoked client, as if it had found an old folder.
fn with_old_keys(attackers: Vec<Attacker>, plan: &Plan) -> Result<Vec<Attacker>> {
    let revoked_client = load_client(&plan.revoked_client)?;
    let other = (revoked_client.key_fingerprint(), revoked_client.registration_message().to_vec().into());
    Ok(attackers
        .into_iter()
        .map(|attacker| Attacker { other_keys: Some(other.clone()), ..attacker })
        .collect())
}
