//! Plans for exported networks, and predictions with them.

use sottovoce_network::disk::{Origin, write_ensemble};
use sottovoce_network::{Architecture, IntegerEnsemble, IntegerNetwork, Padding, PixelLevels};

use super::sandbox::{Run, Sandbox, rows};

/// A sandbox with a small import in `net`.
fn imported() -> Sandbox {
    let sandbox = super::import::sandbox_with_weights();
    sandbox.run(&["import", "net.toml", "--out", "net"]).succeeds();
    sandbox
}

#[test]
fn a_plan_shows_its_range_security_and_cost() {
    let sandbox = imported();
    let run = sandbox.run(&["plan", "net"]).succeeds();
    for words in [
        "Parameters are chosen for the observed range with a margin of 15 %.",
        "proven: norms",
        "plaintext moduli",
        "128 bits: keys have",
        "Bossuat et al. 2024",
        "with a probability below 2^-",
        "hidden units (convolution, square, dense)",
        "evaluation, s",
        "memory, client and provider together",
    ] {
        assert!(run.stdout.contains(words), "{words:?} is not in: {}", run.stdout);
    }
    assert!(run.stderr.contains("warning: the plaintext modulus is chosen for the OBSERVED range"));

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
    // Messages have headers, which the prediction leaves out.
    let bytes = |what: &str| plan[what]["upload_bytes"].as_f64().unwrap();
    assert!((bytes("measured") / bytes("predicted") - 1.0).abs() < 0.01);
}

#[test]
fn answers_of_positive_weights_are_hidden_by_noise_beyond_theirs() {
    let sandbox = Sandbox::new();
    let padding = Padding { leading: 0, trailing: 0 };
    let shape = Architecture { image_side: 8, kernel: 4, stride: 2, padding, maps: 2, hidden: 4, classes: 3 };
    // With weights of one sign, the errors of a ciphertext's slots add up.
    let weight = |_: &str, row: usize, column: usize| ((3 * row + column) % 7 + 1) as i64;
    let network = IntegerNetwork::from_fn(shape, PixelLevels::BINARY, weight, |_, _| 1).unwrap();
    let ensemble = IntegerEnsemble::new(vec![network]).unwrap();
    write_ensemble(&sandbox.path("positive"), &ensemble, &Origin::default()).unwrap();
    let arguments = ["plan", "positive", "--range", "proven", "--key", "secret", "--hide-model"];
    let text = sandbox.run(&arguments).succeeds().stdout;
    assert!(text.contains("hides their own") && text.contains("circular security"), "{text}");
    let json = sandbox.run(&[&arguments[..], &["--measure", "--json"]].concat()).succeeds().stdout;
    let plan: serde_json::Value = serde_json::from_str(&json).unwrap();
    let bits = |value: &serde_json::Value| value.as_f64().unwrap();
    assert!(bits(&plan["failure_probability_log2"]) < -40.0);
    assert_eq!(plan["hiding"]["statistical_distance_log2"], -40.0);
    assert_eq!(plan["noise"][2]["stage"], "logits (square, dense, members' sum)");
    let (own, flood) = (bits(&plan["measured"]["noise_bits"][2]), bits(&plan["hiding"]["noise_bits"]));
    assert!(own + 40.0 < flood, "{plan}");
}

#[test]
fn fixed_parameters_are_used_or_refused() {
    let sandbox = imported();
    let plan = |arguments: &[&str]| -> Run { sandbox.run(&[&["plan", "net", "--json"], arguments].concat()) };
    let run =
        plan(&["--degree", "16384", "--key", "public", "--ciphertext-prime-bits", "50,50,50,50"]).succeeds();
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((json["degree"].as_u64(), json["encryption"].as_str()), (Some(16_384), Some("public")));
    assert_eq!(json["ciphertext_primes"].as_array().unwrap().len(), 4);

    plan(&["--degree", "5000"]).fails(2, &["the ring degree is 5000, but must be 4096, 8192 or 16384"]);
    plan(&["--degree", "8192", "--key", "secret", "--ciphertext-prime-bits", "50,50,50,50,50"])
        .fails(2, &["250 bits at ring degree 8192 is not 128-bit secure: at most 214 bits are"]);
    plan(&["--ciphertext-prime-bits", "30,30"]).fails(1, &["60 bits", "room"]);
    plan(&["--plaintext-moduli", "12"]).fails(2, &["12 is no plaintext modulus"]);
    plan(&["--plaintext-moduli", "65537", "--degree", "4096"]).fails(1, &["hold logits of up to 32768"]);
    plan(&["--images", "0"]).fails(2, &["must be between 1 and"]);
    plan(&["--ciphertext-prime-bits", "60,60"]).fails(2, &["of 24 to 50 bits"]);
    sandbox.run(&["plan", "nowhere"]).fails(1, &["nowhere"]);
    sandbox
        .run(&["plan", "net.toml"])
        .fails(1, &["net.toml is a file, but exported networks are in a folder"]);
    sandbox.run(&["plan", "."]).fails(1, &["name the folder that `import` or `export` printed"]);
    sandbox
        .run(&["plan", "net/member-1"])
        .fails(1, &["is a member of an ensemble; did you mean the ensemble net?"]);
}

