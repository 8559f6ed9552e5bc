//! The ring of one plaintext modulus, and the primes of its ciphertexts at each level.

use std::fmt;
use std::sync::Arc;

use fhe::bfv::{BfvParameters, BfvParametersBuilder};
use fhe_math::rq::Context;
use rayon::prelude::*;

use super::error::ParametersError;
use super::level::Level;
use super::limits::ANSWER_ROOM_BITS;
use super::packed_chain::PackedLevels;
use super::prime_sizes::PrimeSizes;
use crate::compact::layout::LimbLayout;
use crate::modular::{bits_of, inverse, product, product_of};
use crate::transform::{Transform, TransformError};

/// One plaintext modulus with the ciphertext modulus over it. Everything is computed once in every channel, with the channel's
/// own keys. The Chinese remainder theorem joins the results.
///
/// The primes of a ciphertext depend on its [`Level`].
#[derive(Clone)]
pub struct Channel {
    inner: Arc<BfvParameters>,
    upload_level: Level,
    hidden_level: Level,
    /// Present in packed parameters only.
    packed: Option<PackedLevels>,
    /// By prime, of all primes. Channels over the same primes share them.
    transforms: Arc<[Transform]>,
    /// Modulo t.
    plaintext_transform: Arc<Transform>,
}

impl Channel {
    /// Channels for `plaintext_moduli` whose keys have primes of these `sizes` in bits, of which the first are the primes of an
    /// upload. Nothing is checked but the transforms and what `fhe` checks. Channels share transforms.
    ///
    /// The tables of `fhe` take almost all of the time, and are computed in parallel.
    ///
    /// # Errors
    /// If `fhe` refuses the parameters, or a transform is not available.
    pub(crate) fn of_moduli(
        degree: usize,
        plaintext_moduli: &[u64],
        primes: &PrimeSizes,
        sizes: &[usize],
    ) -> Result<Vec<Self>, ParametersError> {
        let tables = |&t: &u64| {
            BfvParametersBuilder::new()
                .set_degree(degree)
                .set_plaintext_modulus(t)
                .set_moduli_sizes(sizes)
                .build_arc()
        };
        let tables: Vec<Result<Arc<BfvParameters>, fhe::Error>> =
            plaintext_moduli.par_iter().map(tables).collect();
        let mut channels: Vec<Self> = Vec::with_capacity(tables.len());
        for inner in tables {
            channels.push(Self::new(inner?, primes, channels.first())?);
        }
        Ok(channels)
    }

    /// A channel with the tables of `fhe`. The transforms of the `first` channel are shared if its primes are the same.
    fn new(
        inner: Arc<BfvParameters>,
        primes: &PrimeSizes,
        first: Option<&Self>,
    ) -> Result<Self, ParametersError> {
        let (degree, t, sizes) = (inner.degree(), inner.plaintext(), inner.moduli_sizes());
        let upload_level = Level::after_dropping(sizes.len() - primes.upload.len());
        let hidden_level = Level::after_dropping(sizes.len() - primes.hidden);
        let transforms = match first {
            Some(first) if first.key_primes() == inner.moduli() => first.transforms.clone(),
            _ => Transform::of_context(inner.context_at_level(0)?, degree)?.into(),
        };
        // `fhe` transforms plaintexts as it transforms ciphertexts.
        let context = Context::new_arc(&[t], degree).map_err(fhe::Error::from)?;
        let plaintext_transform = Transform::of_context(&context, degree)?.pop();
        let missing = TransformError::Missing { degree, prime: t };
        let plaintext_transform = Arc::new(plaintext_transform.ok_or(missing)?);
        Ok(Self { inner, upload_level, hidden_level, packed: None, transforms, plaintext_transform })
    }

    /// This channel for packed evaluation.
    pub(crate) fn into_packed(self, kept: PackedLevels) -> Self {
        Self { packed: Some(kept), ..self }
    }

    /// The primes that packed evaluation keeps, in packed parameters.
    #[must_use]
    pub fn packed_levels(&self) -> Option<PackedLevels> {
        self.packed
    }

    /// The special prime of packed parameters.
    #[must_use]
    pub fn special_prime(&self) -> Option<u64> {
        self.packed.and_then(|_| self.key_primes().last().copied())
    }

    /// The transforms modulo the primes that are left at `level`.
    ///
    /// # Panics
    /// If the channel has no such level.
    pub(crate) fn transforms(&self, level: Level) -> &[Transform] {
        self.left(&self.transforms, level)
    }

