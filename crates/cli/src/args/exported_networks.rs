//! Arguments of `plan` and `predict`.

use std::path::PathBuf;

use super::evaluation_form::FormOptions;
use super::evaluator::EvaluatorOptions;
use super::policy::PolicyOptions;

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub struct PlanOptions {
    /// Folders of exported ensembles, as `import` and `export` write them; several ensembles get common parameters.
    #[arg(value_name = "WEIGHTS", required = true)]
    pub weights: Vec<PathBuf>,

    /// Number of images for which parameters are chosen and times are predicted.
    #[arg(long, value_name = "N", default_value_t = TEST_IMAGES, value_parser = images)]
    pub images: usize,

    #[command(flatten)]
    pub form: FormOptions,

    /// Evaluate one batch of random images, and show the measured noise and times beside the predicted ones.
    #[arg(long)]
    pub measure: bool,

    #[command(flatten)]
    pub evaluator: EvaluatorOptions,

    #[command(flatten)]
    pub policy: PolicyOptions,
}

/// Arguments of `predict`.
#[derive(Debug, clap::Args)]
pub struct PredictOptions {
    /// Folder of an exported ensemble, as `import` and `export` write it; or a file that `import` reads (net.keras, net.onnx),
    /// which is imported first.
    #[arg(value_name = "WEIGHTS")]
    pub weights: PathBuf,

    /// Data set: mnist, synthetic, or the name of another data set in --data-dir.
    #[arg(long, value_name = "NAME", default_value = "mnist")]
    pub data: String,

    /// Classify only the first N test images [default: all].
    #[arg(long, value_name = "N", value_parser = images)]
    pub images: Option<usize>,

    #[command(flatten)]
    pub form: FormOptions,

    #[command(flatten)]
    pub policy: PolicyOptions,

    #[command(flatten)]
    pub evaluator: EvaluatorOptions,

    /// Folder for predictions.csv and predictions.json [default: results/predictions/NAME, with the name of the WEIGHTS folder,
    /// or of the folder or run around it if it is called `ensemble`].
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,

    /// Replace predictions of other weights or other images in the folder.
    #[arg(long)]
    pub replace: bool,
}

/// Test images of MNIST.
const TEST_IMAGES: usize = 10_000;

fn images(text: &str) -> Result<usize, String> {
    let max = 10_000_000;
    match text.parse() {
        Ok(images) if (1..=max).contains(&images) => Ok(images),
        _ => Err(format!("must be between 1 and {max}")),
    }
}
