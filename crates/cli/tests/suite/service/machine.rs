//! Provider and client on one machine, without an authority.

use std::fs;

use sottovoce_network::disk::{Origin, write_ensemble};

use super::world::{LOCAL, Served, World, get};
use crate::suite::sandbox::rows;

/// A grey PNG of 8 x 8 pixels.
fn png(pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 8, 8);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    bytes
}

#[test]
fn images_are_classified_and_every_logit_is_the_oracles() {
    let world = World::new();
    let mut served = Served::start(&world, &["small", "other=slow"], &LOCAL);
    let local = ["--insecure-local", "--model", "small"];
    let run = world.classify(&served.url, "client", &local).succeeds();
    for words in ["encrypt", "upload", "compute", "download", "decrypt", "50 images in 1 batch"] {
        assert!(run.stdout.contains(words), "{words:?} is not in: {}", run.stdout);
    }
    assert!(run.stderr.contains("INSECURE") && run.stderr.contains("created new keys"), "{}", run.stderr);
    world.assert_exact("predictions.csv", &world.small);
    assert!(served.log().contains("INSECURE"));

    // Another model with the same keys, and the result as JSON.
    let other = ["--insecure-local", "--model", "other", "--json", "--out", "new/other.csv"];
    let run = world.classify(&served.url, "client", &other).succeeds();
    assert!(!run.stderr.contains("created new keys") && !run.stderr.contains("registered"), "{}", run.stderr);
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((json["model"].as_str(), json["images"].as_u64()), (Some("other"), Some(50)));
    assert!(json["steps"]["upload_bytes"].as_u64().unwrap() > 1_000_000);
    world.assert_exact("new/other.csv", &world.slow);

    // A folder of PNG files with dark ink on light paper.
    fs::create_dir(world.sandbox.path("pictures")).unwrap();
    for (index, image) in world.images.chunks(64).take(3).enumerate() {
        let inverted: Vec<u8> = image.iter().map(|pixel| 255 - pixel).collect();
        fs::write(world.sandbox.path(&format!("pictures/{index}.png")), png(&inverted)).unwrap();
    }
    let url = &served.url;
    let pictures = [
        "classify",
        "pictures",
        "--provider",
        url,
        "--insecure-local",
        "--model",
        "small",
        "--invert",
        "--out",
        "p.csv",
    ];
    world.sandbox.run(&pictures).succeeds();
    let (found, before) = (rows(&world.sandbox.path("p.csv")), rows(&world.sandbox.path("predictions.csv")));
    for (index, row) in found.iter().enumerate() {
        assert_eq!(row["image"], format!("pictures/{index}.png"));
        assert_eq!(row["logit-0"], before[index]["logit-0"]);
    }
    assert_eq!(found.len(), 3);

    // A client that deletes its keys at the provider.
    let forget = ["forget", "--provider", &served.url, "--insecure-local"];
    assert!(world.sandbox.run(&forget).succeeds().stdout.contains("has deleted the keys"));
    let run = world.classify(&served.url, "client", &local).succeeds();
    assert!(run.stderr.contains("registered the keys"), "{}", run.stderr);

    served.terminate();
    assert_eq!(served.ended(), Some(0), "{}", served.log());
    assert!(served.log().contains("stopped"));
}

