//! Messages under packed parameters.

use sottovoce_bfv::packed::PackedLayout;
use sottovoce_bfv::parameters::{PackedChain, PackedLevels, Rotation};
use sottovoce_bfv::{FloodingNoise, Kernel, Parameters};
use sottovoce_protocol::client::Client;
use sottovoce_protocol::provider::Provider;
use sottovoce_protocol::{Evaluator, ProtocolError, size};

use crate::allocation::{held_bytes, peak_bytes};
use crate::parameters::{MEMORY, fingerprint_of_parameters};
use crate::{
    CASES, HEADER, MORE_CASES, SMALL, assert_stands, cases, ensemble, fields, on_one_thread, row_bytes,
    target,
};

const DEGREE: usize = 4096;
const MODULI: [u64; 2] = [65_537, 114_689];
const UPLOAD: [usize; 2] = [32, 31];
const KEPT: PackedLevels = PackedLevels { convolution: 2, square: 1, hidden: 1, answer: 1 };

fn chain() -> PackedChain {
    let layout = PackedLayout::new(ensemble().architecture(), DEGREE).unwrap();
    PackedChain { special_bits: 33, kept: KEPT, rotations: layout.rotations(UPLOAD.len(), KEPT) }
}

fn parameters() -> Parameters {
    Parameters::new_packed(DEGREE, &MODULI, &UPLOAD, chain()).unwrap()
}

fn provider() -> Provider {
    Provider::new(&parameters(), vec![ensemble()], 1).unwrap()
}

#[test]
fn parameters_messages() {
    let provider = provider();
    let message = provider.parameters_message();
    // Magic, version, kind, fingerprint; degree, evaluation, encryption, counts; moduli; primes; special prime, kept primes;
    // rotations.
    let rotations = chain().rotations.len();
    let lengths = [4, 2, 2, 32, 4, 1, 1, 1, 1, 1, 8, 8, 8, 8, 1, 1, 1, 1, 2].into_iter();
    let fields = fields(0, lengths.chain([2, 1].repeat(rotations)));
    let fixed: Vec<usize> = (0..fields.len()).collect();
    let mut target = target(message, &fields, &fixed, Vec::new(), &[&provider.model_messages()[0]]);
    target.fingerprinted = Some(fingerprint_of_parameters);
    let accepts = |bytes: &[u8]| Client::from_parameters_message(bytes, MEMORY).is_ok();
    on_one_thread(|| assert_stands(&target, CASES, accepts));
}

/// The numbers of a packed parameters message.
#[derive(Clone)]
struct Numbers {
    degree: u32,
    encryption: u8,
    special_bits: u8,
    /// Primes of hidden units, the convolution, the squares and an answer.
    kept: [u8; 4],
    count: u16,
    rotations: Vec<(u16, u8)>,
}

impl Numbers {
    fn message(&self, moduli: &[u64], primes: &[u64]) -> Vec<u8> {
        let mut message = b"svce\x04\0\x01\0".to_vec();
        message.extend([0; 32]);
        message.extend(self.degree.to_le_bytes());
        let [hidden, convolution, square, answer] = self.kept;
        message.extend([1, self.encryption, moduli.len() as u8, primes.len() as u8, hidden]);
        message.extend(moduli.iter().chain(primes).flat_map(|number| number.to_le_bytes()));
        message.extend([self.special_bits, convolution, square, answer]);
        message.extend(self.count.to_le_bytes());
        for (steps, primes) in &self.rotations {
            message.extend(steps.to_le_bytes());
            message.push(*primes);
        }
        message.extend([0; 32]);
        fingerprint_of_parameters(&mut message);
        cases::sealed(message)
    }
}

