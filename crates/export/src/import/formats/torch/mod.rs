//! Files of PyTorch: state dicts and checkpoints (`torch.save`), and whole networks (`torch.export.save`).

mod archive;
mod graph;
mod operands;
mod operators;
mod program;
pub mod reader;
mod schema;
mod shapes;
mod state_dict;
mod weights;
