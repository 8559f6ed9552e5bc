//! Two runs and two sweeps side by side.

use std::fs;
use std::path::Path;

use serde_json::json;
use sottovoce_evaluate::records::{AccuracyRow, Domain};
use sottovoce_report::{
    CompareError, Comparison, FieldDifference, FolderKind, compare_folders, comparison_tables,
};
use sottovoce_table::Table;
use tempfile::TempDir;

use super::full_run::{CONFIG, accuracy, elapsed, facts, full_run, write_csv, write_facts};
use super::records::sweep;

fn table<'a>(tables: &'a [Table], title: &str) -> &'a Table {
    tables.iter().find(|table| table.title.starts_with(title)).unwrap()
}

/// A run like `full_run` whose ensemble has `more` correct answers under encryption in each setting.
fn better(more: usize) -> TempDir {
    let folder = full_run();
    let mut rows = accuracy();
    for row in rows.iter_mut().filter(|row| row.voter == "ensemble" && row.domain == Domain::Encrypted) {
        row.correct += more + row.setting;
        row.accuracy = row.correct as f64 / row.images as f64;
    }
    write_csv(&folder.path().join("accuracy.csv"), &rows);
    folder
}

fn compared(first: &TempDir, second: &TempDir) -> Comparison {
    compare_folders(first.path(), second.path()).unwrap()
}

#[test]
fn a_run_does_not_differ_from_itself() {
    let run = full_run();
    let found = compared(&run, &run);
    assert_eq!((found.kind, found.same_images), (FolderKind::Runs, Some(true)));
    assert_eq!((found.configuration.len(), found.parameters.len(), found.provenance.len()), (0, 0, 0));
    // 18 settings with four voters and two baselines, with two seeds each.
    assert_eq!(found.accuracy.len(), (18 * 4 + 4 + 2) * 2);
    assert_eq!(found.without_partner, [0, 0]);
    assert!(found.accuracy.iter().all(|row| row.difference_points == 0.0 && row.unpaired_p == Some(1.0)));
    assert!(found.tests.iter().all(|test| test.better + test.worse == 0 && test.wilcoxon_p.is_none()));
    assert!(!found.times.is_empty() && found.times.iter().all(|time| (time.ratio - 1.0).abs() < 1e-12));
    let text = comparison_tables(&found).iter().map(|table| table.to_text()).collect::<Vec<_>>().join("\n");
    assert!(text.contains("No field of config.toml differs."), "{text}");
    assert!(text.contains("Both on unknown processor, 8 threads."), "{text}");
}

#[test]
fn fields_parameters_and_machines_that_differ_are_named_with_both_values() {
    let (first, second) = (full_run(), full_run());
    let config = CONFIG.replace("float_epochs = 12", "float_epochs = 6").replace("batch = 64\n", "");
    fs::write(second.path().join("config.toml"), config).unwrap();
    let mut facts = facts();
    facts["settings"][2]["parameters"]["degree"] = json!(16_384);
    facts["invocations"][0]["machine"] = json!({ "processor": "Other", "cores": 4 });
    facts["dataset"]["test_images"] = json!(9_000);
    for setting in facts["settings"].as_array_mut().unwrap() {
        let number = setting["setting"]["number"].as_u64().unwrap() as usize - 1;
        setting["setting"]["share_low"] = json!(super::records::RANGES[number].0);
        setting["setting"]["share_high"] = json!(super::records::RANGES[number].1);
    }
    write_facts(second.path(), &facts);
    facts["settings"][2]["parameters"]["degree"] = json!(8_192);
    facts["invocations"][0]["machine"] = json!({ "processor": "One", "cores": 2 });
    facts["dataset"]["test_images"] = json!(10_000);
    write_facts(first.path(), &facts);
    let found = compared(&first, &second);
    let fields = |differences: &[FieldDifference]| -> Vec<String> {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        differences
            .iter()
            .map(|d| format!("{}: {} {}", d.field, text(&d.values[0]), text(&d.values[1])))
            .collect()
    };
    assert_eq!(fields(&found.configuration), ["training.batch: 64 ", "training.float_epochs: 12 6"]);
    assert_eq!(fields(&found.parameters), ["degree: 8192 16384"]);
    assert_eq!(found.parameters[0].settings, Some([1, 18]));
    assert_eq!(
        fields(&found.provenance),
        ["dataset.test_images: 10000 9000", "machine.cores: 2 4", "machine.processor: One Other"]
    );
    assert_eq!(found.same_images, Some(false));
    let tables = comparison_tables(&found);
    let note = &table(&tables, "Times").notes[0];
    assert!(
        note.starts_with("First on One, 2 cores, 8 threads; second on Other, 4 cores, 8 threads"),
        "{note}"
    );
    assert!(table(&tables, "Encryption parameters").rows[0].contains(&"1 of 18".to_owned()));
}