#[test]
fn models_are_named_by_their_folders_whatever_characters_they_have() {
    let world = World::new();
    for (folder, model) in [
        ("lr=0.01/ens", &world.small),
        ("A/ensemble", &world.small),
        ("B/ensemble", &world.slow),
        ("fig5/members/regular-1-seed1/ensemble", &world.small),
        ("fig5/members/regular-1-seed2/ensemble", &world.small),
        ("C/B", &world.small),
    ] {
        write_ensemble(&world.sandbox.path(folder), model, &Origin::default()).unwrap();
    }
    let models = [
        "./lr=0.01/ens",
        "rate=lr=0.01/ens",
        "A/ensemble",
        "B/ensemble",
        "fig5/members/regular-1-seed1/ensemble",
        "fig5/members/regular-1-seed2/ensemble",
    ];
    let served = Served::start(&world, &models, &LOCAL);
    let names = "--model: ens, rate, A, B, fig5-regular-1-seed1, fig5-regular-1-seed2";
    world.classify(&served.url, "client", &LOCAL).fails(1, &["several models", names]);
    world.classify(&served.url, "client", &["--insecure-local", "--model", "rate"]).succeeds();
    world.assert_exact("predictions.csv", &world.small);

    let serve = |models: &[&str]| {
        world.sandbox.run(&[&["serve", "--insecure-local", "--range", "proven", "--models"], models].concat())
    };
    serve(&["B/ensemble", "C/B"]).fails(1, &["B/ensemble and C/B have the same name B", "--models NAME=C/B"]);
    serve(&["lr=0.02"]).fails(1, &["there is neither a folder lr=0.02 nor a folder 0.02 for the model lr"]);
    serve(&["./lr=0.02/ens"]).fails(1, &["./lr=0.02/ens"]);
}

#[test]
fn existing_predictions_are_replaced_only_on_request() {
    let world = World::new();
    let served = Served::start(&world, &["small"], &LOCAL);
    world.sandbox.write("predictions.csv", "of last week");
    let classify = ["classify", "images.idx", "--provider", &served.url, "--insecure-local"];
    let words = ["predictions.csv exists", "--out", "--replace"];
    let run = world.sandbox.run(&classify).fails(1, &words);
    assert!(!run.stderr.contains("created new keys"), "{}", run.stderr);
    assert_eq!(world.sandbox.read("predictions.csv"), "of last week");
    world.sandbox.run(&[&classify[..], &["--out", "today.csv"]].concat()).succeeds();
    world.assert_exact("today.csv", &world.small);
    world.sandbox.run(&[&classify[..], &["--replace"]].concat()).succeeds();
    world.assert_exact("predictions.csv", &world.small);
}

#[test]
fn hidden_answers_are_the_same_for_every_batch() {
    let world = World::new();
    let served = Served::start(&world, &["small"], &["--insecure-local", "--hide-model", "--degree", "8192"]);
    world.classify(&served.url, "client", &LOCAL).succeeds();
    world.assert_exact("predictions.csv", &world.small);
    assert!(served.log().contains("answers hide the model"), "{}", served.log());
    assert!(served.log().contains("circular security"), "{}", served.log());
    // More images than slots need two batches.
    let all: Vec<u8> = world.images.iter().copied().cycle().take(8200 * 64).collect();
    let mut idx = vec![0, 0, 8, 3, 0, 0, 0x20, 0x08, 0, 0, 0, 8, 0, 0, 0, 8];
    idx.extend(&all);
    fs::write(world.sandbox.path("many.idx"), idx).unwrap();
    let run = world.sandbox.run(&[
        "classify",
        "many.idx",
        "--provider",
        &served.url,
        "--insecure-local",
        "--out",
        "many.csv",
    ]);
    assert!(run.succeeds().stdout.contains("8200 images in 2 batches"));
    let found = rows(&world.sandbox.path("many.csv"));
    let expected = world.oracle(&world.small);
    for (index, row) in found.iter().enumerate() {
        assert_eq!(row["logit-1"], expected[index % 50][1].to_string(), "image {index}");
    }
}

