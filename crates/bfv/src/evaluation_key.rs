//! The keys that a provider gets from a client.

use std::fmt;

use fhe::bfv::traits::TryConvertFrom;
use fhe::bfv::{EvaluationKey as RotationKey, PublicKey, RelinearizationKey};
use fhe::proto::bfv::{
    Ciphertext as CiphertextProto, EvaluationKey as RotationProto, KeySwitchingKey as KeySwitchingProto,
    PublicKey as PublicProto, RelinearizationKey as RelinearizationProto,
};
use fhe_math::rq::{Poly, Representation};
use fhe_traits::{DeserializeParametrized, DeserializeWithContext, Serialize};
use prost::Message;

use crate::parameters::channel::Channel;
use crate::parameters::level::Level;
use crate::parameters::parameter_set::Parameters;
use crate::residues::{ResiduesError, check_residues, checked_polynomial, residues};
use crate::seed::expansion::Seed;

/// The keys that a provider gets from a client. They cannot decrypt.
///
/// Batched parameters have keys for every channel: the relinearisation key, which squares of ciphertexts need, and the public
/// key, which re-randomises answers. Packed parameters have one relinearisation key and one key for every rotation, which serve all channels:
/// keys do not depend on the plaintext modulus.
pub struct EvaluationKey {
    pub(crate) parameters: Parameters,
    pub(crate) keys: Keys,
}

/// The keys of batched or of packed parameters.
pub enum Keys {
    /// By channel.
    Batched(Vec<ChannelKey>),
    Packed(PackedKeyResidues),
}

/// The provider's keys of one channel.
pub struct ChannelKey {
    pub channel: Channel,
    pub relinearisation: RelinearizationKey,
    pub public: PublicKey,
}

/// The keys of one channel as residues. The relinearisation key has one ciphertext, of a multiple of the squared secret, for
/// each digit. Digits are residues modulo one ciphertext prime. The public key is a ciphertext of zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyResidues {
    /// The seed of the relinearisation key's second polynomials of all digits.
    pub seed: Seed,
    /// The relinearisation key's first polynomials, each modulo the ciphertext primes of an upload.
    pub digits: Vec<Vec<u64>>,
    /// The seed of the public key's second polynomial. Choosing a seed is not choosing the polynomial.
    pub public_seed: Seed,
    /// The public key's first polynomial, modulo all primes ([`Channel::key_primes`]).
    pub public: Vec<u64>,
}

/// The keys of packed parameters as residues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedKeyResidues {
    /// The relinearisation key, for as many ciphertext primes as the convolution's sums have.
    pub relinearisation: SwitchingKeyResidues,
    /// A key for every rotation of the chain, in its order.
    pub rotations: Vec<SwitchingKeyResidues>,
}

/// A key-switching key: ciphertexts of P times a multiple of another secret, one for each digit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchingKeyResidues {
    /// The seed of the second polynomials of all digits, which have residues modulo all primes ([`Channel::key_primes`]).
    pub seed: Seed,
    /// The first polynomials, one for each of the key's ciphertext primes: residues modulo these primes and the special prime.
    pub digits: Vec<Vec<u64>>,
}

impl EvaluationKey {
    /// The parameters that the key belongs to.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The residues of a key for batched parameters, channel after channel. There are none for packed parameters.
    ///
    /// # Errors
    /// If `fhe` does not give them.
    pub fn residues(&self) -> Result<Vec<KeyResidues>, ResiduesError> {
        self.channels().iter().map(key_residues).collect()
    }

    /// The residues of a key for packed parameters.
    #[must_use]
    pub fn packed_residues(&self) -> Option<&PackedKeyResidues> {
        match &self.keys {
            Keys::Packed(keys) => Some(keys),
            Keys::Batched(_) => None,
        }
    }

    /// The keys of the channels of batched parameters. There are none for packed parameters.
    pub(crate) fn channels(&self) -> &[ChannelKey] {
        match &self.keys {
            Keys::Batched(channels) => channels,
            Keys::Packed(_) => &[],
        }
    }