/// These messages have a correct checksum and fingerprint.
#[test]
fn packed_parameters_that_cannot_be_used_are_refused_before_they_are_made() {
    let parameters = parameters();
    let primes = parameters.ciphertext_primes();
    let good = Numbers {
        degree: DEGREE as u32,
        encryption: 1,
        special_bits: 33,
        kept: [1, 2, 1, 1],
        count: 2,
        rotations: vec![(0, 1), (1, 2)],
    };
    let read = |message: &[u8]| Client::from_parameters_message(message, MEMORY);
    assert!(read(&good.message(&MODULI, primes)).is_ok());
    let refused = |change: &dyn Fn(&mut Numbers), why: &str| {
        let mut numbers = good.clone();
        change(&mut numbers);
        let message = numbers.message(&MODULI, primes);
        let (error, peak) = peak_bytes(|| read(&message).err().unwrap());
        let source = std::error::Error::source(&error).map_or_else(String::new, ToString::to_string);
        let text = format!("{error}: {source}");
        assert!(text.contains(why), "{text}");
        // The rotations of a message take more than their bytes.
        assert!(peak < SMALL + 8 * message.len(), "{text}: {peak} bytes");
    };
    let all = |primes| (0..8192).map(|steps| (steps, primes)).collect::<Vec<_>>();
    refused(&|numbers| numbers.encryption = 0, "kind of encryption");
    refused(&|numbers| numbers.special_bits = 51, "special prime has 51 bits");
    refused(&|numbers| numbers.special_bits = 17, "special prime has 17 bits");
    refused(&|numbers| numbers.special_bits = 44, "not 128-bit secure");
    refused(&|numbers| numbers.kept = [1, 3, 1, 1], "from upload to answer");
    refused(&|numbers| numbers.kept = [1, 2, 1, 0], "from upload to answer");
    refused(&|numbers| numbers.kept = [2, 2, 2, 2], "hidden units keep 2");
    refused(&|numbers| numbers.rotations = vec![(1, 1), (0, 1)], "rotations must be in order");
    refused(&|numbers| numbers.rotations = vec![(1, 1), (1, 2)], "rotations must be in order");
    refused(&|numbers| numbers.rotations = vec![(0, 1), (2048, 1)], "fewer than 2048 columns");
    refused(&|numbers| numbers.rotations = vec![(0, 1), (1, 3)], "1 to 2 primes");
    refused(&|numbers| numbers.rotations = vec![(0, 0), (1, 1)], "1 to 2 primes");
    refused(&|numbers| numbers.count = 3, "ends within its checksum");
    refused(&|numbers| numbers.count = 1, "checksum");
    refused(&|numbers| numbers.count = 8193, "0 to 8192");
    // A client's keys would take 16 GB and more.
    let many = |primes| move |numbers: &mut Numbers| (numbers.count, numbers.rotations) = (8192, all(primes));
    refused(&many(8), "memory");
    refused(&many(255), "memory");
    refused(
        &|numbers| {
            many(255)(numbers);
            numbers.degree = u32::MAX;
        },
        "memory",
    );
}

/// A client's keys for packed parameters take far more memory than the parameters.
#[test]
fn keys_take_the_expected_memory() {
    for (degree, upload, special_bits) in [(DEGREE, &UPLOAD[..], 33), (8192, &[40, 40, 45], 50)] {
        let kept = PackedLevels { convolution: upload.len(), square: 2, hidden: 1, answer: 1 };
        let rotations =
            [(0, 1), (1, upload.len()), (64, 2)].map(|(steps, primes)| Rotation { steps, primes }).to_vec();
        let chain = PackedChain { special_bits, kept, rotations };
        let parameters = Parameters::new_packed(degree, &MODULI, upload, chain).unwrap();
        let client = Client::new(&parameters).unwrap();
        assert_eq!(client.registration_message().len() as u64, size::registration_bytes(&parameters));
        let provider = Provider::new(&parameters, Vec::new(), 1).unwrap();
        let message = client.registration_message();
        let (key, held) = held_bytes(|| provider.register(client.key_fingerprint(), message));
        key.unwrap();
        let expected = size::key_memory_bytes(&parameters);
        let share = held as f64 / expected as f64;
        assert!((0.8..=1.0).contains(&share), "{held} bytes, expected {expected}");
        // A limit that only the parameters keep to does not let a client make keys.
        let of_parameters = size::parameters_memory_bytes(degree, 2, upload.len() + 1);
        let message = provider.parameters_message();
        let refused = Client::from_parameters_message(&message[..], of_parameters).err().unwrap();
        assert!(refused.to_string().contains("memory"), "{refused}");
        assert!(Client::from_parameters_message(&message[..], of_parameters + 2 * expected).is_ok());
    }
}

