//! Plans for exported networks, and predictions with them.

use super::sandbox::{Run, Sandbox, rows};

/// A sandbox with a small import in `net`.
fn imported() -> Sandbox {
    let sandbox = super::import::sandbox_with_weights();
    sandbox.run(&["import", "net.toml", "--out", "net"]).succeeds();
    sandbox
}

#[test]
fn a_plan_says_what_it_rests_on_and_what_it_costs() {
    let sandbox = imported();
    let run = sandbox.run(&["plan", "net"]).succeeds();
    for words in [
        "The plan rests on the observed range with a margin of 15 %.",
        "proven: norms",
        "plaintext moduli",
        "128 bits: Q of",
        "Bossuat et al. 2024",
        "with a probability below 2^-",
        "hidden units (convolution, square, dense)",
        "evaluation, s",
        "memory, client and provider together",
    ] {
        assert!(run.stdout.contains(words), "{words:?} is not in: {}", run.stdout);
    }
    assert!(run.stderr.contains("warning: the plaintext modulus rests on the OBSERVED range"));

    let proven = sandbox.run(&["plan", "net", "--range", "proven", "--measure", "--json"]).succeeds();
    assert!(!proven.stderr.contains("OBSERVED"), "{}", proven.stderr);
    let plan: serde_json::Value = serde_json::from_str(&proven.stdout).unwrap();
    assert_eq!(plan["rests_on"], "proven");
    assert!(plan["failure_probability_log2"].as_f64().unwrap() < -40.0);
    let bits = |field: &str| plan[field].as_f64().unwrap();
    assert!(bits("ciphertext_modulus_bits") < bits("security_limit_bits"));
    let noise = |field: &str, index: usize| plan["noise"][index][field].as_f64().unwrap();
    for stage in 0..4 {
        let measured = plan["measured"]["noise_bits"][stage].as_f64().unwrap();
        assert!(measured < noise("expected_bits", stage) + 5.0 && measured < noise("limit_bits", stage));
    }
    // Headers come on top.
    let bytes = |what: &str| plan[what]["upload_bytes"].as_f64().unwrap();
    assert!((bytes("measured") / bytes("predicted") - 1.0).abs() < 0.01);
}

#[test]
fn what_is_fixed_is_kept_to_or_refused() {
    let sandbox = imported();
    let plan = |arguments: &[&str]| -> Run { sandbox.run(&[&["plan", "net", "--json"], arguments].concat()) };
    let run =
        plan(&["--degree", "16384", "--key", "public", "--ciphertext-prime-bits", "50,50,50,50"]).succeeds();
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((json["degree"].as_u64(), json["encryption"].as_str()), (Some(16_384), Some("public")));
    assert_eq!(json["ciphertext_primes"].as_array().unwrap().len(), 4);

    plan(&["--degree", "5000"]).fails(2, &["the ring degree is 5000, but must be 4096, 8192 or 16384"]);
    plan(&["--degree", "8192", "--ciphertext-prime-bits", "53,53,53,53,53"])
        .fails(2, &["265 bits at ring degree 8192 is not 128-bit secure: at most 214 bits are"]);
    plan(&["--ciphertext-prime-bits", "30,30"]).fails(1, &["60 bits", "room"]);
    plan(&["--plaintext-moduli", "12"]).fails(2, &["12 is no plaintext modulus"]);
    plan(&["--plaintext-moduli", "65537", "--degree", "4096"]).fails(1, &["hold logits of up to 32768"]);
    plan(&["--images", "0"]).fails(2, &["must be between 1 and"]);
    plan(&["--ciphertext-prime-bits", "60,60"]).fails(2, &["of 24 to 53 bits"]);
    sandbox.run(&["plan", "nowhere"]).fails(1, &["nowhere"]);
    sandbox.run(&["plan", "net.toml"]).fails(1, &["net.toml is a file, but exported networks are a folder"]);
    sandbox.run(&["plan", "."]).fails(1, &["name the folder that `import` or `export` printed"]);
    sandbox.run(&["plan", "net/member-1"]).fails(1, &["is one member; did you mean the ensemble, net?"]);
}

#[test]
fn predictions_come_with_their_logits() {
    let sandbox = imported();
    let run = sandbox.run(&["predict", "net", "--data", "synthetic", "--images", "40"]).succeeds();
    for words in
        ["logits that differ from the oracle   0", "40 of", "results/predictions/net/predictions.csv"]
    {
        assert!(run.stdout.contains(words), "{words:?} is not in: {}", run.stdout);
    }
    let predictions = rows(&sandbox.path("results/predictions/net/predictions.csv"));
    assert_eq!(predictions.len(), 40);
    for row in &predictions {
        let logit = |class: usize| row[&format!("logit-{class}")].parse::<i128>().unwrap();
        let largest = (0..10).map(logit).max().unwrap();
        assert_eq!(logit(row["prediction"].parse().unwrap()), largest);
    }
    let record: serde_json::Value =
        serde_json::from_str(&sandbox.read("results/predictions/net/predictions.json")).unwrap();
    assert_eq!(
        (record["synthetic"].as_bool(), record["summary"]["mismatches"].as_u64()),
        (Some(true), Some(0))
    );

    let all = ["predict", "net", "--data", "synthetic", "--images", "9999999"];
    sandbox.run(&all).fails(1, &["--images is 9999999, but the data set"]);

    // The reference evaluator, and every image that there is, give the same.
    let before = sandbox.read("results/predictions/net/predictions.csv");
    let arguments = ["predict", "net", "--data", "synthetic", "--images", "40", "--evaluator", "reference"];
    sandbox.run(&[&arguments[..], &["--range", "proven", "--out", "again"]].concat()).succeeds();
    assert_eq!(sandbox.read("again/predictions.csv"), before);
}

#[test]
fn noise_is_measured_beside_its_prediction() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["bench", "noise", "--networks", "3", "--out", "noise", "--json"]).succeeds();
    let summaries: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(summaries.as_array().unwrap().len() >= 4, "{summaries}");
    let measured = rows(&sandbox.path("noise/noise.csv"));
    let bits =
        |row: &std::collections::HashMap<String, String>, column: &str| row[column].parse::<f64>().unwrap();
    for row in measured.iter().filter(|row| row["evaluator"] == "engine") {
        assert!(bits(row, "measured_bits") <= bits(row, "bound_bits"), "{row:?}");
    }
    for chart in ["noise.svg", "noise.png"] {
        assert!(sandbox.path("noise").join(chart).exists());
    }
}
