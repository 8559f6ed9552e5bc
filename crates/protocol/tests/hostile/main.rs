//! What comes over the wire from somebody who means ill: nothing of it panics, is taken for a right message, or takes
//! more memory than a right message does.

// Tests end where something is not as it should be.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod allocation;
mod cases;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rand::SeedableRng;
use rand::rngs::StdRng;
use sha2::{Digest, Sha256};
use sottovoce_bfv::planner::{Fixed, Request};
use sottovoce_bfv::{Encryption, Parameters};
use sottovoce_network::{Architecture, Block, IntegerEnsemble, IntegerNetwork, Padding, PixelLevels};
use sottovoce_protocol::{Client, Fingerprint, Provider, size};

use allocation::peak_bytes;
use cases::{Target, Verdict};

/// Cases of every kind of message.
const CASES: usize = 10_000;

/// Cases of batches under the public key, which differ from those under the secret key in their second polynomials.
const MORE_CASES: usize = 3_000;

/// What errors, names and the reader itself may take beside what a right message takes.
const SMALL: usize = 16 << 10;

const HEADER: usize = 40;

/// What parameters may take.
const MEMORY: u64 = 1 << 28;

fn ensemble() -> IntegerEnsemble {
    let padding = Padding { leading: 0, trailing: 0 };
    let shape = Architecture { image_side: 2, kernel: 2, stride: 2, padding, maps: 1, hidden: 1, classes: 2 };
    let blocks = IntegerNetwork::shapes(&shape)
        .map(|(_, [rows, columns])| Block::from_fn(rows, columns, |_, _| 1, |row| row as i128));
    let network = IntegerNetwork::new(shape, PixelLevels::new(2).unwrap(), 1.0, blocks).unwrap();
    IntegerEnsemble::new(vec![network]).unwrap()
}

fn parameters(encryption: Encryption) -> Parameters {
    Parameters::new(4096, &[65_537, 114_689], &[32, 31], encryption).unwrap()
}

/// Runs cases against a parser, which says whether it took a message. What names its own fingerprint can be other sound
/// parameters, which may take a little more memory than the good ones.
fn assert_stands(target: &Target, cases: usize, takes: impl Fn(&[u8]) -> bool) {
    let (taken, most) = peak_bytes(|| takes(&target.message));
    assert!(taken, "the good message is good");
    let limit = if target.fingerprinted.is_some() { most * 5 / 4 } else { most + SMALL };
    let mut rng = StdRng::seed_from_u64(target.message.len() as u64);
    let mut taken = 0;
    for number in 0..cases {
        let case = target.case(&mut rng);
        let place = || format!("case {number}: {}", case.name);
        let run = || peak_bytes(|| takes(&case.bytes));
        let (took, peak) = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| panic!("{}", place()));
        assert!(!took || case.verdict == Verdict::Either, "{} was taken", place());
        assert!(peak <= limit, "{} took {peak} bytes, the good message {most}", place());
        taken += usize::from(took);
    }
    println!(
        "{cases} cases of {} bytes, {taken} other good messages, at most {most} bytes",
        target.message.len()
    );
}

/// Makes a parameters message name its own fingerprint.
fn fingerprint_of_parameters(message: &mut [u8]) {
    if message.len() > HEADER + 32 {
        let mut hash = Sha256::new_with_prefix("sottovoce parameters, version 1");
        hash.update(&message[HEADER..message.len() - 32]);
        message[8..HEADER].copy_from_slice(&hash.finalize());
    }
}

/// Ranges of the given lengths, one behind the other.
fn fields(start: usize, lengths: impl IntoIterator<Item = usize>) -> Vec<Range<usize>> {
    let mut end = start;
    let next = |length| {
        let start = end;
        end += length;
        start..end
    };
    lengths.into_iter().map(next).collect()
}

/// A message of fields, with those of `fixed` indices and with rows of residues.
fn target(
    message: Vec<u8>,
    fields: &[Range<usize>],
    fixed: &[usize],
    rows: Vec<(Range<usize>, u64)>,
    others: &[&[u8]],
) -> Target {
    assert_eq!(fields.last().unwrap().end + 32, message.len());
    Target {
        message,
        boundaries: [0].into_iter().chain(fields.iter().map(|field| field.end)).collect(),
        fixed: fixed.iter().map(|&index| fields[index].clone()).collect(),
        rows,
        fingerprinted: None,
        others: others.iter().map(|other| other.to_vec()).collect(),
    }
}

/// Bytes of a row of 4096 residues modulo each prime.
fn row_bytes(primes: &[u64]) -> Vec<usize> {
    primes.iter().map(|prime| 4096 * (64 - prime.leading_zeros() as usize) / 8).collect()
}

