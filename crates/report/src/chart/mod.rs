//! Charts beyond the accuracy sweeps, and what they are built from.

pub(crate) mod bits;
pub(crate) mod elapsed;
mod heat_map;
pub(crate) mod labels;
pub(crate) mod layers;
pub(crate) mod noise;
pub(crate) mod page;
pub(crate) mod ramp;
pub(crate) mod recall;
mod scale;
pub(crate) mod sizes;
pub(crate) mod spread;
