use std::collections::HashMap;
use std::fs;
use std::time::SystemTime;

use super::sandbox::{SMALL, Sandbox, rows};

/// Two splits, both baselines, weighted members, elapsed time and two logit ranges.
fn whole() -> String {
    SMALL
        .replace("[\"regular\"]", "[\"regular\", \"random\"]")
        .replace("[[0.5, 0.6], [0.8, 0.9]]", "[[0.8, 0.9]]")
        .replace("seeds = [7]", "seeds = [7]\nbaselines = true\naveraging = \"weighted\"")
        + "[elapsed]\nimages = [200, 2000]\n[bits]\nlogit_bits = [26, 32]\n"
}

fn modified(sandbox: &Sandbox, file: &str) -> SystemTime {
    fs::metadata(sandbox.path(file)).unwrap().modified().unwrap()
}

fn sum(rows: &[HashMap<String, String>], column: &str) -> usize {
    rows.iter().map(|row| row[column].parse::<usize>().unwrap()).sum()
}

#[test]
fn a_whole_run_writes_every_record_and_resumes_part_by_part() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", &whole());
    let run = sandbox.run(&["reproduce", "small.toml"]).succeeds();
    // Regular, random, balanced and single have 7 members; the other logit range has two more.
    assert!(run.stderr.contains("to train: 9 of 9 members"), "{}", run.stderr);
    // Four settings, two logit ranges, and elapsed time.
    assert!(run.stderr.contains("3,800 images in 7 of 7 evaluations"), "{}", run.stderr);
    assert!(run.stderr.contains("about ") && run.stderr.contains("(assumed)"), "{}", run.stderr);

    let records = |kind: &str| rows(&sandbox.path(&format!("results/small/{kind}.csv")));
    let accuracy = records("accuracy");
    assert_eq!(accuracy.len(), 3 * (3 + 3 + 2 + 3));
    let of_split = |split: &str| accuracy.iter().filter(|row| row["split"] == split).collect::<Vec<_>>();
    let (single, balanced) = (of_split("single"), of_split("balanced"));
    assert_eq!((single.len(), balanced.len()), (6, 9));
    assert_eq!((single[0]["share_low"].as_str(), single[0]["share_high"].as_str()), ("1.0", "1.0"));
    assert_eq!((balanced[0]["share_low"].as_str(), balanced[0]["setting"].as_str()), ("0.5", "1"));
    let encrypted: Vec<_> = accuracy.iter().filter(|row| row["domain"] == "encrypted").collect();
    assert!(encrypted.iter().all(|row| row["mismatches"] == "0"));

    let (recall, pairs, labels) = (records("recall"), records("pairs"), records("labels"));
    assert_eq!((recall.len(), pairs.len(), labels.len()), (11 * 10, 7, 7 * 10));
    assert_eq!(sum(&recall, "images"), 11 * 300);
    assert_eq!(
        sum(&recall, "correct"),
        encrypted.iter().map(|row| row["correct"].parse::<usize>().unwrap()).sum::<usize>()
    );
    assert_eq!(sum(&labels, "images"), 4 * 1900);
    let validation = records("validation");
    assert_eq!((validation.len(), validation[0]["images"].as_str()), (11, "100"));
    let sizes = records("sizes");
    assert_eq!((sizes[0]["message"].as_str(), sizes[0]["ciphertexts"].as_str()), ("upload", "784"));
    assert_eq!((sizes[1]["message"].as_str(), sizes[1]["ciphertexts"].as_str()), ("answer", "10"));
    assert_eq!(sizes.len(), 2, "one set of parameters serves all settings");
    let elapsed = records("elapsed");
    assert_eq!(
        (elapsed.len(), elapsed[1]["images"].as_str(), elapsed[1]["batches"].as_str()),
        (2, "2000", "1")
    );
    let bits = records("bits");
    assert_eq!((bits.len(), sum(&bits, "mismatches")), (2 * 3, 0));
    assert!(bits[0]["plaintext_bits"].parse::<u32>().unwrap() < bits[3]["plaintext_bits"].parse().unwrap());
    // The second range is the experiment's, so its networks and answers are the same.
    let own: Vec<_> =
        encrypted.iter().filter(|row| row["split"] == "regular").map(|row| &row["correct"]).collect();
    assert_eq!(bits[3..].iter().map(|row| &row["correct"]).collect::<Vec<_>>(), own);
    assert!(!sandbox.path("results/small/members/regular-1-seed7-bits32").exists());

    let record: serde_json::Value = serde_json::from_str(&sandbox.read("results/small/run.json")).unwrap();
    assert_eq!(record["elapsed"]["mismatches"], 0);
    assert_eq!(record["logit_ranges"][0]["logit_bits"], 26);
    assert_eq!(record["settings"][2]["votes"], "1", "one member has nobody to outvote");
    assert_eq!(record["settings"][0]["votes"].as_str().unwrap().split(' ').count(), 2);
    let modulus = |index: usize| &record["settings"][index]["parameters"]["plaintext_moduli"];
    assert!((1..4).all(|index| modulus(index) == modulus(0)));

    resumes_by_parts(&sandbox);
}

fn resumes_by_parts(sandbox: &Sandbox) {
    let finished = ["settings/regular-1-seed7.json", "bits/26.json", "members/single-1-seed7/trained.json"]
        .map(|file| format!("results/small/{file}"));
    let written = || finished.each_ref().map(|file| modified(sandbox, file));
    let before = written();
    let again = sandbox.run(&["reproduce", "small.toml"]).succeeds();
    assert!(again.stderr.contains("only the report is left to do"), "{}", again.stderr);
    assert!(again.stderr.contains("everything was evaluated before"), "{}", again.stderr);

    // Only lost files are made again; the time is estimated from measured times.
    fs::remove_file(sandbox.path("results/small/elapsed.json")).unwrap();
    let again = sandbox.run(&["evaluate", "small.toml"]).succeeds();
    assert!(again.stderr.contains("0 of 9 members"), "{}", again.stderr);
    assert!(again.stderr.contains("2,000 images in 1 of 7 evaluations"), "{}", again.stderr);
    assert!(again.stderr.contains("(measured earlier in this run)"), "{}", again.stderr);
    assert_eq!(written(), before);

    // Finished settings stay valid when settings are added, whatever parameters all of them need together.
    let more = whole().replace("[[0.8, 0.9]]", "[[0.8, 0.9], [0.5, 0.6]]");
    sandbox.write("small.toml", &more.replace("logit_bits = [26, 32]", "logit_bits = []"));
    let again = sandbox.run(&["evaluate", "small.toml"]).succeeds();
    assert!(again.stderr.contains("to train: 4 of 11 members"), "{}", again.stderr);
    assert_eq!(written(), before);
    assert_eq!(rows(&sandbox.path("results/small/accuracy.csv")).len(), 3 * (4 * 3 + 2 + 3));
    assert!(!sandbox.path("results/small/bits.csv").exists(), "a record that the run does not hold is gone");

    // Mismatches count in every record.
    let file = "results/small/elapsed.json";
    sandbox.write(file, &sandbox.read(file).replace("\"mismatches\": 0", "\"mismatches\": 2"));
    sandbox
        .run(&["evaluate", "small.toml"])
        .fails(3, &["NOT EXACT: elapsed time: 2 decrypted logits differ"]);
}