#[test]
fn model_messages() {
    let provider = provider();
    let message = provider.model_messages().remove(0);
    assert_eq!(message.len() as u64, size::PACKED_MODEL_BYTES);
    let client = Client::new(&parameters()).unwrap();
    let fields = fields(0, [4, 2, 2, 32, 32, 4, 2, 2, 2, 2, 2, 2, 2, 2]);
    let batched =
        Provider::new(&crate::parameters(sottovoce_bfv::Encryption::SecretKey), vec![ensemble()], 1);
    let others: [&[u8]; 2] = [&batched.unwrap().model_messages()[0], &provider.parameters_message()];
    // The side of the image follows from the pixels.
    let mut target = target(message, &fields, &[0, 1, 2, 3, 5, 8], Vec::new(), &others);
    // The high bytes of counts must be 0.
    target.fixed.extend([75, 77, 79, 83, 85, 87, 89].map(|byte| byte..byte + 1));
    assert_stands(&target, CASES, |bytes| client.read_model(bytes).is_ok());
}

/// Whatever geometry a client accepts, an image fits in its slots and every logit has one.
#[test]
fn any_geometry_that_is_accepted_can_be_encrypted() {
    let message = provider().model_messages().remove(0);
    let client = Client::new(&parameters()).unwrap();
    let numbers = [1_u16, 2, 3, 4, 5, 8, 63, 64, 100, 2047, 2048, 4095, 4096, u16::MAX];
    let sides = [1_u32, 2, 16, 64, 4096];
    let mut accepted = 0;
    for side in sides {
        for first in 0..numbers.len().pow(3) {
            let [kernel, stride, distance] = [1, numbers.len(), numbers.len() * numbers.len()]
                .map(|place| numbers[first / place % numbers.len()]);
            let mut changed = message.clone();
            changed[72..76].copy_from_slice(&(side * side).to_le_bytes());
            changed[80..82].copy_from_slice(&(side as u16).to_le_bytes());
            changed[82..84].copy_from_slice(&kernel.to_le_bytes());
            changed[84..86].copy_from_slice(&stride.to_le_bytes());
            changed[86..90].fill(0);
            changed[90..92].copy_from_slice(&distance.to_le_bytes());
            let Ok(model) = client.read_model(&cases::sealed(changed)[..]) else { continue };
            let input = model.packed_input().unwrap();
            assert!(
                input.block() * input.blocks() <= DEGREE
                    && model.classes() * input.logit_distance <= DEGREE / 2
            );
            // One encryption for every geometry is enough.
            if distance == 1 {
                client.encrypt(&model, &vec![1; model.pixels()], &()).unwrap();
                accepted += 1;
            }
        }
    }
    assert!(accepted > 20, "{accepted}");
}

