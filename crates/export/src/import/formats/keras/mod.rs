//! Files that Keras writes: whole models (`.keras`; legacy `.h5` of Keras 2 and 3) and weights alone (`.weights.h5`; Keras 2's
//! `save_weights`).
//!
//! A whole model is two things: a configuration in JSON, which says how layers follow each other ([`layer_config`], [`graph`]), and weights in
//! HDF5, which [`weight_store`] joins to layers by their own names. [`layers`], [`operations`] and [`activation`] say what each
//! layer computes. Nothing in a file is executed: what is Python code in it is read as arithmetic ([`bytecode`]), or assumed to be a square with
//! a remark.

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
