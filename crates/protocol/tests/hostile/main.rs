//! Hostile messages. None of them causes a panic, is accepted as a valid message, or takes more memory than a valid message.

// Tests panic if something is wrong.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod allocation;
mod cases;
mod packed;
mod parameters;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rand::SeedableRng;
use rand::rngs::StdRng;
use sottovoce_bfv::compact::CompactCiphertext;
use sottovoce_bfv::parameters::PrimeSizes;
use sottovoce_bfv::planner::{FixedParameters, ParameterRequest, choose_parameters};
use sottovoce_bfv::{Encryption, Parameters};
use sottovoce_network::{Architecture, IntegerEnsemble, IntegerNetwork, Padding, PixelLevels};
use sottovoce_protocol::client::Client;
use sottovoce_protocol::provider::{Provider, RegisteredKey};
use sottovoce_protocol::{ModelDescription, size};

use allocation::peak_bytes;
use cases::{Target, Verdict, set_residue};

/// Number of cases of every kind of message.
const CASES: usize = 10_000;

/// Number of cases of batches under the public key. They differ from those under the secret key in their second polynomials.
const MORE_CASES: usize = 1_000;

/// Bytes that errors, names and the reader may take in addition to a valid message.
const SMALL: usize = 16 << 10;

const HEADER: usize = 40;

fn ensemble() -> IntegerEnsemble {
    let padding = Padding { leading: 0, trailing: 0 };
    let shape = Architecture { image_side: 2, kernel: 2, stride: 2, padding, maps: 1, hidden: 1, classes: 2 };
    let network =
        IntegerNetwork::from_fn(shape, PixelLevels::BINARY, |_, _, _| 1, |_, row| row as i128).unwrap();
    IntegerEnsemble::new(vec![network]).unwrap()
}

fn parameters(encryption: Encryption) -> Parameters {
    Parameters::new(4096, &[65_537, 114_689], &PrimeSizes::new(&[32, 31]), encryption).unwrap()
}

/// Runs cases against a parser, which returns whether it accepted a message. A message that names its own fingerprint can hold
/// other valid parameters: those for the public key have one prime more, and 2.4 times as many tables as the valid message with
/// two primes.
fn assert_stands(target: &Target, cases: usize, takes: impl Fn(&[u8]) -> bool) {
    let (taken, max) = peak_bytes(|| takes(&target.message));
    assert!(taken, "the good message is good");
    let limit = if target.fingerprinted.is_some() { max * 5 / 2 } else { max + SMALL };
    let mut rng = StdRng::seed_from_u64(target.message.len() as u64);
    let mut taken = 0;
    for number in 0..cases {
        let case = target.case(&mut rng);
        let place = || format!("case {number}: {}", case.name);
        let run = || peak_bytes(|| takes(&case.bytes));
        let (took, peak) = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| panic!("{}", place()));
        assert!(!took || case.verdict == Verdict::Either, "{} was taken", place());
        assert!(peak <= limit, "{} took {peak} bytes, the valid message {max}", place());
        taken += usize::from(took);
    }
    println!(
        "{cases} cases of {} bytes, {taken} other valid messages, at most {max} bytes",
        target.message.len()
    );
}

/// Runs `work` on one thread, whose memory is counted.
fn on_one_thread(work: impl FnOnce() + Send) {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(work);
}

/// Returns consecutive ranges of the given lengths.
fn fields(start: usize, lengths: impl IntoIterator<Item = usize>) -> Vec<Range<usize>> {
    let mut end = start;
    let next = |length| {
        let start = end;
        end += length;
        start..end
    };
    lengths.into_iter().map(next).collect()
}

/// Returns a target. `fixed` are the indices of the fields with only one valid value.
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

/// Returns the length in bytes of a row of `degree` residues modulo each prime.
fn row_bytes(degree: usize, primes: &[u64]) -> Vec<usize> {
    primes.iter().map(|prime| degree * (64 - prime.leading_zeros() as usize) / 8).collect()
}

/// Returns the fields that are rows, with their primes. Rows are ordered by prime.
fn rows(fields: &[Range<usize>], primes: &[u64]) -> Vec<(Range<usize>, u64)> {
    let rows = fields.iter().filter(|field| field.len() > 1000);
    rows.cloned().zip(primes.iter().copied().cycle()).collect()
}

#[test]
fn model_messages() {
    let provider = Provider::new(&parameters(Encryption::SecretKey), vec![ensemble()], 1).unwrap();
    let message = provider.model_messages().remove(0);
    let client = Client::new(&parameters(Encryption::SecretKey)).unwrap();
    let fields = fields(0, [4, 2, 2, 32, 32, 4, 2, 2]);
    let other = Provider::new(&parameters(Encryption::PublicKey), vec![ensemble()], 1).unwrap();
    let others: [&[u8]; 2] = [&other.model_messages()[0], &provider.parameters_message()];
    let mut target = target(message, &fields, &[0, 1, 2, 3], Vec::new(), &others);
    // The high bytes of counts must be 0.
    target.fixed.push(75..76);
    target.fixed.push(79..80);
    assert_stands(&target, CASES, |bytes| client.read_model(bytes).is_ok());
}

