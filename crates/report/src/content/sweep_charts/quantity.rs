//! Measured quantities: name on charts, unit, and better direction.

use crate::data::sweep_table::Row;
use crate::drawing::axis::Bounds;

/// Name of the test error, 1 minus the accuracy. It is not a column of the table.
pub(crate) const ERROR: &str = "error";

/// A measured column, or a quantity that follows from one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quantity {
    /// Name in queries.
    pub(crate) name: String,
    column: usize,
    /// True if the quantity is 1 minus the column.
    complement: bool,
}

impl Quantity {
    /// The quantity with this name, if `measures` has its column.
    pub(crate) fn named(name: &str, measures: &[String]) -> Option<Self> {
        let complement = name == ERROR;
        let column = if complement { "accuracy" } else { name };
        let column = measures.iter().position(|measure| measure == column)?;
        Some(Self { name: name.to_owned(), column, complement })
    }

    /// The value in a row, in the unit of the records.
    pub(crate) fn value(&self, row: &Row) -> Option<f64> {
        let value = row.number(self.column)?;
        Some(if self.complement { 1.0 - value } else { value })
    }

    fn is_share(&self) -> bool {
        matches!(self.name.as_str(), "accuracy" | "error" | "hidden_density")
    }

    /// The unit for values up to `largest`, and the factor from recorded values to this unit.
    pub(crate) fn unit(&self, largest: f64) -> (&'static str, f64) {
        if self.is_share() {
            return ("%", 100.0);
        }
        if self.name.ends_with("_bytes") {
            return match largest {
                bytes if bytes >= 1e9 => ("GB", 1e-9),
                bytes if bytes >= 1e6 => ("MB", 1e-6),
                bytes if bytes >= 1e3 => ("kB", 1e-3),
                _ => ("bytes", 1.0),
            };
        }
        if self.name.ends_with("_seconds") {
            return match largest {
                seconds if seconds >= 2.0 * 3600.0 => ("h", 1.0 / 3600.0),
                seconds if seconds < 0.1 => ("ms", 1000.0),
                _ => ("s", 1.0),
            };
        }
        if self.name.ends_with("_bits") { ("bits", 1.0) } else { ("", 1.0) }
    }

    /// The name on an axis, without its unit.
    pub(crate) fn label(&self, domain: Option<&str>) -> String {
        let accuracy = |what: &str| match domain {
            Some("encrypted") => format!("{what} under encryption"),
            Some("integer") => format!("{what}, integer network"),
            Some("float") => format!("{what}, float network"),
            _ => what.to_owned(),
        };
        match self.name.as_str() {
            "accuracy" => accuracy("Test accuracy"),
            ERROR => accuracy("Test error"),
            "images" => "Test images".to_owned(),
            "correct" => "Test images classified correctly".to_owned(),
            "mismatches" => "Logits that differ from the integer oracle".to_owned(),
            "outside" => "Test images beyond the plaintext modulus".to_owned(),
            "plaintext_bits" => "Plaintext modulus".to_owned(),
            "ciphertext_bits" => "Ciphertext modulus".to_owned(),
            "upload_bytes" => "Upload of one batch".to_owned(),
            "answer_bytes" => "Answer for one batch".to_owned(),
            "hidden_density" => "Hidden weights that are not zero".to_owned(),
            "noise_budget_bits" => "Noise budget left".to_owned(),
            "training_seconds" => "Training time".to_owned(),
            "encryption_seconds" => "Encryption time".to_owned(),
            "provider_seconds" => "Provider's time".to_owned(),
            "decryption_seconds" => "Decryption time".to_owned(),
            other => other.to_owned(),
        }
    }

    pub(crate) fn bounds(&self) -> Bounds {
        match self.name.as_str() {
            "accuracy" => Bounds::UpToHundred,
            name if name.ends_with("_bits") => Bounds::Data,
            _ => Bounds::FromZero,
        }
    }

    /// Returns whether larger values are better.
    pub(crate) fn larger_is_better(&self) -> bool {
        matches!(self.name.as_str(), "accuracy" | "correct" | "noise_budget_bits" | "images")
    }
}
