//! Protection of this process's memory, which holds private keys, from other processes and from disks.

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, setrlimit};

/// Keeps the memory of this process out of core dumps. On Linux, other processes of the same user can then neither trace this
/// process nor read its memory and environment; the superuser can. Memory may still be swapped out: fewer than all of the copies
/// of a key could be locked.
///
/// # Errors
/// If the system refuses.
pub fn protect() -> Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .context("cannot turn off core dumps, which would contain private keys")?;
    refuse_tracing()
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn refuse_tracing() -> Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};

    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .context("cannot keep other processes of this user from reading private keys (PR_SET_DUMPABLE)")
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn refuse_tracing() -> Result<()> {
    Ok(())
}
