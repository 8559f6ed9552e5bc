//! Provider, clients and authority in separate processes, on this machine's loopback.

mod faults;
mod machine;
mod tls;
mod world;
