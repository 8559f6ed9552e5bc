//! The engine against the reference, on the same ciphertexts in one process.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use sottovoce_bfv::planner::Fixed;
use sottovoce_bfv::{
    ClientKey, EncryptedLogits, Encryption, Engine, Kernel, Layer, LayerTime, ReferenceEvaluator,
};
use sottovoce_network::{
    Architecture, Block, IntegerEnsemble, IntegerNetwork, ObservedRange, PixelLevels, sum_logits,
};
use sottovoce_protocol::size;

use crate::encrypted::mismatches;
use crate::{EvaluateError, Evaluator, Need, Policy, Progress, RangeRule};

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
    /// Primes that the engine evaluates at.
    pub evaluation_primes: usize,
    /// What the batch was encrypted with.
    pub encryption: Encryption,
    /// Bytes of the encrypted batch's message.
    pub upload_bytes: usize,
    /// Bytes of the answer's message.
    pub download_bytes: usize,
    /// Encryption of the batch.
    pub encrypt_seconds: f64,
    /// The provider's work with the reference; absent where it was left out.
    pub reference_seconds: Option<f64>,
    /// The provider's work with the engine: the median of the repetitions.
    pub engine_seconds: f64,
    /// The engine's repetitions, in order.
    pub engine_seconds_all: Vec<f64>,
    /// `reference_seconds / engine_seconds`.
    pub ratio: Option<f64>,
    /// Decryption of the ensemble's logits.
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
    /// The engine's repetitions.
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
    let shape = Architecture::default();
    let mut rng = StdRng::seed_from_u64(1);
    let mut network = || {
        // Largest weights and shares of weights that are not zero, as in results/reference.
        let mut layers = [(3, 0.5), (2, 0.35), (7, 0.7)].into_iter();
        let blocks = IntegerNetwork::shapes(&shape).map(|(_, [rows, columns])| {
            let (largest, density) = layers.next().unwrap_or((1, 1.0));
            let weight =
                |_, _| if rng.random_bool(density) { rng.random_range(-largest..=largest) } else { 0 };
            Block::from_fn(rows, columns, weight, |_| 1)
        });
        IntegerNetwork::new(shape, PixelLevels::new(4).ok()?, 1.0, blocks).ok()
    };
    IntegerEnsemble::new((0..members).map(|_| network()).collect::<Option<_>>()?).ok()
}

/// Runs engine and reference on one encrypted batch. `peak_memory` is asked at the end.
///
/// # Errors
/// If there are no parameters for the ensemble, or an evaluation fails. Logits that differ are counted.
pub fn bench_engine(
    subject: &BenchSubject<'_>,
    peak_memory: impl Fn() -> Option<u64>,
    progress: &dyn Progress,
) -> Result<BenchRecord, EvaluateError> {
    let BenchSubject { ensemble, images, repetitions, with_reference, kernel, .. } = *subject;
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
    let evaluators: &[Evaluator] = match with_reference {
        true => &[Evaluator::Engine(kernel), Evaluator::Reference],
        false => &[Evaluator::Engine(kernel)],
    };
    let need = Need { ensemble, observed: Some(needed), proven: None };
    let parameters = policy.choose(&[need], images, evaluators)?.parameters;
    let client = ClientKey::generate(&parameters);
    let key = client.evaluation_key()?;
    let engine = Engine::with_kernel(&key, ensemble, kernel)?;

    progress.begin("encrypting", client.encryption_work(pixels));
    let (encrypt, encrypted) = timed(|| client.encrypt(&batch, pixels, &|| progress.advance(1)));
    let encrypted = encrypted?;
    let mut differing = 0;
    let mut decrypt_seconds = 0.0;
    let mut check = |answer: &EncryptedLogits| -> Result<(), EvaluateError> {
        let (seconds, decrypted) = timed(|| client.decrypt(answer));
        let decrypted = decrypted?;
        decrypt_seconds = seconds.as_secs_f64();
        for slot in 0..decrypted.slots() {
            let expected = expected.get(slot).unwrap_or(&blank);
            differing += mismatches(&decrypted.slot(slot), expected);
        }
        Ok(())
    };
    let mut reference = None;
    if with_reference {
        let evaluator = ReferenceEvaluator::new(&key, ensemble);
        progress.begin("the reference", evaluator.work());
        let (seconds, answer) = timed(|| evaluator.evaluate(&encrypted, &|work| progress.advance(work)));
        let answer = answer?;
        check(&answer.ensemble)?;
        reference = Some((seconds.as_secs_f64(), answer.times));
    }
    progress.begin("the engine", engine.work() * repetitions as u64);
    let mut runs = Vec::new();
    for _ in 0..repetitions {
        let (seconds, answer) = timed(|| engine.evaluate(&encrypted, false, &|work| progress.advance(work)));
        let answer = answer?;
        check(&answer.ensemble)?;
        runs.push((seconds.as_secs_f64(), answer.times));
    }
    let engine_seconds_all: Vec<f64> = runs.iter().map(|(seconds, _)| *seconds).collect();
    runs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (engine_seconds, engine_times) = runs.swap_remove(runs.len() / 2);
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
        evaluation_primes: engine.evaluation_primes(),
        encryption: parameters.encryption(),
        upload_bytes: bytes(size::batch_bytes(&parameters, pixels)),
        download_bytes: bytes(size::answer_bytes(&parameters, classes)),
        encrypt_seconds: encrypt.as_secs_f64(),
        reference_seconds: reference.as_ref().map(|(seconds, _)| *seconds),
        engine_seconds,
        engine_seconds_all,
        ratio: reference.as_ref().map(|(seconds, _)| seconds / engine_seconds),
        decrypt_seconds,
        peak_rss_bytes: peak_memory(),
        mismatches: differing,
        layers: layers(reference.as_ref().map(|(_, times)| &times[..]), &engine_times),
    })
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
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
