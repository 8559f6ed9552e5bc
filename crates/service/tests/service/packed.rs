//! Keys, batches and answers of packed evaluation beside those of batched evaluation.

use http::{Method, StatusCode};
use sottovoce_bfv::Parameters;
use sottovoce_bfv::packed::PackedLayout;
use sottovoce_bfv::parameters::{PackedChain, PackedLevels};
use sottovoce_network::{IntegerEnsemble, sum_logits};
use sottovoce_protocol::ModelDescription;
use sottovoce_protocol::client::Client;
use sottovoce_protocol::provider::Provider;
use sottovoce_service::remote::{RemoteProvider, RetryBudget};
use sottovoce_service::server::{AccessPolicy, Limits, Providers, Server, StateFolder};
use tempfile::TempDir;

use crate::http::{Http, Upload};
use crate::{IMAGES, World, assert_answered, batch, ensemble, key_path, parameters};

fn packed_parameters(ensemble: &IntegerEnsemble) -> Parameters {
    let kept = PackedLevels { convolution: 4, square: 3, hidden: 2, answer: 1 };
    let rotations = PackedLayout::new(ensemble.architecture(), 8192).unwrap().rotations(5, kept);
    let chain = PackedChain { special_bits: 43, kept, rotations };
    Parameters::new_packed(8192, &[65_537], &[43, 43, 28, 31, 26], chain).unwrap()
}

fn providers() -> Providers {
    let ensemble = ensemble();
    let packed = Provider::new(&packed_parameters(&ensemble), vec![ensemble.clone()], 2).unwrap();
    let batched = Provider::new(&parameters(&ensemble), vec![ensemble], 4).unwrap();
    Providers { batched, packed: Some(packed) }
}

/// Makes keys for the packed parameters of a service. Returns the client with the model.
async fn packed_client(http: &mut Http) -> (Client, ModelDescription) {
    let message = http.get("/v1/packed/parameters").await.body;
    let client = Client::from_parameters_message(&message[..], 1 << 30).unwrap();
    let list: serde_json::Value = serde_json::from_slice(&http.get("/v1/models").await.body).unwrap();
    let path = format!("/v1/packed/models/{}", list[0]["model"].as_str().unwrap());
    let model = client.read_model(&http.get(&path).await.body[..]).unwrap();
    (client, model)
}

