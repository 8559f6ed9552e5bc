//! The parameters message: BFV parameters.

use std::io::Read;

use sottovoce_bfv::parameters::{PackedChain, PackedLevels, PrimeSizes, Rotation};
use sottovoce_bfv::{Encryption, Parameters};

use super::field;
use super::header::MessageKind;
use super::parameter_fields::{MAX_ROTATIONS, ParameterFields};
use super::reader::MessageReader;
use super::writer::MessageBuilder;
use crate::error::ProtocolError;
use crate::fingerprint::Fingerprint;
use crate::size;

const MESSAGE: MessageKind = MessageKind::Parameters;

/// Returns the message.
pub fn write(parameters: &Parameters) -> Vec<u8> {
    let mut message = MessageBuilder::new(MESSAGE, Fingerprint::of_parameters(parameters));
    message.bytes(&ParameterFields::of(parameters).encode());
    message.finish().0
}

/// Reads parameters. Checks that they are secure and take at most `max_memory_bytes`, of packed parameters with a client's keys,
/// before it computes any tables. The primes must be those that [`Parameters::new`] or
/// [`Parameters::new_packed`] chooses for their sizes.
pub fn read(input: impl Read, max_memory_bytes: u64) -> Result<Parameters, ProtocolError> {
    let mut reader = MessageReader::start(input, MESSAGE)?;
    let announced = reader.fingerprint(field::PARAMETERS)?;
    let fields = read_fields(&mut reader)?;
    reader.finish()?;
    let allowed = Fingerprint::of_parameter_fields(&fields);
    if announced != allowed {
        let (message, field, found) = (MESSAGE, field::PARAMETERS, announced);
        return Err(ProtocolError::WrongFingerprint { message, field, found, allowed });
    }
    let ParameterFields { degree, encryption, plaintext_moduli, ciphertext_primes, hidden_primes, packed } =
        fields;
    // Public-key encryption and packed parameters have one prime more, which no message names.
    let has_key_prime = encryption == Encryption::PublicKey || packed.is_some();
    let all_primes = ciphertext_primes.len() + usize::from(has_key_prime);
    let keys = packed.as_ref().map_or(0, |chain| size::packed_client_key_bytes(degree, chain));
    let found =
        size::parameters_memory_bytes(degree, plaintext_moduli.len(), all_primes).saturating_add(keys);
    if found > max_memory_bytes {
        let allowed = format!("at most {max_memory_bytes} bytes");
        return Err(ProtocolError::InvalidField {
            message: MESSAGE,
            field: "expected memory",
            found,
            allowed,
        });
    }
    let upload: Vec<usize> =
        ciphertext_primes.iter().map(|prime| 64 - prime.leading_zeros() as usize).collect();
    // Both check security before they compute any tables.
    let parameters = match packed {
        Some(chain) => Parameters::new_packed(degree, &plaintext_moduli, &upload, chain)?,
        None => {
            let sizes = PrimeSizes { upload, hidden: hidden_primes };
            Parameters::new(degree, &plaintext_moduli, &sizes, encryption)?
        }
    };
    let chosen = parameters.ciphertext_primes();
    let differing = ciphertext_primes.iter().zip(chosen).find(|(found, chosen)| found != chosen);
    if let Some((&found, allowed)) = differing {
        let (field, allowed) = ("ciphertext primes", allowed.to_string());
        return Err(ProtocolError::InvalidField { message: MESSAGE, field, found, allowed });
    }
    Ok(parameters)
}

fn read_fields<R: Read>(reader: &mut MessageReader<R>) -> Result<ParameterFields, ProtocolError> {
    // The cast is exact: the field has four bytes.
    let degree = reader.number::<4>("ring degree")? as usize;
    let is_packed = reader.number_between::<1>("kind of evaluation", 0, 1)? == 1;
    // Packed parameters have no public key.
    let encryption = match reader.number_between::<1>("kind of encryption", usize::from(is_packed), 1)? {
        0 => Encryption::PublicKey,
        _ => Encryption::SecretKey,
    };
    // Each count is at most 255.
    let moduli = reader.number::<1>("number of plaintext moduli")?;
    let primes = reader.number::<1>("number of ciphertext primes")?;
    // `Parameters::new` refuses a number that is not below the number of ciphertext primes.
    let hidden_primes = reader.number::<1>("number of hidden units' primes")? as usize;
    let mut numbers = |count, field| (0..count).map(|_| reader.number::<8>(field)).collect();
    let plaintext_moduli: Result<Vec<u64>, _> = numbers(moduli, "plaintext moduli");
    let plaintext_moduli = plaintext_moduli?;
    let ciphertext_primes: Result<Vec<u64>, _> = numbers(primes, "ciphertext primes");
    let ciphertext_primes = ciphertext_primes?;
    let packed = if is_packed { Some(read_packed_chain(reader, hidden_primes)?) } else { None };
    Ok(ParameterFields { degree, encryption, plaintext_moduli, ciphertext_primes, hidden_primes, packed })
}

/// Reads the fields that only packed parameters have.
fn read_packed_chain<R: Read>(
    reader: &mut MessageReader<R>,
    hidden: usize,
) -> Result<PackedChain, ProtocolError> {
    let mut byte = |field| reader.number::<1>(field).map(|number| number as usize);
    let special_bits = byte("bits of the special prime")?;
    let convolution = byte("number of the convolution's primes")?;
    let square = byte("number of the squares' primes")?;
    let answer = byte("number of the answer's primes")?;
    let count = reader.number_between::<2>("number of rotations", 0, MAX_ROTATIONS)?;
    // Grows as rotations arrive: announcing many of them reserves no memory.
    let mut rotations = Vec::new();
    for _ in 0..count {
        // The casts are exact: the fields have two bytes and one byte.
        let steps = reader.number::<2>("rotations")? as usize;
        let primes = reader.number::<1>("rotations")? as usize;
        rotations.push(Rotation { steps, primes });
    }
    Ok(PackedChain { special_bits, kept: PackedLevels { convolution, square, hidden, answer }, rotations })
}
