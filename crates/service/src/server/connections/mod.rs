//! The open connections: who holds how many, for how long, and why one is closed.
//!
//! A connection whose peer has not shown a certificate is *unverified* and can take only a part of all slots. If this part is
//! full, the network that holds most of it gives up a slot for a newcomer of another network. A connection of a client with a
//! certificate moves to the other part, where every client has a maximum.

mod admission;
mod budget;
mod connection;
mod meter;
mod promotion;
mod registry;

pub use budget::RequestBudget;
pub use connection::{CloseReason, Closing, OpenConnection};
pub use meter::{RequestMeter, meter_request};
pub use registry::{ConnectionLimits, ConnectionSlot, Connections, Owner};
