//! The time from pixels to logits for one image and for many, packed and batched in turn.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Instant;

use sottovoce_bfv::planner::EvaluationForm;
use sottovoce_bfv::{Parameters, ProgressObserver};
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{ForwardError, IntegerEnsemble, PixelLevels};
use sottovoce_protocol::client::Client;
use sottovoce_protocol::provider::{Provider, RegisteredKey};
use sottovoce_protocol::{Evaluator, ModelDescription, ProtocolError};

use crate::batch_classifier::StepTimes;
use crate::engine_benchmark::{median, timed};
use crate::error::EvaluateError;
use crate::oracle::{Oracle, count_mismatches};
use crate::records::latency::{FormLatency, LatencyRow};
use crate::session::transfer;

/// Number of clients whose keys a provider has in memory: the client of the present round, and the one before, whose engine gets the
/// new client's keys.
const CLIENTS_IN_MEMORY: usize = 2;

/// Inputs of [`measure_latency`].
pub struct LatencyInputs<'a> {
    /// The networks.
    pub ensemble: &'a IntegerEnsemble,
    /// Images, of which the first ones are classified.
    pub images: &'a LabelledImages,
    /// The numbers of images to classify, at least 1 each.
    pub counts: &'a [usize],
    /// Number of rounds that count. One more round comes first and is dropped, so that the provider is warm.
    pub rounds: usize,
    /// The largest number of batches of one image that are classified for one count. The times of larger counts are scaled.
    pub max_single_images: usize,
    /// Parameters of the forms to compare, which hold the ensemble's logits.
    pub forms: &'a [Parameters],
    /// The provider's evaluator.
    pub evaluator: Evaluator,
}

/// Measures keys, encryption, evaluation and decryption of every form for every number of images. In each round, every form's client
/// makes new keys and registers them; then the forms classify each number of images, one form after the other.
///
/// Client and provider exchange only messages, in one process. Every decrypted logit of every slot is compared with the oracle.
///
/// # Errors
/// If there are too few images, the images do not fit the networks, or the noise exceeds its budget.
pub fn measure_latency(
    inputs: &LatencyInputs<'_>,
    progress: &dyn ProgressObserver,
) -> Result<Vec<FormLatency>, EvaluateError> {
    let mut sides = inputs
        .forms
        .iter()
        .map(|parameters| FormSide::new(parameters, inputs))
        .collect::<Result<Vec<_>, _>>()?;
    let measured = |side: &FormSide<'_>| -> Vec<usize> {
        inputs.counts.iter().map(|&count| side.measured_images(count)).collect()
    };
    let needed = sides.iter().flat_map(measured).max().unwrap_or(0);
    if needed > inputs.images.len() {
        return Err(EvaluateError::TooFewImages { requested: needed, available: inputs.images.len() });
    }
    let architecture = inputs.ensemble.architecture();
    let (found, needed_pixels) = (inputs.images.side() * inputs.images.side(), architecture.pixels());
    if found != needed_pixels {
        return Err(ForwardError::ImageSize { found, needed: needed_pixels }.into());
    }
    progress.begin("computing the expected logits", needed as u64);
    let oracle = Oracle::new(inputs.ensemble, &inputs.images.take(needed), progress)?;

    for round in 0..=inputs.rounds {
        let work: usize = sides.iter().flat_map(measured).sum();
        progress.begin(&format!("round {} of {}", round + 1, inputs.rounds + 1), work as u64);
        let mut finished = Vec::new();
        for side in &mut sides {
            side.renew_client(round > 0)?;
        }
        for &count in inputs.counts {
            for side in &mut sides {
                let images = side.measured_images(count);
                // Counts that are scaled from the same images share their measurement.
                if !finished.contains(&(side.form(), images)) {
                    finished.push((side.form(), images));
                    side.measure(images, &oracle, round > 0)?;
                }
                progress.advance(images as u64);
            }
        }
    }
    Ok(sides.into_iter().map(|side| side.into_record(inputs.counts)).collect())
}

/// Client and provider of one form, with its measurements.
struct FormSide<'a> {
    parameters: &'a Parameters,
    images: &'a LabelledImages,
    levels: PixelLevels,
    max_single_images: usize,
    provider: Provider,
    client: RegisteredClient,
    key_seconds: Vec<f64>,
    registration_seconds: Vec<f64>,
    /// Measurements by number of images, one for each round.
    counts: BTreeMap<usize, Vec<CountMeasurement>>,
    noise_bits: usize,
    noise_budget_bits: usize,
    mismatches: u64,
}

