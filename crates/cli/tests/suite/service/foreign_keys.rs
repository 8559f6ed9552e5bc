//! Messages of keys that are not their sender's, and keys that others could push out of the provider's memory.

use bytes::Bytes;
use http::Method;
use sottovoce_protocol::client::Client;

use super::raw_client::{Pace, RawClient, RawResponse};
use super::registered_client::{MEMORY, RegisteredClient};
use super::world::{LOCAL, Served, World};

/// Number of clients whose keys are in memory.
const KEYS_IN_MEMORY: usize = 64;

/// Bytes of a batch before the fingerprint of the client's keys: the header and the fingerprint of the model.
const KEY_OFFSET: usize = 40 + 32;

/// Makes keys that nobody has registered.
fn new_client(raw: &mut RawClient) -> Client {
    let parameters = raw.send(Method::GET, "/v1/parameters").bytes;
    Client::from_parameters_message(&parameters[..], MEMORY).unwrap()
}

fn keys_path(client: &Client) -> String {
    format!("/v1/keys/{}", client.key_fingerprint())
}

fn register(raw: &mut RawClient, client: &Client) {
    let message = Bytes::copy_from_slice(client.registration_message());
    assert_eq!(raw.put(&keys_path(client), message).status, 201);
}

/// Returns whether a client's keys are in memory: the provider does not read a body that would only repeat them.
fn is_in_memory(raw: &mut RawClient, client: &Client) -> bool {
    let nothing = vec![0; client.registration_message().len()];
    raw.put(&keys_path(client), nothing.into()).status == 201
}

#[test]
fn a_batch_of_other_keys_is_refused_alike_whether_the_provider_knows_them() {
    let world = World::new();
    let mut served = Served::start(&world, &["small"], &LOCAL);
    let address = served.address();
    let mut own = RegisteredClient::new(&served);
    let other = new_client(&mut own.raw);
    let batch = own.batch(&world.quantised(&world.small));
    let mut message = batch.message.to_vec();
    message[KEY_OFFSET..][..32].copy_from_slice(other.key_fingerprint().as_bytes());
    // The head is enough for the refusal.
    let head_only = Pace { piece_bytes: 200, pause: std::time::Duration::from_secs(600) };
    let refusal = |own: &mut RegisteredClient| {
        let upload = own.raw.upload(&batch.path, message.clone().into(), head_only);
        let RawResponse { status, text, .. } = own.raw.finish(upload);
        (status, text)
    };
    let unknown = refusal(&mut own);
    assert_eq!(unknown.0, 403, "{unknown:?}");
    assert!(unknown.1.contains(&other.key_fingerprint().to_string()), "{unknown:?}");

    register(&mut own.raw, &other);
    assert!(is_in_memory(&mut own.raw, &other));
    assert_eq!(refusal(&mut own), unknown);

    // After a restart the keys are on the disk only.
    served.kill();
    let _served = Served::start_at(&world, &address, &["small"], &LOCAL);
    assert_eq!(refusal(&mut own), unknown);
    assert!(!is_in_memory(&mut own.raw, &other));
    assert_eq!(own.raw.send(Method::GET, &keys_path(&other)).status, 204);
    assert_eq!(refusal(&mut own), unknown);
}

#[test]
fn keys_under_another_name_push_no_keys_out_of_memory() {
    let world = World::new();
    let served = Served::start(&world, &["small"], &LOCAL);
    let mut raw = RawClient::connect(&served.address());
    let [victim, hostile] = [(); 2].map(|()| new_client(&mut raw));
    register(&mut raw, &victim);
    let refused = raw.put(&keys_path(&hostile), Bytes::copy_from_slice(victim.registration_message()));
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert!(refused.text.contains("must belong to the keys"), "{}", refused.text);
    assert!(is_in_memory(&mut raw, &victim));
    assert_eq!(raw.send(Method::GET, &keys_path(&hostile)).status, 404);
}

#[test]
fn others_cannot_push_the_keys_of_an_upload_out_of_memory() {
    let world = World::new();
    // The upload pauses until all others have registered.
    let patient = ["--upload-grace-seconds", "600", "--silence-seconds", "600"];
    let served = Served::start(&world, &["small"], &[&LOCAL[..], &patient].concat());
    let mut own = RegisteredClient::new(&served);
    let batch = own.batch(&world.quantised(&world.small));
    // The head of the batch, which names the keys, is not complete.
    let upload = own.raw.begin_upload(&batch.path, batch.message.clone(), 10);
    own.wait_for_slot(&batch);
    // Without certificates each connection has a budget of registrations.
    let connect = || RawClient::connect(&served.address());
    for _ in 0..KEYS_IN_MEMORY {
        let mut raw = connect();
        let other = new_client(&mut raw);
        register(&mut raw, &other);
    }
    assert!(!is_in_memory(&mut connect(), &own.client));
    upload.resume();
    let response = own.raw.finish(upload);
    assert_eq!(response.status, 202, "{}", response.text);
    let answer = own.answer(&batch);
    assert_eq!(
        own.client.decrypt(&batch.pending, &answer[..]).unwrap().slot(0),
        world.oracle(&world.small)[0]
    );
}
