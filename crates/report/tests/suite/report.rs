use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use sottovoce_evaluate::records::{AccuracyRow, Domain};
use sottovoce_report::{ReportError, write_report};

use super::full_run::{CONFIG, facts, full_run, write_csv, write_facts};
use super::records::{layer, sweep};

/// A run folder without configuration and `run.json`.
fn bare(accuracy: &[AccuracyRow]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_csv(&folder.path().join("accuracy.csv"), accuracy);
    write_csv(&folder.path().join("layers.csv"), &[layer(1, "member-1", 1, "DenseLayer3", 0.5)]);
    folder
}

/// A run folder that is the paper's.
fn run(accuracy: &[AccuracyRow]) -> tempfile::TempDir {
    let folder = bare(accuracy);
    fs::write(folder.path().join("config.toml"), CONFIG).unwrap();
    write_facts(folder.path(), &facts());
    folder
}

/// Names of the files that a report writes.
fn report(folder: &Path) -> Vec<String> {
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    write_report(folder).unwrap().iter().map(name).collect()
}

/// Returns whether any chart or table shows the paper's numbers. The page itself only says that it has none.
fn mentions_paper(folder: &Path) -> Vec<String> {
    let told = report(folder).into_iter().filter(|name| !name.ends_with(".png") && name != "report.html");
    told.filter(|name| fs::read_to_string(folder.join(name)).unwrap().to_lowercase().contains("paper"))
        .collect()
}

fn all_splits() -> Vec<AccuracyRow> {
    ["regular", "likewise", "random", "explicit"].iter().flat_map(|split| sweep(split, 2, 3, 1)).collect()
}

#[test]
fn a_run_gets_a_chart_for_each_split_and_its_tables_and_nothing_else() {
    let folder = run(&all_splits());
    let written = write_report(folder.path()).unwrap();
    let names: Vec<_> = written.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "figure5.svg",
            "figure5.png",
            "figure6.svg",
            "figure6.png",
            "figure7.svg",
            "figure7.png",
            "accuracy-explicit.svg",
            "accuracy-explicit.png",
            "spread.svg",
            "spread.png",
            "table3.svg",
            "table3.png",
            "accuracy.md",
            "accuracy.tex",
            "layers.md",
            "layers.tex",
            "statistics.md",
            "statistics.tex",
            "verdicts.md",
            "report.html"
        ]
    );
    let found = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(found, written.len() + 4, "a partial file is left");
    let tables = fs::read_to_string(folder.path().join("accuracy.md")).unwrap();
    assert_eq!(tables.matches("## Test accuracy").count(), 4);
}

#[test]
fn the_same_records_give_the_same_bytes() {
    let (first, second) = (run(&all_splits()), run(&all_splits()));
    let paths = write_report(first.path()).unwrap();
    let bytes = |paths: &[std::path::PathBuf]| -> Vec<Vec<u8>> {
        paths.iter().map(|p| fs::read(p).unwrap()).collect()
    };
    let once = bytes(&paths);
    assert_eq!(bytes(&write_report(second.path()).unwrap()), once);
    assert_eq!(bytes(&write_report(first.path()).unwrap()), once);
}

#[test]
fn the_data_set_of_run_json_is_on_every_chart_and_table() {
    let folder = bare(&sweep("regular", 1, 3, 1));
    let run_json = r#"{"seed": 1, "dataset": {"name": "Synthetic digits", "synthetic": true, "sha256": []}}"#;
    fs::write(folder.path().join("run.json"), run_json).unwrap();
    write_report(folder.path()).unwrap();
    for name in ["accuracy-regular.svg", "accuracy.md", "layers.md", "accuracy.tex"] {
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(text.contains("SYNTHETIC DATA") && text.contains("Synthetic digits"), "{name}");
    }
}

#[test]
fn without_run_json_the_chart_says_that_the_data_set_is_unknown() {
    let folder = bare(&sweep("regular", 1, 3, 1));
    write_report(folder.path()).unwrap();
    let svg = fs::read_to_string(folder.path().join("accuracy-regular.svg")).unwrap();
    assert!(svg.contains("Data set not recorded"));
}

