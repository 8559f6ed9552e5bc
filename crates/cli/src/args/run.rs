//! How a run evaluates, and where it goes.

use std::path::PathBuf;

use clap::ValueEnum;
use sottovoce_bfv::Kernel;
use sottovoce_evaluate::Evaluator;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EvaluatorName {
    Engine,
    Reference,
}

#[derive(Debug, clap::Args)]
pub struct RunOptions {
    /// How ciphertexts are evaluated: `engine` is fast, `reference` uses the encryption library's public operations
    /// alone. The answers are the same.
    #[arg(long, value_enum, default_value = "engine")]
    pub evaluator: EvaluatorName,

    /// Instruction set of the engine's inner loops: portable, avx2 or avx512 [default: the best there is].
    #[arg(long, value_name = "NAME")]
    pub kernel: Option<Kernel>,

    /// Folder for the run's files; with several experiments, each gets a folder of its name in it
    /// [default: results/<experiment's name>].
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

impl RunOptions {
    /// The evaluator that was asked for.
    pub fn evaluator(&self) -> Evaluator {
        self.evaluator.with_kernel(self.kernel)
    }
}

impl EvaluatorName {
    /// The evaluator of that name, with a kernel of one's choice or the best there is.
    pub fn with_kernel(self, kernel: Option<Kernel>) -> Evaluator {
        match self {
            Self::Engine => Evaluator::Engine(kernel.unwrap_or_else(Kernel::detect)),
            Self::Reference => Evaluator::Reference,
        }
    }
}
