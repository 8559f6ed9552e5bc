//! The server over HTTP/2, with regular, slow and hostile clients.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod http;
mod packed;

use std::net::SocketAddr;
use std::time::Duration;

use ::http::header::RETRY_AFTER;
use ::http::{Method, StatusCode};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sottovoce_bfv::planner::{FixedParameters, ParameterRequest, choose_parameters};
use sottovoce_bfv::{Encryption, Parameters};
use sottovoce_network::{Architecture, IntegerEnsemble, IntegerNetwork, Padding, PixelLevels, sum_logits};
use sottovoce_protocol::ModelDescription;
use sottovoce_protocol::client::{Client, PendingAnswer};
use sottovoce_protocol::provider::Provider;
use sottovoce_service::server::{AccessPolicy, Limits, Providers, Server, StateFolder};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::http::{Http, Upload};

const IMAGES: [u8; 12] = [1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 1, 1];

fn ensemble() -> IntegerEnsemble {
    let padding = Padding { leading: 0, trailing: 0 };
    let shape = Architecture { image_side: 2, kernel: 2, stride: 2, padding, maps: 1, hidden: 2, classes: 2 };
    let weight = |_: &str, row, column| (row + column) as i64 - 1;
    let network = IntegerNetwork::from_fn(shape, PixelLevels::BINARY, weight, |_, row| row as i128).unwrap();
    IntegerEnsemble::new(vec![network]).unwrap()
}

fn parameters(ensemble: &IntegerEnsemble) -> Parameters {
    let fixed = FixedParameters {
        encryption: Some(Encryption::SecretKey),
        degree: Some(4096),
        ..FixedParameters::default()
    };
    let ensembles = [ensemble];
    let request = ParameterRequest { fixed, ..ParameterRequest::new(&ensembles, ensemble.proven_logits()) };
    choose_parameters(&request).unwrap().parameters
}

/// A server in this process.
struct World {
    parameters: Parameters,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
    folder: TempDir,
}

impl World {
    async fn new(limits: Limits) -> Self {
        let ensemble = ensemble();
        let parameters = parameters(&ensemble);
        let provider = Provider::new(&parameters, vec![ensemble], 4).unwrap();
        Self::serving(provider.into(), limits, TempDir::new().unwrap()).await
    }

    /// A server of `providers` with the registered keys in `folder`.
    async fn serving(providers: Providers, limits: Limits, folder: TempDir) -> Self {
        let parameters = providers.batched.parameters().clone();
        let keys = StateFolder::open(&folder.path().join("service")).unwrap();
        let names = vec!["tiny".to_owned()];
        let service =
            Server::new(providers, names, AccessPolicy::InsecureLocal, limits, &keys, || None).unwrap();
        let listener = service.bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let served =
            tokio::spawn(
                async move { service.serve(listener, async { drop(stopped.await) }).await.unwrap() },
            );
        Self { parameters, address, stop: Some(stop), served, folder }
    }

    async fn connect(&self) -> Http {
        Http::connect(self.address).await
    }

    /// Registers a client. Returns it with the model.
    async fn client(&self, http: &mut Http) -> (Client, ModelDescription) {
        let client = Client::new(&self.parameters).unwrap();
        let registered = http.put(&key_path(&client), client.registration_message().to_vec()).await;
        assert_eq!(registered.status, StatusCode::CREATED, "{}", registered.text());
        let list: serde_json::Value = serde_json::from_slice(&http.get("/v1/models").await.body).unwrap();
        assert_eq!(list[0]["name"], "tiny");
        let message = http.get(&format!("/v1/models/{}", list[0]["model"].as_str().unwrap())).await.body;
        let model = client.read_model(&message[..]).unwrap();
        (client, model)
    }

    async fn stop(mut self) -> TempDir {
        drop(self.stop.take());
        self.served.await.unwrap();
        self.folder
    }
}

fn key_path(client: &Client) -> String {
    format!("/v1/keys/{}", client.key_fingerprint())
}

fn batch(client: &Client, model: &ModelDescription) -> (PendingAnswer, Vec<u8>, String) {
    let mut message = Vec::new();
    let pending = client.write_batch(model, &IMAGES, &(), &mut message).unwrap();
    let path = format!("{}/batches/{}", key_path(client), pending.batch_fingerprint());
    (pending, message, path)
}

