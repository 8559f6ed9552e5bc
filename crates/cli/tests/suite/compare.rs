//! `compare` and its output.

use std::fs;
use std::path::{Path, PathBuf};

use super::sandbox::Sandbox;

/// Copies the records of the committed reference run to a folder.
fn reference(sandbox: &Sandbox, name: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results/reference/paper");
    let folder = sandbox.path(name);
    fs::create_dir_all(&folder).unwrap();
    for file in ["accuracy.csv", "layers.csv", "elapsed.csv", "run.json", "config.toml"] {
        fs::copy(source.join(file), folder.join(file)).unwrap();
    }
    folder
}

#[test]
fn the_reference_run_is_compared_with_itself_and_with_a_changed_copy() {
    let sandbox = Sandbox::new();
    reference(&sandbox, "a");
    let run = sandbox.run(&["compare", "a", "a"]).succeeds();
    for words in ["No field of config.toml differs.", "Accuracy under encryption", "all ", "1.00×"] {
        assert!(run.stdout.contains(words), "{words} is not in: {}", run.stdout);
    }
    let copy = reference(&sandbox, "b");
    let config = fs::read_to_string(copy.join("config.toml")).unwrap();
    fs::write(copy.join("config.toml"), config.replace("batch = 64", "batch = 32")).unwrap();
    let run = sandbox.run(&["compare", "a", "b", "--json"]).succeeds();
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let expected =
        serde_json::json!([{ "field": "training.batch", "values": ["64", "32"], "settings": null }]);
    assert_eq!(json["configuration"], expected);
    assert_eq!(json["same_images"], true);
    let run = sandbox.run(&["compare", "a", "b", "--format", "md"]).succeeds();
    assert!(run.stdout.contains("| training.batch |"), "{}", run.stdout);
    let run = sandbox.run(&["compare", "a", "b", "--format", "latex"]).succeeds();
    assert!(run.stdout.contains("training.batch & 64 & 32 \\\\"), "{}", run.stdout);
}

#[test]
fn a_folder_without_a_run_is_refused() {
    let sandbox = Sandbox::new();
    reference(&sandbox, "a");
    fs::create_dir(sandbox.path("empty")).unwrap();
    sandbox.run(&["compare", "a", "empty"]).fails(1, &["empty holds no run", "accuracy.csv (a run)"]);
    sandbox.run(&["compare", "absent", "a"]).fails(1, &["absent is not a folder"]);
    sandbox.run(&["compare", "a"]).fails(2, &["RUN"]);
    sandbox.run(&["compare", "a", "a", "--format", "pdf"]).fails(2, &["'pdf'", "latex"]);
}
