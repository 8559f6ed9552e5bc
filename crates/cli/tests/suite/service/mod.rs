//! Provider, clients and authority as processes of their own, on this machine's loopback.

mod faults;
mod machine;
mod tls;
mod world;
