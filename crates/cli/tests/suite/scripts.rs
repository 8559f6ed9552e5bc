//! The Python scripts for users. A test is skipped with a message if the interpreter lacks the packages; the environment variable
//! `SOTTOVOCE_PYTHON` names another interpreter.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use super::sandbox::{Run, Sandbox};

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts").join(name)
}

fn python(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("SOTTOVOCE_PYTHON").unwrap_or_else(|| "python3".into()));
    // Keras looks for TensorFlow unless the backend is set.
    command.current_dir(sandbox.path("")).env("KERAS_BACKEND", "jax").args(arguments);
    command
}

/// Returns whether the interpreter can import the packages.
fn has(sandbox: &Sandbox, packages: &str) -> bool {
    let output = python(sandbox, &["-c", &format!("import {packages}")]).output();
    let found = output.is_ok_and(|output| output.status.success());
    if !found {
        // Written directly to standard error: captured output of a passing test is not shown.
        let _ = writeln!(io::stderr(), "SKIPPED: Python cannot import {packages}; see SOTTOVOCE_PYTHON");
    }
    found
}

fn run(sandbox: &Sandbox, name: &str, arguments: &[&str]) -> Run {
    let mut command = python(sandbox, &[]);
    Run::from(command.arg(script(name)).args(arguments).output().unwrap())
}

/// A folder `data` of 320 training and 60 test images of 28 x 28 random pixels.
fn write_data(sandbox: &Sandbox) {
    fs::create_dir(sandbox.path("data")).unwrap();
    for (part, count) in [("train", 320_u32), ("t10k", 60)] {
        let number =
            |values: &[u32]| values.iter().flat_map(|value| value.to_be_bytes()).collect::<Vec<u8>>();
        let pixels = (0..count * 784).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8);
        let images = [number(&[0x803, count, 28, 28]), pixels.collect()].concat();
        let labels = [number(&[0x801, count]), (0..count).map(|i| (i % 10) as u8).collect()].concat();
        fs::write(sandbox.path(&format!("data/{part}-images-idx3-ubyte")), images).unwrap();
        fs::write(sandbox.path(&format!("data/{part}-labels-idx1-ubyte")), labels).unwrap();
    }
}

/// Trains one epoch, imports the files, and compares their logits with the framework's.
fn trained_files_are_imported_and_proven(packages: &str, name: &str, files: &[&str]) {
    let sandbox = Sandbox::new();
    if !has(&sandbox, packages) {
        return;
    }
    write_data(&sandbox);
    let arguments = ["data", "--epochs", "1", "--held-out", "20", "--checked", "30", "--out", "trained"];
    run(&sandbox, name, &arguments).succeeds();
    run(&sandbox, name, &arguments).fails(2, &["trained/net.", "exists", "--replace"]);
    for file in files {
        let import = format!(
            "import trained/{file} --check trained/predictions.npz --data tiny --data-dir data --pixel-levels 3 \
             --scales 8,16,8 --out imported --replace"
        );
        let run = sandbox.run(&import.split_whitespace().collect::<Vec<_>>()).succeeds();
        assert!(run.stderr.contains("PROVEN"), "{file}: {}", run.stderr);
    }
    let arguments = ["trained", "--out", "elsewhere"];
    run(&sandbox, name, &arguments).fails(1, &["trained holds no train-images-idx3-ubyte"]);
}

#[test]
fn a_network_that_the_keras_script_trains_is_imported() {
    trained_files_are_imported_and_proven("keras, jax, numpy", "train-keras.py", &["net.keras"]);
}

#[test]
fn a_network_that_the_pytorch_script_trains_is_imported() {
    trained_files_are_imported_and_proven("torch, numpy", "train-pytorch.py", &["net.pt2", "net.pt"]);
}

#[test]
fn a_sweeps_table_is_plotted() {
    let sandbox = Sandbox::new();
    if !has(&sandbox, "matplotlib, pandas, scipy") {
        return;
    }
    let mut table = "point,training.clip,ensemble.split,seed,voter,domain,accuracy\n".to_owned();
    for clip in [1.0, 2.0] {
        for (split, seed) in [("regular", 1), ("regular", 2), ("dirichlet-0.5", 1), ("dirichlet-0.5", 2)] {
            let accuracy = 0.9 + 0.01 * clip + 0.001 * f64::from(seed);
            writeln!(table, "p,{clip},{split},{seed},ensemble,encrypted,{accuracy}").unwrap();
        }
    }
    sandbox.write("table.csv", &table);
    let plot =
        |arguments: &str| run(&sandbox, "plot-table.py", &arguments.split_whitespace().collect::<Vec<_>>());
    plot("table.csv --x clip --series split --out figure.svg").succeeds();
    let figure = sandbox.read("figure.svg");
    for words in ["training.clip", "split regular", "split dirichlet-0.5", "test accuracy (%)"] {
        assert!(figure.contains(words), "{words:?} is not in the figure");
    }
    plot("table.csv --x split --where clip=2 --out again.pdf").succeeds();
    plot("table.csv --x clip").fails(1, &["`ensemble.split` has several values", "--series ensemble.split"]);
    plot("table.csv --x clipp").fails(1, &["no axis `clipp`", "training.clip, ensemble.split"]);
    plot("table.csv --x clip --y loss").fails(1, &["no metric `loss`", "accuracy"]);
    plot("table.csv --x clip --domain float").fails(1, &["domain = float", "encrypted"]);
}
