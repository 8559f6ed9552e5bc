//! How encryption parameters are chosen.

use clap::ValueEnum;
use sottovoce_bfv::planner::Fixed;
use sottovoce_evaluate::{ParameterPolicy, RangeKind};

use crate::config::{ConfigError, KeyRule};

/// How encryption parameters are chosen.
#[derive(Debug, clap::Args)]
pub struct PolicyOptions {
    /// What the plaintext modulus must hold: the largest logit over training images with a margin, or what is proven for
    /// every image [default: observed where the export says what was observed].
    #[arg(long, value_enum)]
    pub range: Option<RangeName>,

    /// The fraction by which logits may exceed the observed range.
    #[arg(long, value_name = "FRACTION", default_value_t = 0.15, value_parser = margin)]
    pub range_margin: f64,

    /// What images are encrypted with.
    #[arg(long, value_enum, default_value = "auto")]
    pub key: KeyRule,

    /// Make room for answers that say nothing of the weights but the logits: their noise is flooded (docs/security.md).
    #[arg(long)]
    pub hide_model: bool,

    /// Ring degree: 4096, 8192 or 16384 [default: chosen].
    #[arg(long, value_name = "N")]
    pub degree: Option<usize>,

    /// Plaintext moduli, primes that are 1 modulo twice the degree [default: chosen].
    #[arg(long, value_name = "T,...", value_delimiter = ',')]
    pub plaintext_moduli: Option<Vec<u64>>,

    /// Bits of every ciphertext prime, two to eight of 24 to 53 [default: chosen].
    #[arg(long, value_name = "BITS,...", value_delimiter = ',')]
    pub ciphertext_prime_bits: Option<Vec<usize>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RangeName {
    Observed,
    Proven,
}

impl PolicyOptions {
    /// The options that make another process choose the same.
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

    /// The policy that was asked for, for networks whose logits were observed or not; an error where it asks for parameters
    /// that are not secure or cannot be.
    pub fn policy(&self, observed: bool) -> Result<ParameterPolicy, ConfigError> {
        let range = match self.range {
            Some(RangeName::Proven) => RangeKind::Proven,
            Some(RangeName::Observed) => RangeKind::Observed,
            None if observed => RangeKind::Observed,
            None => RangeKind::Proven,
        };
        let fixed = Fixed {
            encryption: self.key.encryption(),
            degree: self.degree,
            plaintext_moduli: self.plaintext_moduli.clone(),
            ciphertext_prime_bits: self.ciphertext_prime_bits.clone(),
        };
        fixed.check().map_err(ConfigError::Parameters)?;
        Ok(ParameterPolicy { range, range_margin: self.range_margin, hide_model: self.hide_model, fixed })
    }
}

fn margin(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(margin) if (0.0..=100.0).contains(&margin) => Ok(margin),
        _ => Err("must be between 0 and 100".to_owned()),
    }
}
