//! Encrypted batches, encrypted logits, and answers. Nothing here can encrypt or decrypt.

use std::borrow::Cow;

use fhe::bfv::Ciphertext;
use fhe_math::rq::{Poly, Representation};
use rayon::prelude::*;
use sottovoce_network::Architecture;

use crate::compact::layout::{CompactCiphertext, LimbLayout};
use crate::error::BfvError;
use crate::evaluation::{EvaluatorKind, LayerTime};
use crate::parameters::channel::Channel;
use crate::parameters::level::Level;
use crate::parameters::parameter_set::Parameters;
use crate::residues::{ResiduesError, checked_polynomial, public_polynomial, residues};
use crate::seed::expansion::Seed;

/// Images under encryption. Batched: up to N images, in every channel one ciphertext per pixel, one image in each slot. Packed: one image,
/// in every channel one ciphertext ([`PackedInput`](crate::packed::PackedInput)). Ciphertexts are
/// in compact form: 231 MB for the paper's images and 144 bits of ciphertext modulus.
///
/// ```
/// use sottovoce_bfv::parameters::{Encryption, Parameters, PrimeSizes};
/// use sottovoce_bfv::{ClientKey, EncryptedBatch, ResiduesError};
///
/// let primes = PrimeSizes::new(&[36, 36]);
/// let parameters = Parameters::new(4096, &[65_537], &primes, Encryption::SecretKey)?;
/// let batch = ClientKey::generate(&parameters).encrypt(&[0, 1, 2, 3], 4, &())?;
/// // The provider receives ciphertexts one after the other, and checks each.
/// let mut received = batch.ciphertexts().cloned();
/// let next = || received.next().ok_or(ResiduesError::Empty);
/// let batch = EncryptedBatch::from_ciphertexts(&parameters, 4, next)?;
/// assert_eq!(batch.pixels(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct EncryptedBatch {
    /// By channel, by pixel.
    pub(crate) channels: Vec<Vec<CompactCiphertext>>,
    /// Layout of the compact polynomials, which all channels share.
    pub(crate) layout: LimbLayout,
    images: usize,
}

/// Logits under encryption. Batched: in every channel one ciphertext per class, one image in each slot. Packed: in every channel one ciphertext
/// with all logits of one image.
#[derive(Debug, Clone)]
pub struct EncryptedLogits {
    /// By channel, by class.
    pub(crate) channels: Vec<Vec<Ciphertext>>,
    /// Evaluator of the logits. The engine multiplies them with a public factor
    /// ([`Channel::answer_factor`](crate::parameters::Channel::answer_factor)).
    pub(crate) evaluator: EvaluatorKind,
}

/// An evaluator's answer to a batch.
#[derive(Debug)]
pub struct EncryptedAnswer {
    /// The logits of every member.
    pub members: Vec<EncryptedLogits>,
    /// The sum of the members' logits.
    pub ensemble: EncryptedLogits,
    /// Wall-clock time of every layer of every member.
    pub times: Vec<LayerTime>,
}

/// Ciphertexts between the steps of an evaluation, for measurements of their noise.
pub struct IntermediateCiphertexts {
    /// The hidden units of every member.
    pub hidden: Vec<Ciphertext>,
    /// The members' summed logits, before they are switched down to an answer.
    pub logits: Vec<Ciphertext>,
}

/// Ciphertexts between the steps of a packed evaluation in one channel, for measurements of their noise. There is one for every member, and one for
/// the sum.
#[derive(Default)]
pub struct PackedIntermediateCiphertexts {
    /// The convolution's sums, with the primes of an upload.
    pub convolution: Vec<Ciphertext>,
    /// Their relinearised squares, before they are switched down.
    pub square: Vec<Ciphertext>,
    /// The hidden units, before they are switched down.
    pub hidden: Vec<Ciphertext>,
    /// The members' summed logits, before they are switched down to an answer.
    pub logits: Vec<Ciphertext>,
    /// The answer.
    pub answer: Vec<Ciphertext>,
}

/// The residues of a ciphertext's two polynomials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiphertextResidues<'a> {
    /// The polynomial that holds the message.
    pub first: Cow<'a, [u64]>,
    /// The polynomial that the secret key is multiplied with.
    pub second: Cow<'a, [u64]>,
}

