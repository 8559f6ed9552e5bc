//! A provider and clients while their authority changes.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::world::{SECURE, Served, World};
use crate::suite::sandbox::Run;

/// Runs `classify` until the provider refuses the client.
fn is_refused_in_the_end(world: &World, served: &Served, client: &str) {
    classify_until(world, served, client, &format!("{client} is refused"), |run| {
        run.code == Some(1) && run.stderr.contains("evoked")
    });
}

/// Runs `classify` until the provider accepts the client.
fn is_accepted_in_the_end(world: &World, served: &Served, client: &str) {
    classify_until(world, served, client, &format!("{client} is accepted"), |run| run.code == Some(0));
}

/// Runs `classify` until its run is as it should be. A failure shows the last run's errors.
fn classify_until(world: &World, served: &Served, client: &str, what: &str, is_so: impl Fn(&Run) -> bool) {
    let start = Instant::now();
    loop {
        let run = world.classify(&served.url, client, &["--patience-seconds", "5"]);
        if is_so(&run) {
            return;
        }
        let (code, stderr, log) = (run.code, run.stderr, served.log());
        assert!(start.elapsed() < Duration::from_secs(60), "never: {what}; {code:?}: {stderr}\n{log}");
        sleep(Duration::from_millis(50));
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
    is_accepted_in_the_end(&world, &served, "bob");
    world.classify(&served.url, "alice", &[]).succeeds();
    // The former issuer still revokes what it has signed, and the present one its own.
    world.sandbox.run(&["authority", "revoke", "authority", "--name", "alice"]).succeeds();
    is_refused_in_the_end(&world, &served, "alice");
    world.classify(&served.url, "bob", &[]).succeeds();
    world.sandbox.run(&["authority", "revoke", "authority", "--name", "bob"]).succeeds();
    is_refused_in_the_end(&world, &served, "bob");
}

#[test]
fn a_provider_without_the_list_of_a_new_issuer_says_so() {
    let world = World::new();
    world.authority();
    let (list, copy) = (world.sandbox.path("authority/revoked.pem"), world.sandbox.path("copy.pem"));
    fs::copy(&list, &copy).unwrap();
    let served = Served::start(&world, &["small"], &["--identity", "provider", "--revoked", "copy.pem"]);
    world.sandbox.run(&["authority", "renew-issuer", "authority"]).succeeds();
    world.enrol("bob", &served.url);
    world
        .classify(&served.url, "bob", &[])
        .fails(1, &["CertificateUnknown", "newest revoked.pem", "its operator"]);
    served.wait_for_log("copy the authority's new revoked.pem");
    fs::copy(&list, &copy).unwrap();
    is_accepted_in_the_end(&world, &served, "bob");
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
    is_refused_in_the_end(&world, &served, "alice");
    for (bytes, path) in ledger {
        fs::write(path, bytes).unwrap();
    }
    // As the documents say, the operator copies the provider's list, and signs again.
    fs::copy(&copy, &list).unwrap();
    let run = world.sandbox.run(&["authority", "sign-list", "authority"]).succeeds();
    assert!(run.stderr.contains("the ledger did not have these revocations"), "{}", run.stderr);
    fs::copy(&list, &copy).unwrap();
    sleep(Duration::from_secs(3));
    is_refused_in_the_end(&world, &served, "alice");
    world.classify(&served.url, "bob", &[]).succeeds();
    let run = world.sandbox.run(&["authority", "list", "authority"]).succeeds();
    assert!(
        run.stdout.lines().any(|line| line.contains("alice") && line.contains("revoked")),
        "{}",
        run.stdout
    );
}

#[test]
fn another_root_takes_over_and_the_former_one_is_retired() {
    let world = World::new();
    world.authority();
    let path = |name: &str| world.sandbox.path(name);
    let authority = |arguments: &[&str]| world.sandbox.run(&[&["authority"], arguments].concat());
    let mut served = Served::start(&world, &["small"], &SECURE);
    world.enrol("alice", &served.url);
    world.classify(&served.url, "alice", &[]).succeeds();
    authority(&["new-root", "authority", "--name", "next"]).succeeds();

    // Everybody gets the new root, then new certificates.
    let distribute = || {
        for holder in ["provider", "alice"] {
            fs::copy(path("authority/root.pem"), path(&format!("{holder}/root.pem"))).unwrap();
        }
    };
    distribute();
    served.kill();
    let mut served = Served::start(&world, &["small"], &SECURE);
    world.classify(&served.url, "alice", &[]).succeeds();
    world.enrol("bob", &served.url);
    world.classify(&served.url, "bob", &[]).succeeds();
    authority(&["retire-roots", "authority"])
        .fails(1, &["valid certificates depend on a former root", "alice, serial", "127.0.0.1, serial"]);

    let listed = authority(&["list", "authority", "--json"]).succeeds();
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    let former: Vec<&str> = listed["certificates"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["client"] == "alice" || !one["provider"].is_null())
        .map(|one| one["serial"].as_str().unwrap())
        .collect();
    fs::remove_file(path("provider/certificate.pem")).unwrap();
    world.provider_identity_again("provider");
    fs::remove_file(path("alice/certificate.pem")).unwrap();
    world.issue("alice", "authority", "alice/certificate.pem", &[]);
    assert_eq!(former.len(), 2);
    authority(&["retire-roots", "authority"]).succeeds();
    distribute();
    served.kill();
    let served = Served::start(&world, &["small"], &SECURE);
    for client in ["alice", "bob"] {
        world.classify(&served.url, client, &[]).succeeds();
    }
}