/// A network whose hidden units do not fit in the slots of packed evaluation: 20 units, and 4 columns for one map of 2 x 2 positions.
fn write_unpackable(sandbox: &Sandbox, folder: &str) {
    let padding = Padding { leading: 0, trailing: 0 };
    let shape =
        Architecture { image_side: 28, kernel: 14, stride: 14, padding, maps: 1, hidden: 20, classes: 10 };
    let weight = |_: &str, row: usize, column: usize| ((3 * row + 5 * column) % 3) as i64 - 1;
    let network = IntegerNetwork::from_fn(shape, PixelLevels::BINARY, weight, |_, _| 1).unwrap();
    let ensemble = IntegerEnsemble::new(vec![network]).unwrap();
    write_ensemble(&sandbox.path(folder), &ensemble, &Origin::default()).unwrap();
}

#[test]
fn a_plan_compares_batched_and_packed_evaluation_and_names_the_better_one() {
    let sandbox = imported();
    let plan = |arguments: &[&str]| -> serde_json::Value {
        let arguments = [&["plan", "net", "--json", "--images"], arguments].concat();
        serde_json::from_str(&sandbox.run(&arguments).succeeds().stdout).unwrap()
    };
    for (arguments, form, prefer) in [
        (&["1"][..], "packed", Some("latency")),
        (&["10000"], "batched", Some("latency")),
        (&["1", "--prefer", "traffic"], "packed", Some("traffic")),
        (&["1", "--prefer", "throughput"], "batched", Some("throughput")),
        (&["10000", "--evaluation", "packed"], "packed", None),
        (&["1", "--evaluation", "batched"], "batched", None),
    ] {
        let plan = plan(arguments);
        let evaluation = &plan["evaluation"];
        assert_eq!((evaluation["form"].as_str(), evaluation["prefer"].as_str()), (Some(form), prefer));
        assert_eq!(plan["degree"], plan["forms"][form]["degree"]);
        let bytes = |form: &str| evaluation["predicted"][form]["upload_bytes"].as_u64().unwrap();
        assert!(bytes("packed") > 0 && bytes("batched") > 0);
        let noise = &plan["forms"]["packed"]["noise"][2];
        assert!(noise["expected_bits"].as_f64() < noise["limit_bits"].as_f64(), "{noise}");
    }
    let text = sandbox.run(&["plan", "net", "--images", "1"]).succeeds().stdout;
    for words in [
        "Batched and packed evaluation, 1 image",
        "1 image by packed evaluation",
        "100 Mbit/s",
        "special prime",
    ] {
        assert!(text.contains(words), "{words:?} is not in: {text}");
    }

    let text = sandbox.run(&["plan", "net", "--images", "1", "--measure"]).succeeds().stdout;
    assert!(text.contains("`sottovoce bench noise` measures the noise of packed evaluation"), "{text}");

    write_unpackable(&sandbox, "wide");
    let text = sandbox.run(&["plan", "wide", "--images", "1"]).succeeds().stdout;
    assert!(
        text.contains("1 image in batches, not packed") && text.contains("columns for the hidden units"),
        "{text}"
    );
    let batched = ["plan", "wide", "--images", "1", "--evaluation", "batched"];
    let text = sandbox.run(&batched).succeeds().stdout;
    assert!(text.contains("1 image in batches, as --evaluation asks."), "{text}");
    assert!(!text.contains("not packed"), "{text}");
    let words = ["columns for the hidden units", "it can be evaluated batched"];
    sandbox.run(&["plan", "wide", "--evaluation", "packed"]).fails(1, &words);
    sandbox.run(&["plan", "net", "--prefer", "speed"]).fails(2, &["latency, traffic, throughput"]);
    sandbox
        .run(&["plan", "net", "--prefer", "traffic", "--evaluation", "packed"])
        .fails(2, &["cannot be used with"]);
}