    /// A key for packed `parameters`. `next` gives the residues of the relinearisation key, and then of the key of every rotation in the
    /// chain's order. Its arguments are the primes of the first polynomials of all digits ([`Parameters::switching_key_primes`]).
    ///
    /// # Errors
    /// If the parameters are not packed, residues do not fit them, or `next` fails.
    pub fn from_packed_residues<E: From<ResiduesError>>(
        parameters: &Parameters,
        mut next: impl FnMut(&[u64]) -> Result<SwitchingKeyResidues, E>,
    ) -> Result<Self, E> {
        let chain = parameters.packed().ok_or(ResiduesError::NotPacked)?;
        let mut key = |primes: usize| -> Result<SwitchingKeyResidues, E> {
            let primes = parameters.switching_key_primes(primes);
            let key = next(&primes)?;
            check_switching_key(&key, &primes, parameters.degree())?;
            Ok(key)
        };
        let relinearisation = key(chain.kept.convolution)?;
        let rotations =
            chain.rotations.iter().map(|rotation| key(rotation.primes)).collect::<Result<_, E>>()?;
        let keys = Keys::Packed(PackedKeyResidues { relinearisation, rotations });
        Ok(Self { parameters: parameters.clone(), keys })
    }

    /// A key for batched `parameters`. `next` gives the residues of one channel after the other.
    ///
    /// # Errors
    /// If residues do not fit the parameters, or `next` fails.
    pub fn from_residues<E: From<ResiduesError>>(
        parameters: &Parameters,
        mut next: impl FnMut() -> Result<KeyResidues, E>,
    ) -> Result<Self, E> {
        let mut channels = Vec::with_capacity(parameters.channels().len());
        for channel in parameters.channels() {
            channels.push(channel_key(channel, next()?)?);
        }
        Ok(Self { parameters: parameters.clone(), keys: Keys::Batched(channels) })
    }
}

impl fmt::Debug for EvaluationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvaluationKey").field("parameters", &self.parameters).finish_non_exhaustive()
    }
}

fn key_residues(key: &ChannelKey) -> Result<KeyResidues, ResiduesError> {
    // `fhe` shows a key's polynomials only in the protobuf form. This form is made here, so its bytes are sound.
    let proto = RelinearizationProto::from(&key.relinearisation).ksk.unwrap_or_default();
    let polynomial = |bytes: &Vec<u8>, level| -> Result<Vec<u64>, ResiduesError> {
        let context = key.channel.context(level)?;
        let polynomial = Poly::from_bytes(bytes, context).map_err(fhe::Error::from)?;
        Ok(residues(&polynomial).into_owned())
    };
    let digit = |bytes| polynomial(bytes, key.channel.upload_level());
    let public = PublicProto::from(&key.public).c.unwrap_or_default();
    Ok(KeyResidues {
        seed: proto.seed.try_into().map_err(|_| ResiduesError::NoSeed)?,
        digits: proto.c0.iter().map(digit).collect::<Result<_, _>>()?,
        public: public.c.first().map(|bytes| polynomial(bytes, Level::KEY)).ok_or(ResiduesError::Empty)??,
        public_seed: public.seed.try_into().map_err(|_| ResiduesError::NoSeed)?,
    })
}

fn channel_key(channel: &Channel, key: KeyResidues) -> Result<ChannelKey, ResiduesError> {
    let level = channel.upload_level();
    let context = channel.context(level)?;
    let (found, needed) = (key.digits.len(), context.moduli().len());
    if found != needed {
        return Err(ResiduesError::Digits { found, needed });
    }
    // The protobuf form is the only way into `fhe`'s key. The bytes that `fhe` reads here are written by checked polynomials.
    let digit = |residues| -> Result<Vec<u8>, ResiduesError> {
        let polynomial = checked_polynomial(residues, context, channel.degree(), Representation::NttShoup)?;
        Ok(polynomial.to_bytes())
    };
    let c0 = key.digits.into_iter().map(digit).collect::<Result<_, _>>()?;
    // At most 9.
    let level = level.dropped_primes() as u32;
    let seed = key.seed.to_vec();
    let ksk = KeySwitchingProto {
        c0,
        seed,
        ciphertext_level: level,
        ksk_level: level,
        ..KeySwitchingProto::default()
    };
    let proto = RelinearizationProto { ksk: Some(ksk) };
    let relinearisation = RelinearizationKey::try_convert_from(&proto, channel.inner())?;
    let public = public_key(channel, key.public, key.public_seed)?;
    Ok(ChannelKey { channel: channel.clone(), relinearisation, public })
}

