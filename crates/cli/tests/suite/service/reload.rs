//! Certificates and models that are replaced while the provider runs.

#![cfg(unix)]

use std::fs;
use std::io::Write as _;
use std::process::Command;
use std::thread;

use sottovoce_network::IntegerEnsemble;
use sottovoce_network::disk::{Origin, write_ensemble};

use super::signed::{SIGNED, Signed};
use super::signer::Dates;
use super::world::{LOCAL, Served, World, larger, send_signal, slow_with_members};

/// Puts another ensemble into a folder, as an operator would.
fn replace(world: &World, folder: &str, ensemble: &IntegerEnsemble) {
    let path = |name: &str| world.sandbox.path(name);
    write_ensemble(&path("new"), ensemble, &Origin::default()).unwrap();
    fs::rename(path(folder), path("former")).unwrap();
    fs::rename(path("new"), path(folder)).unwrap();
    fs::remove_dir_all(path("former")).unwrap();
}

#[test]
fn a_renewed_certificate_is_taken_while_batches_are_evaluated() {
    let signed = Signed::new();
    let world = &signed.world;
    let served = Served::start(world, &["slow"], &[&SIGNED[..], &["--threads", "1"]].concat());
    let url = &served.url;
    signed.enrol("alice", url, 7);
    signed.enrol("bob", url, 8);
    let other_host = url.replace("127.0.0.1", "localhost");
    let refused = ["the provider's certificate is not accepted"];
    world.classify(&other_host, "bob", &["--patience-seconds", "0"]).fails(1, &refused);
    thread::scope(|scope| {
        let batch = scope.spawn(|| world.classify(url, "alice", &["--out", "alice.csv"]));
        served.wait_for_log("received");
        // At first only one file of the pair has been replaced.
        let (certificate, key) = signed.issuer.provider(&["127.0.0.1", "localhost"], 4, Dates::year());
        signed.write("provider/certificate.pem", &(certificate + &signed.issuer.pem));
        served.hang_up();
        served.wait_for_log("does not belong to the certificate");
        assert!(served.log().contains("certificate, private key and roots stay as they were"));
        signed.write_key("provider/key.pem", &key);
        served.wait_for_log("the provider's certificate was read");
        batch.join().unwrap().succeeds();
    });
    world.assert_exact("alice.csv", &world.slow);
    world.classify(&other_host, "bob", &["--out", "bob.csv"]).succeeds();
    world.assert_exact("bob.csv", &world.slow);
    // Once when the change was noticed, and once more if that was before the signal.
    assert!(served.log().matches("does not belong to the certificate").count() <= 2, "{}", served.log());
}

#[test]
fn a_signal_during_the_start_reads_the_files_afterwards() {
    let world = World::new();
    let (manifest, pipe) = (world.sandbox.path("small/ensemble.json"), world.sandbox.path("pipe"));
    let text = fs::read(&manifest).unwrap();
    // The provider waits for the manifest, which comes through a pipe.
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::rename(&manifest, world.sandbox.path("manifest")).unwrap();
    fs::rename(&pipe, &manifest).unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--range", "proven", "--models", "small"];
    let command = world.sandbox.command(&[&serve[..], &LOCAL].concat());
    let served = Served::spawn_then(&world, command, |process| {
        // Returns when the provider opens the other end.
        let mut writer = fs::File::options().write(true).open(&manifest).unwrap();
        fs::rename(world.sandbox.path("manifest"), &manifest).unwrap();
        send_signal(process, "-HUP");
        writer.write_all(&text).unwrap();
    });
    served.wait_for_log("everything was read again");
    world.classify(&served.url, "alice", &LOCAL).succeeds();
    world.assert_exact("predictions.csv", &world.small);
}

#[test]
fn batches_are_evaluated_by_the_models_for_which_they_were_sent() {
    let world = World::new();
    let local = [&LOCAL[..], &["--threads", "1"]].concat();
    let mut served = Served::start(&world, &["slow"], &local);
    let url = served.url.clone();
    let names = ["alice", "bob", "carol"];
    // Keys are made first, so that batches arrive together.
    for name in names {
        world.classify(&url, name, &[&LOCAL[..], &["--out", "first.csv"]].concat()).succeeds();
    }
    let next = slow_with_members(5);
    thread::scope(|scope| {
        let batches = names.map(|name| {
            let (world, url) = (&world, &url);
            scope.spawn(move || {
                let out = format!("{name}.csv");
                world.classify(url, name, &[&LOCAL[..], &["--out", &out]].concat())
            })
        });
        served.wait_for_logs("received", 6);
        replace(&world, "slow", &next);
        served.hang_up();
        served.wait_for_log("the models were read");
        for batch in batches {
            batch.join().unwrap().succeeds();
        }
    });
    for name in names {
        world.assert_exact(&format!("{name}.csv"), &world.slow);
    }
    let log = served.log();
    assert!(log.rfind("evaluated key") > log.find("the models were read"), "none was waiting: {log}");
    let accepting = ["--out", "next.csv", "--accept-new-model"];
    let run = world.classify(&url, "alice", &[&LOCAL[..], &accepting].concat()).succeeds();
    assert!(!run.stderr.contains("registered"), "keys stay registered: {}", run.stderr);
    world.assert_exact("next.csv", &next);
    served.terminate();
    assert_eq!(served.ended(), Some(0));
}

#[test]
fn models_that_cannot_be_served_leave_everything_as_it_was() {
    let world = World::new();
    let served = Served::start(&world, &["small"], &LOCAL);
    let url = &served.url;
    world.classify(url, "alice", &LOCAL).succeeds();
    // Weights of other sizes need other parameters, for which there are no keys.
    replace(&world, "small", &larger());
    served.hang_up();
    served.wait_for_log("these models need other encryption parameters");
    served.wait_for_log("not everything could be read again");
    world.classify(url, "alice", &LOCAL).succeeds();
    world.assert_exact("predictions.csv", &world.small);
    // A file is damaged.
    replace(&world, "small", &world.small);
    let manifest = world.sandbox.path("small/ensemble.json");
    let good = fs::read(&manifest).unwrap();
    fs::write(&manifest, &good[..good.len() / 2]).unwrap();
    served.hang_up();
    served.wait_for_logs("the models stay as they were", 2);
    served.wait_for_logs("unchanged=\"the models\"", 2);
    assert!(!served.log().contains("everything was read again"), "{}", served.log());
    world.classify(url, "alice", &LOCAL).succeeds();
    fs::write(&manifest, good).unwrap();
    served.hang_up();
    served.wait_for_log("the models were read");
    served.wait_for_log("everything was read again");
    world.classify(url, "alice", &LOCAL).succeeds();
    world.assert_exact("predictions.csv", &world.small);
}
