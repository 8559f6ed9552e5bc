//! Several networks whose logits can be added.

use std::sync::Arc;

use crate::architecture::Architecture;
use crate::integer_network::{ForwardError, IntegerNetwork};
use crate::pixel_levels::PixelLevels;

/// One or more integer networks with the same architecture, pixel levels and logit scale. The sum of their logits is
/// the ensemble's decision.
///
/// ```
/// use sottovoce_network::{Architecture, NetworkSampler, predict, sum_logits};
///
/// let shape = Architecture { image_side: 8, maps: 2, hidden: 6, ..Architecture::default() };
/// let mut sampler = NetworkSampler::new(shape, 1);
/// let ensemble = sampler.ensemble(3)?;
/// let logits = sum_logits(&ensemble.member_logits(&sampler.images(1))?);
/// assert!(predict(&logits) < shape.classes);
/// assert!(logits.iter().all(|logit| logit.abs() <= ensemble.proven_logits()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct IntegerEnsemble {
    /// At least one network. Clones of the ensemble share the weights.
    members: Arc<[IntegerNetwork]>,
}

/// Networks that make no ensemble.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EnsembleError {
    /// There is no member.
    #[error("an ensemble needs at least one member")]
    Empty,
    /// A member has another architecture than the first.
    #[error("member {member} has another architecture than member 1")]
    Architecture {
        /// Number of the member, from 1.
        member: usize,
    },
    /// A member reads other pixel levels than the first.
    #[error(
        "member {member} reads {found} pixel levels, but member 1 reads {expected}; one encryption serves all members"
    )]
    PixelLevels {
        /// Number of the member, from 1.
        member: usize,
        /// Levels that the member reads.
        found: u16,
        /// Levels that the first member reads.
        expected: u16,
    },
    /// The sum of the members' logits could exceed 127 bits.
    #[error("the sum of the members' logits could exceed 127 bits; use smaller weights or fewer members")]
    RangeTooLarge,
    /// A member has another logit scale than the first.
    #[error(
        "member {member} has logit scale {found}, but member 1 has {expected}; export the members together, \
         so that their logits can be added"
    )]
    LogitScale {
        /// Number of the member, from 1.
        member: usize,
        /// Scale of the member.
        found: f64,
        /// Scale of the first member.
        expected: f64,
    },
}

impl IntegerEnsemble {
    /// Largest relative difference of two logit scales that count as equal: their decimal forms may be rounded.
    const SCALE_TOLERANCE: f64 = 1e-9;

    /// Creates an ensemble of `members`.
    ///
    /// # Errors
    /// If there is no member, a member differs from the first in architecture, pixel levels or logit scale, or the sum of
    /// the members' logits could exceed 127 bits.
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
            if (found / expected - 1.0).abs() > Self::SCALE_TOLERANCE {
                return Err(EnsembleError::LogitScale { member, found, expected });
            }
        }
        let mut bounds = members.iter().map(|member| member.bounds().logits);
        if bounds.try_fold(0i128, |sum, bound| sum.checked_add(bound)).is_none() {
            return Err(EnsembleError::RangeTooLarge);
        }
        Ok(Self { members: members.into() })
    }

    /// Members of the ensemble, at least one.
    #[must_use]
    pub fn members(&self) -> &[IntegerNetwork] {
        &self.members
    }

    #[expect(clippy::indexing_slicing, reason = "`new` refuses an ensemble without members")]
    fn first(&self) -> &IntegerNetwork {
        &self.members[0]
    }

    /// Sizes of the layers, the same for every member.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        self.first().architecture()
    }

    /// Grey levels of a pixel, the same for every member.
    #[must_use]
    pub fn pixel_levels(&self) -> PixelLevels {
        self.first().pixel_levels()
    }

    /// Computes the exact logits of every member for one image of `architecture().pixels()` quantised pixels. The
    /// ensemble's logits are their sum ([`sum_logits`](crate::sum_logits)).
    ///
    /// # Errors
    /// If the image has the wrong size or a pixel above the largest level.
    pub fn member_logits(&self, image: &[u8]) -> Result<Vec<Vec<i128>>, ForwardError> {
        self.members.iter().map(|member| member.logits(image)).collect()
    }

    /// Bound on the absolute values of the ensemble's logits over all images: the sum of the members' bounds.
    #[must_use]
    pub fn proven_logits(&self) -> i128 {
        // `new` has checked that the sum does not overflow.
        self.members.iter().map(|member| member.bounds().logits).sum()
    }
}
