use std::io;

use rand::Rng;
use sottovoce_bfv::compact::CompactCiphertext;
use sottovoce_bfv::parameters::PrimeSizes;
use sottovoce_bfv::planner::{FixedParameters, ParameterRequest, choose_parameters};
use sottovoce_bfv::{Encryption, Engine};
use sottovoce_network::{
    Architecture, Block, BlockShape, IntegerEnsemble, IntegerNetwork, NetworkSampler, Padding, PixelLevels,
    sum_logits,
};

use super::*;
use crate::message::field;
use crate::provider::{Provider, ReceivedBatch, RegisteredKey};
use crate::size;

/// Primes that are 1 modulo 2 x 8192.
const PLAINTEXT_MODULI: [u64; 3] = [65_537, 114_689, 147_457];

const SHAPE: Architecture = Architecture {
    image_side: 4,
    kernel: 2,
    stride: 2,
    padding: Padding { leading: 0, trailing: 0 },
    maps: 1,
    hidden: 2,
    classes: 3,
};

/// Two networks for black and white images, with logits of at most 2 x 2 x 65^2 + 2.
fn ensemble() -> IntegerEnsemble {
    let sampler = NetworkSampler::with_rng(SHAPE, rand::rng());
    sampler.with_pixel_levels(PixelLevels::BINARY).with_largest_weights([1; 3]).ensemble(2).unwrap()
}

fn parameters(
    ensemble: &IntegerEnsemble,
    degree: usize,
    channels: usize,
    encryption: Encryption,
) -> Parameters {
    let fixed = FixedParameters {
        encryption: Some(encryption),
        degree: Some(degree),
        plaintext_moduli: Some(PLAINTEXT_MODULI[..channels].to_vec()),
        ..FixedParameters::default()
    };
    let ensembles = [ensemble];
    let request = ParameterRequest { fixed, ..ParameterRequest::new(&ensembles, ensemble.proven_logits()) };
    choose_parameters(&request).unwrap().parameters
}

fn register(provider: &Provider, client: &Client) -> RegisteredKey {
    provider.register(client.key_fingerprint, client.registration_message()).unwrap()
}

#[test]
fn an_expected_answer_is_described_again_in_another_process() {
    let ensemble = ensemble();
    let parameters = parameters(&ensemble, 4096, 1, Encryption::SecretKey);
    let announced = Provider::new(&parameters, vec![ensemble.clone()], 1).unwrap().parameters_message();
    let provider =
        Provider::from_parameters_message(&announced[..], 1 << 28, vec![ensemble.clone()], 1).unwrap();
    assert_eq!(provider.parameters_message(), announced);
    let client = Client::new(&parameters).unwrap();
    let model = client.read_model(&provider.model_messages()[0][..]).unwrap();
    let pixels = SHAPE.pixels();
    let pending = client.write_batch(&model, &vec![1; 2 * pixels], &(), io::sink()).unwrap();
    assert_eq!(client.pending_answer(&model, pending.batch_fingerprint(), 2), pending);
}

