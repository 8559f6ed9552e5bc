//! Data sets: the request for one, the files and archives that hold it, and the download of MNIST.

pub(crate) mod class_folders;
pub(crate) mod download;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod known;
pub(crate) mod layout;
pub(crate) mod npz;
pub(crate) mod open;
pub(crate) mod part;
pub(crate) mod request;
pub(crate) mod stored;
