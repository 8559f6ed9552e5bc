//! Packed evaluation in one channel: everything modulo one plaintext modulus.

use std::time::Instant;

use fhe::bfv::Ciphertext;
use fhe_math::rq::Representation;
use rand::Rng;
use rayon::prelude::*;
use sottovoce_network::{IntegerEnsemble, IntegerNetwork};

use super::operations::PackedCiphertext;
use super::ring::PackedRing;
use super::switching_key::SwitchingKeys;
use super::weights::{MemberWeights, PlainEncoder};
use crate::compact::layout::{CompactCiphertext, LimbLayout};
use crate::engine::channel::ChannelAnswer;
use crate::engine::error::EngineError;
use crate::engine::ring::Ring;
use crate::error::BfvError;
use crate::evaluation::{Layer, LayerTime};
use crate::packed::PackedLayout;
use crate::parameters::channel::Channel;
use crate::parameters::packed_chain::PackedLevels;
use crate::progress::ProgressObserver;
use crate::residues::public_polynomial;
use crate::seed::expansion::expand;

/// An ensemble compiled for one channel.
pub struct PackedChannel {
    channel: Channel,
    kept: PackedLevels,
    layout: PackedLayout,
    upload: LimbLayout,
    plain: PlainEncoder,
    members: Vec<MemberWeights>,
}

/// A step of packed evaluation whose ciphertexts can be inspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackedStep {
    /// The convolution's sums with their biases, at an upload's primes.
    Convolution,
    /// The relinearised squares of the convolution's sums, before their switch.
    Square,
    /// The hidden units with their biases, before their switch.
    Hidden,
    /// The sum of the members' logits with everything that is added, before the switch to an answer.
    Logits,
}

/// Receives the ciphertexts of every step, for measurements of their noise.
pub type Inspection<'a> = dyn Fn(PackedStep, &PackedCiphertext<'_>) + Sync + 'a;

/// A member's hidden units, squared and multiplied with the output weights.
struct MemberProducts<'a> {
    products: PackedCiphertext<'a>,
    times: Vec<LayerTime>,
}

impl PackedChannel {
    /// Compiles an ensemble for a channel.
    ///
    /// # Errors
    /// If a value cannot be encoded.
    pub fn new(
        channel: &Channel,
        kept: PackedLevels,
        layout: &PackedLayout,
        ensemble: &IntegerEnsemble,
        ring: &PackedRing,
    ) -> Result<Self, EngineError> {
        let plain = PlainEncoder::new(channel);
        let member =
            |network: &IntegerNetwork| MemberWeights::new(&plain, ring, channel, kept, layout, network);
        Ok(Self {
            channel: channel.clone(),
            kept,
            layout: *layout,
            upload: channel.upload_layout(),
            members: ensemble.members().iter().map(member).collect::<Result<_, _>>()?,
            plain,
        })
    }

    /// The units of work that an evaluation without members' answers reports: the convolution's rotations, two for each member, and the answer.
    pub fn work(&self) -> u64 {
        2 + 2 * self.members.len() as u64
    }

    /// Evaluates one image.
    ///
    /// # Errors
    /// If the ciphertext is incomplete, a rotation has no key, or `observer` cancels the evaluation.
    pub fn evaluate(
        &self,
        ring: &PackedRing,
        keys: &SwitchingKeys,
        image: &CompactCiphertext,
        with_members: bool,
        observer: &dyn ProgressObserver,
        inspect: &Inspection<'_>,
    ) -> Result<ChannelAnswer, BfvError> {
        let start = Instant::now();
        let rotated =
            self.image(ring, image)?.baby_steps(ring, keys, self.layout.convolution().baby_steps())?;
        let mut times =
            vec![LayerTime { member: None, layer: Layer::Convolution1, elapsed: start.elapsed() }];
        observer.advance(1);
        let evaluated = self
            .members
            .par_iter()
            .enumerate()
            .map(|member| self.products(ring, keys, &rotated, member, observer, inspect));
        let products: Vec<MemberProducts<'_>> = evaluated.collect::<Result<_, BfvError>>()?;
        let start = Instant::now();
        let members = if with_members {
            let answer = |(product, weights): (&MemberProducts<'_>, &MemberWeights)| {
                self.answer(ring, &[product], &[weights], &|_, _| ())
            };
            products.par_iter().zip(&self.members).map(answer).collect::<Result<_, BfvError>>()?
        } else {
            Vec::new()
        };
        let all: Vec<&MemberProducts<'_>> = products.iter().collect();
        let ensemble = self.answer(ring, &all, &self.members.iter().collect::<Vec<_>>(), inspect)?;
        observer.advance(1);
        times.extend(products.into_iter().flat_map(|product| product.times));
        times.push(LayerTime { member: None, layer: Layer::EnsembleSum, elapsed: start.elapsed() });
        Ok(ChannelAnswer { members, ensemble, times })
    }