#[test]
fn a_broken_run_json_is_an_error_since_it_may_hide_that_data_is_synthetic() {
    let folder = run(&sweep("regular", 1, 3, 1));
    fs::write(folder.path().join("run.json"), r#"{"dataset": {"synthetic": tr"#).unwrap();
    let error = write_report(folder.path()).unwrap_err();
    assert!(error.to_string().contains("run.json"), "{error}");
}

#[test]
fn a_missing_record_file_is_named() {
    let folder = run(&sweep("regular", 1, 3, 1));
    fs::remove_file(folder.path().join("layers.csv")).unwrap();
    let error = write_report(folder.path()).unwrap_err();
    assert!(error.source().is_some_and(|source| source.to_string().contains("layers.csv")), "{error:?}");
}

#[test]
fn records_without_encryption_name_the_file_and_write_nothing() {
    let mut rows = sweep("regular", 1, 3, 1);
    rows.retain(|row| row.domain != Domain::Encrypted);
    let folder = bare(&rows);
    let error = write_report(folder.path()).unwrap_err();
    assert!(matches!(error, ReportError::Chart { .. }), "{error:?}");
    assert!(error.to_string().contains("accuracy.csv"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_split_name_cannot_lead_out_of_the_folder() {
    let folder = run(&sweep("../x", 1, 2, 1));
    let written = write_report(folder.path()).unwrap();
    assert_eq!(written[0].parent(), Some(folder.path()));
    assert!(written[0].to_str().unwrap().contains("accuracy-..-x-"), "{written:?}");
}

#[test]
fn two_groupings_of_an_experiment_have_charts_of_their_own() {
    let groupings = ["0.1.2-3.4.5-6.7.8.9", "0.1-2.3.4.5-6.7.8.9"];
    let rows: Vec<AccuracyRow> = groupings.iter().flat_map(|split| sweep(split, 2, 3, 1)).collect();
    let names = report(run(&rows).path());
    for split in groupings {
        assert_eq!(
            names.iter().filter(|name| **name == format!("accuracy-{split}.svg")).count(),
            1,
            "{names:?}"
        );
    }
}

#[test]
fn a_run_that_is_not_the_papers_has_nothing_of_the_paper() {
    let other = |from: &str, to: &str| {
        let folder = full_run();
        assert!(CONFIG.contains(from), "{from}");
        fs::write(folder.path().join("config.toml"), CONFIG.replace(from, to)).unwrap();
        folder
    };
    let synthetic = full_run();
    let mut facts = facts();
    facts["dataset"]["synthetic"] = true.into();
    write_facts(synthetic.path(), &facts);
    let unknown = full_run();
    fs::remove_file(unknown.path().join("config.toml")).unwrap();
    let ranges = full_run();
    let mut rows = super::full_run::accuracy();
    rows.iter_mut().for_each(|row| row.share_high += 0.01);
    write_csv(&ranges.path().join("accuracy.csv"), &rows);
    for (folder, reason) in [
        (other("\"mnist\"", "\"fashion-mnist\""), "the data set is fashion-mnist"),
        (other("hidden = 100", "hidden = 50"), "the architecture&#39;s hidden is 50, not 100"),
        (other("members = 3", "members = 4"), "the ensemble has 4 members"),
        (synthetic, "the data are synthetic"),
        (unknown, "the run has no config.toml"),
        (ranges, "no setting has a split method and a range of shares of the paper&#39;s"),
    ] {
        assert_eq!(mentions_paper(folder.path()), Vec::<String>::new(), "{reason}");
        let names = report(folder.path());
        for name in ["accuracy-regular.svg", "layers.png", "elapsed.svg", "sizes.svg"] {
            assert!(names.iter().any(|found| found == name), "{name} is not in {names:?}");
        }
        for start in ["figure", "table", "verdicts"] {
            assert!(!names.iter().any(|name| name.starts_with(start)), "{start}: {names:?}");
        }
        let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
        assert!(page.contains(&format!("are beside this run: {reason}.")), "{reason}");
        assert!(!page.contains("id=\"verdicts\""), "{reason}");
    }
}

#[test]
fn what_an_earlier_report_had_of_the_paper_goes_away() {
    let folder = full_run();
    let before = report(folder.path());
    fs::write(folder.path().join("config.toml"), CONFIG.replace("maps = 5", "maps = 6")).unwrap();
    let after = report(folder.path());
    for name in ["figure5.svg", "figure8.png", "table3.svg", "verdicts.md"] {
        assert!(before.iter().any(|found| found == name), "{before:?}");
        assert!(!folder.path().join(name).exists() && !after.iter().any(|found| found == name), "{name}");
    }
}

#[test]
fn some_of_the_papers_settings_have_its_values_but_not_its_figures_name() {
    let mut rows = sweep("regular", 3, 3, 1);
    rows.iter_mut().filter(|row| row.setting == 3).for_each(|row| row.share_high = 0.99);
    let folder = run(&rows);
    let names = report(folder.path());
    assert!(names.contains(&"accuracy-regular.svg".to_owned()), "{names:?}");
    let tables = fs::read_to_string(folder.path().join("accuracy.md")).unwrap();
    let cell = |setting: &str| {
        let row = tables.lines().find(|line| line.contains(setting) && line.contains("Ensemble")).unwrap();
        row.split('|').rev().nth(2).unwrap().trim().to_owned()
    };
    assert_eq!(
        (cell("50–60 %"), cell("60–70 %"), cell("70–99 %")),
        ("91.24".into(), "96.86".into(), "–".into())
    );
}

#[test]
fn experiment_data_set_and_training_are_named_by_tables_figures_and_page() {
    let folder = full_run();
    write_report(folder.path()).unwrap();
    let training = "12 float and 8 quantised epochs, batch 64, 4 pixel levels, 30 logit bits, augmentation by up to 8 degrees, \
                    1 pixel and 5 % of size";
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let heading = format!(
        "Experiment: made-up. Data set: MNIST (60,000 training and 10,000 test images). Training: {training}."
    );
    for name in ["accuracy.md", "layers.md", "statistics.md", "verdicts.md"] {
        assert!(read(name).starts_with(&heading), "{name}");
    }
    let page = read("report.html");
    assert!(page.contains("<title>made-up: encrypted inference on MNIST</title>"));
    assert!(page.contains(&format!("Members were trained with {training}.")));
    assert!(read("accuracy.md").contains(&format!("matched by number. This run: {training}.")));
    let figure = read("figure5.svg").replace('\n', " ");
    assert!(
        figure.contains("12 float and 8 quantised epochs"),
        "the figure does not say how members were trained"
    );
}

#[test]
fn the_papers_layer_times_need_batches_of_its_size() {
    let folder = full_run();
    let mut facts = facts();
    for setting in facts["settings"].as_array_mut().unwrap() {
        setting["parameters"]["degree"] = 16_384.into();
    }
    write_facts(folder.path(), &facts);
    let names = report(folder.path());
    for name in ["figure5.svg", "layers.svg", "figure8.svg", "verdicts.md"] {
        assert!(names.iter().any(|found| found == name), "{name} is not in {names:?}");
    }
    assert!(!fs::read_to_string(folder.path().join("layers.md")).unwrap().contains("aper"));
}

#[test]
fn latex_tables_hold_the_same_rows_as_markdown() {
    let folder = full_run();
    write_report(folder.path()).unwrap();
    for name in ["accuracy", "layers", "statistics"] {
        let read = |ending: &str| fs::read_to_string(folder.path().join(format!("{name}.{ending}"))).unwrap();
        let (latex, markdown) = (read("tex"), read("md"));
        assert_eq!(
            latex.matches("\\toprule").count(),
            latex.matches("\\bottomrule").count() + latex.matches("\\endhead").count(),
            "{name}"
        );
        let cells = markdown.lines().filter(|line| line.starts_with('|')).count();
        let rules = markdown.matches("\n## ").count();
        let repeated = latex.matches("\\endhead").count();
        let rows = latex.lines().filter(|line| line.ends_with(" \\\\")).count();
        assert_eq!(rows - repeated, cells - rules, "{name}");
        assert!(latex.contains("% Experiment: made-up."), "{name}");
    }
}
