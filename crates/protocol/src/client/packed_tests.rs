use rand::Rng;
use sottovoce_bfv::packed::PackedLayout;
use sottovoce_bfv::parameters::{PackedChain, PackedLevels};
use sottovoce_network::{Architecture, IntegerEnsemble, NetworkSampler, Padding, PixelLevels, sum_logits};

use super::*;
use crate::message::field;
use crate::provider::Provider;
use crate::size;

const SHAPE: Architecture = Architecture {
    image_side: 6,
    kernel: 3,
    stride: 2,
    padding: Padding { leading: 1, trailing: 0 },
    maps: 2,
    hidden: 5,
    classes: 3,
};

/// Logits of two members stay far below the product of the plaintext moduli.
fn ensemble() -> IntegerEnsemble {
    let sampler = NetworkSampler::with_rng(SHAPE, rand::rng());
    sampler.with_pixel_levels(PixelLevels::BINARY).with_largest_weights([1; 3]).ensemble(2).unwrap()
}

fn parameters() -> Parameters {
    let kept = PackedLevels { convolution: 4, square: 3, hidden: 2, answer: 1 };
    let rotations = PackedLayout::new(&SHAPE, 8192).unwrap().rotations(5, kept);
    let chain = PackedChain { special_bits: 43, kept, rotations };
    Parameters::new_packed(8192, &[65_537, 114_689], &[43, 43, 28, 31, 26], chain).unwrap()
}

fn image() -> Vec<u8> {
    (0..SHAPE.pixels()).map(|_| rand::rng().random_range(0..=1)).collect()
}

#[test]
fn packed_answers_through_bytes_are_the_oracles() {
    let (ensemble, parameters) = (ensemble(), parameters());
    assert!(2 * ensemble.proven_logits() < parameters.largest_value());
    let other = self::ensemble();
    let provider = Provider::new(&parameters, vec![ensemble.clone(), other.clone()], 2).unwrap();
    let announced = parameters::read(&provider.parameters_message()[..], 1 << 30).unwrap();
    assert_eq!(format!("{announced:?}"), format!("{parameters:?}"));
    let clients = [(); 2].map(|()| Client::new(&announced).unwrap());
    let models = provider.model_messages();
    for client in &clients {
        let [model, other_model] = [0, 1].map(|index| client.read_model(&models[index][..]).unwrap());
        assert_eq!(model.packed_input(), Some(PackedLayout::new(&SHAPE, 8192).unwrap().input()));
        assert_eq!(client.registration_message().len() as u64, size::registration_bytes(&parameters));
        assert_eq!(client.encryption_work(model.pixels()), 2);
        let key = provider.register(client.key_fingerprint, client.registration_message()).unwrap();
        for _ in 0..3 {
            let image = image();
            let mut upload = Vec::new();
            let pending = client.write_batch(&model, &image, &(), &mut upload).unwrap();
            assert_eq!((pending.images(), upload.len() as u64), (1, size::batch_bytes(&parameters, 36)));
            let received = provider.receive(&key, &upload[..]).unwrap();
            assert_eq!(received.fingerprint(), pending.batch_fingerprint());
            assert!(provider.evaluation_work(&received).unwrap() > 0);
            let answer = provider.evaluate(&received, &()).unwrap();
            assert_eq!(answer.len() as u64, size::answer_bytes(&parameters, 3));
            let expected = ensemble.member_logits(&image).unwrap();
            let decrypted = client.decrypt(&pending, &answer[..]).unwrap();
            assert_eq!((decrypted.slots(), decrypted.slot(0)), (1, sum_logits(&expected)));
            // The other model reads the same image, and members answer alone.
            let evaluated = provider.evaluate_model(&received, other_model.fingerprint(), true, &()).unwrap();
            let of_other = pending.for_model(&other_model);
            let expected = other.member_logits(&image).unwrap();
            for (answer, expected) in evaluated.member_answers.iter().zip(&expected) {
                assert_eq!(&client.decrypt(&of_other, &answer[..]).unwrap().slot(0), expected);
            }
            let decrypted = client.decrypt(&of_other, &evaluated.answer[..]).unwrap();
            assert_eq!(decrypted.slot(0), sum_logits(&expected));
        }
    }
}

#[test]
fn packed_keys_are_stored_with_one_secret_and_decrypt_again() {
    let (ensemble, parameters) = (ensemble(), parameters());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let client = Client::new(&parameters).unwrap();
    client.save(&path).unwrap();
    let stored = Client::load(&path, 1 << 30).unwrap();
    assert_eq!(stored.registration_message(), client.registration_message());
    assert_eq!((stored.key_fingerprint(), stored.key.secrets().len()), (client.key_fingerprint(), 1));
    let provider = Provider::new(&parameters, vec![ensemble.clone()], 1).unwrap();
    let key = provider.register(client.key_fingerprint, stored.registration_message()).unwrap();
    let model = stored.read_model(&provider.model_messages()[0][..]).unwrap();
    // What one encrypts the other one decrypts.
    for (sender, reader) in [(&client, &stored), (&stored, &client)] {
        let (image, mut upload) = (image(), Vec::new());
        let pending = sender.write_batch(&model, &image, &(), &mut upload).unwrap();
        let answer = provider.evaluate(&provider.receive(&key, &upload[..]).unwrap(), &()).unwrap();
        let expected = sum_logits(&ensemble.member_logits(&image).unwrap());
        assert_eq!(reader.decrypt(&pending, &answer[..]).unwrap().slot(0), expected);
    }
}

#[test]
fn batched_and_packed_messages_are_not_taken_for_each_other() {
    let (ensemble, packed) = (ensemble(), parameters());
    let primes = sottovoce_bfv::parameters::PrimeSizes::new(&[43, 43]);
    let batched =
        Parameters::new(8192, &[65_537, 114_689], &primes, sottovoce_bfv::Encryption::SecretKey).unwrap();
    let [of_packed, of_batched] = [&packed, &batched].map(|parameters| {
        let provider = Provider::new(parameters, vec![ensemble.clone()], 1).unwrap();
        let client = Client::new(parameters).unwrap();
        let key = provider.register(client.key_fingerprint, client.registration_message()).unwrap();
        (provider, client, key)
    });
    for ((provider, _, key), (other, client, _)) in [(&of_packed, &of_batched), (&of_batched, &of_packed)] {
        let is_of_others = |error: &ProtocolError| {
            matches!(error, ProtocolError::WrongFingerprint { field: field::PARAMETERS, .. })
        };
        let registered = provider.register(client.key_fingerprint, client.registration_message());
        assert!(registered.is_err_and(|error| is_of_others(&error)));
        let model = &provider.model_messages()[0];
        assert!(client.read_model(&model[..]).is_err_and(|error| is_of_others(&error)));
        let own = client.read_model(&other.model_messages()[0][..]).unwrap();
        let mut upload = Vec::new();
        client.write_batch(&own, &image(), &(), &mut upload).unwrap();
        assert!(provider.receive(key, &upload[..]).is_err_and(|error| is_of_others(&error)));
    }
    // A client cannot encrypt with the other kind's description of a model.
    let (provider, client, _) = &of_batched;
    let model = client.read_model(&provider.model_messages()[0][..]).unwrap();
    let error = of_packed.1.encrypt(&model, &image(), &()).err().unwrap();
    assert_eq!(error.to_string(), "the parameters are for packed evaluation, but this operation is batched");
}
