//! Evaluation keys as residues.

use fhe::bfv::RelinearizationKey;
use fhe::bfv::traits::TryConvertFrom;
use fhe::proto::bfv::{KeySwitchingKey as KeySwitchingProto, RelinearizationKey as RelinearizationProto};
use fhe_math::rq::{Poly, Representation};
use fhe_traits::{DeserializeWithContext, Serialize};

use super::{PartsError, Seed, polynomial, residues};
use crate::keys::ChannelKey;
use crate::parameters::Channel;
use crate::{EvaluationKey, Parameters};

/// The relinearisation key of one channel: for each digit, that is each ciphertext prime, a ciphertext of a multiple of
/// the squared secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyParts {
    /// What the second polynomials of all digits are expanded from.
    pub seed: Seed,
    /// The first polynomials, modulo all ciphertext primes each.
    pub digits: Vec<Vec<u64>>,
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
    let context = key.channel.inner().context_at_level(0)?;
    let digit = |bytes: &Vec<u8>| -> Result<Vec<u64>, PartsError> {
        let polynomial = Poly::from_bytes(bytes, context).map_err(fhe::Error::from)?;
        Ok(residues(&polynomial).into_owned())
    };
    Ok(KeyParts {
        seed: proto.seed.try_into().map_err(|_| PartsError::NoSeed)?,
        digits: proto.c0.iter().map(digit).collect::<Result<_, _>>()?,
    })
}

fn channel_key(channel: &Channel, parts: KeyParts) -> Result<ChannelKey, PartsError> {
    let context = channel.inner().context_at_level(0)?;
    let (found, needed) = (parts.digits.len(), context.moduli().len());
    if found != needed {
        return Err(PartsError::Digits { found, needed });
    }
    // There is no other way into `fhe`'s key than its protobuf form. What it reads here, checked polynomials wrote.
    let digit = |residues| -> Result<Vec<u8>, PartsError> {
        Ok(polynomial(residues, context, channel.degree(), Representation::NttShoup)?.to_bytes())
    };
    let c0 = parts.digits.into_iter().map(digit).collect::<Result<_, _>>()?;
    let ksk = KeySwitchingProto { c0, seed: parts.seed.to_vec(), ..KeySwitchingProto::default() };
    let proto = RelinearizationProto { ksk: Some(ksk) };
    let relinearisation = RelinearizationKey::try_convert_from(&proto, channel.inner())?;
    Ok(ChannelKey { channel: channel.clone(), relinearisation })
}
