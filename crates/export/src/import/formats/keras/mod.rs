//! Files of Keras: whole models (`.keras`; legacy `.h5` of Keras 2 and 3) and files of only weights (`.weights.h5`;
//! Keras 2's `save_weights`).
//!
//! A whole model has two parts: a configuration in JSON, which says how layers follow each other (`layer_config`,
//! `graph`), and weights in HDF5, which `weight_store` finds by the layers' names. `layers`, `operations` and
//! `activation` evaluate the layers. Nothing in a file is executed: Python code is read as arithmetic (`bytecode`),
//! or assumed to be a square with a remark.

mod activation;
mod archive;
mod bytecode;
mod graph;
mod hdf5;
mod layer_config;
mod layers;
mod operations;
pub mod reader;
mod tensor_names;
mod weight_store;
