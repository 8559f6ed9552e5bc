use std::fs;

use super::sandbox::{Sandbox, rows};

#[test]
fn an_experiment_runs_from_data_to_charts_exactly_and_only_once() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["reproduce", "small.toml"]).succeeds();
    assert!(run.stdout.contains("Test accuracy, regular split"), "{}", run.stdout);

    let accuracy = rows(&sandbox.path("results/small/accuracy.csv"));
    // Two settings, three domains, two members and the ensemble.
    assert_eq!(accuracy.len(), 2 * 3 * 3);
    for row in &accuracy {
        assert_eq!(row["images"], "300");
        assert!(row["accuracy"].parse::<f64>().unwrap() > 0.5, "nothing was learned: {row:?}");
        if row["domain"] == "encrypted" {
            assert_eq!(row["mismatches"], "0");
            let same = |other: &&std::collections::HashMap<String, String>| {
                other["domain"] == "integer"
                    && ["setting", "voter"].iter().all(|column| other[*column] == row[*column])
            };
            assert_eq!(accuracy.iter().find(same).unwrap()["correct"], row["correct"]);
        }
    }
    let layers = rows(&sandbox.path("results/small/layers.csv"));
    // Encryption, the shared part of the convolution, the members' layers, their sum, and decryption.
    assert_eq!(layers.len(), 2 * (1 + 1 + 2 * 5 + 2));

    let figure = sandbox.read("results/small/accuracy-regular.svg");
    assert!(figure.contains("SYNTHETIC"), "a chart of synthetic data must say so");
    assert!(sandbox.read("results/small/accuracy.md").contains("SYNTHETIC"));
    // The paper's numbers are not printed: they are of another network on other data.
    assert!(!run.stdout.to_lowercase().contains("paper"), "{}", run.stdout);
    assert!(!sandbox.path("results/small/verdicts.md").exists());
    let record: serde_json::Value = serde_json::from_str(&sandbox.read("results/small/run.json")).unwrap();
    assert_eq!(record["dataset"]["synthetic"], true);
    assert_eq!(record["settings"][1]["training"]["images"], 1900 * 7);
    assert!(record["settings"][1]["seconds"].as_f64().unwrap() > 0.0);
    assert!(record["invocations"][0]["training"]["images_per_second"].as_f64().unwrap() > 0.0);
    assert!(record["settings"][0]["parameters"]["noise_budget_bits"].as_u64().unwrap() > 0);
    assert!(
        sandbox.read("results/small/members/regular-1-seed7/training.csv").contains("\n2,quantised,1,3,")
    );

    let before = sandbox.read("results/small/accuracy.csv");
    let again = sandbox.run(&["reproduce", "small.toml"]).succeeds();
    assert!(again.stderr.contains("everything was evaluated before"), "{}", again.stderr);
    assert_eq!(sandbox.read("results/small/accuracy.csv"), before);
    let record: serde_json::Value = serde_json::from_str(&sandbox.read("results/small/run.json")).unwrap();
    assert_eq!(record["invocations"].as_array().unwrap().len(), 1);
}

#[test]
fn stages_run_one_by_one_and_repeat_only_changed_work() {
    let sandbox = Sandbox::new();
    let one = super::sandbox::SMALL.replace("[[0.5, 0.6], [0.8, 0.9]]", "[[0.5, 0.6]]");
    sandbox.write("small.toml", &one);
    let run = sandbox.run(&["train", "small.toml", "--json"]).succeeds();
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(json["trained"].as_array().unwrap().len(), 1);
    let trained = "results/small/members/regular-1-seed7/trained.json";
    let first = fs::metadata(sandbox.path(trained)).unwrap().modified().unwrap();

    sandbox.run(&["export", "small.toml"]).succeeds();
    let weights = sandbox.read("results/small/members/regular-1-seed7/ensemble/member-2/hidden.weights.csv");
    assert_eq!(weights.lines().count(), 12);

    // Another margin changes only the evaluation.
    let exported = sandbox.path("results/small/members/regular-1-seed7/ensemble/ensemble.json");
    let export_time = fs::metadata(&exported).unwrap().modified().unwrap();
    sandbox.run(&["evaluate", "small.toml"]).succeeds();
    let evaluated = sandbox.read("results/small/settings/regular-1-seed7.json");
    sandbox.write("small.toml", &one.replace("range_margin = 0.25", "range_margin = 3.0"));
    sandbox.run(&["evaluate", "small.toml"]).succeeds();
    assert_ne!(sandbox.read("results/small/settings/regular-1-seed7.json"), evaluated);
    assert_eq!(fs::metadata(sandbox.path(trained)).unwrap().modified().unwrap(), first);
    assert_eq!(fs::metadata(&exported).unwrap().modified().unwrap(), export_time);

    // Another seed gives another setting.
    sandbox.write("small.toml", &one.replace("seeds = [7]", "seeds = [8]"));
    sandbox.run(&["train", "small.toml"]).succeeds();
    assert!(sandbox.path("results/small/members/regular-1-seed8/trained.json").exists());

    // Charts are drawn only from the CSV files.
    fs::remove_dir_all(sandbox.path("results/small/members")).unwrap();
    fs::remove_dir_all(sandbox.path("results/small/settings")).unwrap();
    let run = sandbox.run(&["report", "results/small", "--json"]).succeeds();
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let files: Vec<&str> =
        json["files"].as_array().unwrap().iter().filter_map(|file| file.as_str()).collect();
    for name in ["accuracy-regular.svg", "recall.png", "layers.tex", "report.html"] {
        assert!(files.iter().any(|file| file.ends_with(name)), "{name}: {files:?}");
    }
}

