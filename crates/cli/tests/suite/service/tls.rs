//! Provider, clients and authority with certificates.

use std::fs;
use std::thread;

use super::world::{SECURE, Served, World};

#[test]
fn eight_clients_at_once_get_their_own_answers() {
    let world = World::new();
    world.authority();
    let few = ["--batches", "3", "--metrics", "127.0.0.1:0", "--log", "json"];
    let served = Served::start(&world, &["small"], &[&SECURE[..], &few].concat());
    let names: Vec<String> = (1..=8).map(|number| format!("client-{number}")).collect();
    for name in &names {
        world.enrol(name, &served.url);
    }
    thread::scope(|scope| {
        for name in &names {
            let (world, url) = (&world, &served.url);
            scope.spawn(move || {
                let out = format!("{name}.csv");
                world.classify(url, name, &["--out", &out]).succeeds();
                world.assert_exact(&out, &world.small);
            });
        }
    });
    // The log is JSON and contains the names of clients, but nothing else of them.
    let log = served.log();
    let received = log.lines().filter(|line| line.starts_with('{'));
    let received: Vec<serde_json::Value> = received.map(|line| serde_json::from_str(line).unwrap()).collect();
    let messages = received.iter().filter(|line| line["fields"]["message"] == "received").count();
    assert_eq!(messages, 8, "{log}");
    assert!(received.iter().any(|line| line["fields"]["client"] == "client-8"));
}

#[test]
fn a_client_without_a_valid_certificate_is_refused() {
    let world = World::new();
    world.authority();
    let served = Served::start(&world, &["small"], &SECURE);
    let url = &served.url;
    world.classify(url, "alice", &[]).fails(1, &["certificate.pem", "sottovoce enrol"]);
    world.enrol("alice", url);
    world.enrol("bob", url);
    world
        .sandbox
        .run(&["enrol", "--name", "alice", "--provider", url, "--client", "alice"])
        .fails(1, &["key.pem exists"]);
    world.classify(url, "alice", &[]).succeeds();
    world.assert_exact("predictions.csv", &world.small);
    fs::remove_file(world.sandbox.path("predictions.csv")).unwrap();

    // A certificate admits only the keys that it names.
    fs::copy(world.sandbox.path("bob/keys"), world.sandbox.path("bob/own-keys")).unwrap();
    fs::copy(world.sandbox.path("alice/keys"), world.sandbox.path("bob/keys")).unwrap();
    world.classify(url, "bob", &[]).fails(1, &["the certificate of bob is for the keys", "403"]);
    fs::rename(world.sandbox.path("bob/own-keys"), world.sandbox.path("bob/keys")).unwrap();

    // A certificate of another authority with the same name is refused.
    world.sandbox.run(&["authority", "create", "forged", "--no-passphrase"]).succeeds();
    let own = fs::read(world.sandbox.path("bob/certificate.pem")).unwrap();
    fs::remove_file(world.sandbox.path("bob/certificate.pem")).unwrap();
    world.issue("bob", "forged", "bob/certificate.pem", &[]);
    world.classify(url, "bob", &[]).fails(1, &["no secure connection", "refused this client"]);
    fs::write(world.sandbox.path("bob/certificate.pem"), own).unwrap();
    // The client refuses a provider whose authority it does not trust.
    let forged = ["--authority", "forged/root.pem"];
    world.classify(url, "bob", &forged).fails(1, &["the provider's certificate is not accepted"]);

    // A certificate that is revoked while the provider runs is refused.
    world.classify(url, "bob", &[]).succeeds();
    world.sandbox.run(&["authority", "revoke", "authority", "--name", "bob"]).succeeds();
    served.wait_for_log("the revocation list was read");
    let revoked = world.classify(url, "bob", &[]);
    revoked.fails(1, &["no secure connection", "evoked"]);
    world.classify(url, "alice", &[]).succeeds();

    // Clients without a certificate or without TLS are refused.
    let plain = url.replace("https", "http");
    // A connection that breaks before the provider's alert arrives is opened again.
    let words = ["does not speak HTTP/2 without TLS", "https://"];
    world.classify(&plain, "carol", &["--insecure-local"]).fails(1, &words);
}

#[test]
fn a_client_that_sends_many_certificates_is_refused_and_the_log_says_why() {
    let world = World::new();
    world.authority();
    let served = Served::start(&world, &["small"], &SECURE);
    world.enrol("alice", &served.url);
    let path = world.sandbox.path("alice/certificate.pem");
    let (chain, root) = (fs::read_to_string(&path).unwrap(), world.sandbox.read("provider/root.pem"));
    // Leaf, issuer and root.
    fs::write(&path, format!("{chain}{root}")).unwrap();
    world.classify(&served.url, "alice", &[]).succeeds();
    fs::write(&path, chain + &root.repeat(40)).unwrap();
    world.classify(&served.url, "alice", &[]).fails(1, &["no secure connection", "refused this client"]);
    served.wait_for_log("invalid peer certificate: the client sent 42 certificates, at most 3 are allowed");
}
