use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::sandbox::{Run, SMALL, Sandbox, rows};

/// A sweep on few images, with two points that share the float phase of training, and two seeds.
fn sandbox_with(sweep: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let text = SMALL
        .replace("name = \"small\"", "name = \"tiny\"")
        .replace("train_images = 2000", "train_images = 800")
        .replace("test_images = 300", "test_images = 120")
        .replace("[[0.5, 0.6], [0.8, 0.9]]", "[[0.5, 0.6]]")
        .replace("seeds = [7]", "seeds = [1, 2]");
    sandbox.write("tiny.toml", &format!("{text}\n[sweep]\n{sweep}\n"));
    sandbox
}

const BITS: &str = "\"training.logit_bits\" = [30, 32]";

/// The rows of a table without the columns that differ from run to run: times and measured noise.
fn comparable(path: &Path) -> Vec<BTreeMap<String, String>> {
    let measured = |column: &str| column.ends_with("seconds") || column.starts_with("noise_");
    let of = |row: HashMap<String, String>| row.into_iter().filter(|(column, _)| !measured(column)).collect();
    rows(path).into_iter().map(of).collect()
}

/// All files below a folder with their times.
fn files(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut found = BTreeMap::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path, entry.metadata().unwrap().modified().unwrap());
        }
    }
    found
}

fn count(sandbox: &Sandbox, folder: &str) -> usize {
    fs::read_dir(sandbox.path(folder)).map_or(0, |entries| entries.flatten().count())
}

#[test]
fn a_sweep_writes_one_tidy_table_and_does_shared_work_once() {
    let sandbox = sandbox_with(BITS);
    sandbox.run(&["sweep", "tiny.toml"]).succeeds();
    let table = rows(&sandbox.path("results/tiny/table.csv"));
    // Two points, two seeds, three domains, two members and the ensemble.
    assert_eq!(table.len(), 2 * 2 * 3 * 3);
    for row in &table {
        assert_eq!(row["point"], format!("logit_bits={}", row["training.logit_bits"]));
        assert_eq!(row["images"], "120");
        assert_eq!(row["mismatches"], if row["domain"] == "encrypted" { "0" } else { "" });
        assert!(row["plaintext_bits"].parse::<f64>().unwrap() > 20.0);
        let density: f64 = row["hidden_density"].parse().unwrap();
        assert!(density > 0.0 && density <= 1.0);
        assert!(row["training_seconds"].parse::<f64>().unwrap() > 0.0);
    }
    let header = sandbox.read("results/tiny/table.csv");
    assert!(header.starts_with("point,training.logit_bits,seed,voter,domain,images,correct,"), "{header}");
    // Both points share two float members for each seed.
    assert_eq!(count(&sandbox, "results/tiny/work/float"), 4);
    assert_eq!(count(&sandbox, "results/tiny/work/members"), 8);
    let sweep: Value = serde_json::from_str(&sandbox.read("results/tiny/sweep.json")).unwrap();
    assert_eq!(sweep["axes"][0]["values"], serde_json::json!(["30", "32"]));
    assert_eq!(sweep["points"][1]["state"], "done");
    assert_eq!(sweep["dataset"]["synthetic"], true);
    // The folder of a point is a run.
    assert_eq!(rows(&sandbox.path("results/tiny/points/logit_bits=30/accuracy.csv")).len(), 2 * 3 * 3);
    assert!(sandbox.read("results/tiny/report.html").contains("SYNTHETIC"));

    let before = files(&sandbox.path("results/tiny/work"));
    let table = sandbox.read("results/tiny/table.csv");
    let again = sandbox.run(&["sweep", "tiny.toml", "--json"]).succeeds();
    let json: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!((&json["trained_members"], &json["evaluated"]), (&0.into(), &0.into()));
    assert_eq!(files(&sandbox.path("results/tiny/work")), before);
    assert_eq!(sandbox.read("results/tiny/table.csv"), table);
}