/// Those fields that are rows, with their primes: rows come prime after prime.
fn rows(fields: &[Range<usize>], primes: &[u64]) -> Vec<(Range<usize>, u64)> {
    let rows = fields.iter().filter(|field| field.len() > 1000);
    rows.cloned().zip(primes.iter().copied().cycle()).collect()
}

#[test]
fn parameters_messages() {
    let provider = Provider::new(&parameters(Encryption::SecretKey), vec![ensemble()], 1);
    let message = provider.parameters_message().unwrap();
    let model = &provider.model_messages().unwrap()[0];
    // Magic, version, kind, fingerprint; degree, encryption, counts; moduli; primes.
    let fields = fields(0, [4, 2, 2, 32, 4, 1, 1, 1, 8, 8, 8, 8]);
    let fixed: Vec<usize> = (0..fields.len()).collect();
    let mut target = target(message, &fields, &fixed, Vec::new(), &[model]);
    target.fingerprinted = Some(fingerprint_of_parameters);
    assert_stands(&target, CASES, |bytes| Client::for_provider(bytes, MEMORY).is_ok());
}

/// What is refused although message and fingerprint are sound.
#[test]
fn parameters_that_are_not_secure_or_not_chosen_as_here_are_refused_before_they_are_made() {
    let good = [281_474_976_694_273, 281_474_976_546_817, 281_474_976_317_441];
    let message = |degree: u32, moduli: &[u64], primes: &[u64]| {
        let mut message = b"svce\x01\0\x01\0".to_vec();
        message.extend([0; 32]);
        message.extend(degree.to_le_bytes());
        message.extend([1, moduli.len() as u8, primes.len() as u8]);
        message.extend(moduli.iter().chain(primes).flat_map(|number| number.to_le_bytes()));
        message.extend([0; 32]);
        fingerprint_of_parameters(&mut message);
        cases::sealed(message)
    };
    let read = |message: &[u8]| Client::for_provider(message, MEMORY);
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

#[test]
fn model_messages() {
    let provider = Provider::new(&parameters(Encryption::SecretKey), vec![ensemble()], 1);
    let message = provider.model_messages().unwrap().remove(0);
    let client = Client::new(&parameters(Encryption::SecretKey)).unwrap();
    let fields = fields(0, [4, 2, 2, 32, 32, 4, 2, 2]);
    let other = Provider::new(&parameters(Encryption::PublicKey), vec![ensemble()], 1);
    let others: [&[u8]; 2] = [&other.model_messages().unwrap()[0], &provider.parameters_message().unwrap()];
    let mut target = target(message, &fields, &[0, 1, 2, 3], Vec::new(), &others);
    // The high bytes of counts.
    target.fixed.push(75..76);
    target.fixed.push(79..80);
    assert_stands(&target, CASES, |bytes| client.model(bytes).is_ok());
}

#[test]
fn evaluation_keys() {
    let parameters = parameters(Encryption::SecretKey);
    let client = Client::new(&parameters).unwrap();
    let primes = parameters.ciphertext_primes();
    let channel = [vec![32], row_bytes(primes), row_bytes(primes)].concat();
    let fields = fields(0, [vec![4, 2, 2, 32], channel.clone(), channel].concat());
    let rows = rows(&fields, primes);
    let stranger = Parameters::new(4096, &[65_537, 114_689], &[31, 32], Encryption::SecretKey).unwrap();
    let stranger = Client::new(&stranger).unwrap();
    let others: [&[u8]; 2] = [stranger.registration(), &client.registration()[..HEADER]];
    let target = target(client.registration().to_vec(), &fields, &[0, 1, 2, 3], rows, &others);
    let provider = Provider::new(&parameters, vec![ensemble()], 1);
    assert_stands(&target, CASES, |bytes| {
        let registered: Result<Fingerprint, _> = provider.register(bytes);
        registered.is_ok_and(|key| provider.forget(key))
    });
}

#[test]
fn batches() {
    for (encryption, cases) in [(Encryption::SecretKey, CASES), (Encryption::PublicKey, MORE_CASES)] {
        let parameters = parameters(encryption);
        let provider = Provider::new(&parameters, vec![ensemble()], 1);
        let client = Client::new(&parameters).unwrap();
        provider.register(client.registration()).unwrap();
        let model = client.model(&provider.model_messages().unwrap()[0][..]).unwrap();
        let mut message = Vec::new();
        client.request(&model, &[1, 0, 1, 1], &|| (), &mut message).unwrap();

        let primes = parameters.ciphertext_primes();
        let second = if encryption == Encryption::SecretKey { vec![32] } else { row_bytes(primes) };
        let ciphertext = [row_bytes(primes), second].concat();
        let fields = fields(0, [vec![4, 2, 2, 32, 32, 32, 4], ciphertext.repeat(2 * 4)].concat());
        let rows = rows(&fields, primes);
        let mut foreign = Vec::new();
        let stranger = Client::new(&parameters).unwrap();
        stranger.request(&model, &[1, 0, 1, 1], &|| (), &mut foreign).unwrap();
        let others: [&[u8]; 2] = [&foreign, client.registration()];
        let target = target(message, &fields, &[0, 1, 2, 3, 4, 5, 6], rows, &others);
        assert_stands(&target, cases, |bytes| provider.receive(bytes).is_ok());
    }
}

#[test]
fn a_batch_takes_memory_as_it_comes() {
    let parameters = parameters(Encryption::SecretKey);
    let provider = Provider::new(&parameters, vec![ensemble()], 1);
    let client = Client::new(&parameters).unwrap();
    provider.register(client.registration()).unwrap();
    let model = client.model(&provider.model_messages().unwrap()[0][..]).unwrap();
    let mut message = Vec::new();
    client.request(&model, &[1, 0, 1, 1], &|| (), &mut message).unwrap();
    let sent = row_bytes(parameters.ciphertext_primes()).iter().sum::<usize>() + 32;
    let held = 2 * 2 * 4096 * 8;
    for length in (0..message.len()).step_by(10_007) {
        let (refused, peak) = peak_bytes(|| provider.receive(&message[..length]).is_err());
        let ciphertexts = length / sent + 1;
        assert!(refused && peak <= ciphertexts * held + 3 * SMALL, "{length} bytes took {peak}");
    }
}

#[test]
fn answers() {
    let ensemble = ensemble();
    let fixed = Fixed {
        encryption: Some(Encryption::SecretKey),
        degree: Some(4096),
        plaintext_moduli: Some(vec![65_537, 114_689]),
        ..Fixed::default()
    };
    let ensembles = [&ensemble];
    let request = Request { fixed, ..Request::new(&ensembles, ensemble.proven_logits()) };
    let parameters = request.choose().unwrap().parameters;
    let provider = Provider::new(&parameters, vec![ensemble], 1);
    let client = Client::new(&parameters).unwrap();
    provider.register(client.registration()).unwrap();
    let model = client.model(&provider.model_messages().unwrap()[0][..]).unwrap();
    let answer = || {
        let mut message = Vec::new();
        let pending = client.request(&model, &[1, 0, 1, 1], &|| (), &mut message).unwrap();
        (pending, provider.evaluate(&provider.receive(&message[..]).unwrap(), &|_| ()).unwrap())
    };
    let (pending, message) = answer();
    let (_, other) = answer();

    let mut lengths = vec![4, 2, 2, 32, 32, 32, 2];
    let mut primes = Vec::new();
    let mut fixed: Vec<usize> = (0..lengths.len()).collect();
    for channel in parameters.channels() {
        let kept = channel.ciphertext_primes().len() - channel.answer_level();
        fixed.push(lengths.len());
        lengths.push(1);
        let kept = &channel.ciphertext_primes()[..kept];
        // Two classes of two polynomials.
        lengths.extend(row_bytes(kept).repeat(4));
        primes.extend(kept.repeat(4));
    }
    let fields = fields(0, lengths);
    let rows = rows(&fields, &primes);
    let target = target(message, &fields, &fixed, rows, &[&other, client.registration()]);
    assert_stands(&target, CASES, |bytes| client.decrypt(&pending, bytes).is_ok());
}

/// Making parameters takes far more memory than reading them, so there is a limit, and it is kept.
#[test]
fn parameters_take_the_memory_that_is_expected_of_them() {
    for (degree, moduli, bits) in [
        (4096, &[65_537, 114_689][..], &[32, 31][..]),
        (8192, &[65_537], &[50; 4]),
        (8192, &[65_537, 114_689], &[48; 3]),
        (8192, &[65_537], &[30; 6]),
    ] {
        let (made, peak) = peak_bytes(|| Parameters::new(degree, moduli, bits, Encryption::SecretKey));
        let parameters = made.unwrap();
        let expected = size::parameters_memory_bytes(degree, moduli.len(), bits.len());
        let share = peak as f64 / expected as f64;
        assert!((0.6..1.0).contains(&share), "{peak} bytes, expected {expected}");

        let provider = Provider::new(&parameters, Vec::new(), 0);
        let message = provider.parameters_message().unwrap();
        assert!(Client::for_provider(&message[..], expected).is_ok());
        let (refused, peak) = peak_bytes(|| Client::for_provider(&message[..], expected - 1).err().unwrap());
        assert!(refused.to_string().contains("memory") && peak < SMALL, "{refused}");
    }
}
