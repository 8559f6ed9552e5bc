//! `forget`: a client leaves its provider.

use std::process::ExitCode;

use anyhow::{Result, ensure};

use super::client_folder::ClientFolder;
use crate::args::ClientOptions;
use crate::output;

pub fn run(options: &ClientOptions) -> Result<ExitCode> {
    let folder = ClientFolder::open(options)?;
    let keys = folder.file("keys");
    ensure!(keys.exists(), "there is no {}, so there is nothing to forget", keys.display());
    let remote = folder.remote(options.provider.is_secure())?;
    let client = folder.client(&remote)?;
    remote.forget(client.registered())?;
    output::result(&format!(
        "{} has forgotten the keys {}; {} is left as it is.",
        remote.address(),
        client.registered(),
        keys.display()
    ));
    Ok(ExitCode::SUCCESS)
}
