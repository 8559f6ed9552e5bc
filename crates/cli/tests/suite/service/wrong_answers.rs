//! Known images in spare slots show wrong answers.

use std::fs;

use serde_json::Value;

use super::world::{IMAGES, LOCAL, Served, World, get};
use crate::suite::sandbox::Run;

/// The number of responses with each status that does not depend on time: everything but the states of batches.
fn responses(served: &Served) -> Vec<String> {
    let text = get(served.metrics.as_ref().unwrap().trim_end_matches('/'), "/metrics");
    let is_counted = |line: &&str| {
        (line.starts_with("sottovoce_responses_total") && !line.contains("\"200\""))
            || line.starts_with("sottovoce_received_bytes_total")
            || line.starts_with("sottovoce_sent_bytes_total")
            || line.starts_with("sottovoce_batches_total")
    };
    text.lines().filter(is_counted).map(str::to_owned).collect()
}

/// The logits in a file of predictions without the columns of model and parameters, as another program would write them.
fn logits_only(predictions: &str) -> String {
    let lines = predictions.lines().map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        fields[..fields.len() - 2].join(",") + "\n"
    });
    lines.collect()
}

#[test]
fn a_provider_that_answers_with_another_model_is_found_and_learns_nothing() {
    let world = World::new();
    let arguments = ["--insecure-local", "--metrics", "127.0.0.1:0"];
    let served = Served::start(&world, &["digits=small", "spare=slow"], &arguments);
    let address = served.address();
    let digits = ["--insecure-local", "--model", "digits"];
    world.classify(&served.url, "client", &digits).succeeds();
    let trusted = world.sandbox.read("predictions.csv");
    world.sandbox.write("trusted.csv", &trusted);
    world.sandbox.write("logits.csv", &logits_only(&trusted));
    drop(served);

    let check = |served: &Served, answers: &str, more: &[&str]| -> Run {
        fs::remove_file(world.sandbox.path("predictions.csv")).unwrap_or_default();
        let check = ["--check-images", "images.idx", "--check-answers", answers];
        world.classify(&served.url, "client", &[&digits[..], &check, more].concat())
    };
    let served = Served::start_at(&world, &address, &["digits=small", "spare=slow"], &arguments);
    let run = check(&served, "logits.csv", &["--json"]).succeeds();
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(json["checked"]["known_images"], IMAGES);
    assert!(json["checked"]["copies"].as_u64().unwrap() > 1000, "{json}");
    world.assert_exact("predictions.csv", &world.small);
    let honest = responses(&served);
    check(&served, "trusted.csv", &[]).succeeds();
    drop(served);

    // The same requests reach a provider whose answers are wrong.
    let served = Served::start_at(&world, &address, &["digits=slow", "spare=small"], &arguments);
    let run = check(&served, "logits.csv", &["--accept-new-model"]);
    let words = [
        "cannot be trusted",
        "50 of 50 known images",
        "images.idx#",
        "--check-answers",
        "Do not tell the provider",
    ];
    run.fails(1, &words);
    assert!(!world.sandbox.path("predictions.csv").exists());
    assert_eq!(responses(&served), honest);

    // A file that says which model its logits are of is refused before anything is sent.
    check(&served, "trusted.csv", &[]).fails(1, &["is an answer of the model", "trusted.csv"]);
    assert_eq!(responses(&served), honest);
}

#[test]
fn one_wrong_logit_among_the_known_images_is_found() {
    let world = World::new();
    let served = Served::start(&world, &["small"], &LOCAL);
    world.classify(&served.url, "client", &LOCAL).succeeds();
    let logits = logits_only(&world.sandbox.read("predictions.csv"));
    let check = |text: &str| {
        world.sandbox.write("known.csv", text);
        let check = ["--insecure-local", "--check-images", "images.idx", "--check-answers", "known.csv"];
        world.classify(&served.url, "client", &check)
    };
    let lines: Vec<&str> = logits.lines().collect();
    let (name, values) = lines[8].split_once(',').unwrap();
    let (before, last) = values.rsplit_once(',').unwrap();
    let wrong = format!("{name},{before},{}", last.parse::<i128>().unwrap() + 1);
    let words = ["1 of 50 known images, among them images.idx#7", "no predictions were written"];
    check(&logits.replace(lines[8], &wrong)).fails(1, &words);

    // Numbers of images do as well as names.
    check(&logits.replace("images.idx#", "")).succeeds();
    check(&logits.replace("images.idx#7,", "elsewhere.png,"))
        .fails(1, &["no row for the image images.idx#7"]);
    check(&logits.replace("logit-3", "other")).fails(1, &["known.csv", "no column logit-3"]);
    check(&format!("{logits}{}\n", lines[8])).fails(1, &["images.idx#7 has several rows"]);
    check(&logits.replace(lines[8], &format!("{name},{before},1e6"))).fails(1, &["line 9", "not an integer"]);
    let alone = ["--insecure-local", "--check-images", "images.idx"];
    world.classify(&served.url, "client", &alone).fails(2, &["--check-answers"]);
}
