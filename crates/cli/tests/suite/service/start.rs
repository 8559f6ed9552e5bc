//! Tests of the messages of `serve` at its start, and of what it refuses.

use std::io::Read as _;
use std::process::Stdio;

use serde_json::Value;
use sottovoce_protocol::Fingerprint;

use super::world::{LOCAL, SECURE, Served, World};

/// The lines of a log in JSON, all of which must be JSON.
#[track_caller]
fn entries(log: &str) -> Vec<Value> {
    let entry = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
    log.lines().map(entry).collect()
}

#[track_caller]
fn assert_message(entries: &[Value], words: &str) {
    let says = |entry: &&Value| entry["fields"]["message"].as_str().is_some_and(|text| text.contains(words));
    assert!(entries.iter().any(|entry| says(&entry)), "{words:?} is not in {entries:?}");
}

#[test]
fn every_line_on_standard_error_is_json_with_a_log_in_json() {
    let world = World::new();
    let arguments = ["--range", "observed", "--log", "json", "--hide-model"];
    let run = world.sandbox.run(&[&["serve", "--models", "small"], &LOCAL[..], &arguments].concat());
    // The range of these models was not observed, so the service does not start.
    let ended = entries(&run.stderr);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert_message(&ended, "INSECURE");
    assert_message(&ended, "the service ended");

    let served =
        Served::start(&world, &["small"], &[&LOCAL[..], &["--log", "json", "--hide-model"]].concat());
    served.wait_for_log("\"message\":\"serving\"");
    let started = entries(&served.log());
    let small = Fingerprint::of_ensemble(&world.small).to_string();
    assert!(started.iter().any(|entry| entry["fields"]["model"] == small.as_str()), "{started:?}");
    for words in ["INSECURE", "Hiding assumes", "memory at most"] {
        assert_message(&started, words);
    }
}

#[test]
fn the_address_and_the_models_are_printed_as_json() {
    let world = World::new();
    let arguments =
        ["serve", "--json", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--models", "small"];
    let mut serve = world.sandbox.command(&[&arguments[..], &LOCAL].concat());
    let mut child = serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut text = Vec::new();
    let found: Value = loop {
        let mut byte = [0];
        assert_eq!(stdout.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&text));
        text.push(byte[0]);
        if let Ok(found) = serde_json::from_slice(&text) {
            break found;
        }
    };
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(found["address"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{found}");
    assert!(found["metrics"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{found}");
    assert_eq!(found["models"][0]["name"], "small");
    assert_eq!(found["models"][0]["fingerprint"], Fingerprint::of_ensemble(&world.small).to_string());
}

#[test]
fn options_that_would_have_no_effect_and_names_for_addresses_are_refused() {
    let world = World::new();
    let serve =
        |arguments: &[&str]| world.sandbox.run(&[&["serve", "--models", "small"], arguments].concat());
    serve(&["--insecure-local", "--revoked", "revoked.pem"]).fails(2, &["--revoked", "--insecure-local"]);
    let days = ["--insecure-local", "--revocation-days", "3"];
    serve(&days).fails(2, &["--revocation-days", "--insecure-local"]);
    for address in ["localhost:7444", "7444", "127.0.0.1"] {
        let words = [address, "such as 127.0.0.1:7443", "names of hosts are not accepted"];
        serve(&["--insecure-local", "--listen", address]).fails(2, &words);
        serve(&["--insecure-local", "--metrics", address]).fails(2, &words);
    }
    let run = world.sandbox.run(&["serve", "--insecure-local", "--models", "digits="]);
    run.fails(1, &["--models digits=: there is no folder after digits="]);
    serve(&["--insecure-local", "--state", "images.idx"]).fails(1, &["images.idx", "not a directory"]);
    let classify = world.classify("http://127.0.0.1:1", "images.idx", &LOCAL);
    classify.fails(1, &["the client's folder images.idx is a file"]);
}

#[test]
fn a_provider_without_a_certificate_is_told_how_to_get_one() {
    let world = World::new();
    let start = ["serve", "--models", "small", "--identity", "identity"];
    world.sandbox.run(&start).fails(1, &["there is no folder identity", "sottovoce provider-request"]);
    let request = ["provider-request", "--host", "127.0.0.1", "--out", "identity"];
    world.sandbox.run(&request).succeeds();
    let words = [
        "there is no identity/certificate.pem",
        "authority provider AUTHORITY identity/request.pem --out FOLDER",
    ];
    world.sandbox.run(&start).fails(1, &words);
}

#[test]
fn a_client_s_json_has_the_remarks_and_says_what_was_forgotten() {
    let world = World::new();
    world.authority();
    let served = Served::start(&world, &["small"], &SECURE);
    let keys = world.enrol("alice", &served.url);
    let run = world.classify(&served.url, "alice", &["--json"]).succeeds();
    let found: Value = serde_json::from_str(&run.stdout).unwrap();
    let remarks = found["remarks"].as_array().unwrap();
    let is_range =
        |remark: &Value| remark.as_str().is_some_and(|text| text.starts_with("Logits are exact up to 2^"));
    assert!(remarks.iter().any(is_range), "{remarks:?}");
    let forget = ["forget", "--json", "--provider", &served.url, "--client", "alice"];
    let run = world.sandbox.run(&forget).succeeds();
    let found: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&found["deleted_keys"], &found["provider"]), (&keys.into(), &served.url.as_str().into()));
}

/// The number between two words of a provider's log.
fn stated(log: &str, before: &str, after: &str) -> f64 {
    log.split_once(before).unwrap().1.split_once(after).unwrap().0.parse().unwrap()
}

#[test]
fn the_disk_space_of_stored_keys_is_enough_for_the_larger_kind() {
    let world = World::new();
    let served = Served::start(&world, &["small"], &[&LOCAL[..], &["--stored-keys", "1000"]].concat());
    for form in ["batched", "packed"] {
        let arguments = ["--insecure-local", "--evaluation", form, "--out", form];
        world.classify(&served.url, "alice", &arguments).succeeds();
    }
    let listed = world.sandbox.run(&["clients", "list", "--json"]).succeeds().stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let bytes = listed["clients"].as_array().unwrap().iter().map(|client| client["bytes"].as_f64().unwrap());
    let (count, largest) = (bytes.clone().count(), bytes.fold(0.0, f64::max));
    let stated = 1e9 * stated(&served.log(), "1000 sets of stored keys at most about ", " GB");
    assert!(count == 2 && 1000.0 * largest < stated && stated < 2500.0 * largest, "{largest}, {stated}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_provider_under_load_needs_no_more_memory_than_it_says() {
    let world = World::new();
    let served = Served::start(&world, &["slow"], &[&LOCAL[..], &["--metrics", "127.0.0.1:0"]].concat());
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (world, url) = (&world, &served.url);
            scope.spawn(move || {
                let (name, out) = (format!("client-{number}"), format!("{number}.csv"));
                for _ in 0..3 {
                    world.classify(url, &name, &["--insecure-local", "--out", &out]).succeeds();
                }
            });
        }
    });
    let (peak, stated) = (
        served.metric("sottovoce_peak_memory_bytes").unwrap(),
        f64::from(1 << 30) * stated(&served.log(), "memory at most about ", " GiB"),
    );
    // The statement is for all connections, keys and answers, of which eight clients use a small part.
    assert!(0.0 < peak && peak <= stated / 2.0, "{peak} bytes, stated {stated}");
    // Two lines describe parameters and memory.
    let lines = served.log();
    let lines = lines.lines().filter(|line| line.starts_with("N = ") || line.contains("memory at most"));
    assert_eq!(lines.count(), 2);
}
