//! ONNX: networks from PyTorch's two exporters, from Keras by tf2onnx, and from other programs.
//!
//! A file is a graph of nodes with constants. The graph is evaluated once: what follows from constants is computed, and what
//! depends on the image is traced as affine functions and squares (see [`symbolic`](super::symbolic)). Shapes that an exporter computes
//! with half a dozen nodes are constants by then. Only nodes that the output depends on are evaluated.
//!
//! Networks are traced with one image, whatever batch the file was exported with; [`Batch`](node::Batch) says how.

mod arithmetic;
mod constants;
mod graph;
mod layers;
mod message;
mod node;
mod operand;
mod operators;
pub mod reader;
mod structure;
mod tensor;