/// A public key of its residues. The protobuf form is the only way into `fhe`'s key, here as bytes that are made from a checked
/// polynomial.
fn public_key(channel: &Channel, first: Vec<u64>, seed: Seed) -> Result<PublicKey, ResiduesError> {
    let context = channel.context(Level::KEY)?;
    let first = checked_polynomial(first, context, channel.degree(), Representation::Ntt)?.to_bytes();
    let ciphertext = CiphertextProto { c: vec![first], seed: seed.to_vec(), level: 0 };
    let bytes = PublicProto { c: Some(ciphertext) }.encode_to_vec();
    Ok(PublicKey::from_bytes(&bytes, channel.inner())?)
}

/// Checks the numbers and the residues of a switching key's first polynomials.
fn check_switching_key(
    key: &SwitchingKeyResidues,
    primes: &[u64],
    degree: usize,
) -> Result<(), ResiduesError> {
    // The special prime has no digit.
    let (found, needed) = (key.digits.len(), primes.len() - 1);
    if found != needed {
        return Err(ResiduesError::Digits { found, needed });
    }
    key.digits.iter().try_for_each(|digit| check_residues(digit, primes, degree))
}

/// The residues of `fhe`'s relinearisation key with the special prime, for the first `primes` ciphertext primes.
///
/// # Errors
/// If `fhe` does not give them.
pub fn relinearisation_residues(
    key: &RelinearizationKey,
    channel: &Channel,
    primes: usize,
) -> Result<SwitchingKeyResidues, ResiduesError> {
    switching_residues(RelinearizationProto::from(key).ksk, channel, primes)
}

/// The residues of `fhe`'s key of one rotation with the special prime, for the first `primes` ciphertext primes.
///
/// # Errors
/// If `fhe` does not give them.
pub fn rotation_residues(
    key: &RotationKey,
    channel: &Channel,
    primes: usize,
) -> Result<SwitchingKeyResidues, ResiduesError> {
    let key = RotationProto::from(key).gk.pop().and_then(|key| key.ksk);
    switching_residues(key, channel, primes)
}

/// The residues of a key for all ciphertext primes, restricted to the first `primes` of them. The digits' factors are 1 modulo their own
/// prime, and 0 modulo the others and the special prime, so fewer primes and digits make a key for fewer primes.
fn switching_residues(
    key: Option<KeySwitchingProto>,
    channel: &Channel,
    primes: usize,
) -> Result<SwitchingKeyResidues, ResiduesError> {
    let key = key.unwrap_or_default();
    let context = channel.context(Level::KEY)?;
    let (degree, special) = (channel.degree(), channel.key_primes().len() - 1);
    let digit = |bytes: &Vec<u8>| -> Result<Vec<u64>, ResiduesError> {
        let polynomial = Poly::from_bytes(bytes, context).map_err(fhe::Error::from)?;
        let all = residues(&polynomial);
        let kept = all.chunks_exact(degree).enumerate();
        let kept = kept.filter(|(prime, _)| *prime < primes || *prime == special);
        Ok(kept.flat_map(|(_, residues)| residues.iter().copied()).collect())
    };
    Ok(SwitchingKeyResidues {
        seed: key.seed.try_into().map_err(|_| ResiduesError::NoSeed)?,
        digits: key.c0.iter().take(primes).map(digit).collect::<Result<_, _>>()?,
    })
}
