//! The engine against the reference, on the same ciphertexts in one process.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use sottovoce_bfv::planner::Fixed;
use sottovoce_bfv::{
    ClientKey, EncryptedBatch, EncryptedLogits, Encryption, Engine, Kernel, Layer, LayerTime, Parameters,
    ProgressObserver, ReferenceEvaluator,
};
use sottovoce_network::{Architecture, IntegerEnsemble, NetworkSampler, ObservedRange, sum_logits};
use sottovoce_protocol::{Client, Provider, size};

use crate::encrypted::mismatches;
use crate::session::transfer;
use crate::{EvaluateError, Evaluator, Need, Policy, RangeRule};

/// What a benchmark measured. Seconds are wall-clock time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchRecord {
    /// Networks in the ensemble.
    pub members: usize,
    /// Images in the batch.
    pub images: usize,
    /// Worker threads.
    pub threads: usize,
    /// Instruction set of the engine's inner loops.
    pub kernel: String,
    /// Ring degree.
    pub degree: usize,
    /// Plaintext moduli.
    pub plaintext_moduli: usize,
    /// Bits of their product.
    pub plaintext_bits: u32,
    /// Ciphertext primes.
    pub ciphertext_primes: usize,
    /// Bits of the ciphertext modulus.
    pub ciphertext_modulus_bits: f64,
    /// Ciphertext primes that hidden units keep.
    pub hidden_primes: usize,
    /// What the batch was encrypted with.
    pub encryption: Encryption,
    /// Bytes of the encrypted batch's message.
    pub upload_bytes: usize,
    /// Bytes of the answer's message.
    pub download_bytes: usize,
    /// Encryption of the batch: the median of the repetitions.
    pub encrypt_seconds: f64,
    /// Encryption of the same batch by `fhe` alone, alternating with the one above: the median of the repetitions; absent
    /// where it was left out.
    #[serde(default)]
    pub fhe_encrypt_seconds: Option<f64>,
    /// `fhe_encrypt_seconds / encrypt_seconds`.
    #[serde(default)]
    pub encrypt_ratio: Option<f64>,
    /// Writing, reading and checking the batch's message at the same time: the median of the repetitions.
    pub transfer_seconds: f64,
    /// The transfer's repetitions, in order.
    pub transfer_seconds_all: Vec<f64>,
    /// From pixels to predictions of one batch: encryption, transfer, the engine's work and decryption together.
    #[serde(default)]
    pub prediction_seconds: f64,
    /// The provider's work with the reference; absent where it was left out.
    pub reference_seconds: Option<f64>,
    /// The provider's work with the engine: the median of the repetitions.
    pub engine_seconds: f64,
    /// The engine's repetitions, in order.
    pub engine_seconds_all: Vec<f64>,
    /// Bits of the reference's own ciphertext modulus.
    #[serde(default)]
    pub reference_modulus_bits: Option<f64>,
    /// `reference_seconds / engine_seconds`.
    pub ratio: Option<f64>,
    /// Decryption of the ensemble's logits: the median of the repetitions.
    pub decrypt_seconds: f64,
    /// The largest memory that the process has held, in bytes, where the system tells.
    pub peak_rss_bytes: Option<u64>,
    /// Decrypted ensemble logits that differ from the integer oracle, of engine and reference, over every slot.
    pub mismatches: u64,
    /// Seconds by layer, members added up; the engine's of the median repetition.
    pub layers: Vec<BenchLayer>,
}

/// One layer's seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchLayer {
    /// The layer's name as in `layers.csv`.
    pub layer: String,
    /// With the reference.
    pub reference_seconds: Option<f64>,
    /// With the engine.
    pub engine_seconds: f64,
}

/// What is measured.
#[derive(Debug, Clone)]
pub struct BenchSubject<'a> {
    /// The networks.
    pub ensemble: &'a IntegerEnsemble,
    /// The largest absolute logit that parameters must leave room for, if it is known; it is measured on the batch
    /// otherwise.
    pub largest_logit: Option<i128>,
    /// Images in the batch, random ones.
    pub images: usize,
    /// Repetitions of encryption, of the engine and of decryption, at least one.
    pub repetitions: usize,
    /// Whether the reference runs, too.
    pub with_reference: bool,
    /// The instruction set.
    pub kernel: Kernel,
    /// What of the parameters is fixed.
    pub fixed: Fixed,
}

