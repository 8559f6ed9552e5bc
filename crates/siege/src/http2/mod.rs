//! HTTP/2 that keeps to the rules, and single frames that need not.

pub mod frame;
pub mod raw_session;
pub mod session;
