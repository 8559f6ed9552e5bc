//! Verdicts on claims and targets.

use std::fs;
use std::path::Path;

use serde_json::json;
use sottovoce_evaluate::records::{AccuracyRow, Domain};
use sottovoce_report::verdict_tables;

use super::full_run::{accuracy, elapsed, facts, full_run, write_csv, write_facts};

/// Verdict of the statement that starts with `start`.
fn verdict(folder: &Path, start: &str) -> String {
    let tables = verdict_tables(folder).unwrap();
    let row = tables.iter().flat_map(|table| &table.rows).find(|row| row[0].starts_with(start));
    row.unwrap_or_else(|| panic!("no statement starts with {start}")).last().unwrap().clone()
}

fn with_accuracy(change: impl Fn(&mut AccuracyRow)) -> tempfile::TempDir {
    let folder = full_run();
    let mut rows = accuracy();
    rows.iter_mut().for_each(change);
    write_csv(&folder.path().join("accuracy.csv"), &rows);
    folder
}

#[test]
fn a_run_that_reaches_everything_is_told_so() {
    let folder = full_run();
    for target in [
        "Ensemble accuracy under encryption, settings 1 to 4",
        "Ensemble accuracy under encryption, setting 5",
        "Ensemble accuracy under encryption, setting 6",
        "The ensemble beats every member",
        "Every decrypted logit",
        "Integer against float",
        "Plaintext modulus",
        "50,000 images through the ensemble, encryption included",
        "All 54 members",
        "Figures 5 to 7 under encryption",
    ] {
        assert_eq!(verdict(folder.path(), target), "met", "{target}");
    }
    assert_eq!(verdict(folder.path(), "The encrypted result equals"), "reproduced");
    for claim in [
        "The ensemble is more accurate",
        "Ensemble accuracy on encrypted images",
        "8,192 images",
        "Elapsed time",
        "An upload",
        "An answer",
    ] {
        assert_eq!(verdict(folder.path(), claim), "better", "{claim}");
    }
}

#[test]
fn an_accuracy_below_its_target_names_the_setting() {
    let folder = with_accuracy(|row| {
        if row.voter == "ensemble" && row.split == "random" && row.setting == 6 {
            row.accuracy = 0.969;
        }
    });
    let found = verdict(folder.path(), "Ensemble accuracy under encryption, setting 6");
    assert_eq!(found, "not met: below in random 6");
    assert_eq!(verdict(folder.path(), "Ensemble accuracy under encryption, setting 5"), "met");
}

#[test]
fn one_lost_seed_is_a_lost_setting() {
    let folder = with_accuracy(|row| {
        if row.voter == "member-2" && (row.split.as_str(), row.setting, row.seed) == ("likewise", 3, 2) {
            row.accuracy = 0.999;
        }
    });
    assert_eq!(verdict(folder.path(), "The ensemble beats every member"), "not met: not in likewise 3");
    // The paper lost one, too.
    assert_eq!(verdict(folder.path(), "The ensemble is more accurate"), "reproduced");
}

#[test]
fn one_different_logit_is_enough() {
    let folder = with_accuracy(|row| {
        if row.domain == Domain::Encrypted && row.voter == "ensemble" && row.setting == 1 && row.seed == 1 {
            row.mismatches = Some(1);
        }
    });
    assert_eq!(verdict(folder.path(), "Every decrypted logit"), "not met: some differ");
    assert_eq!(verdict(folder.path(), "The encrypted result"), "not reproduced: some logits differ");
    let folder = with_accuracy(|row| row.mismatches = None);
    assert!(verdict(folder.path(), "Every decrypted logit").starts_with("not measured"));
    // The images whose time was measured count, too.
    let folder = full_run();
    let mut facts = facts();
    facts["elapsed"]["mismatches"] = json!(1);
    write_facts(folder.path(), &facts);
    assert_eq!(verdict(folder.path(), "Every decrypted logit"), "not met: some differ");
}

#[test]
fn rounding_that_costs_too_much_is_told() {
    let folder = with_accuracy(|row| {
        if row.domain == Domain::Float && row.setting == 4 {
            row.accuracy += 0.0031;
        }
    });
    assert_eq!(verdict(folder.path(), "Integer against float"), "not met: 0.31 points");
}

