//! Records of the encryption parameters and the logit range of an evaluation.

use serde::{Deserialize, Serialize};
use sottovoce_bfv::Encryption;

use crate::parameter_policy::{RangeKind, RangedEnsemble};
use crate::session::Session;

/// Encryption parameters, and the noise that was measured under them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParameterRecord {
    /// The key that images were encrypted with.
    pub encryption: Encryption,
    /// Ring degree N, which is also the number of slots of a ciphertext.
    pub degree: usize,
    /// Plaintext moduli, whose product is t.
    pub plaintext_moduli: Vec<u64>,
    /// log2 of t.
    pub plaintext_bits: f64,
    /// Primes whose product is the ciphertext modulus Q.
    pub ciphertext_primes: Vec<u64>,
    /// log2 of Q.
    pub ciphertext_modulus_bits: f64,
    /// The largest log2 of Q that is 128-bit secure at this degree.
    pub security_limit_bits: usize,
    /// log2 of the largest modulus of any ciphertext or key, which security depends on. Absent in records of version 0.1, where it
    /// equals log2 of Q.
    #[serde(default)]
    pub key_modulus_bits: Option<f64>,
    /// Number of ciphertext primes that the engine's hidden units keep. Absent in records of version 0.1.
    #[serde(default)]
    pub hidden_primes: Option<usize>,
    /// log2 of the expected standard deviation of the logits' noise, before the modulus switch of answers.
    pub expected_noise_bits: f64,
    /// Bits of the largest noise coefficient in any answer, after the modulus switch.
    pub noise_bits: usize,
    /// Smallest remaining noise budget of any answer, in bits.
    pub noise_budget_bits: usize,
}

/// The range of logits that the plaintext modulus was chosen for, and the number of images beyond it. Integers are decimal strings,
/// because they may exceed the numbers of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeRecord {
    /// The kind of range that the plaintext modulus was chosen by.
    pub rests_on: RangeKind,
    /// The largest absolute logit of a member or the sum over training images, if it is known.
    pub observed: Option<String>,
    /// The largest absolute logit that decrypts correctly.
    pub largest: String,
    /// A bound on the absolute logits of every possible image: the bound that the plaintext modulus was chosen by, or else the bound
    /// from the norms of the weights.
    pub proven: String,
    /// Number of test images with a logit beyond `largest`; must be 0.
    pub images_outside: usize,
}

impl ParameterRecord {
    /// Makes the record of the session's parameters with the measured noise and noise budget, in bits.
    pub(crate) fn new(session: &Session, noise_bits: usize, noise_budget_bits: usize) -> Self {
        let (choice, parameters) = (session.choice(), session.parameters());
        Self {
            encryption: parameters.encryption(),
            degree: parameters.degree(),
            plaintext_moduli: parameters.plaintext_moduli(),
            plaintext_bits: parameters.plaintext_bits(),
            ciphertext_primes: parameters.ciphertext_primes().to_vec(),
            ciphertext_modulus_bits: parameters.ciphertext_modulus_bits(),
            security_limit_bits: parameters.security_limit_bits(),
            key_modulus_bits: Some(parameters.key_modulus_bits()),
            hidden_primes: Some(parameters.hidden_primes()),
            expected_noise_bits: choice.noise.logits,
            noise_bits,
            noise_budget_bits,
        }
    }
}

impl RangeRecord {
    /// Makes the record of the session's range for one of its ensembles, with the counted images outside.
    pub(crate) fn new(session: &Session, ranged: RangedEnsemble<'_>, images_outside: usize) -> Self {
        let proven = match session.range {
            RangeKind::Proven => ranged.prove_logit(),
            RangeKind::Observed => ranged.ensemble.proven_logits(),
        };
        Self {
            rests_on: session.range,
            observed: ranged.observed_logit.map(|logit| logit.to_string()),
            largest: session.parameters().largest_value().to_string(),
            proven: proven.to_string(),
            images_outside,
        }
    }
}