#[test]
fn mismatches_have_their_own_exit_code() {
    let sandbox = Sandbox::new();
    sandbox.run(&["evaluate", "small.toml"]).succeeds();
    let file = "results/small/settings/regular-2-seed7.json";
    sandbox.write(file, &sandbox.read(file).replacen("\"mismatches\": 0", "\"mismatches\": 1", 1));
    for command in ["evaluate", "reproduce"] {
        sandbox
            .run(&[command, "small.toml"])
            .fails(3, &["NOT EXACT: regular setting 2 seed 7: 1 decrypted logits differ"]);
    }
    let figure = sandbox.read("results/small/accuracy-regular.svg");
    assert!(figure.contains("1 logit"), "the chart must say so too");
}

#[test]
fn a_run_is_protected_from_other_data_and_other_processes() {
    let sandbox = Sandbox::new();
    sandbox.run(&["evaluate", "small.toml"]).succeeds();
    let before = sandbox.read("results/small/accuracy.csv");
    sandbox.write("small.toml", &super::sandbox::SMALL.replace("train_images = 2000", "train_images = 1900"));
    sandbox.run(&["evaluate", "small.toml"]).fails(1, &["results/small holds a run on other data", "--out"]);
    assert_eq!(sandbox.read("results/small/accuracy.csv"), before);

    let lock = fs::File::create(sandbox.path("results/small/run.lock")).unwrap();
    lock.lock().unwrap();
    sandbox.write("small.toml", super::sandbox::SMALL);
    sandbox.run(&["evaluate", "small.toml"]).fails(1, &["another process is working in results/small"]);
}

#[test]
fn synthetic_digits_in_place_of_mnist_have_a_separate_folder() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", &super::sandbox::SMALL.replace("\"synthetic\"", "\"mnist\""));
    let run = sandbox.run(&["train", "small.toml"]).succeeds();
    assert!(run.stderr.contains("SYNTHETIC"), "{}", run.stderr);
    assert!(sandbox.path("results/small-synthetic/members/regular-1-seed7/trained.json").exists());
    assert!(!sandbox.path("results/small").exists());
}

#[test]
fn the_benchmark_gives_its_figures_as_json_and_is_exact() {
    let sandbox = Sandbox::new();
    let arguments =
        ["bench", "engine", "--members", "1", "--images", "40", "--repetitions", "1", "--format", "json"];
    let run = sandbox.run(&arguments).succeeds();
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    for key in ["members", "images", "threads", "kernel", "ratio", "decrypt_seconds", "peak_rss_bytes"] {
        assert!(!json[key].is_null() || key == "peak_rss_bytes", "{key} is missing: {}", run.stdout);
    }
    for key in ["encrypt_seconds", "reference_seconds", "engine_seconds"] {
        assert!(json[key].as_f64().unwrap() > 0.0, "{key}: {}", run.stdout);
    }
    assert_eq!(json["mismatches"], 0);
    let layers = json["layers"].as_array().unwrap();
    assert!(layers.iter().all(|layer| layer["layer"].is_string() && layer["engine_seconds"].is_f64()));
    sandbox.run(&["bench", "engine", "--kernel", "sse9"]).fails(2, &["'sse9' for '--kernel", "portable"]);
}

