//! Honest clients: they classify, compare every logit, and find that others' keys and answers are refused.

use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde::Serialize;
use sottovoce_protocol::client::{Client, PendingAnswer};
use sottovoce_protocol::{Fingerprint, ModelDescription};
use sottovoce_service::remote::{RemoteProvider, RetryBudget};
use sottovoce_siege::{AttackKind, AttackReport, Attacker, Bounds, OwnBatch, Target, read_model};

use crate::clock::Clock;
use crate::provider::ProviderProcess;
use crate::schedule::Phase;
use crate::world::{World, load_client, load_tls};

/// Pause between two classifications of a client in milliseconds: eight clients then load the provider by about a half.
const PAUSE_MILLISECONDS: std::ops::Range<u64> = 2000..4000;

/// Requests for what belongs to another client, after each classification.
const PROBES: u64 = 7;

/// Longest time of these requests.
const PROBE_TIMEOUT: Duration = Duration::from_secs(20);

/// Outcome of a classification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "outcome", content = "reason")]
pub enum Outcome {
    /// Every logit of every slot equals the oracle's.
    Right,
    /// A logit differs, or the answer cannot be decrypted.
    Wrong(String),
    /// There is no answer.
    Lost(String),
}

/// One classification.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Classification {
    pub client: usize,
    /// Seconds since the start of the run.
    pub start: f64,
    /// Seconds from the first byte of the batch to the last byte of the answer, other tries included.
    pub seconds: f64,
    /// Kind of the period in which it began; none if it began in a quiet period that ended before it.
    pub phase: Option<Phase>,
    /// The provider was restarted meanwhile or just before.
    pub restart: bool,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Keys of all honest clients, and the batch of each that is at the provider.
pub struct HonestBatches(Vec<(Fingerprint, Mutex<Option<Fingerprint>>)>);

impl HonestBatches {
    /// Returns keys and batch of every honest client.
    pub fn all(&self) -> Vec<(Fingerprint, Option<Fingerprint>)> {
        self.0.iter().map(|(keys, batch)| (*keys, *batch.lock())).collect()
    }
}

/// An honest client.
pub struct HonestClient {
    number: usize,
    client: Client,
    model: ModelDescription,
    remote: RemoteProvider,
    target: Target,
}

/// All that honest clients found.
#[derive(Debug, Default)]
pub struct Findings {
    pub classifications: Vec<Classification>,
    /// Requests for others' keys and answers.
    pub probes: AttackReport,
}

impl HonestClient {
    /// Opens the folder of an enrolled client.
    pub fn open(world: &World, provider: &ProviderProcess<'_>, number: usize) -> Result<Self> {
        let folder = world.path(&name(number));
        let client = load_client(&folder)?;
        let tls = load_tls(&folder)?;
        let address = provider.url().parse()?;
        let remote = RemoteProvider::new(address, Some(tls.clone()), RetryBudget::default())?;
        let model = read_model(&client, &remote, None)?;
        Ok(Self { number, client, model, remote, target: Target::new(provider.address(), Some(tls))? })
    }

    /// Classifies until the clock says that it is over.
    pub fn work(
        &self,
        world: &World,
        clock: &Clock,
        batches: &HonestBatches,
        findings: &Mutex<Findings>,
    ) -> Result<()> {
        let mut rng = StdRng::seed_from_u64(self.number as u64);
        while !clock.is_over() {
            let images = world.images(rng.random());
            let mut message = Vec::new();
            let pending = self.client.write_batch(&self.model, &images, &(), &mut message)?;
            let message = Bytes::from(message);
            batches.note(self.number, Some(pending.batch_fingerprint()));
            let (start, phase, instant) = (clock.seconds(), clock.current(), Instant::now());
            let answer = self.remote.evaluate(&self.client, &pending, &message, &|_| ());
            let seconds = instant.elapsed().as_secs_f64();
            // A client must end its connection before it decrypts.
            self.remote.disconnect();
            let outcome = match answer {
                Ok((answer, _)) => self.compare(world, &images, &pending, &answer)?,
                Err(error) => Outcome::Lost(error.to_string()),
            };
            // A classification that begins in a siege counts for it, however long it takes.
            let counted = phase.filter(|running| running.phase == Phase::Siege || phase == clock.current());
            let classification = Classification {
                client: self.number,
                start,
                seconds,
                phase: counted.map(|running| running.phase),
                restart: clock.was_restarted(start, clock.seconds()),
                outcome,
            };
            findings.lock().classifications.push(classification);
            let probes = self.probe(batches, &pending, &message)?;
            findings.lock().probes.add(&probes);
            batches.note(self.number, None);
            clock.sleep(Duration::from_millis(rng.random_range(PAUSE_MILLISECONDS)));
        }
        Ok(())
    }

    /// Decrypts an answer, and compares every slot with the oracle.
    fn compare(
        &self,
        world: &World,
        images: &[u8],
        pending: &PendingAnswer,
        answer: &[u8],
    ) -> Result<Outcome> {
        let decrypted = match self.client.decrypt(pending, answer) {
            Ok(decrypted) => decrypted,
            Err(error) => return Ok(Outcome::Wrong(error.to_string())),
        };
        let (expected, blank) = world.oracle(images)?;
        for slot in 0..decrypted.slots() {
            let found = decrypted.slot(slot);
            let expected = expected.get(slot).unwrap_or(&blank);
            if found != *expected {
                return Ok(Outcome::Wrong(format!("slot {slot} has {found:?}, but must have {expected:?}")));
            }
        }
        Ok(Outcome::Right)
    }

    /// Asks for keys, batch and answer of the next client.
    fn probe(
        &self,
        batches: &HonestBatches,
        pending: &PendingAnswer,
        message: &Bytes,
    ) -> Result<AttackReport> {
        let others = batches.all();
        let Some(&(keys, batch)) = others.get((self.number + 1) % others.len()) else {
            return Ok(AttackReport::default());
        };
        let attacker = Attacker {
            target: self.target.clone(),
            anonymous: None,
            revoked: None,
            keys: self.client.key_fingerprint(),
            registration: Bytes::copy_from_slice(self.client.registration_message()),
            other_keys: None,
            batch: OwnBatch { fingerprint: pending.batch_fingerprint(), message: message.clone() },
            foreign_keys: Vec::new(),
            foreign_paths: Vec::new(),
            seed: 1,
        };
        let bounds = Bounds::new(PROBE_TIMEOUT, PROBES);
        Ok(AttackKind::ForeignPaths.run_blocking(&attacker.with_paths_of(keys, batch), &bounds)?)
    }
}

impl HonestBatches {
    pub fn new(clients: &[HonestClient]) -> Self {
        Self(clients.iter().map(|client| (client.client.key_fingerprint(), Mutex::default())).collect())
    }

    fn note(&self, client: usize, batch: Option<Fingerprint>) {
        if let Some((_, current)) = self.0.get(client) {
            *current.lock() = batch;
        }
    }
}

/// Name of an honest client.
pub fn name(number: usize) -> String {
    format!("honest-{number}")
}