#[test]
fn registrations() {
    let parameters = parameters();
    let client = Client::new(&parameters).unwrap();
    // The relinearisation key, then the key of every rotation: a seed, and a polynomial for every digit.
    let of_rotations = chain().rotations.into_iter().map(|rotation| rotation.primes);
    let (mut lengths, mut rows_of) = (vec![4, 2, 2, 32], Vec::new());
    for primes in [KEPT.convolution].into_iter().chain(of_rotations) {
        lengths.push(32);
        let of_key = parameters.switching_key_primes(primes);
        lengths.extend(row_bytes(DEGREE, &of_key).repeat(primes));
        rows_of.extend(of_key.repeat(primes));
    }
    let fields = fields(0, lengths);
    let rows = crate::rows(&fields, &rows_of);
    assert_eq!(rows.len(), rows_of.len());
    let stranger = Parameters::new_packed(DEGREE, &MODULI, &[31, 32], chain()).unwrap();
    let stranger = Client::new(&stranger).unwrap();
    let others: [&[u8]; 2] = [stranger.registration_message(), &client.registration_message()[..HEADER]];
    let target = target(client.registration_message().to_vec(), &fields, &[0, 1, 2, 3], rows, &others);
    let provider = provider();
    assert_stands(&target, MORE_CASES, |bytes| {
        let registered = provider.register(cases::fingerprint(bytes), bytes);
        registered.is_ok_and(|key| provider.forget_key(key.fingerprint()))
    });
}

#[test]
fn batches() {
    let (parameters, provider) = (parameters(), provider());
    let client = Client::new(&parameters).unwrap();
    let key = provider.register(client.key_fingerprint(), client.registration_message()).unwrap();
    let model = client.read_model(&provider.model_messages()[0][..]).unwrap();
    let write = |client: &Client| {
        let mut message = Vec::new();
        let pending = client.write_batch(&model, &[1, 0, 1, 1], &(), &mut message).unwrap();
        assert_eq!(pending.images(), 1);
        message
    };
    let message = write(&client);
    assert_eq!(message.len() as u64, size::batch_bytes(&parameters, 4));
    let primes = parameters.ciphertext_primes();
    let ciphertext = [row_bytes(DEGREE, primes), vec![32]].concat();
    // One ciphertext in both channels.
    let fields = fields(0, [vec![4, 2, 2, 32, 32, 32, 4], ciphertext.repeat(2)].concat());
    let rows = crate::rows(&fields, primes);
    let foreign = write(&Client::new(&parameters).unwrap());
    let others: [&[u8]; 2] = [&foreign, client.registration_message()];
    let target = target(message, &fields, &[0, 1, 2, 3, 4, 5, 6], rows, &others);
    on_one_thread(|| assert_stands(&target, CASES, |bytes| provider.receive(&key, bytes).is_ok()));
}

#[test]
fn a_packed_batch_has_one_whole_image() {
    let client = Client::new(&parameters()).unwrap();
    let model = client.read_model(&provider().model_messages()[0][..]).unwrap();
    let error = |pixels: &[u8]| client.encrypt(&model, pixels, &()).err().unwrap().to_string();
    assert_eq!(error(&[1; 8]), "2 images in a batch, but the parameters allow 1 to 1");
    for incomplete in [0, 3, 5] {
        assert!(error(&vec![1; incomplete]).contains("not whole images of 4 pixels"), "{incomplete}");
    }
}

