use std::path::PathBuf;

use super::sandbox::{SMALL, Sandbox, rows};

#[test]
fn a_few_hundred_real_images_go_the_whole_way() {
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
    assert!(!sandbox.read("real/figure5.svg").contains("SYNTHETIC"));
}
