use std::path::PathBuf;

use super::sandbox::{SMALL, Sandbox, rows};

#[test]
fn mnist_with_other_labels_is_refused_by_its_checksum() {
    let Some(folder) = std::env::var_os("SOTTOVOCE_DATA").map(PathBuf::from) else {
        eprintln!("skipped: SOTTOVOCE_DATA names no folder with MNIST");
        return;
    };
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("mnist")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_name().to_string_lossy().starts_with("t10k-labels") {
            std::fs::copy(entry.path(), sandbox.path("mnist").join(entry.file_name())).unwrap();
        }
    }
    // The files have the right form, but are not MNIST's.
    let mut labels = vec![0, 0, 8, 1, 0, 0, 0x27, 0x10];
    labels.extend((0..10_000).map(|i| (i % 10) as u8));
    std::fs::write(sandbox.path("mnist/t10k-labels-idx1-ubyte"), labels).unwrap();
    sandbox
        .run(&["reproduce", "fig5", "--data-dir", "mnist"])
        .fails(1, &["mnist/t10k-labels-idx1-ubyte is not the file of MNIST", "ff7bcfd416de3373"]);
}

#[test]
fn a_few_hundred_mnist_images_run_from_training_to_charts() {
    let Some(folder) = std::env::var_os("SOTTOVOCE_DATA").map(PathBuf::from) else {
        eprintln!("skipped: SOTTOVOCE_DATA names no folder with MNIST");
        return;
    };
    let sandbox = Sandbox::new();
    let text =
        SMALL.replace("\"synthetic\"", "\"mnist\"").replace("[[0.5, 0.6], [0.8, 0.9]]", "[[0.5, 0.6]]");
    sandbox.write("real.toml", &text);
    let folder = folder.to_str().unwrap();
    sandbox.run(&["reproduce", "real.toml", "--data-dir", folder, "--out", "real"]).succeeds();
    for row in rows(&sandbox.path("real/accuracy.csv")) {
        assert!(row["accuracy"].parse::<f64>().unwrap() > 0.5, "nothing was learned: {row:?}");
        assert_eq!(row["mismatches"], if row["domain"] == "encrypted" { "0" } else { "" });
    }
    assert!(!sandbox.read("real/accuracy-regular.svg").contains("SYNTHETIC"));
}
