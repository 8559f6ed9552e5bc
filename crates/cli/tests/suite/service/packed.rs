//! The choice between batched and packed evaluation at a provider.

use std::fs;

use serde_json::Value;
use sottovoce_network::{Architecture, NetworkSampler, Padding};

use super::world::{LOCAL, SECURE, Served, World};
use crate::suite::sandbox::{Run, rows};

const PIXELS: usize = 64;

/// Writes the first `count` images of the world, which repeat after the last one.
fn write_images(world: &World, file: &str, count: usize) {
    let mut idx = vec![0, 0, 8, 3];
    for dimension in [count, 8, 8] {
        idx.extend((dimension as u32).to_be_bytes());
    }
    idx.extend(world.images.iter().cycle().take(count * PIXELS));
    fs::write(world.sandbox.path(file), idx).unwrap();
}

/// Classifies a file of images.
fn classify(world: &World, served: &Served, file: &str, arguments: &[&str]) -> Run {
    let common = ["classify", file, "--replace", "--json", "--provider", &served.url];
    world.sandbox.run(&[&common[..], arguments].concat())
}

/// The form of evaluation of a run that succeeded, after a comparison of all its logits with the oracle.
#[track_caller]
fn form(world: &World, run: Run) -> Value {
    let json: Value = serde_json::from_str(&run.succeeds().stdout).unwrap();
    let found = rows(&world.sandbox.path("predictions.csv"));
    let oracle = world.oracle(&world.small);
    assert_eq!(found.len() as u64, json["images"].as_u64().unwrap());
    for (row, logits) in found.iter().zip(oracle.iter().cycle()) {
        let class = |class: usize| row[&format!("logit-{class}")].parse::<i128>().unwrap();
        assert_eq!(&(0..logits.len()).map(class).collect::<Vec<_>>(), logits, "{}", row["image"]);
    }
    json["evaluation"].clone()
}

#[test]
fn one_image_is_classified_packed_and_many_in_batches() {
    let world = World::new();
    let served = Served::start(&world, &["small"], &LOCAL);
    assert!(served.log().contains("packed evaluation of one image"), "{}", served.log());
    for (file, count) in [("one.idx", 1), ("three.idx", 3), ("many.idx", 200)] {
        write_images(&world, file, count);
    }
    let run =
        |file: &str, arguments: &[&str]| classify(&world, &served, file, &[&LOCAL[..], arguments].concat());
    let first = run("one.idx", &[]).succeeds();
    assert!(first.stderr.contains("created new keys in client/packed-keys"), "{}", first.stderr);
    assert!(first.stderr.contains("registered the keys"), "{}", first.stderr);
    let choice = form(&world, first);
    assert_eq!((&choice["form"], &choice["prefer"]), (&"packed".into(), &"latency".into()));
    assert!(
        choice["predicted"]["batched"]["upload_bytes"].as_u64()
            > choice["predicted"]["packed"]["upload_bytes"].as_u64()
    );
    assert!(
        !world.sandbox.path("client/keys").exists(),
        "keys for batched evaluation are made when they are needed"
    );

    // The second call uses the stored keys, which the provider has.
    let second = run("one.idx", &[]).succeeds();
    for words in ["created new keys", "registered the keys", "first use"] {
        assert!(!second.stderr.contains(words), "{}", second.stderr);
    }
    assert_eq!(form(&world, second)["form"], "packed");

    assert_eq!(form(&world, run("many.idx", &[]))["form"], "batched");
    assert!(world.sandbox.path("client/keys").exists());
    assert_eq!(form(&world, run("one.idx", &["--prefer", "throughput"]))["form"], "batched");
    assert_eq!(form(&world, run("three.idx", &["--evaluation", "packed"]))["form"], "packed");
    let text = ["classify", "one.idx", "--replace", "--provider", &served.url, "--insecure-local"];
    let text = world.sandbox.run(&text).succeeds().stdout;
    for words in ["1 image by packed evaluation, which is better for latency", "batched", "spare slots"] {
        assert!(text.contains(words), "{words:?} is not in: {text}");
    }

    // Known images need the slots of a batch.
    fs::copy(world.sandbox.path("predictions.csv"), world.sandbox.path("known.csv")).unwrap();
    let known = ["--check-images", "one.idx", "--check-answers", "known.csv"];
    let choice = form(&world, run("one.idx", &known));
    assert_eq!(choice["form"], "batched");
    assert!(choice["packed_refused"].as_str().unwrap().contains("--check-images"), "{choice}");
    run("one.idx", &[&known[..], &["--evaluation", "packed"]].concat())
        .fails(1, &["--evaluation packed is not possible", "--check-images"]);
    run("one.idx", &["--prefer", "speed"]).fails(2, &["latency, traffic, throughput"]);
    run("one.idx", &["--prefer", "latency", "--evaluation", "packed"]).fails(2, &["cannot be used with"]);

    // The provider deletes the keys of both forms.
    let forget = ["forget", "--provider", &served.url, "--insecure-local"];
    let forgotten = world.sandbox.run(&forget).succeeds().stdout;
    assert_eq!(forgotten.matches("has deleted the keys").count(), 2, "{forgotten}");
    let again = run("one.idx", &[]).succeeds();
    assert!(again.stderr.contains("registered the keys") && !again.stderr.contains("created new keys"));
}

