//! `forget`: a client leaves its provider.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use sottovoce_protocol::Client;

use super::client_folder::ClientFolder;
use crate::args::ClientOptions;
use crate::output;

pub fn run(options: &ClientOptions) -> Result<ExitCode> {
    let folder = ClientFolder::open(options)?;
    let keys = folder.file("keys");
    ensure!(keys.exists(), "there is no {}, so there is nothing to forget", keys.display());
    let remote = folder.remote(options.provider.is_secure())?;
    // Whatever parameters the provider has by now.
    let client = Client::load(&keys, folder.parameters_memory_bytes())?;
    remote.forget(client.registered())?;
    output::result(&format!(
        "{} has forgotten the keys {}; {} is left as it is.",
        remote.address(),
        client.registered(),
        keys.display()
    ));
    Ok(ExitCode::SUCCESS)
}
