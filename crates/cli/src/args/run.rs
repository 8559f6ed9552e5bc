//! How a run evaluates, and where it goes.

use std::path::PathBuf;

use clap::ValueEnum;
use sottovoce_bfv::Kernel;
use sottovoce_evaluate::Evaluator;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EvaluatorName {
    Engine,
    Reference,
}

/// Who evaluates.
#[derive(Debug, clap::Args)]
pub struct EvaluatorOptions {
    /// How ciphertexts are evaluated: `engine` is fast, `reference` uses the encryption library's public operations
    /// alone. The answers are the same.
    #[arg(long = "evaluator", value_enum, default_value = "engine")]
    name: EvaluatorName,

    /// Instruction set of the engine's inner loops: portable, avx2 or avx512 [default: the best there is].
    #[arg(long, value_name = "NAME")]
    kernel: Option<Kernel>,
}

impl EvaluatorOptions {
    /// The evaluator that was asked for.
    pub fn evaluator(&self) -> Evaluator {
        match self.name {
            EvaluatorName::Engine => Evaluator::Engine(self.kernel.unwrap_or_else(Kernel::detect)),
            EvaluatorName::Reference => Evaluator::Reference,
        }
    }
}

#[derive(Debug, clap::Args)]
pub struct RunOptions {
    #[command(flatten)]
    pub evaluator: EvaluatorOptions,

    /// Folder for the run's files; with several experiments, each gets a folder of its name in it
    /// [default: results/<experiment's name>].
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,

    /// A field of the configuration, in place of what its file says, such as training.clip=0.5; may be given several times.
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,

    /// Replace the records of another experiment in that folder.
    #[arg(long)]
    pub replace: bool,
}
