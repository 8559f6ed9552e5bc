//! Images in batches, each from encryption to decryption.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use serde::Serialize;
use sottovoce_bfv::ProgressObserver as _;
use sottovoce_protocol::remote::{Remote, RemoteStep};
use sottovoce_protocol::{Client, ModelDescription, PendingAnswer};

use crate::progress::StageProgress;

/// What was found, and what it took.
#[derive(Debug, Default)]
pub struct Classified {
    /// Image by image, class by class.
    pub logits: Vec<Vec<i128>>,
    pub steps: Steps,
}

/// All batches' wall-clock seconds, step by step, and bytes. What was done again counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Steps {
    pub batches: usize,
    /// Quantising, encrypting, and writing the message.
    pub encrypt_seconds: f64,
    /// Until the provider had received and checked it.
    pub upload_seconds: f64,
    /// Until it had evaluated it, waiting for others' batches included.
    pub compute_seconds: f64,
    /// Until the answer was here.
    pub download_seconds: f64,
    pub decrypt_seconds: f64,
    /// Bytes of a batch's message.
    pub upload_bytes: u64,
    /// Bytes of an answer's message.
    pub download_bytes: u64,
    /// Bits of the largest noise coefficient in any answer.
    pub noise_bits: usize,
}

impl Steps {
    /// From pixels to logits.
    pub fn seconds(&self) -> f64 {
        self.encrypt_seconds
            + self.upload_seconds
            + self.compute_seconds
            + self.download_seconds
            + self.decrypt_seconds
    }
}

/// Classifies images, a byte a pixel, one after the other. Nothing is decrypted before the last batch is answered: a provider
/// that got no more batches after a bad answer would know that it was bad.
pub fn classify(
    client: &Client,
    remote: &Remote,
    model: &ModelDescription,
    pixels: &[u8],
) -> Result<Classified> {
    let batch = client.parameters().degree() * model.pixels();
    let (mut classified, mut answers) = (Classified::default(), Vec::new());
    let batches = pixels.len().div_ceil(batch);
    for (index, images) in pixels.chunks(batch).enumerate() {
        let prefix = match batches {
            1 => "classify".to_owned(),
            _ => format!("batch {} of {batches}", index + 1),
        };
        answers.push(Encrypted::new(client, model, images, &prefix)?.answered(
            client,
            remote,
            &mut classified.steps,
        )?);
    }
    remote.hang_up();
    for answer in answers {
        answer.decrypted(client, &mut classified)?;
    }
    Ok(classified)
}

/// A batch that is ready to be sent.
pub struct Encrypted {
    pending: PendingAnswer,
    message: Bytes,
    seconds: f64,
    bar: Bar,
}

impl Encrypted {
    /// Encrypts at most a batch of images.
    pub fn new(client: &Client, model: &ModelDescription, images: &[u8], prefix: &str) -> Result<Self> {
        let bar = Bar::new(prefix);
        bar.stage.begin("encrypting", client.encryption_work(model.pixels()));
        let start = Instant::now();
        let quantised = model.levels().quantise_all(images);
        let mut message = Vec::new();
        let pending = client.request(model, &quantised, &bar.stage, &mut message)?;
        Ok(Self { pending, message: message.into(), seconds: start.elapsed().as_secs_f64(), bar })
    }

    /// Has it evaluated.
    pub fn answered(self, client: &Client, remote: &Remote, steps: &mut Steps) -> Result<Answered> {
        let Self { pending, message, seconds, bar } = self;
        steps.encrypt_seconds += seconds;
        let (answer, times) = remote.evaluate(client, &pending, &message, &|step| bar.tell(step))?;
        steps.upload_bytes = message.len() as u64;
        steps.download_bytes = answer.len() as u64;
        let add = |sum: &mut f64, time: Duration| *sum += time.as_secs_f64();
        add(&mut steps.upload_seconds, times.upload);
        add(&mut steps.compute_seconds, times.compute);
        add(&mut steps.download_seconds, times.download);
        steps.batches += 1;
        Ok(Answered { pending, answer })
    }
}

/// A batch's answer, encrypted.
pub struct Answered {
    pending: PendingAnswer,
    answer: Bytes,
}

impl Answered {
    /// Decrypts it.
    pub fn decrypted(self, client: &Client, classified: &mut Classified) -> Result<()> {
        let Self { pending, answer } = self;
        let start = Instant::now();
        let decrypted = client.decrypt(&pending, &answer[..]).context(
            "the provider's answer cannot be trusted, and nothing was written. Do not let the provider know more than \
             that: what decrypts and what does not can give the secret key away",
        )?;
        let steps = &mut classified.steps;
        steps.decrypt_seconds += start.elapsed().as_secs_f64();
        steps.noise_bits = steps.noise_bits.max(decrypted.noise_bits());
        classified.logits.extend((0..pending.images()).map(|slot| decrypted.slot(slot)));
        Ok(())
    }
}

/// The share of an evaluation in these parts.
const PARTS: f64 = 1000.0;

/// Shows one step after the other.
struct Bar {
    stage: StageProgress,
    shown: Mutex<&'static str>,
    done: AtomicU64,
}

impl Bar {
    fn new(prefix: &str) -> Self {
        Self { stage: StageProgress::new(prefix.to_owned()), shown: Mutex::new(""), done: AtomicU64::new(0) }
    }

    fn tell(&self, step: RemoteStep) {
        match step {
            RemoteStep::Upload { sent, all } => self.show("uploading", sent, all),
            RemoteStep::Waiting { .. } => self.show("waiting for others' batches", 0, 1),
            RemoteStep::Computing(done) => self.show("computing", (done * PARTS) as u64, PARTS as u64),
            RemoteStep::Download => self.show("downloading", 0, 1),
        }
    }

    fn show(&self, name: &'static str, done: u64, all: u64) {
        if let Ok(mut shown) = self.shown.lock()
            && *shown != name
        {
            *shown = name;
            self.done.store(0, Ordering::Relaxed);
            self.stage.begin(name, all);
        }
        let before = self.done.fetch_max(done, Ordering::Relaxed);
        self.stage.advance(done.saturating_sub(before));
    }
}
