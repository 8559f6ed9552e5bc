//! The test set under encryption, batch by batch.

use std::time::{Duration, Instant};

use sottovoce_bfv::{DecryptedLogits, Layer, LayerTime, ProgressObserver};
use sottovoce_network::{IntegerEnsemble, sum_logits};

use crate::EvaluateError;
use crate::clear::{Oracle, Verdicts};
use crate::received::EncryptedSet;
use crate::records::SizeRow;

/// What the decrypted answers say.
pub struct Answers {
    pub verdicts: Verdicts,
    /// Decrypted logits that differ from the oracle, of every member and of the sum behind them.
    pub mismatches: Vec<u64>,
    /// Largest noise in any answer.
    pub noise_bits: usize,
    /// Least budget left in any answer.
    pub noise_budget_bits: usize,
    /// Times of every batch, in order.
    pub times: Vec<Vec<LayerTime>>,
    /// What travelled for a batch, and back.
    pub sizes: Vec<SizeRow>,
}

/// Evaluates an ensemble on every batch of `set` and decrypts the answers, holding every slot of every answer
/// against the oracle.
///
/// The client's and the provider's parts meet in messages alone. A batch that was encrypted for an earlier ensemble
/// brings along the time that took.
pub fn evaluate(
    ensemble: &IntegerEnsemble,
    set: &EncryptedSet<'_>,
    oracle: &Oracle,
    progress: &dyn ProgressObserver,
) -> Result<Answers, EvaluateError> {
    let session = set.session;
    let model = session.model(ensemble)?;
    let work = session.work(model)?;
    let members = ensemble.members().len();
    let mut answers = Answers {
        verdicts: Verdicts::none(members),
        mismatches: vec![0; members + 1],
        noise_bits: 0,
        noise_budget_bits: usize::MAX,
        times: Vec::new(),
        sizes: Vec::new(),
    };
    let slots = session.parameters().degree();
    let labels = set.images.labels();
    let batches = labels.len().div_ceil(slots);
    for (index, labels) in labels.chunks(slots).enumerate() {
        let name = |step: &str| format!("{step} batch {} of {batches}", index + 1);
        let batch = set.batch(index, model, progress)?;
        let mut times = vec![shared(Layer::Encrypted, batch.encrypt)];

        progress.begin(&name("evaluating"), work);
        let evaluated = session.provider.evaluate_for(&batch.batch, model.fingerprint(), true, progress)?;
        times.extend(&evaluated.times);

        progress.begin(&name("decrypting"), members as u64 + 1);
        let start = Instant::now();
        let pending = batch.pending.of_model(model);
        let decrypt = |answer: &Vec<u8>| {
            let decrypted = session.client.decrypt(&pending, &answer[..]);
            progress.advance(1);
            decrypted
        };
        let sum = decrypt(&evaluated.answer)?;
        let voters = evaluated.members.iter().map(decrypt).collect::<Result<Vec<_>, _>>()?;
        times.push(shared(Layer::Decryption, start.elapsed()));

        let first = index * slots;
        let expected = &oracle.logits[first..first + labels.len()];
        answers.compare(&voters, &sum, expected, &oracle.blank, labels);
        answers.times.push(times);
        if index == 0 {
            let channels = session.parameters().channels().len();
            let size = |message: &str, ciphertexts, bytes| SizeRow {
                message: message.to_owned(),
                ciphertexts,
                slots,
                bytes,
            };
            answers.sizes = vec![
                size("upload", channels * model.pixels(), batch.bytes),
                size("answer", channels * model.classes(), evaluated.answer.len()),
            ];
        }
    }
    Ok(answers)
}

fn shared(layer: Layer, elapsed: Duration) -> LayerTime {
    LayerTime { member: None, layer, elapsed }
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
            let voters: Vec<Vec<i128>> = voters.iter().map(|voter| voter.slot(slot)).collect();
            let sum = sum.slot(slot);
            for ((count, decrypted), expected) in self.mismatches.iter_mut().zip(&voters).zip(oracle) {
                *count += mismatches(decrypted, expected);
            }
            if let Some(count) = self.mismatches.last_mut() {
                *count += mismatches(&sum, &sum_logits(oracle));
            }
            if let Some(&label) = labels.get(slot) {
                self.verdicts.judge(label, &voters, &sum);
            }
        }
    }
}

/// Decrypted logits that differ from the oracle's.
pub fn mismatches(decrypted: &[i128], expected: &[i128]) -> u64 {
    decrypted.iter().zip(expected).filter(|(found, expected)| found != expected).count() as u64
}
