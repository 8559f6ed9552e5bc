//! Encrypted evaluation of an ensemble on a test set, batch by batch.

use std::time::{Duration, Instant};

use sottovoce_bfv::{DecryptedLogits, Layer, LayerTime, ProgressObserver};
use sottovoce_network::{IntegerEnsemble, sum_logits};

use crate::correctness::Correctness;
use crate::encrypted_images::EncryptedImages;
use crate::error::EvaluateError;
use crate::oracle::{Oracle, count_mismatches};
use crate::records::run_rows::SizeRow;

/// Results of the encrypted evaluation of one ensemble, over all batches.
pub struct EncryptedResults {
    /// Correct and wrong answers of every member and the ensemble.
    pub correctness: Correctness,
    /// Number of decrypted logits that differ from the oracle: one count for each member, then one for the ensemble. All slots are
    /// compared, including those of blank images after the last image.
    pub mismatches: Vec<u64>,
    /// Bits of the largest noise coefficient in any answer.
    pub noise_bits: usize,
    /// Smallest remaining noise budget of any answer, in bits.
    pub noise_budget_bits: usize,
    /// Times of the layers, one list for each batch.
    pub times: Vec<Vec<LayerTime>>,
    /// Sizes of a batch's message and of the answer's message.
    pub sizes: Vec<SizeRow>,
}

/// Evaluates `ensemble` on every batch of `set`, decrypts the answers and compares every slot of every answer with the oracle.
///
/// The client and the provider exchange only messages. A batch that was encrypted for an earlier ensemble keeps the time of
/// that encryption.
pub fn evaluate_batches(
    ensemble: &IntegerEnsemble,
    set: &EncryptedImages<'_>,
    oracle: &Oracle,
    progress: &dyn ProgressObserver,
) -> Result<EncryptedResults, EvaluateError> {
    let session = set.session;
    let model = session.model(ensemble)?;
    let work = session.prepare(model)?;
    let members = ensemble.members().len();
    let mut results = EncryptedResults {
        correctness: Correctness::empty(members),
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
        let mut times = vec![shared_time(Layer::Encrypted, batch.encrypt)];

        progress.begin(&name("evaluating"), work);
        let evaluated = session.provider.evaluate_model(&batch.batch, model.fingerprint(), true, progress)?;
        times.extend(&evaluated.layer_times);

        progress.begin(&name("decrypting"), members as u64 + 1);
        let start = Instant::now();
        let pending = batch.pending.for_model(model);
        let decrypt = |answer: &Vec<u8>| {
            let decrypted = session.client.decrypt(&pending, &answer[..]);
            progress.advance(1);
            decrypted
        };
        let sum = decrypt(&evaluated.answer)?;
        let members = evaluated.member_answers.iter().map(decrypt).collect::<Result<Vec<_>, _>>()?;
        times.push(shared_time(Layer::Decryption, start.elapsed()));

        results.add_noise(&members, &sum);
        results.compare(&members, &sum, oracle, index * slots, labels);
        results.times.push(times);
        if index == 0 {
            let channels = session.parameters().channels().len();
            let size = |message: &str, ciphertexts, bytes| SizeRow {
                message: message.to_owned(),
                ciphertexts,
                slots,
                bytes,
            };
            results.sizes = vec![
                size("upload", channels * model.pixels(), batch.bytes),
                size("answer", channels * model.classes(), evaluated.answer.len()),
            ];
        }
    }
    Ok(results)
}

/// Makes the time of a layer that all members share.
fn shared_time(layer: Layer, elapsed: Duration) -> LayerTime {
    LayerTime { member: None, layer, elapsed }
}

impl EncryptedResults {
    fn add_noise(&mut self, members: &[DecryptedLogits], sum: &DecryptedLogits) {
        for decrypted in members.iter().chain([sum]) {
            self.noise_bits = self.noise_bits.max(decrypted.noise_bits());
            self.noise_budget_bits = self.noise_budget_bits.min(decrypted.noise_budget_bits());
        }
    }

    /// Compares every slot of one batch with the oracle and with the images' labels. `first` is the index of the batch's first image;
    /// `labels` are the labels of its images.
    fn compare(
        &mut self,
        members: &[DecryptedLogits],
        sum: &DecryptedLogits,
        oracle: &Oracle,
        first: usize,
        labels: &[u8],
    ) {
        for slot in 0..sum.slots() {
            let expected = oracle.member_logits(first + slot);
            let members: Vec<Vec<i128>> = members.iter().map(|member| member.slot(slot)).collect();
            let sum = sum.slot(slot);
            for ((mismatches, decrypted), expected) in self.mismatches.iter_mut().zip(&members).zip(expected)
            {
                *mismatches += count_mismatches(decrypted, expected);
            }
            if let Some(mismatches) = self.mismatches.last_mut() {
                *mismatches += count_mismatches(&sum, &sum_logits(expected));
            }
            if let Some(&label) = labels.get(slot) {
                self.correctness.add_image(label, &members, &sum);
            }
        }
    }
}
