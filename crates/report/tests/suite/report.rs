use std::error::Error;
use std::fs;

use sottovoce_evaluate::records::{AccuracyRow, Domain};
use sottovoce_report::report::ReportError;
use sottovoce_report::write_report;

use super::full_run::write_csv;
use super::records::{layer, sweep};

/// A run folder with all four kinds of split.
fn run(accuracy: &[AccuracyRow]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_csv(&folder.path().join("accuracy.csv"), accuracy);
    write_csv(&folder.path().join("layers.csv"), &[layer(1, "member-1", 1, "DenseLayer3", 0.5)]);
    folder
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
            "layers.md",
            "statistics.md",
            "verdicts.md",
            "report.html"
        ]
    );
    let found = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(found, written.len() + 2, "a partial file is left");
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
    let folder = run(&sweep("regular", 1, 3, 1));
    let run_json = r#"{"seed": 1, "dataset": {"name": "Synthetic digits", "synthetic": true, "sha256": []}}"#;
    fs::write(folder.path().join("run.json"), run_json).unwrap();
    write_report(folder.path()).unwrap();
    for name in ["figure5.svg", "accuracy.md", "layers.md"] {
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(text.contains("SYNTHETIC DATA") && text.contains("Synthetic digits"), "{name}");
    }
}

#[test]
fn without_run_json_the_chart_says_that_the_data_set_is_unknown() {
    let folder = run(&sweep("regular", 1, 3, 1));
    write_report(folder.path()).unwrap();
    let svg = fs::read_to_string(folder.path().join("figure5.svg")).unwrap();
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
    let folder = run(&rows);
    let error = write_report(folder.path()).unwrap_err();
    assert!(matches!(error, ReportError::Figure { .. }), "{error:?}");
    assert!(error.to_string().contains("accuracy.csv"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_split_name_cannot_lead_out_of_the_folder() {
    let folder = run(&sweep("../x", 1, 2, 1));
    let written = write_report(folder.path()).unwrap();
    assert_eq!(written[0], folder.path().join("accuracy----x.svg"));
}
