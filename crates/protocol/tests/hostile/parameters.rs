//! The parameters message. No other message has numbers that the reader does not know before.

use sha2::{Digest, Sha256};
use sottovoce_bfv::parameters::PrimeSizes;
use sottovoce_bfv::{Encryption, Parameters};
use sottovoce_protocol::client::Client;
use sottovoce_protocol::provider::Provider;
use sottovoce_protocol::size;

use crate::allocation::{held_bytes, peak_bytes};
use crate::{CASES, HEADER, SMALL, assert_stands, cases, ensemble, fields, parameters, target};

/// Maximum memory of parameters in bytes.
pub const MEMORY: u64 = 1 << 28;

/// Writes the fingerprint of its content into a parameters message.
pub fn fingerprint_of_parameters(message: &mut [u8]) {
    if message.len() > HEADER + 32 {
        let mut hash = Sha256::new_with_prefix("sottovoce parameters, version 2");
        hash.update(&message[HEADER..message.len() - 32]);
        message[8..HEADER].copy_from_slice(&hash.finalize());
    }
}

#[test]
fn parameters_messages() {
    let provider = Provider::new(&parameters(Encryption::SecretKey), vec![ensemble()], 1).unwrap();
    let message = provider.parameters_message();
    let model = &provider.model_messages()[0];
    // Magic, version, kind, fingerprint; degree, evaluation, encryption, counts; moduli; primes.
    let fields = fields(0, [4, 2, 2, 32, 4, 1, 1, 1, 1, 1, 8, 8, 8, 8]);
    let fixed: Vec<usize> = (0..fields.len()).collect();
    let mut target = target(message, &fields, &fixed, Vec::new(), &[model]);
    target.fingerprinted = Some(fingerprint_of_parameters);
    assert_stands(&target, CASES, |bytes| Client::from_parameters_message(bytes, MEMORY).is_ok());
}

/// These messages have a correct checksum and fingerprint.
#[test]
fn parameters_that_are_not_secure_or_not_chosen_as_here_are_refused_before_they_are_made() {
    let good = [281_474_976_694_273, 281_474_976_546_817, 281_474_976_317_441];
    let message = |degree: u32, moduli: &[u64], primes: &[u64]| {
        let mut message = b"svce\x04\0\x01\0".to_vec();
        message.extend([0; 32]);
        message.extend(degree.to_le_bytes());
        let hidden = (primes.len() as u8).saturating_sub(1);
        message.extend([0, 1, moduli.len() as u8, primes.len() as u8, hidden]);
        message.extend(moduli.iter().chain(primes).flat_map(|number| number.to_le_bytes()));
        message.extend([0; 32]);
        fingerprint_of_parameters(&mut message);
        cases::sealed(message)
    };
    let read = |message: &[u8]| Client::from_parameters_message(message, MEMORY);
    assert!(read(&message(8192, &[65_537], &good)).is_ok());
    let refused = |degree, moduli: &[u64], primes: &[u64], why: &str| {
        let message = message(degree, moduli, primes);
        let (error, peak) = peak_bytes(|| read(&message).err().unwrap());
        let source = std::error::Error::source(&error).map_or_else(String::new, ToString::to_string);
        let text = format!("{error}: {source}");
        assert!(text.contains(why), "{text}");
        assert!(peak < SMALL, "{text}: {peak} bytes");
    };
    let many = [good[0]; 255];
    refused(4096, &[65_537], &good, "not 128-bit secure");
    refused(8192, &[65_537], &many, "memory");
    refused(8192, &[65_537; 255], &good, "memory");
    refused(1 << 31, &[65_537], &good, "memory");
    refused(4096, &[65_537; 9], &good[..2], "9 plaintext moduli");
    refused(2048, &[65_537], &good, "the ring degree is 2048");
    refused(0, &[65_537], &good, "the ring degree is 0");
    refused(8192, &[65_537, 65_537], &good, "is no plaintext modulus");
    refused(8192, &[49_153], &good, "is no plaintext modulus");
    refused(8192, &[u64::MAX], &good, "is no plaintext modulus");
    refused(8192, &[65_537], &[good[0]], "ciphertext primes of");
    refused(8192, &[65_537], &[0, 0], "ciphertext primes of");
    let reordered = message(8192, &[65_537], &[good[1], good[0], good[2]]);
    let error = read(&reordered).err().unwrap().to_string();
    let expected = format!("is {}, but must be {}", good[1], good[0]);
    assert!(
        error.starts_with("the ciphertext primes of the parameters message") && error.contains(&expected)
    );
}

/// Making parameters takes far more memory than reading them, so the memory is limited.
#[test]
fn parameters_take_the_expected_memory() {
    let thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for (degree, moduli, bits) in [
        (4096, &[65_537, 114_689][..], &[32, 31][..]),
        (8192, &[65_537], &[50; 4]),
        (8192, &[65_537, 114_689], &[48; 3]),
        (8192, &[65_537], &[30; 6]),
    ] {
        // Tables are computed in parallel, and memory is counted for one thread.
        let (made, peak) = thread.install(|| {
            peak_bytes(|| Parameters::new(degree, moduli, &PrimeSizes::new(bits), Encryption::SecretKey))
        });
        let parameters = made.unwrap();
        let expected = size::parameters_memory_bytes(degree, moduli.len(), bits.len());
        let share = peak as f64 / expected as f64;
        assert!((0.6..1.0).contains(&share), "{peak} bytes, expected {expected}");

        let provider = Provider::new(&parameters, Vec::new(), 0).unwrap();
        let message = provider.parameters_message();
        assert!(Client::from_parameters_message(&message[..], expected).is_ok());
        let (refused, peak) =
            peak_bytes(|| Client::from_parameters_message(&message[..], expected - 1).err().unwrap());
        assert!(refused.to_string().contains("memory") && peak < SMALL, "{refused}");
    }
}

#[test]
fn registered_keys_take_the_expected_memory() {
    for (degree, moduli, bits, encryption) in [
        (4096, &[65_537, 114_689][..], &[32, 31][..], Encryption::SecretKey),
        (8192, &[65_537], &[46, 46, 48], Encryption::SecretKey),
        (8192, &[65_537], &[50; 3], Encryption::PublicKey),
    ] {
        let parameters = Parameters::new(degree, moduli, &PrimeSizes::new(bits), encryption).unwrap();
        let client = Client::new(&parameters).unwrap();
        let provider = Provider::new(&parameters, Vec::new(), 1).unwrap();
        let message = client.registration_message();
        let (key, held) = held_bytes(|| provider.register(client.key_fingerprint(), message));
        key.unwrap();
        let expected = size::key_memory_bytes(&parameters);
        let share = held as f64 / expected as f64;
        assert!((0.8..=1.0).contains(&share), "{held} bytes, expected {expected}");
    }
}
