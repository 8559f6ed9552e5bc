//! Float networks from the tensors and networks of weights files.

pub mod architecture;
pub mod batch_norm;
pub mod hidden_inputs;
pub mod identify;
pub mod layer;
pub mod members;
