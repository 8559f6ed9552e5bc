//! The ring of one plaintext modulus, and the levels at which its ciphertexts are.

use std::fmt;
use std::sync::Arc;

use fhe::bfv::{BfvParameters, BfvParametersBuilder};
use fhe_math::rq::Context;

use super::error::ParametersError;
use super::primes::PrimeSizes;
use super::{bits_of, inverse, product};
use crate::packed::RowLayout;
use crate::transform::Transform;

/// Bits between plaintext modulus and ciphertext modulus that an answer keeps when it is switched down: the
/// switch itself leaves less than 11 bits of noise (10 standard deviations at N = 16384).
pub const ANSWER_BITS: f64 = 14.0;

/// One plaintext modulus with the ciphertext modulus over it. Everything is computed once in every channel, under keys
/// of the channel's own, and put together by the Chinese remainder theorem at the end.
///
/// Ciphertexts lose primes on their way, the last ones first. A *level* is the number of primes that are gone, counted from
/// all that `fhe` has:
///
/// | ciphertexts | level | primes |
/// | --- | --- | --- |
/// | public-key encryption before it is switched down | 0 | those of an upload and the encryption prime |
/// | upload | [`upload_level`](Self::upload_level) | [`ciphertext_primes`](Self::ciphertext_primes) |
/// | hidden units | [`hidden_level`](Self::hidden_level) | [`hidden_primes`](Self::hidden_primes) |
/// | answer | [`answer_level`](Self::answer_level) | [`answer_primes`](Self::answer_primes) |
#[derive(Clone)]
pub struct Channel {
    inner: Arc<BfvParameters>,
    upload_level: usize,
    hidden_level: usize,
    /// By prime, of all primes. Channels over the same primes share them.
    transforms: Arc<[Transform]>,
    /// Modulo t.
    plaintext_transform: Arc<Transform>,
}

impl Channel {
    /// A channel with primes of these `sizes`, the first of which are those of an upload: nothing is checked but what `fhe`
    /// checks, and the transforms. Those of the `first` channel are taken where it has the same primes.
    ///
    /// # Errors
    /// If `fhe` refuses the parameters, or a transform is not available.
    pub(crate) fn new(
        degree: usize,
        t: u64,
        primes: &PrimeSizes,
        sizes: &[usize],
        first: Option<&Self>,
    ) -> Result<Self, ParametersError> {
        let inner = BfvParametersBuilder::new()
            .set_degree(degree)
            .set_plaintext_modulus(t)
            .set_moduli_sizes(sizes)
            .build_arc()?;
        let (upload_level, hidden_level) = (sizes.len() - primes.upload.len(), sizes.len() - primes.hidden);
        let transforms = match first {
            Some(first) if first.key_primes() == inner.moduli() => first.transforms.clone(),
            _ => Transform::of_context(inner.context_at_level(0)?, degree)?.into(),
        };
        // `fhe` transforms plaintexts as it does ciphertexts.
        let context = Context::new_arc(&[t], degree).map_err(fhe::Error::from)?;
        let plaintext_transform = Arc::new(Transform::of_context(&context, degree)?.remove(0));
        Ok(Self { inner, upload_level, hidden_level, transforms, plaintext_transform })
    }

    /// The transforms modulo the primes that are left at `level`.
    ///
    /// # Panics
    /// If there are fewer primes.
    pub(crate) fn transforms(&self, level: usize) -> &[Transform] {
        &self.transforms[..self.transforms.len() - level]
    }

    /// The transform modulo the plaintext modulus, with which values get into slots.
    pub(crate) fn plaintext_transform(&self) -> &Arc<Transform> {
        &self.plaintext_transform
    }

    pub(crate) fn inner(&self) -> &Arc<BfvParameters> {
        &self.inner
    }

