//! Classification of images in batches: encryption, request, decryption.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use serde::Serialize;
use sottovoce_bfv::{BfvError, ProgressObserver as _};
use sottovoce_protocol::client::{Client, PendingAnswer};
use sottovoce_protocol::{ModelDescription, ProtocolError};
use sottovoce_service::remote::{RemoteProgress, RemoteProvider};

use super::agreement::Agreement;
use super::known_images::KnownImages;
use super::slots::{self, SlotAssignment};
use crate::progress::StageProgress;

/// Decrypted logits, with times and bytes.
#[derive(Debug, Default)]
pub struct Classified {
    /// Logits of every image, one for each class.
    pub logits: Vec<Vec<i128>>,
    pub steps: Steps,
    /// Comparison of the images in spare slots.
    pub agreement: Agreement,
}

/// Wall-clock seconds of every step, for all batches together, and bytes. Repeated requests count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Steps {
    pub batches: usize,
    /// Time to quantise and encrypt images and to write the message.
    pub encrypt_seconds: f64,
    /// Time until the provider has received and checked the message.
    pub upload_seconds: f64,
    /// Time until the provider has evaluated the batch, including the wait for other batches.
    pub compute_seconds: f64,
    /// Time until the answer is received.
    pub download_seconds: f64,
    pub decrypt_seconds: f64,
    /// Bytes of one batch's message.
    pub upload_bytes: u64,
    /// Bytes of one answer's message.
    pub download_bytes: u64,
    /// Bits of the largest noise coefficient in any answer. They depend on the secret key, so they are shown only on request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise_bits: Option<usize>,
}

impl Steps {
    /// Seconds from pixels to logits.
    pub fn seconds(&self) -> f64 {
        self.encrypt_seconds
            + self.upload_seconds
            + self.compute_seconds
            + self.download_seconds
            + self.decrypt_seconds
    }
}

/// Classifies images, given as one byte for each pixel, in batches. Spare slots hold known images and copies of the images, at
/// random positions; [`Agreement::check`] says if their logits agree.
///
/// Answers are decrypted after the last batch is answered. Otherwise a provider that got no further batches after a bad answer
/// would know that decryption failed.
///
/// # Errors
/// If encryption or a request fails, or an answer cannot be decrypted.
pub fn classify(
    client: &Client,
    remote: &RemoteProvider,
    model: &ModelDescription,
    pixels: &[u8],
    known: &KnownImages,
) -> Result<Classified> {
    let batch = slots::capacity(client.parameters().images_per_batch(), known.len()) * model.pixels();
    let (mut classified, mut answers) = (Classified::default(), Vec::new());
    let batches = pixels.len().div_ceil(batch);
    for (index, images) in pixels.chunks(batch).enumerate() {
        let prefix = match batches {
            1 => "classify".to_owned(),
            _ => format!("batch {} of {batches}", index + 1),
        };
        answers.push(EncryptedBatch::new(client, model, images, known, &prefix)?.send(
            client,
            remote,
            &mut classified.steps,
        )?);
    }
    remote.disconnect();
    for answer in answers {
        answer.decrypt(client, known, &mut classified)?;
    }
    Ok(classified)
}

/// An encrypted batch.
pub struct EncryptedBatch {
    pending: PendingAnswer,
    assignment: SlotAssignment,
    message: Bytes,
    seconds: f64,
    progress: BatchProgress,
}

impl EncryptedBatch {
    /// Encrypts at most a batch of images, with known images and copies in the spare slots.
    pub fn new(
        client: &Client,
        model: &ModelDescription,
        images: &[u8],
        known: &KnownImages,
        prefix: &str,
    ) -> Result<Self> {
        let progress = BatchProgress::new(prefix);
        progress.stage.begin("encrypting", client.encryption_work(model.pixels()));
        let start = Instant::now();
        let (size, slots) = (model.pixels(), client.parameters().images_per_batch());
        // The generator is seeded by the operating system.
        let assignment =
            SlotAssignment::random(images.len() / size.max(1), known.len(), slots, &mut rand::rng());
        let quantised = model.levels().quantise_all(&assignment.arrange(images, known.pixels(), size));
        let mut message = Vec::new();
        let pending = client.write_batch(model, &quantised, &progress.stage, &mut message)?;
        let seconds = start.elapsed().as_secs_f64();
        Ok(Self { pending, assignment, message: message.into(), seconds, progress })
    }

    /// Sends the batch to the provider and receives the encrypted answer.
    pub fn send(
        self,
        client: &Client,
        remote: &RemoteProvider,
        steps: &mut Steps,
    ) -> Result<EncryptedAnswer> {
        let Self { pending, assignment, message, seconds, progress } = self;
        steps.encrypt_seconds += seconds;
        let (answer, times) =
            remote.evaluate(client, &pending, &message, &|step| progress.show_step(step))?;
        steps.upload_bytes = message.len() as u64;
        steps.download_bytes = answer.len() as u64;
        let add = |sum: &mut f64, time: Duration| *sum += time.as_secs_f64();
        add(&mut steps.upload_seconds, times.upload);
        add(&mut steps.compute_seconds, times.compute);
        add(&mut steps.download_seconds, times.download);
        steps.batches += 1;
        Ok(EncryptedAnswer { pending, assignment, answer })
    }
}

/// The encrypted answer of a batch.
pub struct EncryptedAnswer {
    pending: PendingAnswer,
    assignment: SlotAssignment,
    answer: Bytes,
}

impl EncryptedAnswer {
    /// Decrypts the answer, adds the logits of its images to `classified`, and compares the others.
    pub fn decrypt(self, client: &Client, known: &KnownImages, classified: &mut Classified) -> Result<()> {
        let Self { pending, assignment, answer } = self;
        let start = Instant::now();
        let decrypted = client.decrypt(&pending, &answer[..]).map_err(|error| match error {
            // The number of bits depends on the secret key, and this text may be passed on.
            ProtocolError::Bfv(BfvError::NoiseExhausted { .. }) => anyhow!("the answer has too much noise"),
            error => error.into(),
        });
        let decrypted = decrypted.context(
            "the provider's answer cannot be trusted, and no predictions were written. Do not tell the provider which answers \
             decrypt: this can reveal the secret key",
        )?;
        let steps = &mut classified.steps;
        steps.decrypt_seconds += start.elapsed().as_secs_f64();
        steps.noise_bits = steps.noise_bits.max(Some(decrypted.noise_bits()));
        let logits = classified.agreement.compare(&assignment, known, |slot| decrypted.slot(slot));
        classified.logits.extend(logits);
        Ok(())
    }
}

/// Number of parts in which the progress of an evaluation is shown.
const PROGRESS_PARTS: f64 = 1000.0;

/// Shows the progress of the steps of one batch.
struct BatchProgress {
    stage: StageProgress,
    shown: Mutex<&'static str>,
    done: AtomicU64,
}

impl BatchProgress {
    fn new(prefix: &str) -> Self {
        Self { stage: StageProgress::new(prefix.to_owned()), shown: Mutex::new(""), done: AtomicU64::new(0) }
    }

    fn show_step(&self, step: RemoteProgress) {
        match step {
            RemoteProgress::Uploading { sent_bytes, total_bytes } => {
                self.show("uploading", sent_bytes, total_bytes)
            }
            RemoteProgress::Waiting { .. } => self.show("waiting for other batches", 0, 1),
            RemoteProgress::Computing { done } => {
                self.show("computing", (done * PROGRESS_PARTS) as u64, PROGRESS_PARTS as u64)
            }
            RemoteProgress::Downloading => self.show("downloading", 0, 1),
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
