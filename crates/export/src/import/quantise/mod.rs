//! Rounding of float members to an integer ensemble, at given scales or at the cheapest scales that keep the accuracy.

pub mod accuracy;
pub mod batch_network;
pub mod candidate;
pub mod ensemble;
pub mod error;
pub mod search;
