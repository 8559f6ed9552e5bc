//! The sizes of the benchmark.

use anyhow::{Context, Result};

/// Number of pixels of an image: 28 rows of 28 pixels.
pub const PIXELS: usize = 784;

/// A size of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instance {
    /// One image.
    Single,
    /// A hundred images.
    Small,
    /// A thousand images.
    Medium,
    /// Ten thousand images.
    Large,
}

impl Instance {
    /// All sizes in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Single, Self::Small, Self::Medium, Self::Large];

    /// Returns the size with a number, as the harness writes it.
    pub fn from_argument(argument: &str) -> Result<Self> {
        let number: Option<usize> = argument.parse().ok();
        number.and_then(|number| Self::ALL.get(number).copied()).with_context(|| {
            format!("the size is {argument:?}, but must be 0 (single), 1 (small), 2 (medium) or 3 (large)")
        })
    }

    /// Returns the name of the size's folders.
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }

    /// Returns the usual number of images, for which parameters are chosen. A run classifies as many images as its file has.
    pub fn usual_images(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Small => 100,
            Self::Medium => 1000,
            Self::Large => 10_000,
        }
    }
}
