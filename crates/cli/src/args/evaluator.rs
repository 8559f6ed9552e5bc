//! The choice of the evaluator of ciphertexts.

use clap::ValueEnum;
use sottovoce_bfv::Kernel;
use sottovoce_evaluate::Evaluator;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EvaluatorName {
    /// The fast evaluator of this program.
    Engine,
    /// The public operations of the encryption library (the fhe crate).
    Reference,
}

#[derive(Debug, clap::Args)]
pub struct EvaluatorOptions {
    /// Evaluator of ciphertexts: `engine` is fast; `reference` uses only public operations of the encryption library. Both
    /// give the same answers.
    #[arg(long = "evaluator", value_enum, default_value = "engine")]
    name: EvaluatorName,

    /// Instruction set of the engine's inner loops: portable, avx2 or avx512 [default: the fastest that the processor has].
    #[arg(long, value_name = "NAME")]
    kernel: Option<Kernel>,
}

impl EvaluatorOptions {
    pub fn evaluator(&self) -> Evaluator {
        match self.name {
            EvaluatorName::Engine => Evaluator::Engine(self.kernel.unwrap_or_else(Kernel::detect)),
            EvaluatorName::Reference => Evaluator::Reference,
        }
    }
}
