//! Errors of training.

use crate::phase_training::Phase;

/// The reason why training has no usable result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A member's images have another size than the architecture reads.
    #[error("the images are {found} x {found} pixels, but the architecture reads {needed} x {needed}")]
    ImageSide {
        /// Pixels on a side of the images.
        found: usize,
        /// Pixels on a side that the architecture reads.
        needed: usize,
    },
    /// A label is not a class of the architecture.
    #[error("a label is {found}, but the architecture has {classes} classes (0 to {})", classes - 1)]
    Label {
        /// The label.
        found: u8,
        /// Classes of the architecture.
        classes: usize,
    },
    /// A member has no training images.
    #[error("member {member} has no training images")]
    NoImages {
        /// The member, from 1.
        member: usize,
    },
    /// A batch is larger than all of a member's images, so that an epoch would be one step.
    #[error(
        "a batch has {batch} images, but member {member} has {images} training images; the batch must not be larger than that"
    )]
    Batch {
        /// The member, from 1.
        member: usize,
        /// Its training images.
        images: usize,
        /// Images in a batch.
        batch: usize,
    },
    /// The float network that the quantised phase starts from has another architecture than the task.
    #[error("the float network of member {member} has another architecture than the training options")]
    FloatNetwork {
        /// The member, from 1.
        member: usize,
    },
    /// A member diverged in every attempt.
    #[error(
        "member {member} diverged in its {phase:?} phase in each of {attempts} attempts (last: loss {loss} in epoch \
         {epoch}, learning rate {rate}); lower the rate or the gradient clip"
    )]
    Diverged {
        /// The member, from 1.
        member: usize,
        /// The phase.
        phase: Phase,
        /// Attempts.
        attempts: usize,
        /// Epoch of the last attempt.
        epoch: usize,
        /// Loss in that epoch.
        loss: f64,
        /// Peak learning rate of the last attempt.
        rate: f64,
    },
    /// A member did not diverge in its last attempt, but its loss is not below the loss of a network that answers zeros.
    #[error(
        "member {member} had too few steps in its {phase:?} phase: after {steps} steps its loss is {loss:.3}, and a network that \
         answers zeros has {chance_loss:.3}; train for more epochs, with a smaller batch or at a higher rate"
    )]
    TooFewSteps {
        /// The member, from 1.
        member: usize,
        /// The phase.
        phase: Phase,
        /// Steps of the last attempt.
        steps: usize,
        /// Mean loss of the last epoch.
        loss: f64,
        /// Loss of a network that answers zeros.
        chance_loss: f64,
    },
}
