//! What is done with exported networks.

use std::path::PathBuf;

use super::PolicyOptions;
use super::run::EvaluatorOptions;

/// What `plan` plans for.
#[derive(Debug, clap::Args)]
pub struct PlanOptions {
    /// Folders of exported ensembles, such as those of `import` and `export`; several share one encryption.
    #[arg(value_name = "WEIGHTS", required = true)]
    pub weights: Vec<PathBuf>,

    /// Images that parameters are chosen and time is predicted for.
    #[arg(long, value_name = "N", default_value_t = TEST_IMAGES, value_parser = images)]
    pub images: usize,

    /// Run one batch of random images as well, and set what is measured beside what was expected.
    #[arg(long)]
    pub measure: bool,

    #[command(flatten)]
    pub evaluator: EvaluatorOptions,

    #[command(flatten)]
    pub policy: PolicyOptions,
}

/// What `predict` classifies.
#[derive(Debug, clap::Args)]
pub struct PredictOptions {
    /// The folder of an exported ensemble, such as one of `import` or `export`; or a file that `import` reads (net.keras,
    /// net.onnx), which is imported first.
    #[arg(value_name = "WEIGHTS")]
    pub weights: PathBuf,

    /// Data set: mnist, synthetic, or the name of another one in --data-dir.
    #[arg(long, value_name = "NAME", default_value = "mnist")]
    pub data: String,

    /// Classify the first so many test images alone.
    #[arg(long, value_name = "N", value_parser = images)]
    pub images: Option<usize>,

    #[command(flatten)]
    pub policy: PolicyOptions,

    #[command(flatten)]
    pub evaluator: EvaluatorOptions,

    /// Folder for predictions.csv and predictions.json [default: results/predictions/ and the name of WEIGHTS; of a folder
    /// that is called `ensemble`, the name of the folder or run that it is in].
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,

    /// Replace predictions of other weights or images.
    #[arg(long)]
    pub replace: bool,
}

/// As many as MNIST has to test on.
const TEST_IMAGES: usize = 10_000;

fn images(text: &str) -> Result<usize, String> {
    let most = 10_000_000;
    match text.parse() {
        Ok(images) if (1..=most).contains(&images) => Ok(images),
        _ => Err(format!("must be between 1 and {most}")),
    }
}