#[test]
fn answers_through_bytes_are_the_engines_and_the_oracles_in_every_slot() {
    let ensemble = ensemble();
    for (degree, channels) in [(4096, 1), (4096, 2), (8192, 1), (8192, 3)] {
        // Logits under the public key need more primes than are secure at N = 4096.
        let keys = [Encryption::SecretKey, Encryption::PublicKey];
        for encryption in keys.into_iter().take(degree / 4096) {
            let parameters = parameters(&ensemble, degree, channels, encryption);
            let provider = Provider::new(&parameters, vec![ensemble.clone()], 1).unwrap();
            let announced = parameters::read(&provider.parameters_message()[..], 1 << 28).unwrap();
            assert_eq!(format!("{announced:?}"), format!("{parameters:?}"));

            let key = ClientKey::generate(&announced);
            let evaluation_key = key.evaluation_key().unwrap();
            let client = Client::with_keys(key, &evaluation_key).unwrap();
            let model = client.read_model(&provider.model_messages()[0][..]).unwrap();
            assert_eq!(model, ModelDescription::of(&ensemble, None));
            assert_eq!(client.registration_message().len() as u64, size::registration_bytes(&parameters));
            let key = register(&provider, &client);
            assert_eq!(key.fingerprint(), client.key_fingerprint());

            let images: Vec<u8> =
                (0..100 * SHAPE.pixels()).map(|_| rand::rng().random_range(0..=1)).collect();
            let mut upload = Vec::new();
            let pending = client.write_batch(&model, &images, &(), &mut upload).unwrap();
            assert_eq!((pending.images(), upload.len() as u64), (100, size::batch_bytes(&parameters, 16)));
            let received = provider.receive(&key, &upload[..]).unwrap();
            assert_eq!(
                (received.fingerprint(), received.key_fingerprint()),
                (pending.batch_fingerprint(), client.key_fingerprint())
            );
            let answer = provider.evaluate(&received, &()).unwrap();
            assert_eq!(answer.len() as u64, size::answer_bytes(&parameters, 3));
            // The idle engine gives the same answer again.
            assert_eq!(provider.evaluate(&received, &()).unwrap(), answer);

            // The engine gives the same ciphertexts with a key that was never in a message.
            let engine = Engine::new(&evaluation_key, &ensemble).unwrap();
            let direct = engine.evaluate(&received.batch, false, &()).unwrap().ensemble;
            assert_eq!(answer::write(&direct, 3, &parameters, pending.header).unwrap(), answer);

            let decrypted = client.decrypt(&pending, &answer[..]).unwrap();
            let mut images = images.chunks(16);
            for slot in 0..degree {
                let expected = ensemble.member_logits(images.next().unwrap_or(&[0; 16])).unwrap();
                assert_eq!(decrypted.slot(slot), sum_logits(&expected), "slot {slot}");
            }
        }
    }
}

#[test]
fn a_batch_of_bytes_is_the_batch_that_was_encrypted() {
    let ensemble = ensemble();
    for encryption in [Encryption::PublicKey, Encryption::SecretKey] {
        let parameters =
            Parameters::new(4096, &PLAINTEXT_MODULI[..2], &PrimeSizes::new(&[40, 41]), encryption).unwrap();
        let client = Client::new(&parameters).unwrap();
        let provider = Provider::new(&parameters, vec![ensemble.clone()], 1).unwrap();
        let key = register(&provider, &client);
        let batch = client.key.encrypt(&[1; 16], 16, &()).unwrap();
        let model = ModelDescription::of(&ensemble, None).fingerprint();
        let header = BatchHeader { parameters: client.parameters, model, key: client.key_fingerprint };
        let mut upload = Vec::new();
        batch::write(&mut upload, &batch, 16, &parameters, header).unwrap();
        let received = provider.receive(&key, &upload[..]).unwrap();
        assert_eq!(received.header, header);
        // A polynomial that has a seed is not sent.
        let sent = batch.ciphertexts().cloned().map(|mut ciphertext| {
            ciphertext.second = ciphertext.second.filter(|_| ciphertext.seed.is_none());
            ciphertext
        });
        assert!(received.batch.ciphertexts().cloned().eq(sent));
        // A received batch can be sent again with its seeds.
        let mut again = Vec::new();
        batch::write(&mut again, &received.batch, 16, &parameters, header).unwrap();
        assert!(again == upload);
        let bytes = |ciphertext: &CompactCiphertext| {
            let second = ciphertext.second.as_ref().map_or(0, |second| second.len());
            size_of_val(ciphertext) + ciphertext.first.len() + second
        };
        let taken: usize = received.batch.ciphertexts().map(bytes).sum();
        // A seed is stored within the ciphertext.
        let seeds = if encryption == Encryption::SecretKey { 2 * 16 * 32 } else { 0 };
        assert_eq!((taken + seeds) as u64, size::batch_memory_bytes(&parameters, 16));
    }
}