/// Sends images one by one, and compares the logits with the plain integer network.
async fn assert_evaluated(http: &mut Http, client: &Client, model: &ModelDescription) {
    for image in IMAGES.chunks(4) {
        let mut message = Vec::new();
        let pending = client.write_batch(model, image, &(), &mut message).unwrap();
        let path = format!("{}/batches/{}", key_path(client), pending.batch_fingerprint());
        let sent = http.put(&path, message).await;
        assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.text());
        let answer = loop {
            let answer = http.get(&format!("{path}/answer")).await;
            match answer.status {
                StatusCode::OK => break answer.body,
                StatusCode::ACCEPTED => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
                status => panic!("{status}: {}", answer.text()),
            }
        };
        let expected = sum_logits(&ensemble().member_logits(image).unwrap());
        assert_eq!(client.decrypt(&pending, &answer[..]).unwrap().slot(0), expected);
        assert_eq!(http.delete(&path).await.status, StatusCode::NO_CONTENT);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_service_evaluates_batched_and_packed_batches_and_keeps_both_kinds_of_keys() {
    let world = World::serving(providers(), Limits::default(), TempDir::new().unwrap()).await;
    let mut http = world.connect().await;
    let (batched, batched_model) = world.client(&mut http).await;
    let (packed, model) = packed_client(&mut http).await;
    assert_eq!(http.get(&key_path(&packed)).await.status, StatusCode::NOT_FOUND);
    let registered = http.put(&key_path(&packed), packed.registration_message().to_vec()).await;
    assert_eq!(registered.status, StatusCode::CREATED, "{}", registered.text());
    // Both kinds in turn, under the keys of both clients.
    for _ in 0..2 {
        assert_evaluated(&mut http, &packed, &model).await;
        let (pending, message, path) = batch(&batched, &batched_model);
        assert_eq!(http.put(&path, message).await.status, StatusCode::ACCEPTED);
        assert_answered(&mut http, &batched, &pending, &path).await;
    }
    // Registrations survive a restart, and are read from disk by the kind of their parameters.
    let world = World::serving(providers(), Limits::default(), world.stop().await).await;
    let mut http = world.connect().await;
    for client in [&packed, &batched] {
        assert_eq!(http.get(&key_path(client)).await.status, StatusCode::NO_CONTENT);
    }
    assert_evaluated(&mut http, &packed, &model).await;
    // Deleting one client's keys leaves the other one's.
    assert_eq!(http.delete(&key_path(&packed)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(http.get(&key_path(&packed)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(http.get(&key_path(&batched)).await.status, StatusCode::NO_CONTENT);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_remote_provider_registers_lost_packed_keys_and_evaluates() {
    let world = World::serving(providers(), Limits::default(), TempDir::new().unwrap()).await;
    let address = format!("http://{}", world.address).parse().unwrap();
    let evaluating = std::thread::spawn(move || {
        let remote = RemoteProvider::new(address, None, RetryBudget::default()).unwrap();
        let client =
            Client::from_parameters_message(&remote.packed_parameters().unwrap()[..], 1 << 30).unwrap();
        let fingerprint = remote.models().unwrap()[0].model.parse().unwrap();
        let model = client.read_model(&remote.packed_model(fingerprint).unwrap()[..]).unwrap();
        let mut message = Vec::new();
        let pending = client.write_batch(&model, &IMAGES[..4], &(), &mut message).unwrap();
        // The keys are not registered before.
        let (answer, _) = remote.evaluate(&client, &pending, &message.into(), &|_| ()).unwrap();
        assert!(remote.is_registered(client.key_fingerprint()).unwrap());
        client.decrypt(&pending, &answer[..]).unwrap().slot(0)
    });
    let expected = sum_logits(&ensemble().member_logits(&IMAGES[..4]).unwrap());
    while !evaluating.is_finished() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(evaluating.join().unwrap(), expected);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_without_packed_parameters_says_so() {
    let world = World::new(Limits::default()).await;
    let mut http = world.connect().await;
    let list: serde_json::Value = serde_json::from_slice(&http.get("/v1/models").await.body).unwrap();
    let model = format!("/v1/packed/models/{}", list[0]["model"].as_str().unwrap());
    for path in ["/v1/packed/parameters", &model] {
        let response = http.get(path).await;
        assert_eq!(response.status, StatusCode::NOT_FOUND);
        assert!(response.text().contains("serves only batched evaluation"), "{}", response.text());
    }
    // Its clients' packed keys are for other parameters.
    let packed = Client::new(&packed_parameters(&ensemble())).unwrap();
    let registration = packed.registration_message().to_vec();
    let refused = http.send(Method::PUT, &key_path(&packed), Upload::Whole(registration.into())).await;
    assert!(refused.is_none_or(|refused| refused.status == StatusCode::PAYLOAD_TOO_LARGE));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_the_wrong_kind_are_refused_and_leave_nothing_behind() {
    let world = World::serving(providers(), Limits::default(), TempDir::new().unwrap()).await;
    let mut http = world.connect().await;
    let (batched, batched_model) = world.client(&mut http).await;
    let (packed, model) = packed_client(&mut http).await;
    let registration = packed.registration_message();
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    // A registration of the other kind's length, or with the other kind's header.
    let as_long = registration[..batched.registration_message().len()].to_vec();
    let mut other_header = registration.to_vec();
    other_header[..40].copy_from_slice(&batched.registration_message()[..40]);
    for damaged in [registration[1..].to_vec(), as_long, other_header] {
        let response = http.put(&key_path(&packed), damaged).await;
        assert_eq!(response.status, unprocessable, "{}", response.text());
        assert_eq!(http.get(&key_path(&packed)).await.status, StatusCode::NOT_FOUND);
    }
    let body = Upload::Unannounced(registration.to_vec().into());
    let registered = http.send(Method::PUT, &key_path(&packed), body).await.unwrap();
    assert_eq!(registered.status, StatusCode::CREATED, "{}", registered.text());
    // A batch under the keys of the other kind.
    let (_, whole, path) = batch(&batched, &batched_model);
    let mut message = Vec::new();
    packed.write_batch(&model, &IMAGES[..4], &(), &mut message).unwrap();
    let response = http.put(&path, message.clone()).await;
    assert_eq!(response.status, unprocessable, "{}", response.text());
    assert!(response.text().contains("fingerprint of the parameters"), "{}", response.text());
    let of_packed =
        path.replace(&batched.key_fingerprint().to_string(), &packed.key_fingerprint().to_string());
    assert_eq!(http.put(&of_packed, whole).await.status, unprocessable);
    assert_evaluated(&mut http, &packed, &model).await;
    world.stop().await;
}

#[test]
fn providers_that_do_not_belong_together_are_refused() {
    let error = |providers: Providers| {
        let folder = TempDir::new().unwrap();
        let keys = StateFolder::open(&folder.path().join("service")).unwrap();
        let names = vec!["tiny".to_owned()];
        let server =
            Server::new(providers, names, AccessPolicy::InsecureLocal, Limits::default(), &keys, || None);
        server.err().unwrap().to_string()
    };
    let Providers { batched, packed } = providers();
    let without_models = Provider::new(packed.as_ref().unwrap().parameters(), Vec::new(), 1).unwrap();
    let different = error(Providers { batched, packed: Some(without_models) });
    assert!(different.contains("different models"), "{different}");
    let swapped = Providers { batched: packed.unwrap(), packed: None };
    assert!(error(swapped).contains("batched and packed parameters"));
}