/// An ensemble of the paper's shape with random weights as small and as sparse as trained ones.
#[must_use]
pub fn random_ensemble(members: usize) -> Option<IntegerEnsemble> {
    // Largest weights and shares of weights that are not zero, as in results/reference.
    let sampler = NetworkSampler::new(Architecture::default(), 1);
    sampler.with_largest_weights([3, 2, 7]).with_densities([0.5, 0.35, 0.7]).ensemble(members).ok()
}

/// Runs engine and reference on the same images, each with parameters of its own, and encryption beside `fhe`'s. `peak_memory` is asked at the end.
///
/// # Errors
/// If there are no parameters for the ensemble, or an evaluation fails. Logits that differ are counted.
pub fn bench_engine(
    subject: &BenchSubject<'_>,
    peak_memory: impl Fn() -> Option<u64>,
    progress: &dyn ProgressObserver,
) -> Result<BenchRecord, EvaluateError> {
    let BenchSubject { ensemble, images, with_reference, kernel, .. } = *subject;
    let repetitions = subject.repetitions.max(1);
    let (pixels, classes) = (ensemble.architecture().pixels(), ensemble.architecture().classes);
    let largest = ensemble.pixel_levels().largest();
    // Ink in a fifth of the pixels, as in handwriting.
    let mut rng = StdRng::seed_from_u64(2);
    let mut ink = || if rng.random_bool(0.2) { rng.random_range(1..=largest) } else { 0 };
    let batch: Vec<u8> = (0..images * pixels).map(|_| ink()).collect();
    progress.begin("the oracle", images as u64);
    let blank = ensemble.member_logits(&vec![0; pixels])?;
    let mut range = ObservedRange::of(&blank);
    let mut expected = Vec::with_capacity(images);
    for image in batch.chunks_exact(pixels) {
        let logits = ensemble.member_logits(image)?;
        range = range.merge(ObservedRange::of(&logits));
        expected.push(sum_logits(&logits));
        progress.advance(1);
    }
    let blank = sum_logits(&blank);
    let needed = range.largest().max(subject.largest_logit.unwrap_or(0));
    let policy = Policy {
        range: RangeRule::Observed,
        range_margin: 0.0,
        hide_model: false,
        fixed: subject.fixed.clone(),
    };
    let need = Need { ensemble, observed: Some(needed), proven: None };
    // Each evaluator has parameters of its own: the reference needs more bits than the engine.
    let parameters_of =
        |evaluator| policy.choose(&[need], images, &[evaluator]).map(|choice| choice.parameters);
    let mut differing = 0;
    // Seconds of the decryption.
    let mut check = |client: &ClientKey, answer: &EncryptedLogits| -> Result<f64, EvaluateError> {
        let (elapsed, decrypted) = timed(|| client.decrypt(answer));
        let decrypted = decrypted?;
        for slot in 0..decrypted.slots() {
            let expected = expected.get(slot).unwrap_or(&blank);
            differing += mismatches(&decrypted.slot(slot), expected);
        }
        Ok(elapsed.as_secs_f64())
    };
    let mut reference = None;
    if with_reference {
        let parameters = parameters_of(Evaluator::Reference)?;
        let client = ClientKey::generate(&parameters);
        let key = client.evaluation_key()?;
        let encrypted = client.encrypt(&batch, pixels, &())?;
        let evaluator = ReferenceEvaluator::new(&key, ensemble);
        progress.begin("the reference", evaluator.work());
        let (seconds, answer) = timed(|| evaluator.evaluate(&encrypted, progress));
        let answer = answer?;
        check(&client, &answer.ensemble)?;
        reference = Some((seconds.as_secs_f64(), answer.times, parameters.ciphertext_modulus_bits()));
    }

    let parameters = parameters_of(Evaluator::Engine(kernel))?;
    let client = ClientKey::generate(&parameters);
    let key = client.evaluation_key()?;
    let engine = Engine::with_kernel(&key, ensemble, kernel)?;

    // Before the batch of the evaluation is in memory as well.
    let transfer_seconds_all = transfers(&parameters, ensemble, &batch, repetitions, progress)?;
    progress.begin("encrypting", client.encryption_work(pixels) * 2 * repetitions as u64);
    let (mut encrypt_seconds, mut fhe_encrypt_seconds) = (Vec::new(), Vec::new());
    let mut encrypt = || -> Result<EncryptedBatch, EvaluateError> {
        let (elapsed, encrypted) = timed(|| client.encrypt_with_fhe(&batch, pixels, progress));
        drop(encrypted?);
        fhe_encrypt_seconds.push(elapsed.as_secs_f64());
        let (elapsed, encrypted) = timed(|| client.encrypt(&batch, pixels, progress));
        encrypt_seconds.push(elapsed.as_secs_f64());
        Ok(encrypted?)
    };
    for _ in 1..repetitions {
        // One batch in memory at a time.
        drop(encrypt()?);
    }
    let encrypted = encrypt()?;
    let encrypt_seconds = median(encrypt_seconds).unwrap_or_default();
    let fhe_encrypt_seconds = median(fhe_encrypt_seconds);
    let transfer_seconds = median(transfer_seconds_all.clone()).unwrap_or_default();
    progress.begin("the engine", engine.work() * repetitions as u64);
    let mut runs = Vec::new();
    let mut decrypt_seconds = Vec::new();
    for _ in 0..repetitions {
        let (seconds, answer) = timed(|| engine.evaluate(&encrypted, false, progress));
        let answer = answer?;
        decrypt_seconds.push(check(&client, &answer.ensemble)?);
        runs.push((seconds.as_secs_f64(), answer.times));
    }
    let engine_seconds_all: Vec<f64> = runs.iter().map(|(seconds, _)| *seconds).collect();
    runs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (engine_seconds, engine_times) = runs.swap_remove(runs.len() / 2);
    let decrypt_seconds = median(decrypt_seconds).unwrap_or_default();
    // A batch of such bytes has just been in memory.
    let bytes = |bytes: u64| bytes as usize;
    Ok(BenchRecord {
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
        reference_seconds: reference.as_ref().map(|(seconds, ..)| *seconds),
        engine_seconds,
        engine_seconds_all,
        reference_modulus_bits: reference.as_ref().map(|(.., bits)| *bits),
        ratio: reference.as_ref().map(|(seconds, ..)| seconds / engine_seconds),
        decrypt_seconds,
        peak_rss_bytes: peak_memory(),
        mismatches: differing,
        layers: layers(reference.as_ref().map(|(_, times, _)| &times[..]), &engine_times),
    })
}

