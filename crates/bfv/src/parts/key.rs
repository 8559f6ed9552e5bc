//! Evaluation keys as residues.

use fhe::bfv::traits::TryConvertFrom;
use fhe::bfv::{PublicKey, RelinearizationKey};
use fhe::proto::bfv::{
    Ciphertext as CiphertextProto, KeySwitchingKey as KeySwitchingProto, PublicKey as PublicProto,
    RelinearizationKey as RelinearizationProto,
};
use fhe_math::rq::{Poly, Representation};
use fhe_traits::{DeserializeParametrized, DeserializeWithContext, Serialize};
use prost::Message;

use super::{PartsError, Seed, polynomial, residues};
use crate::keys::ChannelKey;
use crate::parameters::Channel;
use crate::{EvaluationKey, Parameters};

/// The keys of one channel: the relinearisation key, for each digit, that is each ciphertext prime, a ciphertext of a
/// multiple of the squared secret; and the public key, a ciphertext of zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyParts {
    /// What the relinearisation key's second polynomials of all digits are expanded from.
    pub seed: Seed,
    /// Its first polynomials, modulo the ciphertext primes of an upload each.
    pub digits: Vec<Vec<u64>>,
    /// What the public key's second polynomial is expanded from: whoever chose it did not choose the polynomial.
    pub public_seed: Seed,
    /// The public key's first polynomial, modulo all primes ([`Channel::key_primes`]).
    pub public: Vec<u64>,
}

impl EvaluationKey {
    /// The parameters that the key belongs to.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The key's parts, channel after channel.
    ///
    /// # Errors
    /// If `fhe` does not give them.
    pub fn parts(&self) -> Result<Vec<KeyParts>, PartsError> {
        self.channels.iter().map(parts).collect()
    }

    /// A key for `parameters`. `next` gives the parts of one channel after the other.
    ///
    /// # Errors
    /// If parts do not fit the parameters, or `next` fails.
    pub fn from_parts<E: From<PartsError>>(
        parameters: &Parameters,
        mut next: impl FnMut() -> Result<KeyParts, E>,
    ) -> Result<Self, E> {
        let mut channels = Vec::with_capacity(parameters.channels().len());
        for channel in parameters.channels() {
            channels.push(channel_key(channel, next()?)?);
        }
        Ok(Self { parameters: parameters.clone(), channels })
    }
}

fn parts(key: &ChannelKey) -> Result<KeyParts, PartsError> {
    // `fhe` shows a key's parts in the protobuf form alone. This one is our own, so its bytes are sound.
    let proto = RelinearizationProto::from(&key.relinearisation).ksk.unwrap_or_default();
    let parameters = key.channel.inner();
    let polynomial = |bytes: &Vec<u8>, level| -> Result<Vec<u64>, PartsError> {
        let context = parameters.context_at_level(level)?;
        let polynomial = Poly::from_bytes(bytes, context).map_err(fhe::Error::from)?;
        Ok(residues(&polynomial).into_owned())
    };
    let digit = |bytes| polynomial(bytes, key.channel.upload_level());
    let public = PublicProto::from(&key.public).c.unwrap_or_default();
    Ok(KeyParts {
        seed: proto.seed.try_into().map_err(|_| PartsError::NoSeed)?,
        digits: proto.c0.iter().map(digit).collect::<Result<_, _>>()?,
        public: public.c.first().map(|bytes| polynomial(bytes, 0)).ok_or(PartsError::Empty)??,
        public_seed: public.seed.try_into().map_err(|_| PartsError::NoSeed)?,
    })
}

fn channel_key(channel: &Channel, parts: KeyParts) -> Result<ChannelKey, PartsError> {
    let level = channel.upload_level();
    let context = channel.inner().context_at_level(level)?;
    let (found, needed) = (parts.digits.len(), context.moduli().len());
    if found != needed {
        return Err(PartsError::Digits { found, needed });
    }
    // There is no other way into `fhe`'s key than its protobuf form. What it reads here, checked polynomials wrote.
    let digit = |residues| -> Result<Vec<u8>, PartsError> {
        Ok(polynomial(residues, context, channel.degree(), Representation::NttShoup)?.to_bytes())
    };
    let c0 = parts.digits.into_iter().map(digit).collect::<Result<_, _>>()?;
    // At most 9.
    let level = level as u32;
    let seed = parts.seed.to_vec();
    let ksk = KeySwitchingProto {
        c0,
        seed,
        ciphertext_level: level,
        ksk_level: level,
        ..KeySwitchingProto::default()
    };
    let proto = RelinearizationProto { ksk: Some(ksk) };
    let relinearisation = RelinearizationKey::try_convert_from(&proto, channel.inner())?;
    let public = public_key(channel, parts.public, parts.public_seed)?;
    Ok(ChannelKey { channel: channel.clone(), relinearisation, public })
}

/// A public key of its parts. The way in is the protobuf form again, here as bytes of our own making.
pub(crate) fn public_key(channel: &Channel, first: Vec<u64>, seed: Seed) -> Result<PublicKey, PartsError> {
    let context = channel.inner().context_at_level(0)?;
    let first = polynomial(first, context, channel.degree(), Representation::Ntt)?.to_bytes();
    let ciphertext = CiphertextProto { c: vec![first], seed: seed.to_vec(), level: 0 };
    let bytes = PublicProto { c: Some(ciphertext) }.encode_to_vec();
    Ok(PublicKey::from_bytes(&bytes, channel.inner())?)
}