impl EncryptedBatch {
    /// A batch of ciphertexts by channel and by pixel.
    pub(crate) fn new(channels: Vec<Vec<CompactCiphertext>>, layout: LimbLayout, images: usize) -> Self {
        Self { channels, layout, images }
    }

    /// The number of images. The slots behind them hold blank images.
    #[must_use]
    pub fn images(&self) -> usize {
        self.images
    }

    /// The number of ciphertexts in every channel: one for each pixel of an image, or 1 if the batch is packed.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// The ciphertexts of every channel, pixel after pixel.
    pub fn ciphertexts(&self) -> impl Iterator<Item = &CompactCiphertext> {
        self.channels.iter().flatten()
    }

    /// A batch under `parameters` of images of `pixels` values. `next` gives one ciphertext after the other: all pixels of a
    /// channel before those of the next channel. Each ciphertext is checked when it arrives, so that they need not all be in
    /// memory twice.
    ///
    /// Only the client knows the number of images. [`images`](Self::images) returns the largest possible number.
    ///
    /// # Errors
    /// If there are no pixels, ciphertexts do not fit the parameters, or `next` fails.
    pub fn from_ciphertexts<E: From<ResiduesError>>(
        parameters: &Parameters,
        pixels: usize,
        mut next: impl FnMut() -> Result<CompactCiphertext, E>,
    ) -> Result<Self, E> {
        if pixels == 0 {
            return Err(ResiduesError::Empty.into());
        }
        let layout = parameters.upload_layout();
        let mut channels = Vec::with_capacity(parameters.channels().len());
        for _ in parameters.channels() {
            // Grows as ciphertexts arrive: announcing many of them reserves no memory.
            let mut ciphertexts = Vec::new();
            for _ in 0..parameters.batch_ciphertexts(pixels) {
                let ciphertext = next()?;
                layout.check_ciphertext(&ciphertext)?;
                ciphertexts.push(ciphertext);
            }
            channels.push(ciphertexts);
        }
        Ok(Self::new(channels, layout, parameters.images_per_batch()))
    }

    /// Checks that a network of `shape` reads such images, under keys for `channels`.
    ///
    /// # Errors
    /// If the images have other pixels, or the batch was encrypted for other parameters.
    pub(crate) fn check<'a>(
        &self,
        shape: &Architecture,
        channels: impl ExactSizeIterator<Item = &'a Channel>,
    ) -> Result<(), BfvError> {
        let (found, needed) = (self.pixels(), shape.pixels());
        if found != needed {
            return Err(BfvError::Pixels { found, needed });
        }
        if self.channels.len() != channels.len() {
            return Err(BfvError::Channels { found: self.channels.len(), needed: channels.len() });
        }
        for channel in channels {
            if self.layout != channel.upload_layout() {
                return Err(BfvError::Ring);
            }
        }
        Ok(())
    }
}

impl EncryptedLogits {
    /// The number of ciphertexts in every channel: one for each class, or 1 if the answer is packed.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// The evaluator of the logits.
    #[must_use]
    pub fn evaluator(&self) -> EvaluatorKind {
        self.evaluator
    }

    /// The residues of the ciphertexts of every channel, class after class.
    pub fn residues(&self) -> impl Iterator<Item = impl Iterator<Item = CiphertextResidues<'_>>> {
        self.channels.iter().map(|ciphertexts| ciphertexts.iter().map(ciphertext_residues))
    }

    /// Logits of `classes` under `parameters` from an `evaluator`, at the level of an answer
    /// ([`Channel::answer_level`](crate::parameters::Channel::answer_level)). `next` gives the residues of one ciphertext after
    /// the other: all classes of a channel before those of the next channel ([`Parameters::answer_ciphertexts`]).
    ///
    /// # Errors
    /// If there are no classes, residues do not fit the parameters, or `next` fails.
    pub fn from_residues<'a, E: From<ResiduesError>>(
        parameters: &Parameters,
        classes: usize,
        evaluator: EvaluatorKind,
        mut next: impl FnMut() -> Result<CiphertextResidues<'a>, E>,
    ) -> Result<Self, E> {
        if classes == 0 {
            return Err(ResiduesError::Empty.into());
        }
        let mut channels = Vec::with_capacity(parameters.channels().len());
        for channel in parameters.channels() {
            let level = channel.answer_level();
            let empty = ciphertext_without_polynomials(channel, level).map_err(ResiduesError::from)?;
            let mut ciphertexts = Vec::new();
            for _ in 0..parameters.answer_ciphertexts(classes) {
                ciphertexts.push(filled_ciphertext(&empty, channel, level, next()?)?);
            }
            channels.push(ciphertexts);
        }
        Ok(Self { channels, evaluator })
    }
}