#[test]
fn mistakes_are_reported_before_anything_is_sent() {
    let world = World::new();
    let served = Served::start(&world, &["small", "slow"], &["--insecure-local", "--metrics", "127.0.0.1:0"]);
    let url = &served.url;
    world.classify(url, "client", &[]).fails(1, &["without TLS", "--insecure-local"]);
    world.classify(url, "client", &LOCAL).fails(1, &["several models", "--model: small, slow"]);
    let none = ["--insecure-local", "--model", "large"];
    world.classify(url, "client", &none).fails(1, &["has no model large", "small, slow"]);
    world.classify("localhost", "client", &LOCAL).fails(2, &["is not a provider's address", "https://"]);
    world.classify("http://10.0.0.1:1", "client", &LOCAL).fails(2, &["only this machine"]);
    let closed = ["--insecure-local", "--patience-seconds", "0"];
    world.classify("http://127.0.0.1:1", "client", &closed).fails(1, &["within 0 s", "refused"]);
    world
        .sandbox
        .run(&["classify", "nothing.png", "--provider", url, "--insecure-local", "--model", "small"])
        .fails(1, &["nothing.png"]);
    fs::write(world.sandbox.path("large.png"), {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 9, 8);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.write_header().unwrap().write_image_data(&[0; 72]).unwrap();
        bytes
    })
    .unwrap();
    world
        .sandbox
        .run(&["classify", "large.png", "--provider", url, "--insecure-local", "--model", "small"])
        .fails(1, &["large.png", "9 x 8", "8 x 8"]);
    assert!(!world.sandbox.path("predictions.csv").exists());

    let serve = |arguments: &[&str]| world.sandbox.run(&[&["serve", "--models"], arguments].concat());
    serve(&["small"]).fails(1, &["--identity", "sottovoce provider-request", "--insecure-local"]);
    serve(&["nowhere", "--insecure-local"]).fails(1, &["nowhere"]);
    serve(&["small", "a=small", "a=slow", "--insecure-local", "--range", "proven"])
        .fails(1, &["small and slow have the same name a", "--models NAME=slow"]);
    serve(&[
        "small",
        "--insecure-local",
        "--range",
        "proven",
        "--listen",
        "0.0.0.0:0",
        "--state",
        "elsewhere",
    ])
    .fails(1, &["0.0.0.0:0 is not a loopback address"]);
    // The state folder of another service is locked.
    serve(&["small", "--insecure-local", "--range", "proven"]).fails(1, &["service/keys.redb"]);
    let taken = served.address();
    serve(&["small", "--insecure-local", "--range", "proven", "--listen", &taken, "--state", "elsewhere"])
        .fails(1, &["cannot listen on", "because"]);

    // Health and metrics are served over HTTP/1.1 at another port.
    let get = |path: &str| get(served.metrics.as_ref().unwrap(), path);
    assert!(get("/health").contains("\"held_batches\":0"));
    assert!(get("/metrics").contains("sottovoce_responses_total{status=\"200\"}"));
    assert!(get("/v1/parameters").starts_with("HTTP/1.1 404"));
}

#[test]
fn keys_are_for_one_providers_parameters_and_only_for_their_owner() {
    let world = World::new();
    let mut served = Served::start(&world, &["small"], &LOCAL);
    world.classify(&served.url, "client", &LOCAL).succeeds();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &str| fs::metadata(world.sandbox.path(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("client"), mode("client/keys")), (0o700, 0o600));
        let keys = world.sandbox.path("client/keys");
        fs::set_permissions(&keys, fs::Permissions::from_mode(0o644)).unwrap();
        world
            .classify(&served.url, "client", &LOCAL)
            .fails(1, &["client/keys (mode 644", "chmod 600 client/keys"]);
        fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    }
    // Registered keys survive a restart.
    served.kill();
    let mut served = Served::start(&world, &["small"], &LOCAL);
    let run = world.classify(&served.url, "client", &LOCAL).succeeds();
    assert!(!run.stderr.contains("registered the keys"), "{}", run.stderr);
    served.kill();
    // Keys for other parameters are refused.
    let served = Served::start(&world, &["small"], &["--insecure-local", "--degree", "16384"]);
    let error = world.classify(&served.url, "client", &LOCAL).fails(1, &["other parameters", "--client"]);
    assert!(!error.stdout.contains("predictions"));
    // An incomplete key file is refused.
    let keys = fs::read(world.sandbox.path("client/keys")).unwrap();
    fs::write(world.sandbox.path("client/keys"), &keys[..keys.len() / 2]).unwrap();
    world.classify(&served.url, "client", &LOCAL).fails(1, &["client/keys is not a whole key file"]);
}
