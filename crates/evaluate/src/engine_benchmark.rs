//! Benchmark of the engine and the reference evaluator on the same images in one process.

use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use sottovoce_bfv::planner::FixedParameters;
use sottovoce_bfv::{
    ClientKey, EncryptedBatch, EncryptedLogits, Encryption, Engine, Kernel, Layer, LayerTime, Parameters,
    ProgressObserver, ReferenceEvaluator,
};
use sottovoce_network::{Architecture, IntegerEnsemble, NetworkSampler};
use sottovoce_protocol::client::Client;
use sottovoce_protocol::provider::Provider;
use sottovoce_protocol::{Evaluator, size};

use crate::error::EvaluateError;
use crate::oracle::Oracle;
use crate::parameter_policy::{ParameterPolicy, RangeKind, RangedEnsemble};
use crate::session::transfer;

/// Results of a benchmark. Seconds are wall-clock time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchmarkRecord {
    /// Number of networks in the ensemble.
    pub members: usize,
    /// Number of images in the batch.
    pub images: usize,
    /// Number of worker threads.
    pub threads: usize,
    /// Instruction set of the engine's inner loops.
    pub kernel: String,
    /// Ring degree.
    pub degree: usize,
    /// Number of plaintext moduli.
    pub plaintext_moduli: usize,
    /// Bits of the product of the plaintext moduli.
    pub plaintext_bits: u32,
    /// Number of ciphertext primes.
    pub ciphertext_primes: usize,
    /// Bits of the ciphertext modulus.
    pub ciphertext_modulus_bits: f64,
    /// Number of ciphertext primes that hidden units keep.
    pub hidden_primes: usize,
    /// The key that the batch was encrypted with.
    pub encryption: Encryption,
    /// Bytes of the encrypted batch's message.
    pub upload_bytes: usize,
    /// Bytes of the answer's message.
    pub download_bytes: usize,
    /// Seconds of encrypting the batch: the median of the repetitions.
    pub encrypt_seconds: f64,
    /// Seconds of encrypting the same batch with the `fhe` crate: the median of the repetitions, which alternate with those of
    /// `encrypt_seconds`. Absent if it was not measured.
    #[serde(default)]
    pub fhe_encrypt_seconds: Option<f64>,
    /// `fhe_encrypt_seconds / encrypt_seconds`.
    #[serde(default)]
    pub encrypt_ratio: Option<f64>,
    /// Seconds of writing, reading and checking the batch's message, all at the same time: the median of the repetitions.
    pub transfer_seconds: f64,
    /// Seconds of each repetition of the transfer, in order.
    pub transfer_seconds_all: Vec<f64>,
    /// Seconds from pixels to predictions of one batch: encryption, transfer, evaluation with the engine and decryption together.
    #[serde(default)]
    pub prediction_seconds: f64,
    /// Seconds of evaluation with the reference; absent if it was not measured.
    pub reference_seconds: Option<f64>,
    /// Seconds of evaluation with the engine: the median of the repetitions.
    pub engine_seconds: f64,
    /// Seconds of each repetition with the engine, in order.
    pub engine_seconds_all: Vec<f64>,
    /// Bits of the ciphertext modulus that the reference used.
    #[serde(default)]
    pub reference_modulus_bits: Option<f64>,
    /// `reference_seconds / engine_seconds`.
    pub ratio: Option<f64>,
    /// Seconds of decrypting the ensemble's logits: the median of the repetitions.
    pub decrypt_seconds: f64,
    /// The largest memory of the process, in bytes, if the system reports it.
    pub peak_rss_bytes: Option<u64>,
    /// Number of decrypted ensemble logits that differ from the integer oracle, over every slot, with engine and reference.
    pub mismatches: u64,
    /// Seconds of each layer, summed over the members. The engine's seconds are those of the median repetition.
    pub layers: Vec<LayerSeconds>,
}

/// Seconds of one layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerSeconds {
    /// Name of the layer as in `layers.csv`.
    pub layer: String,
    /// Seconds with the reference.
    pub reference_seconds: Option<f64>,
    /// Seconds with the engine.
    pub engine_seconds: f64,
}