/// A client whose keys the provider has.
struct RegisteredClient {
    client: Client,
    key: RegisteredKey,
    model: ModelDescription,
}

/// Steps of all batches of one number of images.
#[derive(Default)]
struct CountMeasurement {
    batches: usize,
    times: StepTimes,
    upload_bytes: u64,
    download_bytes: u64,
}

impl<'a> FormSide<'a> {
    fn new(parameters: &'a Parameters, inputs: &LatencyInputs<'a>) -> Result<Self, EvaluateError> {
        let provider = Provider::new(parameters, vec![inputs.ensemble.clone()], CLIENTS_IN_MEMORY)?
            .with_evaluator(inputs.evaluator)?;
        let (client, _) = register(&provider, Client::new(parameters)?)?;
        Ok(Self {
            parameters,
            images: inputs.images,
            levels: inputs.ensemble.pixel_levels(),
            max_single_images: inputs.max_single_images,
            provider,
            client,
            key_seconds: Vec::new(),
            registration_seconds: Vec::new(),
            counts: BTreeMap::new(),
            noise_bits: 0,
            noise_budget_bits: usize::MAX,
            mismatches: 0,
        })
    }

    fn form(&self) -> EvaluationForm {
        match self.parameters.packed() {
            Some(_) => EvaluationForm::Packed,
            None => EvaluationForm::Batched,
        }
    }

    /// Number of images that are classified to measure `count` images.
    fn measured_images(&self, count: usize) -> usize {
        if self.parameters.images_per_batch() == 1 { count.min(self.max_single_images) } else { count }
    }

    /// Makes a client with new keys and registers it with the provider. The times count if `counts` is set.
    fn renew_client(&mut self, counts: bool) -> Result<(), EvaluateError> {
        let (key_seconds, client) = timed(|| Client::new(self.parameters));
        let (client, registration_seconds) = register(&self.provider, client?)?;
        self.client = client;
        if counts {
            self.key_seconds.push(key_seconds);
            self.registration_seconds.push(registration_seconds);
        }
        Ok(())
    }

    /// Classifies the first `count` images, batch by batch. The times count if `counts` is set, mismatches always.
    fn measure(&mut self, count: usize, oracle: &Oracle, counts: bool) -> Result<(), EvaluateError> {
        let mut measurement = CountMeasurement::default();
        for first in (0..count).step_by(self.parameters.images_per_batch()) {
            let end = count.min(first + self.parameters.images_per_batch());
            self.classify(first..end, oracle, &mut measurement)?;
        }
        if counts {
            self.counts.entry(count).or_default().push(measurement);
        }
        Ok(())
    }

    fn classify(
        &mut self,
        range: Range<usize>,
        oracle: &Oracle,
        measurement: &mut CountMeasurement,
    ) -> Result<(), EvaluateError> {
        let RegisteredClient { client, key, model } = &self.client;
        let start = Instant::now();
        let values: Vec<u8> =
            range.clone().flat_map(|image| self.levels.quantise_all(self.images.image(image))).collect();
        let request = client.encrypt(model, &values, &())?;
        let encrypt = start.elapsed();

        let start = Instant::now();
        let (batch, pending, bytes) = transfer(&self.provider, key, &request)?;
        let transfer = start.elapsed();
        drop(request);

        let start = Instant::now();
        let answer = self.provider.evaluate(&batch, &())?;
        let evaluate = start.elapsed();

        let start = Instant::now();
        let decrypted = client.decrypt(&pending, &answer[..])?;
        let decrypt = start.elapsed();

        self.noise_bits = self.noise_bits.max(decrypted.noise_bits());
        self.noise_budget_bits = self.noise_budget_bits.min(decrypted.noise_budget_bits());
        for slot in 0..decrypted.slots() {
            // Slots after the batch's last image hold blank images.
            let image = if slot < range.len() { range.start + slot } else { usize::MAX };
            self.mismatches += count_mismatches(&decrypted.slot(slot), &oracle.ensemble_logits(image));
        }
        measurement.batches += 1;
        measurement.times = measurement.times + StepTimes { encrypt, transfer, evaluate, decrypt };
        measurement.upload_bytes += bytes as u64;
        measurement.download_bytes += answer.len() as u64;
        Ok(())
    }