#[test]
fn latencies_of_a_small_ensemble_are_recorded_and_drawn() {
    let sandbox = Sandbox::new();
    let text = super::sandbox::SMALL.replace("[[0.5, 0.6], [0.8, 0.9]]", "[[0.5, 0.6]]");
    sandbox.write("small.toml", &text);
    sandbox.run(&["export", "small.toml"]).succeeds();
    let weights = "--weights=results/small/members/regular-1-seed7/ensemble";
    let bench = |options: &[&str]| {
        let arguments = ["bench", "latency", weights, "--images", "1,3", "--measured", "2", "--rounds", "1"];
        sandbox.run(&[&arguments[..], &["--out", "latency"], options].concat())
    };
    let run = bench(&["--json"]).succeeds();
    let record: serde_json::Value = serde_json::from_str(&sandbox.read("latency/latency.json")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&run.stdout).unwrap(), record);
    assert_eq!(record["mismatches"], 0);
    assert_eq!((&record["synthetic"], &record["members"]), (&true.into(), &2.into()));
    let forms = record["forms"].as_array().unwrap();
    assert_eq!(forms.iter().map(|form| &form["form"]).collect::<Vec<_>>(), ["packed", "batched"]);
    // Only packed images are scaled: by time, and by bytes of single images.
    let last = |form: usize| &forms[form]["rows"][1];
    assert_eq!((&last(0)["measured_images"], &last(1)["measured_images"]), (&2.into(), &3.into()));
    assert_eq!((&last(0)["batches"], &last(1)["batches"]), (&3.into(), &1.into()));
    let bytes = |row: usize| forms[0]["rows"][row]["upload_bytes"].as_u64().unwrap();
    assert_eq!(bytes(1), 3 * bytes(0));
    for form in forms {
        assert!(form["registration_bytes"].as_u64().unwrap() > 100_000, "{form}");
        let images: Vec<_> = form["rows"].as_array().unwrap().iter().map(|row| &row["images"]).collect();
        assert_eq!(images, [1, 3]);
        for row in form["rows"].as_array().unwrap() {
            for step in ["encrypt_seconds", "transfer_seconds", "provider_seconds", "decrypt_seconds"] {
                assert!(row[step].as_f64().unwrap() > 0.0, "{step}: {row}");
            }
        }
    }
    assert!(sandbox.read("latency/latency.svg").contains("SYNTHETIC DATA"));
    assert!(sandbox.path("latency/latency.png").exists());

    bench(&[]).fails(1, &["latency/latency.json exists", "--replace"]);
    for (options, words) in [
        (&["--images", "0"][..], "must be between 1 and"),
        (&["--images", "one"], "must be between 1 and"),
        (&["--rounds", "0"], "--rounds"),
        (&["--measured", "0"], "must be between 1 and"),
    ] {
        let arguments = [&["bench", "latency", weights, "--out", "other"], options].concat();
        sandbox.run(&arguments).fails(2, &[words]);
    }
    sandbox
        .run(&["bench", "latency"])
        .fails(1, &["cannot read results/reference/paper/members/regular-1-seed1/ensemble/ensemble.json"]);
    assert!(!sandbox.path("other").exists());
}

#[test]
fn engine_and_reference_give_the_same_records() {
    let sandbox = Sandbox::new();
    let text = super::sandbox::SMALL.replace("[[0.5, 0.6], [0.8, 0.9]]", "[[0.5, 0.6]]");
    sandbox.write("small.toml", &text);
    sandbox.run(&["evaluate", "small.toml"]).succeeds();
    let engine = sandbox.read("results/small/accuracy.csv");
    let run = sandbox.run(&["evaluate", "small.toml", "--evaluator", "reference"]).succeeds();
    assert!(!run.stderr.contains("everything was evaluated before"), "{}", run.stderr);
    assert_eq!(sandbox.read("results/small/accuracy.csv"), engine);
    assert!(sandbox.read("results/small/run.json").contains("\"evaluator\": \"reference\""));
}

#[test]
fn an_altered_weight_on_disk_is_refused_with_its_file() {
    let sandbox = Sandbox::new();
    let text = super::sandbox::SMALL.replace("[[0.5, 0.6], [0.8, 0.9]]", "[[0.5, 0.6]]");
    sandbox.write("small.toml", &text);
    sandbox.run(&["export", "small.toml"]).succeeds();
    let file = "results/small/members/regular-1-seed7/ensemble/member-1/output.weights.csv";
    let weights = sandbox.read(file);
    let (first, rest) = weights.split_once(',').unwrap();
    sandbox.write(file, &format!("{},{rest}", if first == "1" { "2" } else { "1" }));
    sandbox
        .run(&["evaluate", "small.toml"])
        .fails(1, &["regular-1-seed7", "member-1/output.weights.csv was altered after export"]);

    sandbox.write(file, &weights.replacen(',', ",x", 1));
    sandbox
        .run(&["evaluate", "small.toml"])
        .fails(1, &["output.weights.csv, line 1, value 2", "is not an integer"]);
    assert!(!sandbox.path("results/small/accuracy.csv").exists());

    let trained = "results/small/members/regular-1-seed7/trained.json";
    let text = sandbox.read(trained);
    let (start, weight) = text.split_once("\"weights\":[").unwrap();
    sandbox.write(trained, &format!("{start}\"weights\":[9{}", weight.trim_start_matches('-')));
    sandbox.run(&["export", "small.toml"]).fails(1, &["trained.json was altered after training"]);
}
