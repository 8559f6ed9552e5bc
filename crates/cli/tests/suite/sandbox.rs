//! A folder to run the program in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A small experiment on synthetic digits, which takes seconds.
pub const SMALL: &str = r#"
name = "small"

[data]
name = "synthetic"
train_images = 2000
validation_images = 100
test_images = 300

[architecture]
image_side = 28
kernel = 5
stride = 3
padding = { leading = 1, trailing = 0 }
maps = 2
hidden = 12
classes = 10

[ensemble]
members = 2
splits = ["regular"]
shares = [[0.5, 0.6], [0.8, 0.9]]
seeds = [7]

[training]
float_epochs = 4
quantised_epochs = 3
batch = 32
float_rate = 0.005
quantised_rate = 0.003
weight_decay = 0.01
clip = 1.0
augmentation = { rotation_degrees = 5.0, shift_pixels = 0.5, scale = 0.05 }
pixel_levels = 4
largest_weights = [3, 3, 7]
logit_bits = 32
range_penalty = 0.003
logit_adjustment = 1.0

[encryption]
range_margin = 0.25
"#;

/// The commands that read data sets, apart from `bench latency` and `bench service`.
const DATA_COMMANDS: [&str; 8] =
    ["reproduce", "sweep", "data", "train", "export", "evaluate", "predict", "import"];

pub struct Sandbox {
    folder: TempDir,
}

impl Sandbox {
    /// A folder with the experiment `small.toml`.
    pub fn new() -> Self {
        let sandbox = Self { folder: TempDir::new().unwrap() };
        sandbox.write("small.toml", SMALL);
        sandbox
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The program, in this folder, without a data set and without a network.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("sottovoce"));
        command.current_dir(self.folder.path()).env_remove("SOTTOVOCE_DATA").args(arguments);
        let mut words = arguments.iter().filter(|argument| !argument.starts_with('-'));
        let reads_data = match words.next() {
            Some(&"bench") => matches!(words.next(), Some(&"latency" | &"service")),
            Some(name) => DATA_COMMANDS.contains(name),
            None => false,
        };
        if reads_data {
            command.arg("--offline");
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::from(self.command(arguments).output().unwrap())
    }
}

/// The output and the exit code of a run of the program.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Run {
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }

    /// Asserts that the run ended with `code`, printed all of `words`, and did not panic.
    #[track_caller]
    pub fn fails(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in: {}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }
}

/// The rows of a CSV file as text, by column name.
pub fn rows(path: &Path) -> Vec<std::collections::HashMap<String, String>> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}