#[test]
fn a_certificate_covers_the_keys_of_both_forms() {
    let world = World::new();
    world.authority();
    write_images(&world, "one.idx", 1);
    let batched_only = Served::start(&world, &["small"], &[&SECURE[..], &["--batched-only"]].concat());
    assert!(batched_only.log().contains("packed evaluation is not served: --batched-only"));
    world.enrol("alice", &batched_only.url);
    let client = |name: &'static str| ["--client", name];
    let choice = form(&world, classify(&world, &batched_only, "one.idx", &client("alice")));
    assert_eq!(choice["form"], "batched");
    let address = batched_only.address();
    drop(batched_only);

    let served = Served::start_at(&world, &address, &["small"], &SECURE);
    let choice = form(&world, classify(&world, &served, "one.idx", &client("alice")));
    assert_eq!(choice["form"], "batched");
    let reason = choice["packed_refused"].as_str().unwrap();
    assert!(reason.contains("names no keys for packed evaluation; enrol again"), "{reason}");
    assert!(reason.ends_with("which the authority issues with --other-keys"), "{reason}");

    let keys = world.enrol("bob", &served.url);
    let listed = world.sandbox.run(&["authority", "list", "authority", "--json"]).succeeds().stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let certificates = listed["certificates"].as_array().unwrap();
    let bob = certificates.iter().find(|issued| issued["client"] == "bob").unwrap();
    assert_eq!(bob["keys"], keys);
    let packed = bob["packed_keys"].as_str().unwrap();
    assert_eq!(form(&world, classify(&world, &served, "one.idx", &client("bob")))["form"], "packed");
    let batched = [&client("bob")[..], &["--evaluation", "batched"]].concat();
    assert_eq!(form(&world, classify(&world, &served, "one.idx", &batched))["form"], "batched");
    let clients = world.sandbox.run(&["clients", "list"]).succeeds().stdout;
    assert!(clients.contains(&keys) && clients.contains(packed), "{clients}");

    // Keys that the certificate names are not made again.
    fs::remove_file(world.sandbox.path("bob/packed-keys")).unwrap();
    classify(&world, &served, "one.idx", &client("bob")).fails(1, &["bob/packed-keys is missing"]);
}

#[test]
fn a_service_with_a_model_that_cannot_be_packed_serves_batches_and_says_why() {
    let world = World::new();
    // 20 hidden units, and 4 columns for one map of 2 x 2 positions.
    let padding = Padding { leading: 0, trailing: 0 };
    let wide = Architecture { image_side: 8, kernel: 4, stride: 4, padding, maps: 1, hidden: 20, classes: 4 };
    let wide = NetworkSampler::new(wide, 7).with_largest_weights([2; 3]).ensemble(1).unwrap();
    world.add_model("wide", &wide);
    write_images(&world, "one.idx", 1);
    let served = Served::start(&world, &["small", "wide"], &LOCAL);
    let log = served.log();
    assert!(
        log.contains("packed evaluation is not served: the model wide cannot be packed")
            && log.contains("columns for the hidden units"),
        "{log}"
    );
    let small = [&LOCAL[..], &["--model", "small"]].concat();
    let choice = form(&world, classify(&world, &served, "one.idx", &small));
    assert_eq!(choice["form"], "batched");
    assert_eq!(choice["packed_refused"], "the provider serves only batched evaluation");
    classify(&world, &served, "one.idx", &[&small[..], &["--evaluation", "packed"]].concat())
        .fails(1, &["--evaluation packed is not possible: the provider serves only batched evaluation"]);
}
