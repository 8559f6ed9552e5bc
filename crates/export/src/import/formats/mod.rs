//! Formats of weights files. [`registry`] lists them; every format has a reader in a file or folder of its own.

pub mod csv;
pub mod keras;
pub mod npy;
pub mod npz;
pub mod numbers;
pub mod onnx;
pub mod registry;
pub mod safetensors;
pub mod symbolic;
pub mod tensor;
pub mod torch;
pub mod weights_file;
