//! A client with registered keys and a connection on which it can do anything.

use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use sottovoce_protocol::ModelDescription;
use sottovoce_protocol::client::{Client, PendingAnswer};
use sottovoce_service::remote::{RemoteProvider, RetryBudget};
use sottovoce_siege::{Attacker, Target, read_model};

use super::raw_client::{Pace, RawClient, RawUpload};
use super::world::Served;

/// Largest memory of parameters.
pub const MEMORY: u64 = 1 << 30;

/// Time after which a test that waits for the provider fails.
const MAX_WAIT: Duration = Duration::from_secs(120);

/// A client with registered keys, and a raw connection.
pub struct RegisteredClient {
    pub client: Client,
    pub raw: RawClient,
    model: ModelDescription,
    remote: RemoteProvider,
}

/// A batch of such a client.
pub struct Batch {
    pub pending: PendingAnswer,
    pub message: Bytes,
    pub path: String,
}

impl RegisteredClient {
    pub fn new(served: &Served) -> Self {
        let remote = RemoteProvider::new(served.url.parse().unwrap(), None, RetryBudget::default()).unwrap();
        let client = Client::from_parameters_message(&remote.parameters().unwrap()[..], MEMORY).unwrap();
        let model = read_model(&client, &remote, None).unwrap();
        let registered = Self { client, model, remote, raw: RawClient::connect(&served.address()) };
        registered.register();
        registered
    }

    /// Registers the keys again.
    pub fn register(&self) {
        self.remote.register(self.client.key_fingerprint(), self.client.registration_message()).unwrap();
    }

    /// A hostile client with the same keys.
    pub fn attacker(&self, served: &Served) -> Attacker {
        let target = Target::new(served.address().parse().unwrap(), None).unwrap();
        Attacker::new(target, &self.client, &self.model).unwrap()
    }

    pub fn keys_path(&self) -> String {
        format!("/v1/keys/{}", self.client.key_fingerprint())
    }

    pub fn batch(&self, images: &[u8]) -> Batch {
        let mut message = Vec::new();
        let pending = self.client.write_batch(&self.model, images, &(), &mut message).unwrap();
        let path = format!("{}/batches/{}", self.keys_path(), pending.batch_fingerprint());
        Batch { pending, message: message.into(), path }
    }

    pub fn upload(&mut self, batch: &Batch, pace: Pace) -> RawUpload {
        self.raw.upload(&batch.path, batch.message.clone(), pace)
    }

    /// Begins an upload, and tries again until the provider has a slot for it.
    pub fn upload_when_admitted(&mut self, batch: &Batch, pace: Pace) -> RawUpload {
        let start = Instant::now();
        loop {
            let upload = self.upload(batch, pace);
            while !upload.is_finished() {
                if self.raw.send(Method::GET, &batch.path).status == 200 {
                    return upload;
                }
                assert!(start.elapsed() < MAX_WAIT, "an upload is neither admitted nor refused");
                thread::sleep(Duration::from_millis(5));
            }
            let response = self.raw.finish(upload);
            assert_eq!(response.status, 503, "{}", response.text);
            assert!(start.elapsed() < MAX_WAIT, "an upload is never admitted: {}", response.text);
        }
    }

    /// Uploads a whole batch.
    pub fn submit(&mut self, batch: &Batch) {
        let response = self.raw.put(&batch.path, batch.message.clone());
        assert_eq!(response.status, 202, "{}", response.text);
    }

    /// Waits until the provider has accepted an upload.
    pub fn wait_for_slot(&mut self, batch: &Batch) {
        let start = Instant::now();
        while self.raw.send(Method::GET, &batch.path).status == 404 {
            assert!(start.elapsed() < MAX_WAIT, "the provider accepts no upload at {}", batch.path);
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for an answer.
    pub fn answer(&mut self, batch: &Batch) -> Bytes {
        let start = Instant::now();
        loop {
            let response = self.raw.send(Method::GET, &format!("{}/answer", batch.path));
            assert!(start.elapsed() < MAX_WAIT, "there is no answer: {response:?}");
            match response.status {
                200 => return response.bytes,
                202 => thread::sleep(Duration::from_millis(20)),
                _ => panic!("{response:?}"),
            }
        }
    }

    /// The number of batches before a batch that waits.
    pub fn ahead(&mut self, batch: &Batch) -> u64 {
        let state: serde_json::Value =
            serde_json::from_str(&self.raw.send(Method::GET, &batch.path).text).unwrap();
        assert_eq!(state["state"], "waiting");
        state["ahead"].as_u64().unwrap()
    }
}
