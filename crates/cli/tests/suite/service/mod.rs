//! Provider, clients and authority in separate processes, on this machine's loopback.

mod authority_changes;
mod clients;
mod connections;
mod deployment;
mod downloads;
mod enrolled_client;
mod expiry;
mod faults;
mod foreign_keys;
mod machine;
mod metrics_listener;
mod model_identity;
mod model_manifest;
mod own_certificate;
mod packed;
mod private_files;
#[cfg(target_os = "linux")]
mod process;
mod raw_client;
mod registered_client;
mod reload;
mod retries;
mod revocation;
mod signed;
// The tests of TLS in `service` make certificates with the same file. It is no part of that library, whose only way to make
// certificates is an authority with a ledger.
#[path = "../../../../service/src/tls/tests/signer.rs"]
mod signer;
mod start;
mod tls;
mod untrusted_text;
mod uploads;
#[cfg(target_os = "linux")]
mod work;
mod world;
mod wrong_answers;
