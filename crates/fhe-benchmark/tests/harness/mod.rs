//! A checkout of the harness with an installed submission, as far as the stages see it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use rayon::prelude::*;
use sottovoce_bfv::Parameters;
use sottovoce_dataset::{DataName, LabelledImages, Request, Subset, open, synthetic_digits};
use sottovoce_network::disk::{Origin, read_ensemble, write_ensemble};
use sottovoce_network::{IntegerEnsemble, ObservedRange, predict, sum_logits};
use sottovoce_protocol::provider::Provider;
use tempfile::TempDir;

const PIXELS: usize = 784;

/// Of so many images, the oracle classifies one. Of small runs the oracle classifies all images, and of others those around the border of two
/// batches as well.
const CHECKED_SHARE: usize = 16;

pub struct Harness {
    root: TempDir,
    submission: PathBuf,
}

impl Harness {
    /// Installs a submission of the repository in `folder`, and builds it as the harness does.
    pub fn install(name: &str, folder: &str) -> Self {
        let root = TempDir::new().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/fhe-benchmark");
        let submission = root.path().join(folder);
        copy(&source.join(name).join("weights"), &submission.join("weights"));
        copy(&source.join("scripts"), &root.path().join("scripts"));
        fs::create_dir_all(submission.join("build")).unwrap();
        let program = assert_cmd::cargo::cargo_bin!("sottovoce-fhe-benchmark");
        fs::copy(program, submission.join("build/sottovoce-fhe-benchmark")).unwrap();
        let harness = Self { root, submission };
        harness.run_script("get_openfhe.sh", &[]);
        harness.run_script("build_task.sh", &[folder]);
        harness
    }

    /// Builds the submission again with another ensemble, whose largest logit of the training images is `observed`. Returns the build's
    /// warnings.
    pub fn rebuild(&self, ensemble: &IntegerEnsemble, observed: i128) -> String {
        let members = vec![observed; ensemble.members().len()];
        let observed = Some(ObservedRange { members, ensemble: observed });
        let origin = Origin { observed, ..Origin::default() };
        write_ensemble(&self.submission.join("weights"), ensemble, &origin).unwrap();
        self.run_script("build_task.sh", &[self.submission.to_str().unwrap()])
    }

    /// Runs one of the harness's scripts. Returns its standard error.
    fn run_script(&self, name: &str, arguments: &[&str]) -> String {
        let script = self.root().join("scripts").join(name);
        let output = Command::new(script).args(arguments).current_dir(self.root()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn submission(&self) -> &Path {
        &self.submission
    }

    /// The folder `io/NAME`.
    pub fn exchange(&self, size: &str) -> PathBuf {
        self.root().join("io").join(name(size))
    }

    /// Makes the empty folder `io/NAME`, with which a run begins.
    pub fn start(&self, size: &str) {
        let folder = self.exchange(size);
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir_all(folder).unwrap();
    }

    /// Writes images as the harness does: six digits for every pixel.
    pub fn write_images(&self, size: &str, images: &[u8]) {
        let folder = self.root().join("datasets").join(name(size)).join("intermediate");
        fs::create_dir_all(&folder).unwrap();
        let line = |image: &[u8]| {
            let words: Vec<String> =
                image.iter().map(|&byte| format!("{:.6}", f32::from(byte) / 255.0)).collect();
            words.join(" ") + "\n"
        };
        let lines: Vec<String> = images.par_chunks(PIXELS).map(line).collect();
        fs::write(folder.join("test_pixels.txt"), lines.concat()).unwrap();
    }

    /// Calls a stage as the harness does: `NAME.py` if there is one, else `build/NAME`.
    fn call(&self, stage: &str, arguments: &[&str]) -> Output {
        assert!(!self.submission.join(format!("{stage}.py")).exists());
        let program = self.submission.join("build").join(stage);
        assert!(program.exists(), "the harness would skip {stage}");
        Command::new(program).args(arguments).current_dir(self.root()).output().unwrap()
    }

    #[track_caller]
    pub fn succeeds(&self, stage: &str, arguments: &[&str]) {
        let output = self.call(stage, arguments);
        assert!(output.status.success(), "{stage}: {}", String::from_utf8_lossy(&output.stderr));
    }

    #[track_caller]
    pub fn fails(&self, stage: &str, arguments: &[&str], words: &[&str]) {
        let output = self.call(stage, arguments);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stage}: {text}");
        for word in words {
            assert!(text.contains(word), "{word:?} is not in: {text}");
        }
    }

    /// Does something while the client's secret keys are elsewhere.
    pub fn without_secret_key(&self, size: &str, action: impl FnOnce()) {
        let folder = self.exchange(size).join("secret_key");
        let elsewhere = self.root().join("hidden");
        fs::rename(&folder, &elsewhere).unwrap();
        action();
        assert!(!folder.exists());
        fs::rename(&elsewhere, &folder).unwrap();
    }

    /// The bytes of all files in a folder below `io/NAME`.
    pub fn folder_bytes(&self, size: &str, folder: &str) -> u64 {
        let files = fs::read_dir(self.exchange(size).join(folder)).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
    }

    pub fn read(&self, size: &str, file: &str) -> String {
        fs::read_to_string(self.exchange(size).join(file)).unwrap()
    }

    /// The result, read as the harness reads it: as an integer for a single image, else line by line.
    pub fn labels(&self, size: &str) -> Vec<usize> {
        let text = self.read(size, "encrypted_model_predictions.txt");
        text.trim().split('\n').map(|line| line.trim().parse().unwrap()).collect()
    }

    /// The parameters that the provider announces for a size.
    pub fn parameters(&self, size: &str) -> Parameters {
        let message =
            fs::read(self.submission.join("build/announcements").join(name(size)).join("parameters"));
        let provider = Provider::from_parameters_message(&message.unwrap()[..], 1 << 30, Vec::new(), 1);
        provider.unwrap().parameters().clone()
    }
}

fn name(size: &str) -> &'static str {
    ["single", "small", "medium", "large"][size.parse::<usize>().unwrap()]
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => fs::copy(entry.path(), target).map(drop).unwrap(),
        }
    }
}

