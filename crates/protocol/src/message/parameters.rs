//! BFV parameters.

use std::io::Read;

use sottovoce_bfv::parameters::PrimeSizes;
use sottovoce_bfv::{Encryption, Parameters};

use super::field;
use crate::reading::MessageReader;
use crate::writing::MessageWriter;
use crate::{Fingerprint, Kind, ProtocolError, size};

const MESSAGE: Kind = Kind::Parameters;

/// The fields, in the order in which they are sent and hashed.
pub fn encode(parameters: &Parameters) -> Vec<u8> {
    let (degree, encryption) = (parameters.degree(), parameters.encryption());
    let hidden = parameters.hidden_primes();
    fields(degree, encryption, &parameters.plaintext_moduli(), parameters.ciphertext_primes(), hidden)
}

/// At most 255 moduli and primes, and a degree below 2^32.
fn fields(degree: usize, encryption: Encryption, moduli: &[u64], primes: &[u64], hidden: usize) -> Vec<u8> {
    let mut bytes = (degree as u32).to_le_bytes().to_vec();
    bytes.push(match encryption {
        Encryption::PublicKey => 0,
        Encryption::SecretKey => 1,
    });
    bytes.extend([moduli.len() as u8, primes.len() as u8, hidden as u8]);
    bytes.extend(moduli.iter().chain(primes).flat_map(|number| number.to_le_bytes()));
    bytes
}

pub fn write(parameters: &Parameters) -> Result<Vec<u8>, ProtocolError> {
    let mut message = Vec::new();
    let mut writer = MessageWriter::begin(&mut message, MESSAGE, Fingerprint::of_parameters(parameters))?;
    writer.bytes(&encode(parameters))?;
    writer.end()?;
    Ok(message)
}

/// Reads parameters and checks that they are secure and take at most so much memory before anything is made of them. The
/// primes must be those that [`Parameters::new`] chooses for their sizes.
pub fn read(input: impl Read, most_memory_bytes: u64) -> Result<Parameters, ProtocolError> {
    let mut reader = MessageReader::begin(input, MESSAGE)?;
    let announced = reader.fingerprint(field::PARAMETERS)?;
    // At most 2^32 - 1.
    let degree = reader.number::<4>("ring degree")? as usize;
    let encryption = match reader.between::<1>("kind of encryption", 0, 1)? {
        0 => Encryption::PublicKey,
        _ => Encryption::SecretKey,
    };
    let moduli = reader.number::<1>("number of plaintext moduli")?;
    let primes = reader.number::<1>("number of ciphertext primes")?;
    // Refused with the parameters where it is not less.
    let hidden = reader.number::<1>("number of hidden units' primes")? as usize;
    // At most 255 of either.
    let moduli =
        (0..moduli).map(|_| reader.number::<8>("plaintext moduli")).collect::<Result<Vec<_>, _>>()?;
    let primes =
        (0..primes).map(|_| reader.number::<8>("ciphertext primes")).collect::<Result<Vec<_>, _>>()?;
    reader.end()?;
    let allowed = Fingerprint::of_parameter_fields(&fields(degree, encryption, &moduli, &primes, hidden));
    if announced != allowed {
        let (message, field, found) = (MESSAGE, field::PARAMETERS, announced);
        return Err(ProtocolError::Fingerprint { message, field, found, allowed });
    }
    // With the encryption prime, which no message names.
    let all = primes.len() + usize::from(encryption == Encryption::PublicKey);
    let found = size::parameters_memory_bytes(degree, moduli.len(), all);
    if found > most_memory_bytes {
        let allowed = format!("at most {most_memory_bytes} bytes");
        return Err(ProtocolError::Field { message: MESSAGE, field: "expected memory", found, allowed });
    }
    let upload = primes.iter().map(|prime| 64 - prime.leading_zeros() as usize).collect();
    // Checks them before it makes anything.
    let parameters = Parameters::new(degree, &moduli, &PrimeSizes { upload, hidden }, encryption)?;
    let chosen = parameters.ciphertext_primes();
    if let Some((&found, allowed)) = primes.iter().zip(chosen).find(|(found, chosen)| found != chosen) {
        let allowed = allowed.to_string();
        return Err(ProtocolError::Field { message: MESSAGE, field: "ciphertext primes", found, allowed });
    }
    Ok(parameters)
}
