//! Arguments of `clients`.

use std::path::PathBuf;

use clap::Subcommand;

use super::selected_holder::SelectedHolder;

#[derive(Debug, Subcommand)]
pub enum ClientsCommand {
    /// List the clients with registered keys.
    List {
        #[command(flatten)]
        service: ServiceFolder,
    },
    /// Delete a client's registration, batches and answers, and close its connections. A client with a valid certificate can
    /// register again; `authority revoke` prevents it.
    Remove {
        #[command(flatten)]
        selected: SelectedHolder,

        #[command(flatten)]
        service: ServiceFolder,
    },
    /// Remove all clients whose certificates have expired or are revoked, or whose issuer is revoked or unknown. A running
    /// service does this by itself within ten minutes; a stopped one finds all but the expired ones when it starts.
    Expire {
        /// Also for clients that have not used their keys for this number of days.
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        unused_days: Option<u32>,

        #[command(flatten)]
        service: ServiceFolder,
    },
}

/// The service that is asked.
#[derive(Debug, clap::Args)]
pub struct ServiceFolder {
    /// State folder of the service on this machine, as `serve --state` names it. The service may be running or stopped.
    #[arg(long, value_name = "FOLDER", default_value = "service")]
    pub state: PathBuf,
}
