//! Why training gives nothing to use.

use crate::curve::Phase;

/// Training that gave nothing to use.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A member's images are of another size than the architecture's.
    #[error("the images are {found} x {found} pixels, but the architecture reads {needed} x {needed}")]
    ImageSide {
        /// Pixels on a side of the images.
        found: usize,
        /// Pixels on a side that the architecture reads.
        needed: usize,
    },
    /// A label has no class.
    #[error("a label is {found}, but the architecture has {classes} classes (0 to {})", classes - 1)]
    Label {
        /// The label.
        found: u8,
        /// Classes of the architecture.
        classes: usize,
    },
    /// A member has nothing to train on.
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
    /// The float network to start the quantised phase from has another architecture than the task.
    #[error("the float network of member {member} has another architecture than the training asks for")]
    FloatNetwork {
        /// The member, from 1.
        member: usize,
    },
    /// A member diverged in every try.
    #[error(
        "member {member} diverged in its {phase:?} phase in each of {attempts} tries (last: loss {loss} in epoch \
         {epoch}, learning rate {rate}); lower the rate or the gradient clip"
    )]
    Diverged {
        /// The member, from 1.
        member: usize,
        /// The phase.
        phase: Phase,
        /// Tries.
        attempts: usize,
        /// Epoch of the last try.
        epoch: usize,
        /// Loss there.
        loss: f64,
        /// Peak learning rate of the last try.
        rate: f64,
    },
    /// A member did not diverge in its last try, but did not get below the loss of a network that answers zeros either.
    #[error(
        "member {member} had too few steps in its {phase:?} phase: after {steps} steps its loss is {loss:.3}, and a network that \
         answers zeros has {chance:.3}; train for more epochs, with a smaller batch or at a higher rate"
    )]
    TooFewSteps {
        /// The member, from 1.
        member: usize,
        /// The phase.
        phase: Phase,
        /// Steps of the last try.
        steps: usize,
        /// Mean loss of the last epoch.
        loss: f64,
        /// Loss of a network that answers zeros.
        chance: f64,
    },
}
