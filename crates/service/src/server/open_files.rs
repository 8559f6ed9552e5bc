//! The system's limit of open files, which connections count against.

use super::limits::Limits;

/// Open files besides connections: the database, the log, certificates that are read again, and the runtime's own.
const OTHER_FILES: u64 = 64;

/// The system allows fewer open files than the service may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFewFiles {
    pub needed: u64,
    pub allowed: u64,
}

/// Returns how many files a service may have open at a time.
fn needed_files(limits: &Limits) -> u64 {
    // Connections that have lost their slots to newcomers are open until their tasks run. There are at most as many as slots for
    // connections without a certificate.
    let clients = limits.connections + limits.of_connections().unverified;
    let metrics = 2 * Limits::METRICS_CONNECTIONS;
    // Each listener holds itself and a connection that has no slot yet.
    (clients + metrics + 4) as u64 + OTHER_FILES
}

/// Raises the number of files that this process may have open to what the service needs.
#[cfg(unix)]
pub fn allow_open_files(limits: &Limits) -> Result<(), TooFewFiles> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let needed = needed_files(limits);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let raised = Rlimit { current: Some(needed), maximum };
    setrlimit(Resource::Nofile, raised)
        .map_err(|_| TooFewFiles { needed, allowed: maximum.or(current).unwrap_or(0) })
}

/// Other systems have no such limit.
#[cfg(not(unix))]
pub fn allow_open_files(_: &Limits) -> Result<(), TooFewFiles> {
    Ok(())
}
