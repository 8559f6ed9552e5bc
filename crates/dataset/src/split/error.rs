//! Errors of splits.

use crate::split::dirichlet_alpha::AlphaError;

/// Error of grouping labels or of sharing images out among members.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// A name that no split method has.
    #[error(
        "no split method is called `{name}`; there are `regular`, `likewise`, `random`, groups such as \
         `0.1.2-3.4.5-6.7.8.9`, and Dirichlet splits such as `dirichlet-0.5`"
    )]
    UnknownMethod {
        /// The name.
        name: String,
    },
    /// An ensemble has at least one member.
    #[error("there are no members; a split needs at least 1")]
    NoMembers,
    /// Labels are bytes.
    #[error("there are {classes} classes; between 1 and 256 are allowed")]
    Classes {
        /// How many classes were asked for.
        classes: usize,
    },
    /// The likewise order is one of ten digits.
    #[error("the split method `likewise` groups digits by likeness: it needs 10 classes, not {classes}")]
    LikewiseNeedsDigits {
        /// How many classes there are.
        classes: usize,
    },
    /// Every member has its group.
    #[error("there are {groups} groups of labels, but {members} members; the numbers must be equal")]
    GroupCount {
        /// How many groups there are.
        groups: usize,
        /// How many members there are.
        members: usize,
    },
    /// A label that is in no group.
    #[error("label {label} is in no group; every label must be in exactly one")]
    LabelMissing {
        /// The label.
        label: u8,
    },
    /// A label that is in two groups, or in one twice.
    #[error("label {label} is in the groups more than once; every label must be in exactly one")]
    LabelTwice {
        /// The label.
        label: u8,
    },
    /// A label that names no class.
    #[error("label {label} is in a group, but only labels below {classes} are allowed")]
    LabelOutOfRange {
        /// The label.
        label: u8,
        /// How many classes there are.
        classes: usize,
    },
    /// An image's label that names no class.
    #[error("training image {image} has the label {label}, but only labels below {classes} are allowed")]
    UnknownLabel {
        /// The image's index.
        image: usize,
        /// The label.
        label: u8,
        /// How many classes there are.
        classes: usize,
    },
    /// A member would have nothing to train on.
    #[error("{images} training images cannot be shared out among {members} members; each needs at least 1")]
    TooFewImages {
        /// How many images there are.
        images: usize,
        /// How many members there are.
        members: usize,
    },
    /// The concentration of a Dirichlet split is outside the allowed range.
    #[error(transparent)]
    Alpha(#[from] AlphaError),
    /// Groups of a method that has none.
    #[error("a Dirichlet split has no groups of labels; every member draws its own mix of all labels")]
    DirichletHasNoGroups,
    /// Nothing would be left to train on.
    #[error("{count} of {images} training images cannot be held out; fewer than all are allowed")]
    HoldOut {
        /// How many images were to be held out.
        count: usize,
        /// How many there are.
        images: usize,
    },
    /// A range of shares that is none.
    #[error("the shares {low} to {high} are no range: 0 <= low <= high <= 1 must hold")]
    ShareRange {
        /// The lower end.
        low: f64,
        /// The upper end.
        high: f64,
    },
}