#[test]
fn accuracies_are_paired_by_setting_and_seed() {
    let (first, second) = (full_run(), better(20));
    let found = compared(&first, &second);
    let all = found.tests.last().unwrap();
    assert_eq!((all.over.as_str(), all.pairs, all.better, all.worse), ("all", 40, 40, 0));
    assert!(all.wilcoxon_p.unwrap() < 1e-11 && all.t_p.unwrap() < 1e-11, "{all:?}");
    let setting = found.tests.iter().find(|test| test.over == "split=likewise, share=0.9-0.95").unwrap();
    assert_eq!((setting.pairs, setting.t_p, setting.wilcoxon_p), (2, None, Some(0.5)));
    assert!((setting.mean_points - 0.25).abs() < 1e-9, "{setting:?}");
    assert!(found.tests.iter().any(|test| test.over == "all of split=random" && test.pairs == 12));
    let member = found.accuracy.iter().find(|row| row.voter == "Member 1").unwrap();
    assert_eq!((member.difference_points, member.unpaired_p), (0.0, Some(1.0)));
    let ensemble = found.accuracy.iter().find(|row| row.voter == "Ensemble").unwrap();
    assert_eq!(ensemble.correct, [9_901, 9_922]);
    assert!(ensemble.unpaired_p.unwrap() > 0.05, "{ensemble:?}");
}

#[test]
fn settings_meet_by_their_range_whatever_their_number() {
    let (first, second) = (full_run(), full_run());
    let mut rows: Vec<AccuracyRow> = sweep("regular", 6, 3, 2);
    rows.retain(|row| row.setting == 5);
    rows.iter_mut().for_each(|row| row.setting = 1);
    write_csv(&second.path().join("accuracy.csv"), &rows);
    let found = compared(&first, &second);
    assert_eq!(found.accuracy.len(), 8);
    assert_eq!(
        serde_json::to_value(&found.accuracy[0].axis_values).unwrap(),
        json!({ "split": "regular", "share": "0.9-0.95" })
    );
    assert_eq!(found.without_partner, [(18 * 4 + 4 + 2) * 2 - 8, 0]);
}

#[test]
fn times_are_ratios_of_what_both_measured() {
    let (first, second) = (full_run(), full_run());
    let mut rows = elapsed();
    rows.iter_mut().for_each(|row| row.seconds *= 1.5);
    rows.remove(0);
    write_csv(&second.path().join("elapsed.csv"), &rows);
    let found = compared(&first, &second);
    let elapsed: Vec<_> = found.times.iter().filter(|time| time.what.ends_with("to predictions")).collect();
    assert_eq!(elapsed.len(), 9);
    assert!(elapsed.iter().all(|time| (time.ratio - 1.5).abs() < 1e-9));
    assert!(found.times.iter().any(|time| time.what == "DenseLayer3, a batch" && time.ratio == 1.0));
    assert!(found.times.iter().any(|time| time.what == "training" && time.unit == "images/s"));
}

#[test]
fn folders_without_records_and_runs_without_common_settings_are_refused() {
    let (run, empty) = (full_run(), tempfile::tempdir().unwrap());
    let error = compare_folders(run.path(), &empty.path().join("absent")).unwrap_err();
    assert!(
        matches!(error, CompareError::NoFolder { .. })
            && error.to_string().contains("absent is not a folder")
    );
    let error = compare_folders(empty.path(), run.path()).unwrap_err();
    assert!(error.to_string().contains("holds no run: neither accuracy.csv"), "{error}");
    let other = full_run();
    let mut rows = sweep("regular", 1, 3, 1);
    rows.iter_mut().for_each(|row| row.seed = 9);
    write_csv(&other.path().join("accuracy.csv"), &rows);
    let error = compare_folders(run.path(), other.path()).unwrap_err().to_string();
    assert!(error.starts_with("nothing is common to "), "{error}");
    assert!(
        error.contains("with seeds 1, 2; ") && error.ends_with("has regular at shares 0.5-0.6 with seeds 9"),
        "{error}"
    );
    let error = compare_folders(run.path(), study("logit_bits", &[24.0], 0).path()).unwrap_err().to_string();
    assert!(
        error.contains(" is a run and ") && error.contains(" a sweep; name two runs or two sweeps"),
        "{error}"
    );
}