    fn into_record(self, counts: &[usize]) -> FormLatency {
        let (form, parameters) = (self.form(), self.parameters);
        let row = |&images: &usize| {
            let measured_images = self.measured_images(images);
            let rounds = self.counts.get(&measured_images).map_or(&[][..], Vec::as_slice);
            latency_row(images, measured_images, images.div_ceil(self.parameters.images_per_batch()), rounds)
        };
        FormLatency {
            form,
            degree: parameters.degree(),
            plaintext_moduli: parameters.plaintext_moduli(),
            ciphertext_modulus_bits: parameters.ciphertext_modulus_bits(),
            key_modulus_bits: parameters.key_modulus_bits(),
            security_limit_bits: parameters.security_limit_bits(),
            key_seconds: median(self.key_seconds.clone()).unwrap_or_default(),
            registration_seconds: median(self.registration_seconds.clone()).unwrap_or_default(),
            registration_bytes: self.client.client.registration_message().len(),
            noise_bits: self.noise_bits,
            noise_budget_bits: self.noise_budget_bits,
            mismatches: self.mismatches,
            rows: counts.iter().map(row).collect(),
            key_seconds_all: self.key_seconds,
        }
    }
}

/// Registers a client with the provider, which prepares its engine for the client's keys. Returns the client, and the provider's
/// seconds.
fn register(provider: &Provider, client: Client) -> Result<(RegisteredClient, f64), EvaluateError> {
    let message = provider.model_messages().pop().unwrap_or_default();
    let model = client.read_model(&message[..])?;
    let (seconds, key) = timed(|| {
        let key = provider.register(client.key_fingerprint(), client.registration_message())?;
        provider.work_for(&key, model.fingerprint())?;
        Ok::<_, ProtocolError>(key)
    });
    Ok((RegisteredClient { client, key: key?, model }, seconds))
}

/// Makes the row of `images` images in `batches` batches from the rounds in which `measured_images` images were classified.
fn latency_row(
    images: usize,
    measured_images: usize,
    batches: usize,
    rounds: &[CountMeasurement],
) -> LatencyRow {
    let factor = images as f64 / measured_images as f64;
    let seconds = |step: fn(&StepTimes) -> std::time::Duration| {
        rounds.iter().map(|round| step(&round.times).as_secs_f64() * factor).collect::<Vec<f64>>()
    };
    let median_seconds = |step| median(seconds(step)).unwrap_or_default();
    // All batches of a form are messages of the same length.
    let bytes = |total: fn(&CountMeasurement) -> u64| {
        rounds.first().map_or(0, |round| total(round) / round.batches as u64 * batches as u64)
    };
    LatencyRow {
        images,
        measured_images,
        batches,
        encrypt_seconds: median_seconds(|times| times.encrypt),
        transfer_seconds: median_seconds(|times| times.transfer),
        provider_seconds: median_seconds(|times| times.evaluate),
        decrypt_seconds: median_seconds(|times| times.decrypt),
        seconds: median_seconds(StepTimes::total),
        seconds_all: seconds(StepTimes::total),
        upload_bytes: bytes(|round| round.upload_bytes),
        download_bytes: bytes(|round| round.download_bytes),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn scaled_rows_multiply_seconds_and_count_bytes_by_batch() {
        let round = |milliseconds: u64| CountMeasurement {
            batches: 100,
            times: StepTimes { evaluate: Duration::from_millis(milliseconds), ..StepTimes::default() },
            upload_bytes: 100 * 7,
            download_bytes: 100 * 3,
        };
        let row = latency_row(8192, 100, 8192, &[round(500), round(200), round(300)]);
        assert!(row.is_scaled());
        assert!((row.provider_seconds - 0.3 * 81.92).abs() < 1e-9, "{row:?}");
        assert!((row.seconds - row.provider_seconds).abs() < 1e-9, "{row:?}");
        assert_eq!(row.seconds_all.len(), 3);
        assert_eq!((row.upload_bytes, row.download_bytes), (8192 * 7, 8192 * 3));
        assert!(!latency_row(100, 100, 100, &[round(1)]).is_scaled());
    }
}