/// Inputs of a benchmark.
#[derive(Debug, Clone)]
pub struct BenchmarkInputs<'a> {
    /// The networks.
    pub ensemble: &'a IntegerEnsemble,
    /// The largest absolute logit that parameters must hold, if it is known. The largest logit of the batch is held in any case.
    pub largest_logit: Option<i128>,
    /// Number of random images in the batch.
    pub images: usize,
    /// Number of repetitions of encryption, transfer, the engine and decryption, at least one.
    pub repetitions: usize,
    /// True if the reference is measured too.
    pub with_reference: bool,
    /// Instruction set of the engine.
    pub kernel: Kernel,
    /// Parameters that are given and not chosen.
    pub fixed: FixedParameters,
}

/// Makes an ensemble of the paper's shape with random weights that are as small and as sparse as trained weights. Returns `None` if
/// there are no members.
#[must_use]
pub fn random_ensemble(members: usize) -> Option<IntegerEnsemble> {
    // Largest weights and shares of non-zero weights as in results/reference.
    let sampler = NetworkSampler::new(Architecture::default(), 1);
    sampler.with_largest_weights([3, 2, 7]).with_densities([0.5, 0.35, 0.7]).ensemble(members).ok()
}

/// Makes `images` random quantised images. A fifth of the pixels have ink, as in handwriting.
fn random_images(ensemble: &IntegerEnsemble, images: usize) -> Vec<u8> {
    let largest = ensemble.pixel_levels().largest();
    let mut rng = StdRng::seed_from_u64(2);
    let mut pixel = || if rng.random_bool(0.2) { rng.random_range(1..=largest) } else { 0 };
    (0..images * ensemble.architecture().pixels()).map(|_| pixel()).collect()
}

/// Measures engine and reference on the same images, each with its own parameters, and encryption with this crate and with `fhe`.
/// `peak_memory` is called at the end and returns the largest memory of the process in bytes.
///
/// # Errors
/// If there are no parameters for the ensemble, or an evaluation fails. Mismatches with the oracle are counted and are not errors.
pub fn benchmark_engine(
    inputs: &BenchmarkInputs<'_>,
    peak_memory: impl Fn() -> Option<u64>,
    progress: &dyn ProgressObserver,
) -> Result<BenchmarkRecord, EvaluateError> {
    let BenchmarkInputs { ensemble, images, with_reference, kernel, .. } = *inputs;
    let repetitions = inputs.repetitions.max(1);
    let (pixels, classes) = (ensemble.architecture().pixels(), ensemble.architecture().classes);
    let batch = random_images(ensemble, images);
    progress.begin("the oracle", images as u64);
    let oracle = Oracle::of_quantised(ensemble, &batch, progress)?;
    let policy = ParameterPolicy {
        range: RangeKind::Observed,
        range_margin: 0.0,
        hide_model: false,
        fixed: inputs.fixed.clone(),
    };
    let observed_logit = Some(oracle.largest_logit().max(inputs.largest_logit.unwrap_or(0)));
    let ranged = RangedEnsemble { ensemble, observed_logit, proven_logit: None };
    // Each evaluator has its own parameters, because the reference needs more bits than the engine.
    let parameters_for =
        |evaluator| policy.choose(&[ranged], images, &[evaluator]).map(|choice| choice.parameters);
    let mut answers = AnswerCheck { oracle: &oracle, mismatches: 0 };

    let reference = if with_reference {
        let parameters = parameters_for(Evaluator::Reference)?;
        Some(measure_reference(&parameters, ensemble, &batch, &mut answers, progress)?)
    } else {
        None
    };

    let parameters = parameters_for(Evaluator::Engine(kernel))?;
    let client = ClientKey::generate(&parameters);
    let key = client.evaluation_key()?;
    let engine = Engine::with_kernel(&key, ensemble, kernel)?;
    // Transfers are measured before the batch of the evaluation is in memory.
    let transfer_seconds_all = measure_transfers(&parameters, ensemble, &batch, repetitions, progress)?;
    let encryption = measure_encryption(&client, &batch, pixels, repetitions, progress)?;
    let evaluation =
        measure_engine(&engine, &client, &encryption.batch, repetitions, &mut answers, progress)?;

    let (encrypt_seconds, fhe_encrypt_seconds) = (encryption.seconds, encryption.fhe_seconds);
    let transfer_seconds = median(transfer_seconds_all.clone()).unwrap_or_default();
    let EngineMeasurement { seconds: engine_seconds, decrypt_seconds, .. } = evaluation;
    // Messages of these sizes have just been in memory, so the casts are exact.
    let bytes = |bytes: u64| bytes as usize;
    Ok(BenchmarkRecord {
        members: ensemble.members().len(),
        images,
        threads: rayon::current_num_threads(),
        kernel: kernel.to_string(),
        degree: parameters.degree(),
        plaintext_moduli: parameters.channels().len(),
        plaintext_bits: parameters.plaintext_bits().ceil() as u32,
        ciphertext_primes: parameters.ciphertext_primes().len(),
        ciphertext_modulus_bits: parameters.ciphertext_modulus_bits(),
        hidden_primes: parameters.hidden_primes(),
        encryption: parameters.encryption(),
        upload_bytes: bytes(size::batch_bytes(&parameters, pixels)),
        download_bytes: bytes(size::answer_bytes(&parameters, classes)),
        encrypt_seconds,
        prediction_seconds: encrypt_seconds + transfer_seconds + engine_seconds + decrypt_seconds,
        fhe_encrypt_seconds,
        encrypt_ratio: fhe_encrypt_seconds.map(|fhe| fhe / encrypt_seconds),
        transfer_seconds,
        transfer_seconds_all,
        reference_seconds: reference.as_ref().map(|reference| reference.seconds),
        engine_seconds,
        engine_seconds_all: evaluation.seconds_all,
        reference_modulus_bits: reference.as_ref().map(|reference| reference.modulus_bits),
        ratio: reference.as_ref().map(|reference| reference.seconds / engine_seconds),
        decrypt_seconds,
        peak_rss_bytes: peak_memory(),
        mismatches: answers.mismatches,
        layers: layer_seconds(reference.as_ref().map(|reference| &reference.times[..]), &evaluation.times),
    })
}