/// A sweep over one axis, two seeds, one member and the ensemble.
fn study(axis: &str, values: &[f64], more: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut text = format!(
        "point,training.{axis},ensemble.members,seed,voter,domain,images,correct,accuracy,mismatches,training_seconds,\
         encryption_seconds,provider_seconds,decryption_seconds\n"
    );
    for value in values {
        for (members, seed) in [(1, 1), (1, 2), (3, 1), (3, 2)] {
            for (voter, correct) in [("member-1", 900), ("ensemble", 950)] {
                for domain in ["integer", "encrypted"] {
                    let correct = correct + more + seed;
                    text += &format!(
                        "{axis}={value},{value},{members},{seed},{voter},{domain},1000,{correct},{},0,10,1,{},0.1\n",
                        correct as f64 / 1_000.0,
                        2 + more,
                    );
                }
            }
        }
    }
    fs::write(folder.path().join("table.csv"), text).unwrap();
    fs::write(folder.path().join("config.toml"), format!("name = \"study\"\n[sweep]\naxis = \"{axis}\"\n"))
        .unwrap();
    folder
}

#[test]
fn sweeps_are_compared_at_the_points_that_both_have() {
    let (first, second) =
        (study("logit_bits", &[24.0, 26.0, 28.0], 0), study("logit_bits", &[26.0, 28.0, 30.0], 2));
    let found = compared(&first, &second);
    assert_eq!(found.kind, FolderKind::Sweeps);
    // Two values of each axis, two seeds, two voters.
    assert_eq!(found.accuracy.len(), 16);
    assert_eq!(found.without_partner, [8, 8]);
    let place = serde_json::to_value(&found.accuracy[0].axis_values).unwrap();
    assert_eq!(place, json!({ "training.logit_bits": "26", "ensemble.members": "1" }));
    let all = found.tests.last().unwrap();
    assert_eq!((all.pairs, all.better), (8, 8));
    let provider: Vec<f64> =
        found.times.iter().filter(|time| time.what.starts_with("provider")).map(|time| time.ratio).collect();
    assert_eq!(provider, [2.0; 4]);
}

#[test]
fn an_axis_of_one_sweep_alone_is_added_up() {
    let (first, second) = (study("logit_bits", &[24.0, 26.0], 0), study("clip", &[0.5], 1));
    let found = compared(&first, &second);
    assert_eq!(found.axes_apart, [vec!["training.logit_bits".to_owned()], vec!["training.clip".to_owned()]]);
    assert_eq!(found.accuracy[0].images, [2_000, 1_000]);
    let notes = table(&comparison_tables(&found), "Configuration").notes.join(" ");
    assert!(notes.contains("Axes of the first sweep alone: training.logit_bits."), "{notes}");
}

#[test]
fn sweeps_without_a_common_axis_and_broken_tables_are_refused() {
    let (first, second) = (study("logit_bits", &[24.0], 0), study("logit_bits", &[24.0], 0));
    let path = |folder: &TempDir| folder.path().join("table.csv");
    let text = fs::read_to_string(path(&second)).unwrap();
    let change = |from: &str, to: &str| {
        fs::write(path(&second), text.replacen(from, to, 1)).unwrap();
        compare_folders(first.path(), second.path()).unwrap_err().to_string()
    };
    let error = change("training.logit_bits,ensemble.members", "data.name,training.clip");
    assert!(
        error.contains("no axis in common") && error.ends_with("has data.name, training.clip"),
        "{error}"
    );
    let error = change(",1000,", ",many,");
    assert!(error.contains("table.csv, line 2: `many` in column `images` is not a number"), "{error}");
    let error = change(",seed,", ",sed,");
    assert!(error.contains("there is no column `seed`"), "{error}");
    let error = change("1,1,member-1,integer", "1,1,member-1,plain");
    assert!(error.contains("`plain` in column `domain` is not float, integer or encrypted"), "{error}");
    fs::write(path(&second), text.lines().next().unwrap()).unwrap();
    assert!(compare_folders(first.path(), second.path()).unwrap_err().to_string().contains("has no rows"));
}

#[test]
fn tables_render_and_json_keeps_everything() {
    let found = compared(&full_run(), &better(5));
    let value = serde_json::to_value(&found).unwrap();
    assert_eq!(value["kind"], "runs");
    assert_eq!(value["accuracy"][0]["place"]["split"], "regular");
    assert_eq!(value["accuracy"][0]["domain"], "encrypted");
    for table in comparison_tables(&found) {
        assert!(table.rows.iter().all(|row| row.len() == table.header.len()), "{}", table.title);
        assert!(table.to_latex("tab:x", None).contains("\\toprule"), "{}", table.title);
    }
    let order: Vec<String> = comparison_tables(&found).into_iter().map(|table| table.title).collect();
    assert_eq!(order.len(), 6);
    assert_eq!(order[3], "Accuracy under encryption");
}

#[test]
fn a_run_without_run_json_is_compared_without_machine() {
    let (first, second) = (full_run(), full_run());
    fs::remove_file(Path::new(second.path()).join("run.json")).unwrap();
    let found = compared(&first, &second);
    assert_eq!(found.same_images, None);
    assert!(found.machines[1].starts_with("unknown processor"), "{:?}", found.machines);
}