    /// The image's ciphertext.
    fn image<'a>(
        &self,
        ring: &'a PackedRing,
        image: &CompactCiphertext,
    ) -> Result<PackedCiphertext<'a>, BfvError> {
        let Ring { kernel, pool, degree, .. } = ring.ring();
        let upload = self.channel.ciphertext_primes();
        let mut parts = [0; 2].map(|_| pool.take(upload.len() * degree));
        let [first, second] = &mut parts;
        first.copy_from_slice(&self.upload.unpack(&image.first));
        match (&image.second, image.seed) {
            (Some(bytes), _) => second.copy_from_slice(&self.upload.unpack(bytes)),
            (None, Some(seed)) => expand(kernel, &seed, upload, second),
            (None, None) => return Err(BfvError::Incomplete),
        }
        Ok(PackedCiphertext { parts, primes: upload.len() })
    }

    /// One member's products of squared hidden units with output weights, of which the logits are sums.
    fn products<'a>(
        &self,
        ring: &'a PackedRing,
        keys: &SwitchingKeys,
        rotated: &[PackedCiphertext<'a>],
        (number, weights): (usize, &MemberWeights),
        observer: &dyn ProgressObserver,
        inspect: &Inspection<'_>,
    ) -> Result<MemberProducts<'a>, BfvError> {
        let mut times = Vec::new();
        let mut last = Instant::now();
        let mut lap = |layer| {
            let now = Instant::now();
            times.push(LayerTime { member: Some(number), layer, elapsed: now - last });
            last = now;
        };
        let t = self.channel.plaintext_modulus();
        let PackedLevels { convolution, square, hidden, .. } = self.kept;
        let mut maps = PackedCiphertext::diagonal_sum(ring, keys, rotated, &weights.convolution)?;
        maps.fold(ring, keys, self.layout.convolution_folds())?;
        maps.add_plain(ring, &weights.convolution_biases);
        inspect(PackedStep::Convolution, &maps);
        maps.switch_down(ring, convolution);
        lap(Layer::Convolution1);
        check_cancelled(observer)?;
        let mut squares = maps.squared(ring, &keys.relinearisation, t);
        inspect(PackedStep::Square, &squares);
        squares.switch_down(ring, square);
        lap(Layer::Activation2);
        observer.advance(1);
        let rotated = squares.baby_steps(ring, keys, self.layout.hidden().baby_steps())?;
        check_cancelled(observer)?;
        let mut units = PackedCiphertext::diagonal_sum(ring, keys, &rotated, &weights.hidden)?;
        units.fold(ring, keys, self.layout.hidden_folds())?;
        units.add_plain(ring, &weights.hidden_biases);
        inspect(PackedStep::Hidden, &units);
        units.switch_down(ring, hidden);
        lap(Layer::Dense3);
        check_cancelled(observer)?;
        let squares = units.squared(ring, &keys.relinearisation, t);
        lap(Layer::Activation4);
        let products = squares.weighted(ring, &weights.output);
        lap(Layer::Dense5);
        observer.advance(1);
        Ok(MemberProducts { products, times })
    }

    /// The answer of the sum of some members: random shares of the logits, and random values in all other slots.
    fn answer(
        &self,
        ring: &PackedRing,
        products: &[&MemberProducts<'_>],
        members: &[&MemberWeights],
        inspect: &Inspection<'_>,
    ) -> Result<Vec<Ciphertext>, BfvError> {
        let Ring { pool, degree, .. } = ring.ring();
        let primes = self.kept.hidden;
        let mut parts = [0; 2].map(|_| pool.take(primes * degree));
        parts.iter_mut().for_each(|part| part.fill(0));
        let mut sum = PackedCiphertext { parts, primes };
        for product in products {
            sum.add(ring, &product.products);
        }
        for member in members {
            sum.add_plain(ring, &member.output_biases);
        }
        sum.add_plain(ring, &self.random_shares(ring)?);
        inspect(PackedStep::Logits, &sum);
        sum.switch_down(ring, self.kept.answer);
        Ok(vec![self.ciphertext(&sum)?])
    }

    /// A ciphertext in `fhe`'s form.
    ///
    /// # Errors
    /// If `fhe` refuses it.
    pub fn ciphertext(&self, ciphertext: &PackedCiphertext<'_>) -> Result<Ciphertext, BfvError> {
        let level = self.channel.level_of(ciphertext.primes).ok_or(BfvError::Incomplete)?;
        let context = self.channel.context(level)?;
        let polynomial = |part: &[u64]| {
            let residues = part.iter().take(ciphertext.primes * self.channel.degree()).copied().collect();
            public_polynomial(residues, context, Representation::Ntt)
        };
        let polynomials = ciphertext.parts.iter().map(|part| polynomial(part)).collect::<Result<_, _>>()?;
        Ok(Ciphertext::new(polynomials, self.channel.inner())?)
    }

    /// A polynomial of uniform values modulo t that are independent but for one thing: the shares of every logit have the sum 0. The decrypted
    /// shares of an answer are then uniform with the sum that is the logit.
    fn random_shares(&self, ring: &PackedRing) -> Result<Vec<u64>, BfvError> {
        let t = self.channel.plaintext_modulus();
        let degree = self.layout.degree();
        let mut rng = rand::rng();
        let mut slots: Vec<i128> = (0..degree).map(|_| rng.random_range(0..t).into()).collect();
        let input = self.layout.input();
        for class in 0..input.classes {
            let mut sum = 0;
            let mut last = None;
            for slot in input.share_slots(class, degree) {
                last = slots.get_mut(slot);
                sum += last.as_deref().copied().unwrap_or_default();
            }
            if let Some(last) = last {
                // Encoding reduces the number modulo t.
                *last -= sum;
            }
        }
        Ok(self.plain.biases(ring, &slots, 1, self.kept.hidden)?)
    }
}

fn check_cancelled(observer: &dyn ProgressObserver) -> Result<(), BfvError> {
    if observer.is_cancelled() { Err(BfvError::Cancelled) } else { Ok(()) }
}