/// Decrypts answers and counts their mismatches with the oracle.
struct AnswerCheck<'a> {
    oracle: &'a Oracle,
    mismatches: u64,
}

impl AnswerCheck<'_> {
    /// Decrypts `answer`, adds its mismatches, and returns the seconds of the decryption.
    fn decrypt(&mut self, client: &ClientKey, answer: &EncryptedLogits) -> Result<f64, EvaluateError> {
        let (seconds, decrypted) = timed(|| client.decrypt(answer));
        let decrypted = decrypted?;
        let slots = (0..decrypted.slots()).map(|slot| decrypted.slot(slot));
        self.mismatches += self.oracle.ensemble_mismatches(slots);
        Ok(seconds)
    }
}

struct ReferenceMeasurement {
    seconds: f64,
    times: Vec<LayerTime>,
    modulus_bits: f64,
}

/// Measures one evaluation with the reference.
fn measure_reference(
    parameters: &Parameters,
    ensemble: &IntegerEnsemble,
    batch: &[u8],
    answers: &mut AnswerCheck<'_>,
    progress: &dyn ProgressObserver,
) -> Result<ReferenceMeasurement, EvaluateError> {
    let client = ClientKey::generate(parameters);
    let key = client.evaluation_key()?;
    let encrypted = client.encrypt(batch, ensemble.architecture().pixels(), &())?;
    let evaluator = ReferenceEvaluator::new(&key, ensemble);
    progress.begin("the reference", evaluator.work());
    let (seconds, answer) = timed(|| evaluator.evaluate(&encrypted, progress));
    let answer = answer?;
    answers.decrypt(&client, &answer.ensemble)?;
    let modulus_bits = parameters.ciphertext_modulus_bits();
    Ok(ReferenceMeasurement { seconds, times: answer.times, modulus_bits })
}

/// Measures the transfer of the images from a client to a provider, in seconds for each repetition.
fn measure_transfers(
    parameters: &Parameters,
    ensemble: &IntegerEnsemble,
    images: &[u8],
    repetitions: usize,
    progress: &dyn ProgressObserver,
) -> Result<Vec<f64>, EvaluateError> {
    let provider = Provider::new(parameters, vec![ensemble.clone()], 1)?;
    let client = Client::new(parameters)?;
    let key = provider.register(client.key_fingerprint(), client.registration_message())?;
    let message = provider.model_messages().pop().unwrap_or_default();
    let model = client.read_model(&message[..])?;
    progress.begin("encrypting for a transfer", client.encryption_work(model.pixels()));
    let request = client.encrypt(&model, images, progress)?;
    progress.begin("transferring", repetitions as u64);
    let transfer = |_| {
        let (seconds, received) = timed(|| transfer(&provider, &key, &request));
        progress.advance(1);
        received.map(|_| seconds).map_err(EvaluateError::from)
    };
    (0..repetitions).map(transfer).collect()
}