#[test]
fn what_packed_evaluation_lacks_is_refused_with_a_reason() {
    let error = provider().with_evaluator(Evaluator::Reference).err().unwrap();
    assert!(matches!(error, ProtocolError::PackedUnsupported { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "packed evaluation has no reference evaluator; use the engine, or batched evaluation"
    );
    assert!(provider().with_evaluator(Evaluator::Engine(Kernel::detect())).is_ok());
    let error = provider().with_flooding(Some(FloodingNoise::covering(10.0, 100.0))).err().unwrap();
    assert!(error.to_string().contains("answers that hide the model"), "{error}");
    assert!(provider().with_flooding(None).is_ok());
}

/// Parameters with room for logits and noise.
fn parameters_with_room() -> Parameters {
    let kept = PackedLevels { convolution: 4, square: 3, hidden: 2, answer: 1 };
    let rotations = PackedLayout::new(ensemble().architecture(), 8192).unwrap().rotations(5, kept);
    let chain = PackedChain { special_bits: 43, kept, rotations };
    Parameters::new_packed(8192, &MODULI, &[43, 43, 28, 31, 26], chain).unwrap()
}

#[test]
fn answers() {
    let parameters = parameters_with_room();
    let provider = Provider::new(&parameters, vec![ensemble()], 1).unwrap();
    let client = Client::new(&parameters).unwrap();
    let key = provider.register(client.key_fingerprint(), client.registration_message()).unwrap();
    let model = client.read_model(&provider.model_messages()[0][..]).unwrap();
    let answer = || {
        let mut message = Vec::new();
        let pending = client.write_batch(&model, &[1, 0, 1, 1], &(), &mut message).unwrap();
        (pending, provider.evaluate(&provider.receive(&key, &message[..]).unwrap(), &()).unwrap())
    };
    let ((pending, message), (_, other)) = (answer(), answer());
    let mut lengths = vec![4, 2, 2, 32, 32, 32, 2, 1];
    let mut primes = Vec::new();
    // Only the engine evaluates packed batches, so the evaluator is fixed.
    let mut fixed: Vec<usize> = (0..lengths.len()).collect();
    for channel in parameters.channels() {
        fixed.push(lengths.len());
        lengths.push(1);
        let kept = channel.answer_primes();
        // One ciphertext of two polynomials.
        lengths.extend(row_bytes(8192, kept).repeat(2));
        primes.extend(kept.repeat(2));
    }
    let fields = fields(0, lengths);
    let rows = crate::rows(&fields, &primes);
    let target = target(message, &fields, &fixed, rows, &[&other, client.registration_message()]);
    on_one_thread(|| assert_stands(&target, CASES, |bytes| client.decrypt(&pending, bytes).is_ok()));
}

/// Keys and ciphertexts may have any residues. Their answers are noise, but no evaluation panics.
#[test]
fn extreme_residues_are_evaluated_like_any_others() {
    let parameters = parameters_with_room();
    let provider = Provider::new(&parameters, vec![ensemble()], 2).unwrap();
    let client = Client::new(&parameters).unwrap();
    let own = provider.register(client.key_fingerprint(), client.registration_message()).unwrap();
    let model = client.read_model(&provider.model_messages()[0][..]).unwrap();
    let mut message = Vec::new();
    client.write_batch(&model, &[1, 0, 1, 1], &(), &mut message).unwrap();
    for largest in [false, true] {
        let fill = |bytes: &mut [u8], primes: &[u64]| {
            let mut rest = bytes;
            for (&prime, length) in primes.iter().zip(row_bytes(8192, primes)) {
                let row = rest.split_off_mut(..length).unwrap();
                let residue = if largest { prime - 1 } else { 0 };
                (0..8192).for_each(|index| cases::set_residue(row, index, length * 8 / 8192, residue));
            }
        };
        let length = |primes: &[u64]| row_bytes(8192, primes).iter().sum::<usize>();
        let primes = parameters.ciphertext_primes();
        let mut batch = message.clone();
        for channel in 0..2 {
            let start = 108 + channel * (length(primes) + 32);
            fill(&mut batch[start..start + length(primes)], primes);
        }
        let received = provider.receive(&own, &cases::sealed(batch.clone())[..]).unwrap();
        provider.evaluate(&received, &()).unwrap();
        let mut registration = client.registration_message().to_vec();
        let mut start = HEADER;
        let chain = parameters.packed().unwrap();
        let of_rotations = chain.rotations.iter().map(|rotation| rotation.primes);
        for count in [chain.kept.convolution].into_iter().chain(of_rotations) {
            let primes = parameters.switching_key_primes(count);
            start += 32;
            for _ in 0..count {
                fill(&mut registration[start..start + length(&primes)], &primes);
                start += length(&primes);
            }
        }
        let registration = cases::sealed(registration);
        let key = provider.register(cases::fingerprint(&registration), &registration[..]).unwrap();
        batch[72..104].copy_from_slice(key.fingerprint().as_bytes());
        let received = provider.receive(&key, &cases::sealed(batch)[..]).unwrap();
        let answer = provider.evaluate(&received, &()).unwrap();
        assert_eq!(answer.len() as u64, size::answer_bytes(&parameters, 2));
    }
}
