//! Clients know which model answers, and notice another one.

use std::fs;

use serde_json::Value;
use sottovoce_protocol::Fingerprint;

use super::world::{LOCAL, Served, World};
use crate::suite::sandbox::rows;

/// The models of a provider that exchanges its two models. Its parameters stay the same.
const BEFORE: [&str; 2] = ["digits=small", "spare=slow"];
const AFTER: [&str; 2] = ["digits=slow", "spare=small"];

#[test]
fn another_model_under_the_same_name_is_refused_until_it_is_accepted() {
    let world = World::new();
    let (small, slow) = (Fingerprint::of_ensemble(&world.small), Fingerprint::of_ensemble(&world.slow));
    let digits = ["--insecure-local", "--model", "digits"];
    let served = Served::start(&world, &BEFORE, &LOCAL);
    assert!(
        served.log().contains(&format!("the model digits has the fingerprint {small}")),
        "{}",
        served.log()
    );
    let address = served.address();
    let run = world.classify(&served.url, "client", &[&digits[..], &["--json"]].concat()).succeeds();
    assert!(run.stderr.contains("first use of the model digits"), "{}", run.stderr);
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&json["model"], &json["provider"]), (&"digits".into(), &served.url.as_str().into()));
    assert_eq!(json["model_fingerprint"], small.to_string());
    let parameters = json["parameters_fingerprint"].as_str().unwrap().to_owned();
    for row in rows(&world.sandbox.path("predictions.csv")) {
        assert_eq!((&row["model"], &row["parameters"]), (&small.to_string(), &parameters));
    }
    let known = world.sandbox.read("client/known-models.json");
    let [entry]: [Value; 1] = serde_json::from_str(&known).unwrap();
    assert_eq!((&entry["provider"], &entry["name"]), (&served.url.as_str().into(), &"digits".into()));
    assert_eq!(
        (&entry["model"], &entry["parameters"]),
        (&small.to_string().into(), &parameters.as_str().into())
    );

    // The known model is used without a remark, and a summary names it.
    let run = world.classify(&served.url, "client", &digits).succeeds();
    assert!(!run.stderr.contains("first use"), "{}", run.stderr);
    for words in [served.url.as_str(), &small.to_string(), &parameters] {
        assert!(run.stdout.contains(words), "{words} is not in: {}", run.stdout);
    }
    drop(served);

    let served = Served::start_at(&world, &address, &AFTER, &LOCAL);
    let fresh = |more: &[&str]| {
        fs::remove_file(world.sandbox.path("predictions.csv")).unwrap_or_default();
        world.classify(&served.url, "client", &[&digits[..], more].concat())
    };
    let (old, new) = (small.to_string(), slow.to_string());
    let words = [&old, &new, "changed", "nothing was sent", "--model-fingerprint", "--accept-new-model"];
    fresh(&[]).fails(1, &words);
    fresh(&["--model-fingerprint", &old]).fails(1, &[&old, &new, "--model-fingerprint"]);
    assert!(!world.sandbox.path("predictions.csv").exists());
    assert_eq!(world.sandbox.read("client/known-models.json"), known, "what is refused is not kept");

    let run = fresh(&["--accept-new-model"]).succeeds();
    assert!(run.stderr.contains(&format!("is now {new}; it was {old}")), "{}", run.stderr);
    world.assert_exact("predictions.csv", &world.slow);
    fresh(&[]).succeeds();

    // A fingerprint selects the model, whatever its name.
    let pinned = ["--insecure-local", "--model-fingerprint", &old];
    world.classify(&served.url, "client", &pinned).succeeds();
    world.assert_exact("predictions.csv", &world.small);
    let unknown = ["--insecure-local", "--model-fingerprint", &"00".repeat(32)];
    world
        .classify(&served.url, "client", &unknown)
        .fails(1, &["no model with the fingerprint", "digits, spare"]);
    fresh(&["--model-fingerprint", "00"]).fails(2, &["64 hexadecimal digits"]);

    // A damaged list is no empty list.
    world.sandbox.write("client/known-models.json", "[{}]");
    fresh(&[]).fails(1, &["known-models.json is damaged"]);
}

#[test]
fn a_renamed_model_is_refused_until_the_user_names_it() {
    let world = World::new();
    let served = Served::start(&world, &["digits=small"], &LOCAL);
    let address = served.address();
    world.classify(&served.url, "client", &LOCAL).succeeds();
    drop(served);
    let served = Served::start_at(&world, &address, &["numbers=small"], &LOCAL);
    let small = Fingerprint::of_ensemble(&world.small).to_string();
    // Two networks of which each alone has the same parameters are hard to find, so the known one is changed.
    let known = world.sandbox.read("client/known-models.json").replace(&small, &"11".repeat(32));
    world.sandbox.write("client/known-models.json", &known);
    let fresh = |more: &[&str]| {
        fs::remove_file(world.sandbox.path("predictions.csv")).unwrap_or_default();
        world.classify(&served.url, "client", &[&LOCAL[..], more].concat())
    };
    fresh(&[]).fails(1, &["numbers", &small, "nothing was sent", "known from it: digits", "--model numbers"]);
    assert_eq!(world.sandbox.read("client/known-models.json"), known, "what is refused is not kept");
    fresh(&["--model", "numbers"]).succeeds();
    world.assert_exact("predictions.csv", &world.small);
    fresh(&[]).succeeds();
    drop(served);
    // A known model may have any name.
    let served = Served::start_at(&world, &address, &["renamed=small"], &LOCAL);
    world.classify(&served.url, "client", &LOCAL).succeeds();
}

#[test]
fn the_noise_of_answers_is_shown_only_on_request() {
    let world = World::new();
    let served = Served::start(&world, &["small"], &LOCAL);
    let run = |more: &[&str]| world.classify(&served.url, "client", &[&LOCAL[..], more].concat()).succeeds();
    let text = run(&[]);
    assert!(!format!("{}{}", text.stdout, text.stderr).contains("noise"), "{text:?}");
    let json: Value = serde_json::from_str(&run(&["--json"]).stdout).unwrap();
    assert!(json["steps"]["encrypt_seconds"].is_number() && json["steps"]["noise_bits"].is_null(), "{json}");
    let text = run(&["--noise"]).stdout;
    assert!(
        text.contains("The noise of the answers has") && text.contains("never tell the provider"),
        "{text}"
    );
    let json: Value = serde_json::from_str(&run(&["--json", "--noise"]).stdout).unwrap();
    assert!(json["steps"]["noise_bits"].as_u64().unwrap() > 0, "{json}");
}
