//! Reports as single HTML pages.

pub(crate) mod document;
pub(crate) mod manifest;
pub(crate) mod run_page;
pub(crate) mod sweep_page;
pub(crate) mod table;
