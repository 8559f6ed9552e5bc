//! Errors of splits.

use crate::split::dirichlet_alpha::AlphaError;

/// Error of grouping labels or of sharing images out among members.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// No split method has this name.
    #[error(
        "no split method is called `{name}`; there are `regular`, `likewise`, `random`, groups such as \
         `0.1.2-3.4.5-6.7.8.9`, and Dirichlet splits such as `dirichlet-0.5`"
    )]
    UnknownMethod {
        /// Unknown name.
        name: String,
    },
    /// The number of members is 0.
    #[error("there are no members; a split needs at least 1")]
    NoMembers,
    /// The number of classes is 0 or above 256.
    #[error("there are {classes} classes; between 1 and 256 are allowed")]
    Classes {
        /// Requested number of classes.
        classes: usize,
    },
    /// The method `likewise` was requested for another number of classes than 10.
    #[error("the split method `likewise` groups digits by likeness: it needs 10 classes, not {classes}")]
    LikewiseNeedsDigits {
        /// Number of classes.
        classes: usize,
    },
    /// The numbers of groups and members differ.
    #[error("there are {groups} groups of labels, but {members} members; the numbers must be equal")]
    GroupCount {
        /// Number of groups.
        groups: usize,
        /// Number of members.
        members: usize,
    },
    /// A label is in no group.
    #[error("label {label} is in no group; every label must be in exactly one")]
    LabelMissing {
        /// Value of the label.
        label: u8,
    },
    /// A label is in the groups more than once.
    #[error("label {label} is in the groups more than once; every label must be in exactly one")]
    LabelTwice {
        /// Value of the label.
        label: u8,
    },
    /// A group holds a label that is not below the number of classes.
    #[error("label {label} is in a group, but only labels below {classes} are allowed")]
    LabelOutOfRange {
        /// Value of the label.
        label: u8,
        /// Number of classes.
        classes: usize,
    },
    /// The label of an image is not below the number of classes.
    #[error("training image {image} has the label {label}, but only labels below {classes} are allowed")]
    UnknownLabel {
        /// Index of the image.
        image: usize,
        /// Value of the label.
        label: u8,
        /// Number of classes.
        classes: usize,
    },
    /// There are fewer images than members.
    #[error("{images} training images cannot be shared out among {members} members; each needs at least 1")]
    TooFewImages {
        /// Number of images.
        images: usize,
        /// Number of members.
        members: usize,
    },
    /// The concentration of a Dirichlet split is outside the allowed range.
    #[error(transparent)]
    Alpha(#[from] AlphaError),
    /// Groups of labels were requested of a Dirichlet split.
    #[error("a Dirichlet split has no groups of labels; every member draws its own mix of all labels")]
    DirichletHasNoGroups,
    /// No image would be left to train on.
    #[error("{count} of {images} training images cannot be held out; fewer than all are allowed")]
    HoldOut {
        /// Number of images to hold out.
        count: usize,
        /// Number of images.
        images: usize,
    },
    /// The ends of a range of shares are not ordered fractions.
    #[error("the shares {low} to {high} are not a range: 0 <= low <= high <= 1 must hold")]
    ShareRange {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
}