struct EncryptionMeasurement {
    /// Median seconds with this crate's encryption.
    seconds: f64,
    /// Median seconds with `fhe`.
    fhe_seconds: Option<f64>,
    /// The batch of the last repetition.
    batch: EncryptedBatch,
}

/// Measures encryption with `fhe` and with this crate's encryption, in turn.
fn measure_encryption(
    client: &ClientKey,
    batch: &[u8],
    pixels: usize,
    repetitions: usize,
    progress: &dyn ProgressObserver,
) -> Result<EncryptionMeasurement, EvaluateError> {
    progress.begin("encrypting", client.encryption_work(pixels) * 2 * repetitions as u64);
    let (mut seconds_all, mut fhe_seconds_all) = (Vec::new(), Vec::new());
    let mut encrypt = || -> Result<EncryptedBatch, EvaluateError> {
        let (seconds, encrypted) = timed(|| client.encrypt_with_fhe(batch, pixels, progress));
        drop(encrypted?);
        fhe_seconds_all.push(seconds);
        let (seconds, encrypted) = timed(|| client.encrypt(batch, pixels, progress));
        seconds_all.push(seconds);
        Ok(encrypted?)
    };
    for _ in 1..repetitions {
        // Memory holds one batch at a time.
        drop(encrypt()?);
    }
    let batch = encrypt()?;
    let seconds = median(seconds_all).unwrap_or_default();
    Ok(EncryptionMeasurement { seconds, fhe_seconds: median(fhe_seconds_all), batch })
}

struct EngineMeasurement {
    /// Median seconds of an evaluation.
    seconds: f64,
    /// Seconds of each repetition, in order.
    seconds_all: Vec<f64>,
    /// Times of the layers in the median repetition.
    times: Vec<LayerTime>,
    /// Median seconds of a decryption.
    decrypt_seconds: f64,
}

/// Measures evaluation with the engine, and decryption of its answers.
fn measure_engine(
    engine: &Engine,
    client: &ClientKey,
    batch: &EncryptedBatch,
    repetitions: usize,
    answers: &mut AnswerCheck<'_>,
    progress: &dyn ProgressObserver,
) -> Result<EngineMeasurement, EvaluateError> {
    progress.begin("the engine", engine.work() * repetitions as u64);
    let (mut runs, mut decrypt_seconds) = (Vec::new(), Vec::new());
    for _ in 0..repetitions {
        let (seconds, answer) = timed(|| engine.evaluate(batch, false, progress));
        let answer = answer?;
        decrypt_seconds.push(answers.decrypt(client, &answer.ensemble)?);
        runs.push((seconds, answer.times));
    }
    let seconds_all: Vec<f64> = runs.iter().map(|(seconds, _)| *seconds).collect();
    runs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (seconds, times) = runs.swap_remove(runs.len() / 2);
    let decrypt_seconds = median(decrypt_seconds).unwrap_or_default();
    Ok(EngineMeasurement { seconds, seconds_all, times, decrypt_seconds })
}

/// Runs `work` and returns its wall-clock seconds and its result.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed().as_secs_f64(), result)
}

/// Returns the upper median.
pub(crate) fn median(mut seconds: Vec<f64>) -> Option<f64> {
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied()
}

/// Sums the times of each layer over the members, in seconds.
fn layer_seconds(reference: Option<&[LayerTime]>, engine: &[LayerTime]) -> Vec<LayerSeconds> {
    let seconds = |times: &[LayerTime], layer: Layer| {
        times.iter().filter(|time| time.layer == layer).map(|time| time.elapsed.as_secs_f64()).sum::<f64>()
    };
    [
        Layer::Convolution1,
        Layer::Activation2,
        Layer::Dense3,
        Layer::Activation4,
        Layer::Dense5,
        Layer::EnsembleSum,
    ]
    .map(|layer| LayerSeconds {
        layer: layer.to_string(),
        reference_seconds: reference.map(|times| seconds(times, layer)),
        engine_seconds: seconds(engine, layer),
    })
    .to_vec()
}