/// Test images of MNIST, from the one with number `first` on, or synthetic digits if there is no MNIST.
pub fn images(first: usize, count: usize) -> Vec<u8> {
    let images = mnist().unwrap_or_else(|| synthetic_digits(first + count, 1, Subset::Test));
    images.iter().skip(first).take(count).flatten().copied().collect()
}

/// The first test images of MNIST with their labels.
pub fn labelled_images(count: usize) -> (Vec<u8>, Vec<usize>) {
    let images = mnist().expect("SOTTOVOCE_DATA names no folder with MNIST");
    let labels = images.labels().iter().take(count).map(|&label| label.into()).collect();
    (images.iter().take(count).flatten().copied().collect(), labels)
}

fn mnist() -> Option<LabelledImages> {
    let folder = env::var_os("SOTTOVOCE_DATA")?;
    let request = Request { path: Some(folder.into()), ..Request::new(DataName::Mnist) };
    Some(open(&request, &mut |_| {}).unwrap().test)
}

/// The label of some of the images by plain integers, with their indices. Logits are reduced as the plaintext modulus reduces them, because
/// those of synthetic digits can be larger than those of the training images.
pub fn oracle_labels(harness: &Harness, size: &str, images: &[u8]) -> Vec<(usize, usize)> {
    let ensemble = read_ensemble(&harness.submission.join("weights")).unwrap().ensemble;
    let parameters = harness.parameters(size);
    let modulus: i128 = parameters.plaintext_moduli().iter().map(|&t| i128::from(t)).product();
    let count = images.len() / PIXELS;
    let border = parameters.images_per_batch();
    let is_checked = |index: &usize| {
        count <= 1000
            || index.is_multiple_of(CHECKED_SHARE)
            || index.abs_diff(border) < 4
            || index + 1 == count
    };
    let checked: Vec<usize> = (0..count).filter(is_checked).collect();
    let label = |index: usize| {
        let image = ensemble.pixel_levels().quantise_all(&images[index * PIXELS..][..PIXELS]);
        let mut logits = sum_logits(&ensemble.member_logits(&image).unwrap());
        for logit in &mut logits {
            *logit = (*logit + modulus / 2).rem_euclid(modulus) - modulus / 2;
        }
        predict(&logits)
    };
    checked.into_par_iter().map(|index| (index, label(index))).collect()
}