#[test]
fn registrations() {
    let parameters = parameters(Encryption::SecretKey);
    let client = Client::new(&parameters).unwrap();
    let primes = parameters.ciphertext_primes();
    // A digit for each prime, and the public key, which has the same primes here.
    let polynomial = row_bytes(4096, primes);
    let channel = [&[32][..], &polynomial, &polynomial, &[32], &polynomial].concat();
    let fields = fields(0, [vec![4, 2, 2, 32], channel.clone(), channel].concat());
    let rows = rows(&fields, primes);
    let stranger =
        Parameters::new(4096, &[65_537, 114_689], &PrimeSizes::new(&[31, 32]), Encryption::SecretKey)
            .unwrap();
    let stranger = Client::new(&stranger).unwrap();
    let others: [&[u8]; 2] = [stranger.registration_message(), &client.registration_message()[..HEADER]];
    let target = target(client.registration_message().to_vec(), &fields, &[0, 1, 2, 3], rows, &others);
    let provider = Provider::new(&parameters, vec![ensemble()], 1).unwrap();
    assert_stands(&target, CASES, |bytes| {
        // The sender announces the keys of its message, so that only its content can be the reason of a refusal.
        let registered = provider.register(cases::fingerprint(bytes), bytes);
        registered.is_ok_and(|key| provider.forget_key(key.fingerprint()))
    });
}

#[test]
fn batches() {
    for (encryption, cases) in [(Encryption::SecretKey, CASES), (Encryption::PublicKey, MORE_CASES)] {
        let parameters = parameters(encryption);
        let provider = Provider::new(&parameters, vec![ensemble()], 1).unwrap();
        let client = Client::new(&parameters).unwrap();
        let key = provider.register(client.key_fingerprint(), client.registration_message()).unwrap();
        let model = client.read_model(&provider.model_messages()[0][..]).unwrap();
        let mut message = Vec::new();
        client.write_batch(&model, &[1, 0, 1, 1], &(), &mut message).unwrap();

        let primes = parameters.ciphertext_primes();
        let second = if encryption == Encryption::SecretKey { vec![32] } else { row_bytes(4096, primes) };
        let ciphertext = [row_bytes(4096, primes), second].concat();
        let fields = fields(0, [vec![4, 2, 2, 32, 32, 32, 4], ciphertext.repeat(2 * 4)].concat());
        let rows = rows(&fields, primes);
        let mut foreign = Vec::new();
        let stranger = Client::new(&parameters).unwrap();
        stranger.write_batch(&model, &[1, 0, 1, 1], &(), &mut foreign).unwrap();
        let others: [&[u8]; 2] = [&foreign, client.registration_message()];
        let target = target(message, &fields, &[0, 1, 2, 3, 4, 5, 6], rows, &others);
        on_one_thread(|| assert_stands(&target, cases, |bytes| provider.receive(&key, bytes).is_ok()));
    }
}

#[test]
fn a_batch_takes_memory_as_it_comes() {
    let parameters = parameters(Encryption::SecretKey);
    let provider = Provider::new(&parameters, vec![ensemble()], 1).unwrap();
    let client = Client::new(&parameters).unwrap();
    let key = provider.register(client.key_fingerprint(), client.registration_message()).unwrap();
    let model = client.read_model(&provider.model_messages()[0][..]).unwrap();
    let mut message = Vec::new();
    client.write_batch(&model, &[1, 0, 1, 1], &(), &mut message).unwrap();
    let sent = row_bytes(4096, parameters.ciphertext_primes()).iter().sum::<usize>() + 32;
    let held = sent + size_of::<CompactCiphertext>();
    on_one_thread(|| {
        for length in (0..message.len()).step_by(10_007) {
            let (refused, peak) = peak_bytes(|| provider.receive(&key, &message[..length]).is_err());
            let ciphertexts = length / sent + 1;
            assert!(refused && peak <= ciphertexts * held + 3 * SMALL, "{length} bytes took {peak}");
        }
    });
}

/// A ring degree at which public-key encryption leaves room for logits.
const LARGER_DEGREE: usize = 8192;