    /// The ring degree N, also the number of slots.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.inner.degree()
    }

    /// The plaintext modulus.
    #[must_use]
    pub fn plaintext_modulus(&self) -> u64 {
        self.inner.plaintext()
    }

    /// All primes, with those that only the client's encryption uses: what security depends on.
    #[must_use]
    pub fn key_primes(&self) -> &[u64] {
        self.inner.moduli()
    }

    /// The ciphertext primes of an upload, whose product is Q.
    #[must_use]
    pub fn ciphertext_primes(&self) -> &[u64] {
        self.primes_at(self.upload_level)
    }

    /// The sizes of the primes of an upload.
    #[must_use]
    pub fn prime_sizes(&self) -> PrimeSizes {
        let upload = self.ciphertext_primes().iter().map(|&prime| bits_of(prime) as usize).collect();
        PrimeSizes { upload, hidden: self.hidden_primes().len() }
    }

    /// How an upload's polynomials are packed.
    #[must_use]
    pub fn upload_layout(&self) -> RowLayout {
        RowLayout::new(self.degree(), self.ciphertext_primes())
    }

    /// The primes that hidden units keep.
    #[must_use]
    pub fn hidden_primes(&self) -> &[u64] {
        self.primes_at(self.hidden_level)
    }

    /// The primes that an answer keeps.
    #[must_use]
    pub fn answer_primes(&self) -> &[u64] {
        self.primes_at(self.answer_level())
    }

    /// The primes that are left at `level`.
    ///
    /// # Panics
    /// If there are fewer.
    pub(crate) fn primes_at(&self, level: usize) -> &[u64] {
        let primes = self.inner.moduli();
        &primes[..primes.len() - level]
    }

    /// The level of an upload: 1 with the public key, 0 with the secret key.
    #[must_use]
    pub fn upload_level(&self) -> usize {
        self.upload_level
    }

    /// The level of the engine's hidden units.
    #[must_use]
    pub fn hidden_level(&self) -> usize {
        self.hidden_level
    }

    /// The level of an answer, the lowest to which it may be switched: fewer primes make it smaller.
    #[must_use]
    pub fn answer_level(&self) -> usize {
        let mut levels = (self.hidden_level..self.key_primes().len()).rev();
        levels.find(|&level| self.noise_limit_bits(level) >= ANSWER_BITS).unwrap_or(self.hidden_level)
    }

    /// Bits of noise at which decryption fails with the ciphertext primes that are left at `level`: log2(Q / 2t).
    #[must_use]
    pub fn noise_limit_bits(&self, level: usize) -> f64 {
        noise_limit_bits(&self.prime_bits(), self.plaintext_modulus(), level)
    }

    fn prime_bits(&self) -> Vec<f64> {
        self.key_primes().iter().map(|&prime| (prime as f64).log2()).collect()
    }

    /// Bits of the largest noise that decrypted values are trusted with.
    pub(crate) fn largest_noise_bits(&self, level: usize) -> usize {
        largest_noise_bits(self.noise_limit_bits(level))
    }

    /// What the engine multiplies logits with, modulo t: `-Q^2 Q'`, Q of an upload and Q' of hidden units (docs/engine.md).
    /// The engine's answers decrypt to logits times this factor.
    #[must_use]
    pub fn answer_factor(&self) -> u64 {
        let t = self.plaintext_modulus();
        let modulus = |primes: &[u64]| primes.iter().fold(1, |q, &prime| product(q, prime % t, t));
        let q = modulus(self.ciphertext_primes());
        t - product(product(q, q, t), modulus(self.hidden_primes()), t)
    }

    /// The inverse of [`answer_factor`](Self::answer_factor).
    pub(crate) fn inverse_answer_factor(&self) -> u64 {
        inverse(self.answer_factor(), self.plaintext_modulus())
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut channel = f.debug_struct("Channel");
        channel.field("inner", &self.inner).field("upload_level", &self.upload_level);
        // Transforms follow from the primes.
        channel.field("hidden_level", &self.hidden_level).finish_non_exhaustive()
    }
}

fn noise_limit_bits(prime_bits: &[f64], t: u64, level: usize) -> f64 {
    prime_bits[..prime_bits.len() - level].iter().sum::<f64>() - (t as f64).log2() - 1.0
}

/// Bits of the largest noise that decrypted values are trusted with, below a limit of `limit` bits. Noise that has wrapped
/// around looks uniform below the limit, and so one of its N coefficients is within a hundredth of a bit of it but for
/// one case in 2^40 at the smallest N.
pub fn largest_noise_bits(limit: f64) -> usize {
    (limit - 0.01).max(0.0) as usize
}
