//! A provider and clients while their authority changes.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::world::{SECURE, Served, World};

/// Runs `classify` until the provider refuses the client, for at most 30 seconds.
#[track_caller]
fn is_refused_in_the_end(world: &World, url: &str, client: &str) {
    let start = Instant::now();
    loop {
        let run = world.classify(url, client, &[]);
        if run.code == Some(1) && run.stderr.contains("evoked") {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{client} is not refused: {}", run.stderr);
        sleep(Duration::from_millis(200));
    }
}

/// Runs `classify` until the provider accepts the client, for at most 30 seconds.
#[track_caller]
fn is_accepted_in_the_end(world: &World, url: &str, client: &str) {
    let start = Instant::now();
    loop {
        let run = world.classify(url, client, &["--patience-seconds", "5"]);
        if run.code == Some(0) {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{client} is not accepted: {}", run.stderr);
        sleep(Duration::from_millis(200));
    }
}

#[test]
fn another_issuer_takes_over_while_the_provider_runs() {
    let world = World::new();
    world.authority();
    let served = Served::start(&world, &["small"], &SECURE);
    world.enrol("alice", &served.url);
    world.classify(&served.url, "alice", &[]).succeeds();
    world.sandbox.run(&["authority", "renew-issuer", "authority"]).succeeds();
    world.enrol("bob", &served.url);
    is_accepted_in_the_end(&world, &served.url, "bob");
    world.classify(&served.url, "alice", &[]).succeeds();
    // The former issuer still revokes what it has signed, and the present one its own.
    world.sandbox.run(&["authority", "revoke", "authority", "--name", "alice"]).succeeds();
    is_refused_in_the_end(&world, &served.url, "alice");
    world.classify(&served.url, "bob", &[]).succeeds();
    world.sandbox.run(&["authority", "revoke", "authority", "--name", "bob"]).succeeds();
    is_refused_in_the_end(&world, &served.url, "bob");
}

#[test]
fn an_authority_from_a_backup_readmits_nobody() {
    let world = World::new();
    world.authority();
    // The provider has a copy of the list, as on a machine of its own.
    let (list, copy) = (world.sandbox.path("authority/revoked.pem"), world.sandbox.path("copy.pem"));
    fs::copy(&list, &copy).unwrap();
    let served = Served::start(&world, &["small"], &["--identity", "provider", "--revoked", "copy.pem"]);
    world.enrol("alice", &served.url);
    world.enrol("bob", &served.url);
    let ledger = ["issued.csv", "revoked.csv", "revoked.pem"].map(|name| {
        let path = world.sandbox.path(&format!("authority/{name}"));
        (fs::read(&path).unwrap(), path)
    });
    world.sandbox.run(&["authority", "revoke", "authority", "--name", "alice"]).succeeds();
    fs::copy(&list, &copy).unwrap();
    is_refused_in_the_end(&world, &served.url, "alice");
    for (bytes, path) in ledger {
        fs::write(path, bytes).unwrap();
    }
    // As the documents say, the operator copies the provider's list, and signs again.
    fs::copy(&copy, &list).unwrap();
    let run = world.sandbox.run(&["authority", "sign-list", "authority"]).succeeds();
    assert!(run.stderr.contains("the ledger did not have these revocations"), "{}", run.stderr);
    fs::copy(&list, &copy).unwrap();
    sleep(Duration::from_secs(3));
    is_refused_in_the_end(&world, &served.url, "alice");
    world.classify(&served.url, "bob", &[]).succeeds();
    let run = world.sandbox.run(&["authority", "list", "authority"]).succeeds();
    assert!(
        run.stdout.lines().any(|line| line.contains("alice") && line.contains("revoked")),
        "{}",
        run.stdout
    );
}