#[test]
fn an_integer_network_that_is_better_than_float_has_lost_nothing() {
    let folder = with_accuracy(|row| {
        if row.domain == Domain::Float && row.setting == 4 {
            row.accuracy -= 0.0031;
        }
    });
    assert_eq!(verdict(folder.path(), "Integer against float"), "met");
    // A gain in one setting makes up for no loss in another.
    let folder = with_accuracy(|row| {
        if row.domain == Domain::Float {
            row.accuracy += if row.setting == 4 { -0.01 } else { 0.004 };
        }
    });
    assert_eq!(verdict(folder.path(), "Integer against float"), "not met: 0.40 points");
}

#[test]
fn elapsed_times_that_do_not_go_by_batches_are_no_staircase() {
    let folder = full_run();
    let mut rows = elapsed();
    // In proportion to images instead.
    rows.iter_mut().for_each(|row| row.seconds = row.images as f64 / 1_000.0);
    write_csv(&folder.path().join("elapsed.csv"), &rows);
    assert!(verdict(folder.path(), "Elapsed time").starts_with("not reproduced"));
    let slow = verdict(folder.path(), "50,000 images through the ensemble, encryption included");
    assert_eq!(slow, "not met: 50.0 s");
    rows.pop();
    write_csv(&folder.path().join("elapsed.csv"), &rows);
    let absent = verdict(folder.path(), "50,000 images through the ensemble, encryption included");
    assert!(absent.starts_with("not measured"), "{absent}");
}

#[test]
fn what_run_json_does_not_say_is_not_measured() {
    let folder = full_run();
    fs::remove_file(folder.path().join("run.json")).unwrap();
    // Nor is it known that the run is on MNIST.
    assert_eq!(verdict_tables(folder.path()).unwrap(), []);
    let mut silent = facts();
    silent["settings"] = json!([]);
    write_facts(folder.path(), &silent);
    for target in ["Plaintext modulus", "All 54 members", "Figures 5 to 7 under encryption"] {
        assert!(verdict(folder.path(), target).starts_with("not measured"), "{target}");
    }
    let mut wide = facts();
    wide["settings"][3]["parameters"]["plaintext_modulus"] = json!(1_u64 << 31);
    wide["settings"][3]["training"]["images"] = json!(8_000_000);
    wide["settings"][4]["seconds"] = json!(60.0);
    write_facts(folder.path(), &wide);
    assert_eq!(verdict(folder.path(), "Plaintext modulus"), "not met: 32 bits");
    assert_eq!(verdict(folder.path(), "All 54 members"), "not met: 13.9 min");
    assert_eq!(verdict(folder.path(), "Figures 5 to 7 under encryption"), "not met: 162 s");
}

/// Titles of the tables of verdicts.
fn titles(folder: &Path) -> Vec<String> {
    verdict_tables(folder).unwrap().into_iter().map(|table| table.title).collect()
}

#[test]
fn a_run_that_is_not_the_papers_has_no_verdicts() {
    let folder = full_run();
    assert_eq!(titles(folder.path()), ["Targets of this project", "Claims of the paper"]);
    let mut facts = facts();
    facts["dataset"]["synthetic"] = json!(true);
    write_facts(folder.path(), &facts);
    assert_eq!(titles(folder.path()), Vec::<String>::new());
    let folder = full_run();
    fs::remove_file(folder.path().join("config.toml")).unwrap();
    assert_eq!(titles(folder.path()), Vec::<String>::new());
}

#[test]
fn part_of_the_settings_or_images_is_judged_by_the_papers_claims_alone() {
    let folder = full_run();
    let rows: Vec<AccuracyRow> = accuracy().into_iter().filter(|row| row.split != "random").collect();
    write_csv(&folder.path().join("accuracy.csv"), &rows);
    assert_eq!(titles(folder.path()), ["Claims of the paper"]);
    for claim in ["The ensemble is more accurate", "Ensemble accuracy on encrypted images"] {
        assert_eq!(verdict(folder.path(), claim), "not measured: only 12 of 18 settings");
    }
    assert_eq!(verdict(folder.path(), "8,192 images"), "better");
    let folder = full_run();
    let mut facts = facts();
    facts["dataset"]["train_images"] = json!(30_000);
    write_facts(folder.path(), &facts);
    assert_eq!(titles(folder.path()), ["Claims of the paper"]);
    assert_eq!(
        verdict(folder.path(), "The ensemble is more accurate"),
        "not measured: 30,000 of MNIST's 60,000 training images"
    );
}

#[test]
fn settings_of_other_ranges_do_not_count() {
    let folder = with_accuracy(|row| {
        if row.setting == 6 {
            row.share_high = 1.0;
        }
    });
    assert_eq!(titles(folder.path()), ["Claims of the paper"]);
    assert_eq!(verdict(folder.path(), "The ensemble is more"), "not measured: only 15 of 18 settings");
}
