//! The parameters message: BFV parameters.

use std::io::Read;

use sottovoce_bfv::parameters::PrimeSizes;
use sottovoce_bfv::{Encryption, Parameters};

use super::field;
use super::header::MessageKind;
use super::parameter_fields::ParameterFields;
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

/// Reads parameters. Checks that they are secure and take at most `max_memory_bytes` before it computes any tables. The
/// primes must be those that [`Parameters::new`] chooses for their sizes.
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
    let ParameterFields { degree, encryption, plaintext_moduli, ciphertext_primes, hidden_primes } = fields;
    // Public-key encryption has one prime more, which no message names.
    let all_primes = ciphertext_primes.len() + usize::from(encryption == Encryption::PublicKey);
    let found = size::parameters_memory_bytes(degree, plaintext_moduli.len(), all_primes);
    if found > max_memory_bytes {
        let allowed = format!("at most {max_memory_bytes} bytes");
        return Err(ProtocolError::InvalidField {
            message: MESSAGE,
            field: "expected memory",
            found,
            allowed,
        });
    }
    let upload = ciphertext_primes.iter().map(|prime| 64 - prime.leading_zeros() as usize).collect();
    let sizes = PrimeSizes { upload, hidden: hidden_primes };
    // This checks security before it computes any tables.
    let parameters = Parameters::new(degree, &plaintext_moduli, &sizes, encryption)?;
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
    let encryption = match reader.number_between::<1>("kind of encryption", 0, 1)? {
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
    Ok(ParameterFields { degree, encryption, plaintext_moduli, ciphertext_primes, hidden_primes })
}