#[test]
fn messages_of_others_and_for_others_are_refused_with_what_they_name() {
    let ensemble = ensemble();
    let parameters = parameters(&ensemble, 4096, 1, Encryption::SecretKey);
    let [client, other] = [(); 2].map(|()| Client::new(&parameters).unwrap());
    let provider = Provider::new(&parameters, vec![ensemble.clone()], 1).unwrap();
    let model = client.read_model(&provider.model_messages()[0][..]).unwrap();
    let request = |client: &Client, model| {
        let mut upload = Vec::new();
        let pending = client.write_batch(model, &[1; 16], &(), &mut upload).unwrap();
        (pending, upload)
    };
    let (pending, upload) = request(&client, &model);
    let refused = |result: Result<ReceivedBatch, ProtocolError>| result.err().unwrap();
    assert!(provider.key(client.key_fingerprint).is_none());
    let key = register(&provider, &client);
    // A registration under another name is refused, and the keys in memory stay.
    let error = provider.register(client.key_fingerprint, other.registration_message()).err().unwrap();
    assert!(matches!(error, ProtocolError::OtherKeys { .. }), "{error}");
    for fingerprint in [client.key_fingerprint, other.key_fingerprint] {
        assert!(error.to_string().contains(&fingerprint.to_string()), "{error}");
    }
    assert!(provider.key(other.key_fingerprint).is_none() && provider.key(client.key_fingerprint).is_some());
    // The provider has one key in memory at a time.
    let other_key = register(&provider, &other);
    assert!(provider.key(client.key_fingerprint).is_none());
    // A batch under other keys is refused, also if its model is unknown.
    let foreign = ModelDescription { fingerprint: client.key_fingerprint, ..model.clone() };
    for model in [&model, &foreign] {
        let error = refused(provider.receive(&other_key, &request(&client, model).1[..]));
        assert!(matches!(error, ProtocolError::OtherKeys { .. }), "{error}");
    }
    // A batch that began to arrive before its keys were forgotten is received.
    provider.receive(&key, &upload[..]).unwrap();
    let key = register(&provider, &client);
    let (_, misdirected) = request(&client, &foreign);
    let error = refused(provider.receive(&key, &misdirected[..]));
    assert!(matches!(error, ProtocolError::UnknownModel { .. }), "{error}");
    assert!(error.to_string().contains(&client.key_fingerprint.to_string()));

    let received = provider.receive(&key, &upload[..]).unwrap();
    let answer = provider.evaluate(&received, &()).unwrap();
    client.decrypt(&pending, &answer[..]).unwrap();
    assert!(matches!(other.decrypt(&pending, &answer[..]), Err(ProtocolError::WrongKey { .. })));
    // Encrypting the same images again gives another batch.
    let (later, _) = request(&client, &model);
    let error = client.decrypt(&later, &answer[..]).unwrap_err();
    assert!(matches!(error, ProtocolError::WrongFingerprint { field: field::BATCH, .. }), "{error}");

    assert!(provider.forget_key(client.key_fingerprint) && !provider.forget_key(client.key_fingerprint));
    // A batch that was received before is still answered.
    assert_eq!(provider.evaluate(&received, &()).unwrap(), answer);

    let stranger = Client::new(
        &Parameters::new(4096, &[65_537], &PrimeSizes::new(&[30, 30]), Encryption::SecretKey).unwrap(),
    );
    let stranger = stranger.unwrap();
    let registered = provider.register(stranger.key_fingerprint, stranger.registration_message());
    let error = registered.err().unwrap();
    assert!(matches!(error, ProtocolError::WrongFingerprint { field: field::PARAMETERS, .. }), "{error}");
    let error = client.write_batch(&model, &[0, 2], &(), std::io::sink()).unwrap_err();
    assert_eq!(error.to_string(), "a pixel is 2, but the model reads 0 to 1");
}

#[test]
fn the_keys_whose_use_is_longest_ago_are_forgotten_first() {
    let ensemble = ensemble();
    let parameters = parameters(&ensemble, 4096, 1, Encryption::SecretKey);
    let clients = [(); 3].map(|()| Client::new(&parameters).unwrap());
    let [first, second, third] = &clients;
    let provider = Provider::new(&parameters, vec![ensemble], 2).unwrap();
    register(&provider, first);
    register(&provider, second);
    // Asking for keys is a use.
    assert!(provider.key(first.key_fingerprint).is_some());
    register(&provider, third);
    let known = clients.each_ref().map(|client| provider.key(client.key_fingerprint).is_some());
    assert_eq!(known, [true, false, true]);
}

