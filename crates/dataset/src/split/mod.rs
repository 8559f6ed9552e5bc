//! Label-skewed splits: every member of an ensemble sees mostly the labels of its own group.
//!
//! [`hold_out::hold_out`] sets validation images aside, on which no member trains. [`method::group_labels`] divides the
//! labels into groups, one for each member. [`partition::partition`] gives a member the majority of the images of its
//! group's labels, and the rest to the others. The Dirichlet split has no groups:
//! [`dirichlet::partition_dirichlet`] draws a mix of labels for each member.

pub(crate) mod dirichlet;
pub(crate) mod dirichlet_alpha;
pub(crate) mod error;
pub(crate) mod gamma;
pub(crate) mod hold_out;
pub(crate) mod method;
pub(crate) mod partition;
pub(crate) mod share_range;
