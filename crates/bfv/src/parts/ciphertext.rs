//! Batches and answers as residues.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use fhe::bfv::Ciphertext;
use fhe_math::rq::{Poly, Representation};

use super::{PartsError, Seed, polynomial, residues};
use crate::parameters::Channel;
use crate::{EncryptedBatch, EncryptedLogits, Parameters};

/// A ciphertext's two polynomials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiphertextParts<'a> {
    /// The polynomial that holds the message.
    pub first: Cow<'a, [u64]>,
    /// The polynomial that goes with the secret.
    pub second: Second<'a>,
}

/// A ciphertext's second polynomial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Second<'a> {
    /// Its residues.
    Residues(Cow<'a, [u64]>),
    /// What it is expanded from: it is uniform in a ciphertext that was encrypted with the secret key.
    Seed(Seed),
}

impl EncryptedBatch {
    /// Ciphertexts in every channel, one for each pixel of an image.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// The ciphertexts of every channel, pixel after pixel. Second polynomials are seeds where the client's own
    /// secret-key encryption made them; a batch that was made of parts has lost its seeds.
    pub fn parts(&self) -> impl Iterator<Item = impl Iterator<Item = CiphertextParts<'_>>> {
        self.channels.iter().map(|ciphertexts| ciphertexts.iter().map(parts))
    }

    /// A batch under `parameters` of images of `pixels` values. `next` gives the parts of one ciphertext after the
    /// other, those of a channel's pixels before the next channel's, so that they need not all be there at once. They are
    /// made into ciphertexts by the threads of the current `rayon` pool while it goes on: what it gives can be less
    /// than parts, if it takes no more memory than the ciphertext will.
    ///
    /// How many images it holds is the client's knowledge: [`images`](Self::images) says N.
    ///
    /// # Errors
    /// If there are no pixels, parts do not fit the parameters, or `next` fails.
    pub fn from_parts<'a, E: From<PartsError>, P: Into<CiphertextParts<'a>> + Send>(
        parameters: &Parameters,
        pixels: usize,
        next: impl FnMut() -> Result<P, E>,
    ) -> Result<Self, E> {
        let channels = ciphertexts(parameters, pixels, |_| 0, next)?;
        Ok(Self::new(channels, parameters.degree()))
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

    /// Logits of `classes` under `parameters`, at the level of an answer
    /// ([`Channel::answer_level`](crate::parameters::Channel::answer_level)). `next` gives parts as for
    /// [`EncryptedBatch::from_parts`].
    ///
    /// # Errors
    /// If there are no classes, parts do not fit the parameters, or `next` fails.
    pub fn from_parts<'a, E: From<PartsError>, P: Into<CiphertextParts<'a>> + Send>(
        parameters: &Parameters,
        classes: usize,
        next: impl FnMut() -> Result<P, E>,
    ) -> Result<Self, E> {
        Ok(Self { channels: ciphertexts(parameters, classes, Channel::answer_level, next)? })
    }
}

fn ciphertexts<'a, E: From<PartsError>, P: Into<CiphertextParts<'a>> + Send>(
    parameters: &Parameters,
    count: usize,
    level: impl Fn(&Channel) -> usize,
    mut next: impl FnMut() -> Result<P, E>,
) -> Result<Vec<Vec<Ciphertext>>, E> {
    if count == 0 {
        return Err(PartsError::Empty.into());
    }
    let mut channels = Vec::with_capacity(parameters.channels().len());
    for channel in parameters.channels() {
        let level = level(channel);
        let frame = &frame(channel, level)?;
        let (sender, receiver) = mpsc::channel();
        let refused = &AtomicBool::new(false);
        // Grows as parts come: whoever announces many has to send them.
        rayon::in_place_scope(|scope| {
            for index in 0..count {
                if refused.load(Ordering::Relaxed) {
                    break;
                }
                let (parts, sender) = (next()?, sender.clone());
                scope.spawn(move |_| {
                    let made = ciphertext(frame, channel, level, parts.into());
                    if made.is_err() {
                        refused.store(true, Ordering::Relaxed);
                    }
                    // The receiver outlives the scope.
                    let _ = sender.send((index, made));
                });
            }
            Ok::<(), E>(())
        })?;
        drop(sender);
        let mut made: Vec<_> = receiver.into_iter().collect();
        made.sort_unstable_by_key(|(index, _)| *index);
        channels.push(made.into_iter().map(|(_, made)| made).collect::<Result<_, _>>()?);
    }
    Ok(channels)
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
    ciphertext[1] = match parts.second {
        Second::Residues(second) => polynomial(second)?,
        Second::Seed(seed) => Poly::random_from_seed(context, Representation::Ntt, seed),
    };
    Ok(ciphertext)
}

fn without_polynomials(mut ciphertext: Ciphertext) -> Ciphertext {
    ciphertext.iter_mut().for_each(|polynomial| *polynomial = Poly::default());
    ciphertext
}

fn parts(ciphertext: &Ciphertext) -> CiphertextParts<'_> {
    let second = match seed(ciphertext) {
        Some(seed) => Second::Seed(seed),
        None => Second::Residues(residues(&ciphertext[1])),
    };
    CiphertextParts { first: residues(&ciphertext[0]), second }
}

/// The seed of the second polynomial, which `fhe` shows in the protobuf form alone.
fn seed(ciphertext: &Ciphertext) -> Option<Seed> {
    // That form takes polynomials out of their transform and packs them: empty ones cost nothing.
    let bare = without_polynomials(ciphertext.clone());
    fhe::proto::bfv::Ciphertext::from(&bare).seed.try_into().ok()
}