/// An evaluation with a key that does not belong to the secret key gives noise, which must not be taken for logits.
#[test]
fn a_wrong_key_gives_an_error_and_never_a_label() {
    let ensemble = ensemble();
    for (encryption, degree) in [(Encryption::PublicKey, 8192), (Encryption::SecretKey, 4096)] {
        let parameters = parameters(&ensemble, degree, 1, encryption);
        let provider = Provider::new(&parameters, vec![ensemble.clone()], 4).unwrap();
        let [own, foreign] = [(); 2].map(|()| ClientKey::generate(&parameters));
        let evaluation_key = foreign.evaluation_key().unwrap();
        let mixed = Client::with_keys(own, &evaluation_key).unwrap();
        let key = register(&provider, &mixed);
        let model = mixed.read_model(&provider.model_messages()[0][..]).unwrap();
        let mut upload = Vec::new();
        let pending = mixed.write_batch(&model, &[1; 16], &(), &mut upload).unwrap();
        let answer = provider.evaluate(&provider.receive(&key, &upload[..]).unwrap(), &()).unwrap();
        let error = mixed.decrypt(&pending, &answer[..]).unwrap_err().to_string();
        assert!(error.contains("the noise budget is exhausted"), "{error}");
    }
}

/// A connection that hands over one byte at a time, and breaks at the end.
struct BreakingConnection<'a> {
    rest: &'a [u8],
}

impl Read for BreakingConnection<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((first, rest)) = self.rest.split_first() else {
            return Err(io::ErrorKind::ConnectionReset.into());
        };
        self.rest = rest;
        buffer[0] = *first;
        Ok(1)
    }
}

#[test]
fn a_broken_connection_differs_from_a_message_that_ends() {
    let parameters =
        Parameters::new(4096, &PLAINTEXT_MODULI[..1], &PrimeSizes::new(&[30, 30]), Encryption::SecretKey)
            .unwrap();
    let client = Client::new(&parameters).unwrap();
    let provider = Provider::new(&parameters, vec![ensemble()], 1).unwrap();
    let message = provider.model_messages().remove(0);
    for length in 0..message.len() {
        let ended = client.read_model(&message[..length]).unwrap_err();
        assert!(matches!(ended, ProtocolError::Truncated { .. }), "{ended}");
        let broken = client.read_model(BreakingConnection { rest: &message[..length] }).unwrap_err();
        assert!(matches!(broken, ProtocolError::Transfer { .. }), "{broken}");
    }
    let model = client.read_model(&message[..]).unwrap();
    let mut full = &mut [0; 1000][..];
    let error = client.write_batch(&model, &[1; 16], &(), &mut full).unwrap_err();
    assert_eq!(error.to_string(), "the batch message could not be transferred");
}

#[test]
fn fingerprints_tell_apart_whatever_differs() {
    let new = |degree, moduli: &[u64], bits: &[usize], encryption| {
        Fingerprint::of_parameters(
            &Parameters::new(degree, moduli, &PrimeSizes::new(bits), encryption).unwrap(),
        )
    };
    let (public, secret) = (Encryption::PublicKey, Encryption::SecretKey);
    let [t, u, _] = PLAINTEXT_MODULI;
    let mut all = vec![
        new(4096, &[t], &[30, 30], secret),
        new(8192, &[t], &[30, 30], secret),
        new(4096, &[u], &[30, 30], secret),
        new(4096, &[t, u], &[30, 30], secret),
        new(4096, &[u, t], &[30, 30], secret),
        new(4096, &[t], &[30, 31], secret),
        new(4096, &[t], &[30, 30, 30], secret),
        new(4096, &[t], &[30, 30], public),
    ];
    let network = |levels, scale, weight, bias| {
        let blocks = SHAPE
            .block_shapes()
            .map(|BlockShape { rows, columns, .. }| Block::from_fn(rows, columns, |_, _| weight, |_| bias));
        IntegerNetwork::new(SHAPE, PixelLevels::new(levels).unwrap(), scale, blocks).unwrap()
    };
    let one = network(2, 1.0, 1, 0);
    let members = [
        vec![one.clone()],
        vec![one.clone(), one],
        vec![network(3, 1.0, 1, 0)],
        vec![network(2, 2.0, 1, 0)],
        vec![network(2, 1.0, -1, 0)],
        vec![network(2, 1.0, 1, 1)],
    ];
    all.extend(members.map(|members| Fingerprint::of_ensemble(&IntegerEnsemble::new(members).unwrap())));
    let different: std::collections::HashSet<Fingerprint> = all.iter().copied().collect();
    assert_eq!(different.len(), all.len());
}
