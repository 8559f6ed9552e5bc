//! Batches as they are packed, and answers as residues.

use std::borrow::Cow;

use fhe::bfv::Ciphertext;
use fhe_math::rq::traits::TryConvertFrom;
use fhe_math::rq::{Poly, Representation};
use rayon::prelude::*;

use super::{PartsError, Seed, polynomial, residues};
use crate::noise::Evaluation;
use crate::packed::{PackedCiphertext, RowLayout};
use crate::parameters::Channel;
use crate::{EncryptedBatch, EncryptedLogits, Parameters};

/// The residues of a ciphertext's two polynomials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiphertextParts<'a> {
    /// The polynomial that holds the message.
    pub first: Cow<'a, [u64]>,
    /// The polynomial that goes with the secret.
    pub second: Cow<'a, [u64]>,
}

impl EncryptedBatch {
    /// Ciphertexts in every channel, one for each pixel of an image.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// The ciphertexts of every channel, pixel after pixel.
    pub fn ciphertexts(&self) -> impl Iterator<Item = &PackedCiphertext> {
        self.channels.iter().flatten()
    }

    /// A batch under `parameters` of images of `pixels` values. `next` gives one ciphertext after the other, those of a
    /// channel's pixels before the next channel's, so that they need not all be there at once. Each is compared with its
    /// primes when it comes.
    ///
    /// How many images it holds is the client's knowledge: [`images`](Self::images) says N.
    ///
    /// # Errors
    /// If there are no pixels, ciphertexts do not fit the parameters, or `next` fails.
    pub fn from_ciphertexts<E: From<PartsError>>(
        parameters: &Parameters,
        pixels: usize,
        mut next: impl FnMut() -> Result<PackedCiphertext, E>,
    ) -> Result<Self, E> {
        if pixels == 0 {
            return Err(PartsError::Empty.into());
        }
        // The same in every channel.
        let layout = parameters.channels()[0].upload_layout();
        let mut channels = Vec::with_capacity(parameters.channels().len());
        for _ in parameters.channels() {
            // Grows as ciphertexts come: whoever announces many has to send them.
            let mut ciphertexts = Vec::new();
            for _ in 0..pixels {
                let ciphertext = next()?;
                layout.check_ciphertext(&ciphertext)?;
                ciphertexts.push(ciphertext);
            }
            channels.push(ciphertexts);
        }
        Ok(Self::new(channels, layout, parameters.degree()))
    }
}

impl EncryptedLogits {
    /// Ciphertexts in every channel, one for each class.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// The ciphertexts of every channel, class after class.
    pub fn parts(&self) -> impl Iterator<Item = impl Iterator<Item = CiphertextParts<'_>>> {
        self.channels.iter().map(|ciphertexts| ciphertexts.iter().map(parts))
    }

    /// Who evaluated.
    #[must_use]
    pub fn evaluation(&self) -> Evaluation {
        self.evaluation
    }

    /// Logits of `classes` under `parameters`, at the level of an answer
    /// ([`Channel::answer_level`](crate::parameters::Channel::answer_level)), that `evaluation` gave. `next` gives the parts
    /// of one ciphertext after the other, those of a channel's classes before the next channel's.
    ///
    /// # Errors
    /// If there are no classes, parts do not fit the parameters, or `next` fails.
    pub fn from_parts<'a, E: From<PartsError>>(
        parameters: &Parameters,
        classes: usize,
        evaluation: Evaluation,
        mut next: impl FnMut() -> Result<CiphertextParts<'a>, E>,
    ) -> Result<Self, E> {
        if classes == 0 {
            return Err(PartsError::Empty.into());
        }
        let mut channels = Vec::with_capacity(parameters.channels().len());
        for channel in parameters.channels() {
            let level = channel.answer_level();
            let frame = frame(channel, level)?;
            let mut ciphertexts = Vec::new();
            for _ in 0..classes {
                ciphertexts.push(ciphertext(&frame, channel, level, next()?)?);
            }
            channels.push(ciphertexts);
        }
        Ok(Self { channels, evaluation })
    }
}

/// A ciphertext at that level without its polynomials. `Ciphertext::new` compares all tables of the ring, which takes longer
/// than everything else: once is enough.
fn frame(channel: &Channel, level: usize) -> Result<Ciphertext, PartsError> {
    let parameters = channel.inner();
    let zero = Poly::zero(parameters.context_at_level(level)?, Representation::Ntt);
    Ok(without_polynomials(Ciphertext::new(vec![zero.clone(), zero], parameters)?))
}

/// Fills a channel's [`frame`] of that level.
fn ciphertext(
    frame: &Ciphertext,
    channel: &Channel,
    level: usize,
    parts: CiphertextParts<'_>,
) -> Result<Ciphertext, PartsError> {
    let context = channel.inner().context_at_level(level)?;
    let polynomial =
        |part: Cow<'_, [u64]>| polynomial(part.into_owned(), context, channel.degree(), Representation::Ntt);
    let mut ciphertext = frame.clone();
    ciphertext[0] = polynomial(parts.first)?;
    ciphertext[1] = polynomial(parts.second)?;
    Ok(ciphertext)
}

fn without_polynomials(mut ciphertext: Ciphertext) -> Ciphertext {
    ciphertext.iter_mut().for_each(|polynomial| *polynomial = Poly::default());
    ciphertext
}

/// A ciphertext of `fhe`'s at the level of an upload, packed.
pub(crate) fn packed(layout: &RowLayout, ciphertext: &Ciphertext) -> PackedCiphertext {
    let [first, second] = [0, 1].map(|part| layout.pack(&residues(&ciphertext[part])));
    PackedCiphertext { first, second: Some(second), seed: seed(ciphertext) }
}

/// The ciphertexts of a channel's pixels as `fhe` has them.
pub(crate) fn pixels(
    layout: &RowLayout,
    channel: &Channel,
    pixels: &[PackedCiphertext],
) -> Result<Vec<Ciphertext>, fhe::Error> {
    let level = channel.upload_level();
    let parameters = channel.inner();
    let context = parameters.context_at_level(level)?;
    let zero = Poly::zero(context, Representation::Ntt);
    let frame = without_polynomials(Ciphertext::new(vec![zero.clone(), zero], parameters)?);
    let pixel = |pixel: &PackedCiphertext| {
        let unpacked =
            |bytes: &[u8]| Poly::try_convert_from(layout.unpack(bytes), context, true, Representation::Ntt);
        let mut ciphertext = frame.clone();
        ciphertext[0] = unpacked(&pixel.first)?;
        ciphertext[1] = match (&pixel.second, pixel.seed) {
            (None, Some(seed)) => Poly::random_from_seed(context, Representation::Ntt, seed),
            (second, _) => unpacked(second.as_deref().unwrap_or_default())?,
        };
        Ok(ciphertext)
    };
    pixels.par_iter().map(pixel).collect()
}

fn parts(ciphertext: &Ciphertext) -> CiphertextParts<'_> {
    CiphertextParts { first: residues(&ciphertext[0]), second: residues(&ciphertext[1]) }
}

/// The seed of the second polynomial, which `fhe` shows in the protobuf form alone.
fn seed(ciphertext: &Ciphertext) -> Option<Seed> {
    // That form takes polynomials out of their transform and packs them: empty ones cost nothing.
    let bare = without_polynomials(ciphertext.clone());
    fhe::proto::bfv::Ciphertext::from(&bare).seed.try_into().ok()
}