/// Waits for the answer, and compares every slot with the plain integer network.
async fn assert_answered(http: &mut Http, client: &Client, pending: &PendingAnswer, path: &str) {
    let answer = loop {
        let answer = http.get(&format!("{path}/answer")).await;
        match answer.status {
            StatusCode::OK => break answer.body,
            StatusCode::ACCEPTED => tokio::time::sleep(Duration::from_millis(5)).await,
            status => panic!("{status}: {}", answer.text()),
        }
    };
    let decrypted = client.decrypt(pending, &answer[..]).unwrap();
    let ensemble = ensemble();
    let mut images = IMAGES.chunks(4);
    for slot in 0..decrypted.slots() {
        let expected = ensemble.member_logits(images.next().unwrap_or(&[0; 4])).unwrap();
        assert_eq!(decrypted.slot(slot), sum_logits(&expected), "slot {slot}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_received_once_and_answered_as_often_as_it_is_asked_for() {
    let world = World::new(Limits::default()).await;
    let mut http = world.connect().await;
    assert_eq!(http.get("/health").await.status, StatusCode::OK);
    let (client, model) = world.client(&mut http).await;
    assert_eq!(http.get(&key_path(&client)).await.status, StatusCode::NO_CONTENT);
    let (pending, message, path) = batch(&client, &model);
    assert_eq!(http.get(&path).await.status, StatusCode::NOT_FOUND);
    for _ in 0..3 {
        let sent = http.put(&path, message.clone()).await;
        assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.text());
        assert_answered(&mut http, &client, &pending, &path).await;
    }
    assert_eq!(http.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(http.delete(&path).await.status, StatusCode::NOT_FOUND);
    // A body without `Content-Length` is read.
    let sent = http.send(Method::PUT, &path, Upload::Unannounced(message.clone().into())).await.unwrap();
    assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.text());
    assert_answered(&mut http, &client, &pending, &path).await;
    // Deleting the keys deletes the batches.
    assert_eq!(http.delete(&key_path(&client)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(http.get(&path).await.status, StatusCode::NOT_FOUND);
    let sent = http.put(&path, message).await;
    assert_eq!(sent.status, StatusCode::NOT_FOUND);
    assert!(sent.text().contains("are not registered"), "{}", sent.text());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_misplaced_and_foreign_messages_are_refused_and_leave_nothing_behind() {
    let world = World::new(Limits { silence: Duration::from_secs(2), ..Limits::default() }).await;
    let mut http = world.connect().await;
    let (client, model) = world.client(&mut http).await;
    let (other, _) = world.client(&mut http).await;
    let (pending, message, path) = batch(&client, &model);

    let mut rng = StdRng::seed_from_u64(1);
    for case in 0..1000 {
        let mut bytes = message.clone();
        let place = rng.random_range(0..bytes.len());
        match case % 6 {
            0 => bytes.truncate(place),
            1 => bytes[place] ^= 1 << rng.random_range(0..8),
            2 => bytes.extend(vec![0; rng.random_range(1..100)]),
            3 => bytes.rotate_left(place.max(1)),
            4 => bytes[108..].reverse(),
            _ => rng.fill(&mut bytes[..200]),
        }
        let announced = rng.random_bool(0.5);
        let body = if announced { Upload::Whole(bytes.into()) } else { Upload::Unannounced(bytes.into()) };
        let response = http.send(Method::PUT, &path, body).await;
        // The server may end the exchange before the end of the body.
        let Some(response) = response else {
            http = world.connect().await;
            continue;
        };
        assert!(
            [StatusCode::UNPROCESSABLE_ENTITY, StatusCode::PAYLOAD_TOO_LARGE].contains(&response.status),
            "case {case}: {} {}",
            response.status,
            response.text()
        );
        assert!(response.text().contains("error"));
    }
    // A connection breaks within the body.
    for _ in 0..20 {
        let mut line = world.connect().await;
        let part = Bytes::from(message[..rng.random_range(0..message.len())].to_vec());
        assert!(
            line.send(Method::PUT, &path, Upload::Breaks(part))
                .await
                .is_none_or(|sent| !sent.status.is_success())
        );
    }
    // The server notices a broken connection after the client, and holds the batch's place until then.
    let health = loop {
        let health = http.get("/health").await.text();
        if health.contains("\"held_batches\":0") {
            break health;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(health.contains("\"answers\":0"), "{health}");

    // The batch or the keys belong to another client or another path.
    let (_, foreign, _) = batch(&other, &model);
    let response = http.put(&path, foreign.clone()).await;
    assert_eq!(response.status, StatusCode::FORBIDDEN, "{}", response.text());
    assert!(response.text().contains("must belong to the keys"), "{}", response.text());
    let (_, another, _) = batch(&client, &model);
    let response = http.put(&path, another).await;
    assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", response.text());
    assert!(response.text().contains("but the request names"), "{}", response.text());
    let misplaced = path.replace(&client.key_fingerprint().to_string(), &other.key_fingerprint().to_string());
    let response = http.put(&misplaced, message.clone()).await;
    assert_eq!(response.status, StatusCode::FORBIDDEN, "{}", response.text());
    let nobody = format!("/v1/keys/{}", "0".repeat(64));
    let response = http.put(&nobody, other.registration_message().to_vec()).await;
    assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", response.text());
    let short = other.registration_message()[1..].to_vec();
    assert_eq!(http.put(&key_path(&other), short).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    for path in ["/v1/keys/abc", "/v1/models/abc", &format!("{}/batches/12", key_path(&client))] {
        let response = http.get(path).await;
        assert_eq!(response.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(response.text().contains("hexadecimal digits"), "{}", response.text());
    }
    assert_eq!(http.get("/v1/secrets").await.status, StatusCode::NOT_FOUND);
    assert_eq!(http.put("/v1/parameters", Bytes::new()).await.status, StatusCode::METHOD_NOT_ALLOWED);

    // The bytes are not HTTP/2.
    for _ in 0..100 {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        let garbage: Vec<u8> = (0..rng.random_range(1..500)).map(|_| rng.random()).collect();
        let _ = stream.write_all(&garbage).await;
    }

    // The valid batch is answered correctly.
    let sent = http.put(&path, message).await;
    assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.text());
    assert_answered(&mut http, &client, &pending, &path).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_and_greedy_clients_are_told_to_wait_and_delay_nobody() {
    let limits = Limits {
        batches: 3,
        batches_per_client: 2,
        silence: Duration::from_secs(1),
        upload: Duration::from_secs(30),
        drain: Duration::from_millis(500),
        ..Limits::default()
    };
    let world = World::new(limits).await;
    let mut http = world.connect().await;
    let (slow, model) = world.client(&mut http).await;
    let (other, _) = world.client(&mut http).await;
    let (quick, _) = world.client(&mut http).await;
    // Three uploads stall.
    let stalling: Vec<_> = [&slow, &slow, &other].map(|client| batch(client, &model)).into();
    let mut lines = Vec::new();
    for (_, message, path) in &stalling {
        let mut line = world.connect().await;
        let (part, path) = (Bytes::from(message[..message.len() / 2].to_vec()), path.clone());
        lines.push(tokio::spawn(async move { line.send(Method::PUT, &path, Upload::Stalls(part)).await }));
        // The last place is kept for a client without a batch.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (_, message, path) = batch(&slow, &model);
    let response = http.put(&path, message).await;
    assert_eq!(response.status, StatusCode::TOO_MANY_REQUESTS, "{}", response.text());
    assert!(response.headers.contains_key(RETRY_AFTER));
    let (pending, message, path) = batch(&quick, &model);
    let response = http.put(&path, message.clone()).await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE, "{}", response.text());
    assert!(response.headers.contains_key(RETRY_AFTER));
    // The same batch is sent on another connection while it arrives.
    let (_, whole, coming) = &stalling[0];
    assert_eq!(http.put(coming, whole.clone()).await.status, StatusCode::CONFLICT);
    for line in lines {
        if let Some(response) = line.await.unwrap() {
            assert_eq!(response.status, StatusCode::REQUEST_TIMEOUT, "{}", response.text());
        }
    }
    // Their slots are free again.
    assert_eq!(http.put(&path, message).await.status, StatusCode::ACCEPTED);
    assert_answered(&mut http, &quick, &pending, &path).await;
    // A stopping server admits no batches, and does not wait for answers that nobody fetches.
    let (_, message, path) = batch(&slow, &model);
    let stopping = tokio::spawn(world.stop());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let response = http.send(Method::PUT, &path, Upload::Whole(message.into())).await;
    assert!(response.is_none_or(|response| response.status == StatusCode::SERVICE_UNAVAILABLE));
    tokio::time::timeout(Duration::from_secs(20), stopping).await.unwrap().unwrap();
}
