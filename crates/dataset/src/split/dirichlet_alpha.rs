//! The concentration of a Dirichlet split.

use serde::Serialize;

/// Concentration of a Dirichlet split, between [`MIN`](Self::MIN) and [`MAX`](Self::MAX). A small one gives members of
/// few labels; a large one gives every member the label frequencies of all images.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
pub struct DirichletAlpha(f64);

/// A concentration outside the allowed range.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "the alpha of a Dirichlet split is {0}; between {min} and {max} is allowed",
    min = DirichletAlpha::MIN,
    max = DirichletAlpha::MAX
)]
pub struct AlphaError(f64);

impl DirichletAlpha {
    /// Smallest concentration. With ten labels, members of such a split have one label each while it lasts.
    pub const MIN: f64 = 1e-3;

    /// Largest concentration. With ten labels, the share of a label in a mix then differs from its frequency by about
    /// 0.03 percentage points.
    pub const MAX: f64 = 1e6;

    /// Checks a concentration.
    ///
    /// # Errors
    /// If `alpha` is not between [`MIN`](Self::MIN) and [`MAX`](Self::MAX).
    pub fn new(alpha: f64) -> Result<Self, AlphaError> {
        // No range contains NaN.
        if (Self::MIN..=Self::MAX).contains(&alpha) { Ok(Self(alpha)) } else { Err(AlphaError(alpha)) }
    }

    /// The concentration as a number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}