#[test]
fn one_image_is_predicted_packed_and_many_in_batches() {
    let sandbox = imported();
    write_unpackable(&sandbox, "wide");
    let predict = |arguments: &[&str]| -> serde_json::Value {
        let arguments =
            [&["predict", "--data", "synthetic", "--json", "--replace", "--out", "out"], arguments].concat();
        let run: serde_json::Value =
            serde_json::from_str(&sandbox.run(&arguments).succeeds().stdout).unwrap();
        let record = run["record"].clone();
        assert_eq!(record["summary"]["mismatches"], 0);
        record
    };
    for (arguments, form, batches) in [
        (&["net", "--images", "1"][..], "packed", 1),
        (&["net", "--images", "400"], "batched", 1),
        (&["net", "--images", "3", "--evaluation", "packed"], "packed", 3),
        (&["net", "--images", "1", "--prefer", "throughput"], "batched", 1),
        (&["wide", "--images", "1"], "batched", 1),
    ] {
        let record = predict(arguments);
        assert_eq!(record["evaluation"]["form"], form, "{arguments:?}");
        assert_eq!(record["summary"]["batches"], batches, "{arguments:?}");
    }
    let record = predict(&["wide", "--images", "1"]);
    let reason = record["evaluation"]["packed_refused"].as_str().unwrap();
    assert!(reason.contains("columns for the hidden units"), "{reason}");

    // Both forms give the same predictions.
    let of = |form: &str| {
        predict(&["net", "--images", "5", "--evaluation", form]);
        sandbox.read("out/predictions.csv")
    };
    assert_eq!(of("packed"), of("batched"));
    let refused = ["predict", "net", "--data", "synthetic", "--images", "1", "--evaluation", "packed"];
    sandbox.run(&[&refused[..], &["--hide-model"]].concat()).fails(1, &["packed evaluation"]);
    sandbox.run(&[&refused[..], &["--evaluator", "reference"]].concat()).fails(1, &["packed evaluation"]);
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

    // The reference evaluator gives the same predictions.
    let before = sandbox.read("results/predictions/net/predictions.csv");
    let arguments = ["predict", "net", "--data", "synthetic", "--images", "40", "--evaluator", "reference"];
    sandbox.run(&[&arguments[..], &["--range", "proven", "--out", "again"]].concat()).succeeds();
    assert_eq!(sandbox.read("again/predictions.csv"), before);
}

#[test]
fn predictions_of_other_weights_or_images_are_replaced_only_on_request() {
    let sandbox = imported();
    let elsewhere = |out: &str| sandbox.run(&["import", "net.toml", "--out", out]).succeeds();
    elsewhere("A/ensemble");
    sandbox.write("net.toml", &sandbox.read("net.toml").replace("[4, 8, 2]", "[8, 8, 2]"));
    elsewhere("B/ensemble");
    elsewhere("C/A");
    let predict = |arguments: &[&str]| {
        sandbox.run(&[&["predict", "--data", "synthetic", "--images", "20"], arguments].concat())
    };
    // Folders called `ensemble` are named by the folders around them.
    predict(&["A/ensemble"]).succeeds();
    predict(&["B/ensemble"]).succeeds();
    let file = "results/predictions/A/predictions.csv";
    let of_a = sandbox.read(file);
    assert_ne!(sandbox.read("results/predictions/B/predictions.csv"), of_a);

    // The same predictions may be replaced; encryption parameters change no logit.
    predict(&["A/ensemble", "--range", "proven"]).succeeds();
    assert_eq!(sandbox.read(file), of_a);

    // Predictions of other weights or other images are not replaced.
    let words = ["results/predictions/A has predictions of other weights or images", "--out", "--replace"];
    predict(&["C/A"]).fails(1, &words);
    let fewer = ["predict", "A/ensemble", "--data", "synthetic", "--images", "19"];
    sandbox.run(&fewer).fails(1, &words);
    assert_eq!(sandbox.read(file), of_a);
    predict(&["C/A", "--replace"]).succeeds();
    assert_ne!(sandbox.read(file), of_a);

    // A file with the same name that this program did not write is not replaced.
    std::fs::create_dir(sandbox.path("mine")).unwrap();
    sandbox.write("mine/predictions.csv", "my own");
    predict(&["A/ensemble", "--out", "mine"]).fails(1, &["mine has predictions of other weights or images"]);
    assert_eq!(sandbox.read("mine/predictions.csv"), "my own");
}

#[test]
fn predicted_and_measured_noise_are_recorded() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["bench", "noise", "--networks", "3", "--out", "noise", "--json"]).succeeds();
    let summaries: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(summaries.as_array().unwrap().len() >= 4, "{summaries}");
    let measured = rows(&sandbox.path("noise/noise.csv"));
    let bits =
        |row: &std::collections::HashMap<String, String>, column: &str| row[column].parse::<f64>().unwrap();
    for row in measured.iter().filter(|row| row["evaluator"] != "reference") {
        assert!(bits(row, "measured_bits") <= bits(row, "bound_bits"), "{row:?}");
    }
    // The first network has the paper's shape and is evaluated packed as well.
    let stages: Vec<&str> = measured
        .iter()
        .filter(|row| row["evaluator"] == "packed" && row["network"] == "1")
        .map(|row| row["stage"].as_str())
        .collect();
    assert_eq!(stages, ["fresh", "convolution", "square", "hidden", "logits", "answer"]);
    for chart in ["noise.svg", "noise.png"] {
        assert!(sandbox.path("noise").join(chart).exists());
    }
    let again = ["bench", "noise", "--networks", "1", "--out", "noise"];
    sandbox.run(&again).fails(1, &["noise/noise.csv exists", "--replace"]);
}
