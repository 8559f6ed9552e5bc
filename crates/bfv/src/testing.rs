//! A comparison of encrypted evaluation with the oracle, for the tests of this crate.

use sottovoce_network::{IntegerEnsemble, sum_logits};

use crate::{ClientKey, EncryptedAnswer, EncryptedBatch, EvaluationKey, Parameters};

/// Encrypts `images`, evaluates them with `evaluate`, and compares every slot of every answer with the oracle. Returns the noise of the
/// ensemble's logits in bits.
pub fn assert_exact(
    parameters: &Parameters,
    ensemble: &IntegerEnsemble,
    images: &[u8],
    evaluate: impl Fn(&EvaluationKey, &EncryptedBatch) -> EncryptedAnswer,
) -> usize {
    let pixels = ensemble.architecture().pixels();
    let client = ClientKey::generate(parameters);
    let key = client.evaluation_key().unwrap();
    let answer = evaluate(&key, &client.encrypt(images, pixels, &()).unwrap());

    let blank = vec![0; pixels];
    let sum = client.decrypt(&answer.ensemble).unwrap();
    let members: Vec<_> = answer.members.iter().map(|member| client.decrypt(member).unwrap()).collect();
    assert_eq!(members.len(), ensemble.members().len());
    for slot in 0..parameters.degree() {
        let image = images.chunks(pixels).nth(slot).unwrap_or(&blank);
        let oracle = ensemble.member_logits(image).unwrap();
        for (decrypted, expected) in members.iter().zip(&oracle) {
            assert_eq!(&decrypted.slot(slot), expected, "slot {slot}");
        }
        assert_eq!(sum.slot(slot), sum_logits(&oracle), "slot {slot}");
    }
    sum.noise_bits()
}