#[test]
fn an_axis_of_encryption_shares_trained_members() {
    let sandbox = sandbox_with("\"encryption.key\" = [\"public\", \"secret\"]");
    let run = sandbox.run(&["sweep", "tiny.toml", "--set", "ensemble.seeds=[1]", "--json"]).succeeds();
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&json["trained_members"], &json["exported"]), (&2.into(), &1.into()));
    assert_eq!(json["evaluated"], 2);
    let table = rows(&sandbox.path("results/tiny/table.csv"));
    let bytes = |key: &str| {
        let row = table.iter().find(|row| row["encryption.key"] == key).unwrap();
        row["upload_bytes"].parse::<u64>().unwrap()
    };
    assert!(bytes("secret") < bytes("public"));
}

#[test]
fn jobs_run_one_by_one_and_in_shards_give_the_records_of_the_whole_sweep() {
    let sandbox = sandbox_with(BITS);
    sandbox.run(&["sweep", "tiny.toml"]).succeeds();
    let list = sandbox
        .run(&["sweep", "tiny.toml", "--out", "jobs", "--shards", "3", "--list", "--format", "json"])
        .succeeds();
    let list: Value = serde_json::from_str(&list.stdout).unwrap();
    let jobs = list["jobs"].as_array().unwrap();
    // Members in two phases, exports, shards, merges and the report.
    assert_eq!(jobs.len(), 4 + 8 + 4 + 3 * 4 + 2 + 1);
    let last: Vec<&str> =
        jobs[jobs.len() - 1]["command"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let early = [&last[..], &["--out", "jobs"]].concat();
    sandbox
        .run(&early)
        .fails(1, &["report-all needs the file jobs/points", "first run the job that makes it"]);
    for job in jobs {
        let command: Vec<&str> =
            job["command"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        sandbox.run(&[&command[..], &["--out", "jobs"]].concat()).succeeds();
        for output in job["outputs"].as_array().unwrap() {
            assert!(sandbox.path("jobs").join(output.as_str().unwrap()).exists(), "{job}");
        }
        assert!(sandbox.path("jobs").join(job["log"].as_str().unwrap()).exists(), "{job}");
        assert!(job["cpu_seconds"].as_f64().unwrap() > 0.0 && job["memory_bytes"].as_u64().unwrap() > 0);
    }
    let whole = sandbox.path("results/tiny");
    for name in [
        "table.csv",
        "points/logit_bits=30/accuracy.csv",
        "points/logit_bits=30/recall.csv",
        "points/logit_bits=32/pairs.csv",
        "points/logit_bits=32/validation.csv",
        "points/logit_bits=32/sizes.csv",
    ] {
        assert_eq!(comparable(&sandbox.path("jobs").join(name)), comparable(&whole.join(name)), "{name}");
    }
    sandbox
        .run(&["sweep", "tiny.toml", "--job", "float-0"])
        .fails(1, &["this sweep has no job float-0", "--list"]);
}

#[test]
fn shards_with_gaps_overlaps_or_other_parameters_are_not_merged() {
    let sandbox = sandbox_with(BITS);
    let arguments = ["sweep", "tiny.toml", "--set", "ensemble.seeds=[1]", "--shards", "3"];
    sandbox.run(&arguments).succeeds();
    let folder =
        fs::read_dir(sandbox.path("results/tiny/work/evaluations")).unwrap().flatten().next().unwrap().path();
    let shard = |name: &str| folder.join(name);
    let middle = fs::read_to_string(shard("40-80.json")).unwrap();
    let merge = || -> Run {
        let list = sandbox.run(&[&arguments[..], &["--list", "--format", "json"]].concat()).succeeds();
        let list: Value = serde_json::from_str(&list.stdout).unwrap();
        let name = folder.file_name().unwrap().to_str().unwrap();
        let of = |job: &&Value| job["kind"] == "merge" && job["inputs"].to_string().contains(name);
        let id = list["jobs"].as_array().unwrap().iter().find(of).unwrap()["id"].as_str().unwrap().to_owned();
        sandbox.run(&[&arguments[..], &["--job", &id]].concat())
    };
    // The same images in a file with another range: the job's input exists, but with the wrong images.
    fs::write(shard("40-80.json"), middle.replace("\"first\": 40", "\"first\": 30")).unwrap();
    merge().fails(1, &["cannot merge the shards", "the test images 30 to 39 are in two shards"]);
    fs::write(shard("40-80.json"), middle.replace("\"first\": 40", "\"first\": 50")).unwrap();
    merge().fails(1, &["the test images 40 to 49 of 120 are in no shard"]);
    fs::write(shard("40-80.json"), middle.replace("\"degree\": 8192", "\"degree\": 4096")).unwrap();
    if middle.contains("\"degree\": 8192") {
        merge().fails(1, &["differ in their encryption parameters"]);
    }
    let networks = middle.split_once("\"networks\": \"").unwrap().1.split_once('"').unwrap().0;
    fs::write(shard("40-80.json"), middle.replace(networks, "another")).unwrap();
    merge().fails(1, &["differ in their exported networks"]);
    fs::write(shard("40-80.json"), middle).unwrap();
    merge().succeeds();
}

#[test]
fn a_sweep_that_is_killed_several_times_ends_with_the_same_records() {
    let sandbox = sandbox_with(BITS);
    sandbox.run(&["sweep", "tiny.toml", "--out", "whole"]).succeeds();
    let work = sandbox.path("results/tiny/work");
    let finished = |found: &BTreeMap<PathBuf, SystemTime>| -> Vec<PathBuf> {
        let named =
            |path: &&PathBuf| path.extension().is_some_and(|ending| ending == "gz" || ending == "json");
        found.keys().filter(named).cloned().collect()
    };
    let mut seen: BTreeMap<PathBuf, SystemTime> = BTreeMap::new();
    for moment in 1..=6 {
        let mut command = sandbox.command(&["sweep", "tiny.toml"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        sleep(Duration::from_millis(150 * moment));
        // A child that has ended cannot be killed.
        let _ = child.kill();
        child.wait().unwrap();
        let now = files(&work);
        for path in finished(&seen) {
            assert_eq!(now[&path], seen[&path], "{} was made again", path.display());
        }
        seen = now;
    }
    sandbox.run(&["sweep", "tiny.toml"]).succeeds();
    let now = files(&work);
    for path in finished(&seen) {
        assert_eq!(now[&path], seen[&path], "{} was made again", path.display());
    }
    assert_eq!(
        comparable(&sandbox.path("results/tiny/table.csv")),
        comparable(&sandbox.path("whole/table.csv"))
    );
}

#[test]
fn a_failed_point_is_recorded_and_the_other_points_continue() {
    // Training with a rate of 1 always diverges.
    let sandbox =
        sandbox_with("\"training.float_rate\" = [0.005, 1.0]\n\"training.clip\" = [1.0, 1000000.0]");
    let run = sandbox.run(&["sweep", "tiny.toml", "--set", "ensemble.seeds=[1]"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("failures.csv has the errors"), "{}", run.stderr);
    let failures = rows(&sandbox.path("results/tiny/failures.csv"));
    assert!(
        failures.iter().any(|row| row["point"] == "float_rate=1,clip=1000000" && row["stage"] == "train"),
        "{failures:?}"
    );
    assert!(failures.iter().all(|row| row["error"].contains("cannot train member")));
    let table = rows(&sandbox.path("results/tiny/table.csv"));
    assert!(table.iter().any(|row| row["point"] == "float_rate=0.005,clip=1"));
    let again = sandbox.run(&["sweep", "tiny.toml", "--set", "ensemble.seeds=[1]"]);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("--retry-failed trains again"), "{}", again.stderr);
}

#[test]
fn every_point_is_checked_before_the_first_one_runs() {
    for (sweep, words) in [
        (
            "\"training.logit_bits\" = [30, 101]",
            "cannot be 101 at the point logit_bits=101: `training.logit_bits` is 101, but must be between 8 and 100",
        ),
        ("\"training.clipp\" = [0.5, 1.0]", "unknown field `clipp`"),
        ("\"training.clip\" = [0.5, \"much\"]", "cannot be much at the point clip=much"),
        ("\"ensemble.members\" = [2, 2]", "holds 2 twice"),
        ("\"data.train_images\" = [100, 800]", "cannot be 100"),
        ("\"training.batch\" = [32, 500]", "`sweep.training.batch` is 500, but member"),
        ("\"ensemble.split\" = [\"regular\", \"likely\"]", "likely"),
        ("\"ensemble.split.dirichlet\" = [0.0]", "at the point dirichlet=0"),
    ] {
        let sandbox = sandbox_with(sweep);
        let run = sandbox.run(&["sweep", "tiny.toml"]).fails(2, &[words, "tiny.toml"]);
        assert!(!sandbox.path("results/tiny").exists(), "{}", run.stderr);
    }
}

#[test]
fn a_dry_run_prints_the_work_and_writes_nothing() {
    let sandbox =
        sandbox_with("\"training.logit_bits\" = { from = 25, to = 34 }\n\"training.clip\" = [0.5, 1.0]");
    let run = sandbox.run(&["sweep", "tiny.toml", "--dry-run"]).succeeds();
    for words in
        ["20 points", "training.logit_bits = 25, 26, ... 34 (10 values)", "CPU-seconds left", "member"]
    {
        assert!(run.stdout.contains(words), "{words:?} is not in: {}", run.stdout);
    }
    assert!(!sandbox.path("results").exists());
}

#[test]
fn a_base_may_be_a_file_and_fields_may_be_set_by_arguments() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("more")).unwrap();
    sandbox.write("more/mine.toml", "base = \"../small.toml\"\nname = \"mine\"\n[ensemble]\nshare = 0.7\n");
    let run =
        sandbox.run(&["data", "info", "more/mine.toml", "--json", "--set", "ensemble.seeds=[9]"]).succeeds();
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    let settings = json["settings"].as_array().unwrap();
    assert_eq!(settings.len(), 1);
    assert_eq!(
        (&settings[0]["setting"]["seed"], &settings[0]["setting"]["share_low"]),
        (&9.into(), &0.7.into())
    );

    sandbox.write("more/round.toml", "base = \"round.toml\"\nname = \"round\"\n");
    sandbox.run(&["train", "more/round.toml"]).fails(2, &["more/round.toml", "leads back to itself"]);
    sandbox.write("more/lost.toml", "base = \"lots.toml\"\nname = \"lost\"\n");
    sandbox
        .run(&["train", "more/lost.toml"])
        .fails(2, &["more/lost.toml, line 1", "a file, relative to this file"]);
    sandbox.write("more/nameless.toml", "base = \"quick\"\n");
    sandbox.run(&["train", "more/nameless.toml"]).fails(2, &["needs a `name` beside it"]);
    for (set, words) in [
        ("training.clip", "has no `=`"),
        ("training.clip=0", "--set training.clip=0, line 1: `training.clip` is 0, but must be above 0"),
        ("training.clipp=1", "did you mean `clip`?"),
        ("=1", "is not a field"),
    ] {
        sandbox.run(&["train", "small.toml", "--set", set]).fails(2, &[words]);
    }
    let run = sandbox.run(&[
        "train",
        "small.toml",
        "--set",
        "encryption.degree=auto",
        "--set",
        "encryption.key=sekret",
    ]);
    run.fails(2, &["unknown variant `sekret`"]);
}

#[test]
fn records_of_another_experiment_are_not_replaced() {
    let sandbox = sandbox_with(BITS);
    sandbox.run(&["train", "small.toml", "--out", "here"]).succeeds();
    let config = sandbox.read("here/config.toml");
    sandbox
        .run(&["sweep", "tiny.toml", "--out", "here"])
        .fails(1, &["here holds the run \"small\", not the sweep \"tiny\"", "--replace"]);
    sandbox.write("other.toml", &SMALL.replace("name = \"small\"", "name = \"other\""));
    sandbox.run(&["train", "other.toml", "--out", "here"]).fails(1, &["\"small\"", "\"other\"", "--replace"]);
    assert_eq!(sandbox.read("here/config.toml"), config);
    sandbox.run(&["train", "other.toml", "--out", "here", "--replace"]).succeeds();
    sandbox.run(&["reproduce", "tiny.toml"]).fails(2, &["run this configuration with `sottovoce sweep`"]);
}

#[test]
fn after_a_failed_setting_or_experiment_the_others_continue() {
    let sandbox = Sandbox::new();
    let fast =
        SMALL.replace("float_rate = 0.005", "float_rate = 1.0").replace("clip = 1.0", "clip = 1000000.0");
    sandbox.write("fast.toml", &fast.replace("name = \"small\"", "name = \"fast\""));
    let run = sandbox.run(&["reproduce", "fast.toml", "small.toml", "--json"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(json[0]["error"].as_str().unwrap().contains("every setting failed"), "{json}");
    assert_eq!(json[1]["failures"], serde_json::json!([]));
    assert!(sandbox.path("results/small/report.html").exists());
}
