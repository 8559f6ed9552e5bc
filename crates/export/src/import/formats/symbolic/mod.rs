//! Symbolic evaluation: recognises networks by the function that they compute.
//!
//! A file that holds a whole network (Keras, ONNX, PyTorch's exported programs) lists its operations. Every exporter
//! writes other operations for the same network: with transposes, with shapes that six operations compute, with
//! BatchNorm folded or not. This module does not search for lists of operations. A reader evaluates the network once,
//! operation by operation, on a [`Value`](value::Value) whose numbers are affine functions of the pixels. A square
//! ends one linear map and begins the next one, whose variables are the squares. At the end there are three linear
//! maps:
//!
//! ```text
//! pixels -A-> outputs of the convolution -square-> -B-> hidden units -square-> -C-> logits
//! ```
//!
//! All affine operations (scaled and offset inputs, padding, BatchNorm, average pooling, dropout, reordered axes) are
//! in A, B and C exactly, up to rounding in 64 bits. [`recognise`](recognise::recognise()) then finds the kernel
//! size, stride and padding with which A is a convolution, and puts the columns of B into this project's order.

mod affine;
pub mod layers;
pub mod recognise;
pub mod trace;
pub mod value;
