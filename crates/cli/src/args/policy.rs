//! The choice of encryption parameters.

use clap::ValueEnum;
use sottovoce_bfv::planner::FixedParameters;
use sottovoce_evaluate::{ParameterPolicy, RangeKind};

use crate::config_error::ConfigError;
use crate::key_rule::KeyRule;

/// Assumptions of `--hide-model`, for the results of commands.
pub const HIDING_ASSUMPTIONS: &str = "Hiding assumes that RLWE is hard, also for relinearisation keys, which encrypt functions of their own \
                                      key (circular security), and that clients make keys and ciphertexts as this program does.";

/// Options of every command that chooses encryption parameters.
#[derive(Debug, Clone, clap::Args)]
pub struct PolicyOptions {
    /// Range of logits that the plaintext modulus must hold [default: observed if the export recorded it, else proven].
    #[arg(long, value_enum)]
    pub range: Option<RangeName>,

    /// Margin above the observed range, as a fraction of the range.
    #[arg(long, value_name = "FRACTION", default_value_t = ParameterPolicy::RANGE_MARGIN, value_parser = margin)]
    pub range_margin: f64,

    /// Key that images are encrypted with.
    #[arg(long, value_enum, default_value = "auto")]
    pub key: KeyRule,

    /// Hide the model: add so much noise to answers that they reveal only the logits (docs/security.md).
    ///
    /// An answer is within a statistical distance of 2^-40 of one that was made from its logits only, for any weights and any
    /// images. This assumes that RLWE is hard for the parameters, also for keys that encrypt functions of themselves (circular
    /// security of relinearisation keys), and that the client's keys and ciphertexts were made as this program makes them: a
    /// provider cannot detect others. The logits themselves, times and sizes are not hidden.
    #[arg(long)]
    pub hide_model: bool,

    /// Ring degree, which is the number of images in a batch: 4096, 8192 or 16384 [default: chosen by the planner].
    #[arg(long, value_name = "N")]
    pub degree: Option<usize>,

    /// Plaintext moduli: primes that are 1 modulo twice the ring degree [default: chosen by the planner].
    #[arg(long, value_name = "T,...", value_delimiter = ',')]
    pub plaintext_moduli: Option<Vec<u64>>,

    /// Sizes of the ciphertext primes in bits: two to eight numbers from 24 to 50 [default: chosen by the planner].
    #[arg(long, value_name = "BITS,...", value_delimiter = ',')]
    pub ciphertext_prime_bits: Option<Vec<usize>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RangeName {
    /// The largest logit of the training images, with a margin.
    Observed,
    /// A bound that holds for every image.
    Proven,
}

impl PolicyOptions {
    /// These options as arguments of another process.
    #[cfg(feature = "experiments")]
    pub fn as_arguments(&self) -> Vec<String> {
        let mut arguments = vec![format!("--range-margin={}", self.range_margin)];
        let mut option = |name: &str, value: Option<String>| {
            arguments.extend(value.map(|value| format!("--{name}={value}")));
        };
        let value_name = |value: clap::builder::PossibleValue| value.get_name().to_owned();
        option("range", self.range.and_then(|range| range.to_possible_value()).map(value_name));
        option("key", self.key.to_possible_value().map(value_name));
        option("degree", self.degree.map(|degree| degree.to_string()));
        let list = |numbers: Vec<String>| numbers.join(",");
        let strings = |numbers: &Vec<u64>| list(numbers.iter().map(ToString::to_string).collect());
        option("plaintext-moduli", self.plaintext_moduli.as_ref().map(strings));
        let strings = |numbers: &Vec<usize>| list(numbers.iter().map(ToString::to_string).collect());
        option("ciphertext-prime-bits", self.ciphertext_prime_bits.as_ref().map(strings));
        if self.hide_model {
            arguments.push("--hide-model".to_owned());
        }
        arguments
    }

    /// The policy that the options describe. `observed` says if the range of the networks' logits was observed.
    ///
    /// # Errors
    /// If the fixed parameters are not secure or not valid.
    pub fn policy(&self, observed: bool) -> Result<ParameterPolicy, ConfigError> {
        let range = match self.range {
            Some(RangeName::Proven) => RangeKind::Proven,
            Some(RangeName::Observed) => RangeKind::Observed,
            None if observed => RangeKind::Observed,
            None => RangeKind::Proven,
        };
        let fixed = FixedParameters {
            encryption: self.key.encryption(),
            degree: self.degree,
            plaintext_moduli: self.plaintext_moduli.clone(),
            ciphertext_prime_bits: self.ciphertext_prime_bits.clone(),
            hidden_primes: None,
        };
        fixed.check().map_err(ConfigError::Parameters)?;
        Ok(ParameterPolicy { range, range_margin: self.range_margin, hide_model: self.hide_model, fixed })
    }
}

/// Reads the value of --range-margin.
fn margin(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(margin) if (0.0..=100.0).contains(&margin) => Ok(margin),
        _ => Err("must be a number from 0 to 100".to_owned()),
    }
}
