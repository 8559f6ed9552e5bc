//! Several members whose logits may be added.

use std::sync::Arc;

use crate::{Architecture, ForwardError, IntegerNetwork, PixelLevels};

/// At least one member; all read the same pixels at the same levels, answer the same classes, and give
/// logits on one scale, so that their sum is the ensemble's vote.
#[derive(Debug, Clone, PartialEq)]
pub struct IntegerEnsemble {
    /// Shared: a clone holds no weights of its own.
    members: Arc<[IntegerNetwork]>,
}

/// Members that cannot vote together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EnsembleError {
    /// No member at all.
    #[error("an ensemble needs at least one member")]
    Empty,
    /// A member has another architecture.
    #[error("member {member} has another architecture than member 1")]
    Architecture {
        /// The member's number, from 1.
        member: usize,
    },
    /// A member wants its pixels quantised differently.
    #[error(
        "member {member} reads {found} pixel levels, but member 1 reads {expected}; one encryption serves all members"
    )]
    PixelLevels {
        /// The member's number, from 1.
        member: usize,
        /// Its levels.
        found: u16,
        /// The first member's.
        expected: u16,
    },
    /// The members' sum could leave 127 bits.
    #[error("the sum of the members' logits could exceed 127 bits; use smaller weights or fewer members")]
    RangeTooLarge,
    /// A member's logits are on another scale.
    #[error(
        "member {member} has logit scale {found}, but member 1 has {expected}; export the members together, \
         so that their logits can be added"
    )]
    LogitScale {
        /// The member's number, from 1.
        member: usize,
        /// Its scale.
        found: f64,
        /// The first member's.
        expected: f64,
    },
}

impl IntegerEnsemble {
    /// Scales that are equal up to the rounding of their decimal form.
    const SAME_SCALE: f64 = 1e-9;

    /// Puts members together.
    ///
    /// # Errors
    /// If there is none, or one differs from the first in architecture, pixel levels or logit scale.
    pub fn new(members: Vec<IntegerNetwork>) -> Result<Self, EnsembleError> {
        let first = members.first().ok_or(EnsembleError::Empty)?;
        for (network, member) in members.iter().zip(1..) {
            if network.architecture() != first.architecture() {
                return Err(EnsembleError::Architecture { member });
            }
            let (found, expected) = (network.pixel_levels(), first.pixel_levels());
            if found != expected {
                return Err(EnsembleError::PixelLevels {
                    member,
                    found: found.into(),
                    expected: expected.into(),
                });
            }
            let (found, expected) = (network.logit_scale(), first.logit_scale());
            if (found / expected - 1.0).abs() > Self::SAME_SCALE {
                return Err(EnsembleError::LogitScale { member, found, expected });
            }
        }
        let mut bounds = members.iter().map(|member| member.bounds().logits);
        if bounds.try_fold(0i128, |sum, bound| sum.checked_add(bound)).is_none() {
            return Err(EnsembleError::RangeTooLarge);
        }
        Ok(Self { members: members.into() })
    }

    /// The members, at least one.
    #[must_use]
    pub fn members(&self) -> &[IntegerNetwork] {
        &self.members
    }

    /// The shapes, the same for every member.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        self.members[0].architecture()
    }

    /// How pixels are quantised, the same for every member.
    #[must_use]
    pub fn pixel_levels(&self) -> PixelLevels {
        self.members[0].pixel_levels()
    }

    /// The exact logits of every member for one quantised image; the ensemble's are their sum
    /// ([`sum_logits`]).
    ///
    /// # Errors
    /// If the image does not fit the network.
    pub fn member_logits(&self, image: &[u8]) -> Result<Vec<Vec<i128>>, ForwardError> {
        self.members.iter().map(|member| member.logits(image)).collect()
    }

    /// A bound on the absolute value of the ensemble's logits over any image.
    #[must_use]
    pub fn proven_logits(&self) -> i128 {
        // Checked when the ensemble was put together.
        self.members.iter().map(|member| member.bounds().logits).sum()
    }
}

/// The ensemble's logits: for every class the sum over the members.
///
/// The sum of one ensemble's logits fits 127 bits: [`IntegerEnsemble::new`] refuses members whose bounds add up
/// to more.
#[must_use]
pub fn sum_logits(members: &[Vec<i128>]) -> Vec<i128> {
    let classes = members.first().map_or(0, Vec::len);
    (0..classes).map(|class| members.iter().map(|logits| logits[class]).sum()).collect()
}
