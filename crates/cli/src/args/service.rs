//! The provider as a service, and its clients.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ValueEnum;
use sottovoce_protocol::remote::{DEFAULT_PORT, ProviderAddress};

use super::PolicyOptions;

/// What `serve` serves, and how.
#[derive(Debug, clap::Args)]
pub struct ServeOptions {
    /// Folders of exported ensembles. Clients call each by NAME; without one by the folder's name, or, where that is
    /// `ensemble`, by the name of the folder or run that it is in. A folder that exists is never taken for NAME=FOLDER.
    #[arg(long, value_name = "[NAME=]FOLDER", required = true, num_args = 1..)]
    pub models: Vec<String>,

    /// Where to listen.
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT)))]
    pub listen: SocketAddr,

    /// The folder that `authority provider` made: certificate.pem, key.pem and root.pem.
    #[arg(long, value_name = "FOLDER")]
    pub identity: Option<PathBuf>,

    /// The authority's list of revoked certificates (revoked.pem); it is read again when it changes.
    #[arg(long, value_name = "FILE", requires = "identity")]
    pub revoked: Option<PathBuf>,

    /// Serve this machine without TLS and without certificates: whoever can reach the port is a client. For trying things out.
    #[arg(long, conflicts_with = "identity")]
    pub insecure_local: bool,

    /// Folder for what must survive a restart: the registered keys.
    #[arg(long, value_name = "FOLDER", default_value = "service")]
    pub state: PathBuf,

    /// Serve health and Prometheus' metrics here, over plain HTTP/1.1, to whoever can reach it.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub metrics: Option<SocketAddr>,

    #[command(flatten)]
    pub policy: PolicyOptions,

    /// Batches that are held at a time: received, waiting, evaluated. Each takes the memory that is printed at the start.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub batches: u16,

    /// Those of one client.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    pub batches_per_client: u16,

    /// Clients' keys that are stored.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub stored_keys: u32,

    /// Connections at a time.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    pub connections: u16,

    /// How long an upload may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub upload_seconds: u32,

    /// How long an upload may pause.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub silence_seconds: u32,

    /// How long an answer waits to be fetched.
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub answer_seconds: u32,

    /// How long answers can be fetched after the service was told to stop (SIGTERM, or Ctrl-C; a second one ends it at once).
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub drain_seconds: u32,

    /// The log's form, on standard error.
    #[arg(long, value_enum, default_value = "text")]
    pub log: LogForm,

    /// Log what happens to connections as well.
    #[arg(long)]
    pub verbose: bool,
}

/// The form of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogForm {
    Text,
    Json,
}

/// Where a client's provider and files are.
#[derive(Debug, clap::Args)]
pub struct ClientOptions {
    /// The provider: `https://HOST:PORT`; the port is 7443 where none is said.
    #[arg(long, value_name = "URL")]
    pub provider: ProviderAddress,

    /// The client's folder: keys, certificate.pem, key.pem, root.pem. What is missing and can be made is made.
    #[arg(long, value_name = "FOLDER", default_value = "client")]
    pub client: PathBuf,

    /// The certificate of the authority that vouches for the provider [default: root.pem in the client's folder].
    #[arg(long, value_name = "FILE")]
    pub authority: Option<PathBuf>,

    /// Speak to a provider on this machine without TLS (http://), which `serve --insecure-local` needs.
    #[arg(long)]
    pub insecure_local: bool,

    /// How long to try again without getting any further.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub patience_seconds: u32,

    /// The most memory that the provider's parameters may take here.
    #[arg(long, value_name = "MB", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub parameters_memory_mb: u32,
}

/// What `enrol` asks for.
#[derive(Debug, clap::Args)]
pub struct EnrolOptions {
    /// The client's name, as the authority shall know it.
    #[arg(long, value_name = "NAME")]
    pub name: String,

    #[command(flatten)]
    pub client: ClientOptions,
}

/// What `classify` classifies.
#[derive(Debug, clap::Args)]
pub struct ClassifyOptions {
    /// PNG, JPEG or BMP files, IDX files of images (plain or .gz), or folders of them, which are read with the folders
    /// inside.
    #[arg(value_name = "IMAGES", required = true)]
    pub images: Vec<PathBuf>,

    #[command(flatten)]
    pub client: ClientOptions,

    /// The model's name [default: the provider's only one].
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,

    /// The images show dark ink on light paper: turn them round.
    #[arg(long)]
    pub invert: bool,

    /// File for predictions and logits.
    #[arg(long, value_name = "FILE", default_value = "predictions.csv")]
    pub out: PathBuf,

    /// Replace that file where it is there already.
    #[arg(long)]
    pub replace: bool,
}