/// Seconds of every transfer of the images, encrypted once more by a client of the protocol's.
fn transfers(
    parameters: &Parameters,
    ensemble: &IntegerEnsemble,
    images: &[u8],
    repetitions: usize,
    progress: &dyn ProgressObserver,
) -> Result<Vec<f64>, EvaluateError> {
    let provider = Provider::new(parameters, vec![ensemble.clone()], 1);
    let client = Client::new(parameters)?;
    provider.register(client.registration())?;
    let message = provider.model_messages()?.pop().unwrap_or_default();
    let model = client.model(&message[..])?;
    progress.begin("encrypting for a transfer", client.encryption_work(model.pixels()));
    let request = client.encrypt(&model, images, progress)?;
    progress.begin("transferring", repetitions as u64);
    let transfer = |_| {
        let (seconds, received) = timed(|| transfer(&provider, &request));
        progress.advance(1);
        received.map(|_| seconds.as_secs_f64()).map_err(EvaluateError::from)
    };
    (0..repetitions).map(transfer).collect()
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

/// The upper median.
fn median(mut seconds: Vec<f64>) -> Option<f64> {
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied()
}

fn layers(reference: Option<&[LayerTime]>, engine: &[LayerTime]) -> Vec<BenchLayer> {
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
    .map(|layer| BenchLayer {
        layer: layer.to_string(),
        reference_seconds: reference.map(|times| seconds(times, layer)),
        engine_seconds: seconds(engine, layer),
    })
    .to_vec()
}
