//! ONNX: networks from PyTorch's two exporters, from Keras by tf2onnx, and from other programs.
//!
//! A file is a graph of nodes with constants. The reader evaluates the graph once. It computes values that only
//! depend on constants, and traces values that depend on the image as affine functions and squares (see
//! [`symbolic`](super::symbolic)). Shapes that an exporter computes with six nodes become constants in this way. Only
//! nodes that the output depends on are evaluated.
//!
//! Networks are traced with one image, for any batch size of the file; [`Batch`](node::Batch) says how.

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