/// Returns a provider and a registered client, with parameters that have room for the logits and their noise.
fn provider_and_client() -> (Parameters, Provider, RegisteredKey, Client, ModelDescription) {
    let ensemble = ensemble();
    let fixed = FixedParameters {
        encryption: Some(Encryption::PublicKey),
        degree: Some(LARGER_DEGREE),
        plaintext_moduli: Some(vec![65_537, 114_689]),
        ..FixedParameters::default()
    };
    let ensembles = [&ensemble];
    let request = ParameterRequest { fixed, ..ParameterRequest::new(&ensembles, ensemble.proven_logits()) };
    let parameters = choose_parameters(&request).unwrap().parameters;
    let provider = Provider::new(&parameters, vec![ensemble], 1).unwrap();
    let client = Client::new(&parameters).unwrap();
    let key = provider.register(client.key_fingerprint(), client.registration_message()).unwrap();
    let model = client.read_model(&provider.model_messages()[0][..]).unwrap();
    (parameters, provider, key, client, model)
}

/// Sets all residues of polynomials to the smallest or largest value, and corrects the checksum.
fn at_an_extreme(mut message: Vec<u8>, start: usize, primes: &[u64], largest: bool) -> Vec<u8> {
    let end = message.len() - 32;
    let mut rows = &mut message[start..end];
    for (&prime, bytes) in primes.iter().zip(row_bytes(LARGER_DEGREE, primes)).cycle() {
        if rows.len() < bytes {
            break;
        }
        let (row, rest) = rows.split_at_mut(bytes);
        let bits = bytes * 8 / LARGER_DEGREE;
        (0..LARGER_DEGREE)
            .for_each(|index| set_residue(row, index, bits, if largest { prime - 1 } else { 0 }));
        rows = rest;
    }
    cases::sealed(message)
}

/// Every message that passes the checks can be evaluated: ciphertexts and keys may have any residues.
#[test]
fn ciphertexts_of_extremes_are_evaluated_like_any_others() {
    let (parameters, provider, key, client, model) = provider_and_client();
    let primes = parameters.ciphertext_primes();
    let mut message = Vec::new();
    client.write_batch(&model, &[1, 0, 1, 1], &(), &mut message).unwrap();
    for largest in [false, true] {
        let batch = at_an_extreme(message.clone(), 108, primes, largest);
        let received = provider.receive(&key, &batch[..]).unwrap();
        let answer = provider.evaluate(&received, &()).unwrap();
        assert_eq!(answer.len() as u64, size::answer_bytes(&parameters, 2));
    }
    // The batches name a key with only extreme residues.
    let polynomial = row_bytes(LARGER_DEGREE, primes).iter().sum::<usize>();
    let digits = 32..32 + primes.len() * polynomial;
    // The public key also has residues modulo the encryption prime.
    let key_primes = parameters.channels()[0].key_primes();
    let public =
        digits.end + 32..digits.end + 32 + row_bytes(LARGER_DEGREE, key_primes).iter().sum::<usize>();
    for largest in [false, true] {
        let mut registration = client.registration_message().to_vec();
        assert_eq!(registration.len(), HEADER + 2 * public.end + 32);
        for channel in [HEADER, HEADER + public.end] {
            for (range, primes) in [(&digits, primes), (&public, key_primes)] {
                let range = channel + range.start..channel + range.end;
                let one = [&registration[range.clone()], &[0; 32]].concat();
                let one = at_an_extreme(one, 0, primes, largest);
                registration[range.clone()].copy_from_slice(&one[..range.len()]);
            }
        }
        let provider = Provider::new(&parameters, vec![ensemble()], 1).unwrap();
        let registration = cases::sealed(registration);
        let key = provider.register(cases::fingerprint(&registration), &registration[..]).unwrap();
        let mut batch = message.clone();
        batch[72..104].copy_from_slice(key.fingerprint().as_bytes());
        let received = provider.receive(&key, &cases::sealed(batch)[..]).unwrap();
        provider.evaluate(&received, &()).unwrap();
    }
}

#[test]
fn answers() {
    let (parameters, provider, key, client, model) = provider_and_client();
    let answer = || {
        let mut message = Vec::new();
        let pending = client.write_batch(&model, &[1, 0, 1, 1], &(), &mut message).unwrap();
        (pending, provider.evaluate(&provider.receive(&key, &message[..]).unwrap(), &()).unwrap())
    };
    let (pending, message) = answer();
    let (_, other) = answer();

    let mut lengths = vec![4, 2, 2, 32, 32, 32, 2];
    let mut primes = Vec::new();
    let mut fixed: Vec<usize> = (0..lengths.len()).collect();
    // The evaluator is not fixed: another evaluator only changes the factor of the logits.
    lengths.push(1);
    for channel in parameters.channels() {
        fixed.push(lengths.len());
        lengths.push(1);
        let kept = channel.answer_primes();
        // Two classes of two polynomials.
        lengths.extend(row_bytes(LARGER_DEGREE, kept).repeat(4));
        primes.extend(kept.repeat(4));
    }
    let fields = fields(0, lengths);
    let rows = rows(&fields, &primes);
    let target = target(message, &fields, &fixed, rows, &[&other, client.registration_message()]);
    on_one_thread(|| assert_stands(&target, CASES, |bytes| client.decrypt(&pending, bytes).is_ok()));
}
