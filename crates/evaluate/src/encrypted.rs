//! The test set under encryption, batch by batch.

use std::time::Instant;

use sottovoce_bfv::{BfvError, ClientKey, DecryptedLogits, Layer, LayerTime, Parameters};
use sottovoce_network::{IntegerEnsemble, sum_logits};

use crate::clear::{Correct, Oracle};
use crate::provider::Provider;
use crate::{EvaluateError, Evaluator, Progress};

/// What the decrypted answers say.
pub struct Answers {
    pub correct: Correct,
    /// Decrypted logits that differ from the oracle, of every member.
    pub member_mismatches: Vec<u64>,
    /// The same of the sum.
    pub ensemble_mismatches: u64,
    /// Largest noise in any answer.
    pub noise_bits: usize,
    /// Least budget left in any answer.
    pub noise_budget_bits: usize,
    /// Times of every batch, in order.
    pub times: Vec<Vec<LayerTime>>,
    /// What evaluated, and with which instruction set.
    pub evaluator: String,
}

/// Encrypts the oracle's images, evaluates them and decrypts the answers, holding every slot of every
/// answer against the oracle.
///
/// The client's and the provider's parts meet in ciphertexts and the evaluation key alone.
pub fn evaluate(
    ensemble: &IntegerEnsemble,
    parameters: &Parameters,
    oracle: &Oracle,
    labels: &[u8],
    evaluator: Evaluator,
    progress: &dyn Progress,
) -> Result<Answers, EvaluateError> {
    let client = ClientKey::generate(parameters);
    let evaluation_key = client.evaluation_key()?;
    let provider = Provider::new(evaluator, &evaluation_key, ensemble)?;

    let members = ensemble.members().len();
    let mut answers = Answers {
        correct: Correct::none(members),
        member_mismatches: vec![0; members],
        ensemble_mismatches: 0,
        noise_bits: 0,
        noise_budget_bits: usize::MAX,
        times: Vec::new(),
        evaluator: provider.to_string(),
    };
    let pixels = ensemble.architecture().pixels();
    let slots = parameters.degree();
    let batches = labels.len().div_ceil(slots);
    for (batch, labels) in labels.chunks(slots).enumerate() {
        let name = |step: &str| format!("{step} batch {} of {batches}", batch + 1);
        let first = batch * slots;
        let images = &oracle.images[first * pixels..(first + labels.len()) * pixels];
        let expected = &oracle.logits[first..first + labels.len()];

        progress.begin(&name("encrypting"), pixels as u64);
        let start = Instant::now();
        let encrypted = client.encrypt(images, pixels, &|| progress.advance(1))?;
        let mut times = vec![shared(Layer::Encrypted, start)];

        progress.begin(&name("evaluating"), provider.work());
        let answer = provider.evaluate(&encrypted, &|work| progress.advance(work))?;
        times.extend(&answer.times);

        progress.begin(&name("decrypting"), members as u64 + 1);
        let start = Instant::now();
        let decrypt = |logits| {
            let decrypted = client.decrypt(logits);
            progress.advance(1);
            decrypted
        };
        let sum = decrypt(&answer.ensemble)?;
        let voters = answer.members.iter().map(decrypt).collect::<Result<Vec<_>, BfvError>>()?;
        times.push(shared(Layer::Decryption, start));

        answers.compare(&voters, &sum, expected, &oracle.blank, labels);
        answers.times.push(times);
    }
    Ok(answers)
}

fn shared(layer: Layer, start: Instant) -> LayerTime {
    LayerTime { member: None, layer, elapsed: start.elapsed() }
}

impl Answers {
    fn compare(
        &mut self,
        voters: &[DecryptedLogits],
        sum: &DecryptedLogits,
        expected: &[Vec<Vec<i128>>],
        blank: &Vec<Vec<i128>>,
        labels: &[u8],
    ) {
        for decrypted in voters.iter().chain([sum]) {
            self.noise_bits = self.noise_bits.max(decrypted.noise_bits());
            self.noise_budget_bits = self.noise_budget_bits.min(decrypted.noise_budget_bits());
        }
        for slot in 0..sum.slots() {
            // Behind the last image, slots hold blank images, whose logits must be right as well.
            let oracle = expected.get(slot).unwrap_or(blank);
            let voters: Vec<Vec<i64>> = voters.iter().map(|voter| voter.slot(slot)).collect();
            let sum = sum.slot(slot);
            for ((count, decrypted), expected) in self.member_mismatches.iter_mut().zip(&voters).zip(oracle) {
                *count += mismatches(decrypted, expected);
            }
            self.ensemble_mismatches += mismatches(&sum, &sum_logits(oracle));
            if let Some(&label) = labels.get(slot) {
                self.correct.count(label, &voters, &sum);
            }
        }
    }
}

fn mismatches(decrypted: &[i64], expected: &[i128]) -> u64 {
    decrypted.iter().zip(expected).filter(|(found, expected)| i128::from(**found) != **expected).count()
        as u64
}
