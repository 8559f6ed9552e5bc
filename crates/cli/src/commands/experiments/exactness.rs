//! Exactness: every decrypted logit must equal the integer oracle's.

use sottovoce_evaluate::Evaluation;

use crate::output;

/// Exit code if a decrypted logit differs from the oracle's, or an image has logits beyond the plaintext modulus.
pub const EXIT_MISMATCH: u8 = 3;

/// The deviations of decrypted logits from the integer oracle.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exactness {
    /// Decrypted logits that differ from the oracle's.
    pub mismatches: u64,
    /// Images with logits beyond the plaintext modulus.
    pub images_outside: usize,
}

impl Exactness {
    pub fn of(evaluation: &Evaluation) -> Self {
        Self {
            mismatches: evaluation.accuracy.iter().filter_map(|row| row.mismatches).sum(),
            images_outside: evaluation.range.images_outside,
        }
    }

    pub fn is_exact(self) -> bool {
        self.mismatches == 0 && self.images_outside == 0
    }

    /// Prints the deviations in `subject`, if there are any; `advice` says how to enlarge the range of logits.
    pub fn warn(self, subject: &str, advice: &str) {
        if self.is_exact() {
            return;
        }
        let mut text = format!(
            "NOT EXACT: {subject}: {} decrypted logits differ from the integer oracle",
            self.mismatches
        );
        if self.images_outside > 0 {
            text += &format!(
                "; {} images have logits beyond the plaintext modulus ({advice})",
                self.images_outside
            );
        }
        output::remark(&text);
    }
}