/// A ciphertext at a level without its polynomials. `Ciphertext::new` compares all tables of the ring, which takes longer than
/// everything else: once is enough.
fn ciphertext_without_polynomials(channel: &Channel, level: Level) -> Result<Ciphertext, fhe::Error> {
    let zero = Poly::zero(channel.context(level)?, Representation::Ntt);
    Ok(without_polynomials(Ciphertext::new(vec![zero.clone(), zero], channel.inner())?))
}

fn without_polynomials(mut ciphertext: Ciphertext) -> Ciphertext {
    ciphertext.iter_mut().for_each(|polynomial| *polynomial = Poly::default());
    ciphertext
}

/// The ciphertext of two checked polynomials, from an empty ciphertext at the same level.
fn filled_ciphertext(
    empty: &Ciphertext,
    channel: &Channel,
    level: Level,
    ciphertext: CiphertextResidues<'_>,
) -> Result<Ciphertext, ResiduesError> {
    let context = channel.context(level)?;
    let polynomial = |residues: Cow<'_, [u64]>| {
        checked_polynomial(residues.into_owned(), context, channel.degree(), Representation::Ntt)
    };
    Ok(with_polynomials(empty, polynomial(ciphertext.first)?, polynomial(ciphertext.second)?))
}

#[expect(clippy::indexing_slicing, reason = "ciphertexts are made with two polynomials")]
fn with_polynomials(empty: &Ciphertext, first: Poly, second: Poly) -> Ciphertext {
    let mut ciphertext = empty.clone();
    ciphertext[0] = first;
    ciphertext[1] = second;
    ciphertext
}

#[expect(
    clippy::indexing_slicing,
    reason = "encryption and evaluation return ciphertexts of two polynomials"
)]
fn ciphertext_residues(ciphertext: &Ciphertext) -> CiphertextResidues<'_> {
    CiphertextResidues { first: residues(&ciphertext[0]), second: residues(&ciphertext[1]) }
}

/// A ciphertext of `fhe` at the level of an upload, in compact form.
pub fn compact_ciphertext(layout: &LimbLayout, ciphertext: &Ciphertext) -> CompactCiphertext {
    let CiphertextResidues { first, second } = ciphertext_residues(ciphertext);
    let (first, second) = (layout.pack(&first), layout.pack(&second));
    CompactCiphertext { first, second: Some(second), seed: ciphertext_seed(ciphertext) }
}

/// The ciphertexts of a channel's pixels in `fhe`'s form.
///
/// # Errors
/// If `fhe` refuses the polynomials.
pub fn expanded_ciphertexts(
    layout: &LimbLayout,
    channel: &Channel,
    pixels: &[CompactCiphertext],
) -> Result<Vec<Ciphertext>, fhe::Error> {
    let level = channel.upload_level();
    let context = channel.context(level)?;
    let empty = ciphertext_without_polynomials(channel, level)?;
    let expanded = |bytes: &[u8]| public_polynomial(layout.unpack(bytes), context, Representation::Ntt);
    let pixel = |pixel: &CompactCiphertext| {
        let first = expanded(&pixel.first)?;
        let second = match (&pixel.second, pixel.seed) {
            (None, Some(seed)) => Poly::random_from_seed(context, Representation::Ntt, seed),
            (second, _) => expanded(second.as_deref().unwrap_or_default())?,
        };
        Ok(with_polynomials(&empty, first, second))
    };
    pixels.par_iter().map(pixel).collect()
}

/// The seed of the second polynomial, which `fhe` shows only in the protobuf form.
fn ciphertext_seed(ciphertext: &Ciphertext) -> Option<Seed> {
    // The protobuf form transforms polynomials back to coefficients and packs them: empty polynomials cost nothing.
    let empty = without_polynomials(ciphertext.clone());
    fhe::proto::bfv::Ciphertext::from(&empty).seed.try_into().ok()
}

#[cfg(test)]
mod tests;