    /// The transform modulo the plaintext modulus, which moves values into slots.
    pub(crate) fn plaintext_transform(&self) -> &Arc<Transform> {
        &self.plaintext_transform
    }

    /// The parameters of `fhe`.
    pub(crate) fn inner(&self) -> &Arc<BfvParameters> {
        &self.inner
    }

    /// The ring of `fhe` at a level.
    ///
    /// # Errors
    /// If the channel has no such level.
    pub(crate) fn context(&self, level: Level) -> Result<&Arc<Context>, fhe::Error> {
        self.inner.context_at_level(level.dropped_primes())
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

    /// All primes of the keys, with the prime that only public-key encryption or only packed evaluation's keys use. Security depends on their product.
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

    /// The compact form of an upload's polynomials.
    #[must_use]
    pub fn upload_layout(&self) -> LimbLayout {
        LimbLayout::new(self.degree(), self.ciphertext_primes())
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
    /// If the channel has no such level.
    pub(crate) fn primes_at(&self, level: Level) -> &[u64] {
        self.left(self.key_primes(), level)
    }

    /// The level of ciphertexts with so many primes, if the channel has one.
    pub(crate) fn level_of(&self, primes: usize) -> Option<Level> {
        let dropped = self.key_primes().len().checked_sub(primes)?;
        (primes > 0).then_some(Level::after_dropping(dropped))
    }

    /// The level of an upload: one prime is lost with the public key and in packed parameters, else none.
    #[must_use]
    pub fn upload_level(&self) -> Level {
        self.upload_level
    }

    /// The level of the engine's hidden units.
    #[must_use]
    pub fn hidden_level(&self) -> Level {
        self.hidden_level
    }

    /// The level of an answer: the highest that leaves room for the answer's noise. Fewer primes make the answer smaller.
    #[must_use]
    pub fn answer_level(&self) -> Level {
        if let Some(level) = self.packed.and_then(|kept| self.level_of(kept.answer)) {
            return level;
        }
        let levels = self.hidden_level.dropped_primes()..self.key_primes().len();
        let has_room = |level: &Level| self.noise_limit_bits(*level) >= ANSWER_ROOM_BITS;
        levels.rev().map(Level::after_dropping).find(has_room).unwrap_or(self.hidden_level)
    }

    /// Bits of noise at which decryption fails with the primes that are left at `level`: log2(Q / 2t).
    ///
    /// # Panics
    /// If the channel has no such level.
    #[must_use]
    pub fn noise_limit_bits(&self, level: Level) -> f64 {
        let modulus_bits: f64 = self.primes_at(level).iter().map(|&prime| (prime as f64).log2()).sum();
        modulus_bits - (self.plaintext_modulus() as f64).log2() - 1.0
    }

    /// Bits of the largest noise for which decrypted values are trusted.
    pub(crate) fn trusted_noise_bits(&self, level: Level) -> usize {
        trusted_noise_bits(self.noise_limit_bits(level))
    }

    /// The factor that the engine's logits are multiplied with, modulo t: `-Q^2 Q'`, Q of an upload and Q' of hidden units
    /// (docs/engine.md). The engine's answers decrypt to logits times this factor. Packed answers have no factor: it is 1.
    #[must_use]
    pub fn answer_factor(&self) -> u64 {
        let t = self.plaintext_modulus();
        if self.packed.is_some() {
            return 1;
        }
        let q = product_of(self.ciphertext_primes(), t);
        t - product(product(q, q, t), product_of(self.hidden_primes(), t), t)
    }

    /// The inverse of [`answer_factor`](Self::answer_factor).
    pub(crate) fn inverse_answer_factor(&self) -> u64 {
        inverse(self.answer_factor(), self.plaintext_modulus())
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "levels come from this channel, so they drop at most all of its primes"
    )]
    fn left<'a, T>(&self, of_primes: &'a [T], level: Level) -> &'a [T] {
        &of_primes[..of_primes.len() - level.dropped_primes()]
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

/// Bits of the largest noise for which decrypted values are trusted, below a limit of `limit` bits. Noise that exceeds the
/// limit looks uniform below it. Then one of its N coefficients is within a hundredth of a bit of the limit, but for one case
/// in 2^40 at the smallest N.
pub fn trusted_noise_bits(limit: f64) -> usize {
    (limit - 0.01).max(0.0) as usize
}
