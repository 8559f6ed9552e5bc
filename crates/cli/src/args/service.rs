//! Arguments of `serve`, `enrol`, `classify` and `forget`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ValueEnum;
use sottovoce_protocol::Fingerprint;
use sottovoce_service::remote::{DEFAULT_PORT, ProviderAddress};

use super::evaluation_form::FormOptions;
use super::policy::PolicyOptions;

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
pub struct ServeOptions {
    /// Folders of exported ensembles, each with the NAME by which clients choose it [default NAME: the folder's name, or the
    /// name of the folder or run around it if it is called `ensemble`]. An existing folder is never read as NAME=FOLDER.
    #[arg(long, value_name = "[NAME=]FOLDER", required = true, num_args = 1..)]
    pub models: Vec<String>,

    /// Address and port to listen on.
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        value_parser = socket_address,
        default_value_t = SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT))
    )]
    pub listen: SocketAddr,

    /// Folder with key.pem, as `provider-request` writes it, and with certificate.pem and root.pem, as `authority provider`
    /// writes them. Required without --insecure-local.
    #[arg(long, value_name = "FOLDER")]
    pub identity: Option<PathBuf>,

    /// The authority's list of revoked certificates (revoked.pem). The file is read again when it changes. A list in which a
    /// certificate is no longer revoked is refused.
    #[arg(long, value_name = "FILE", requires = "identity", conflicts_with = "insecure_local")]
    pub revoked: Option<PathBuf>,

    /// Refuse clients when the list of revoked certificates is older than this, even if the list allows more.
    #[arg(
        long,
        value_name = "DAYS",
        default_value_t = 400,
        requires = "revoked",
        conflicts_with = "insecure_local",
        value_parser = clap::value_parser!(u16).range(1..=3650)
    )]
    pub revocation_days: u16,

    /// Serve only this machine, without TLS and certificates: everybody who can reach the port is a client. For tests.
    #[arg(long, conflicts_with = "identity")]
    pub insecure_local: bool,

    /// Folder for the clients' registered keys and the last list of revoked certificates, which are kept across restarts.
    #[arg(long, value_name = "FOLDER", default_value = "service")]
    pub state: PathBuf,

    /// Address and port for health checks and Prometheus metrics, over HTTP/1.1 without TLS and certificates.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = socket_address)]
    pub metrics: Option<SocketAddr>,

    /// Let --metrics listen on an address that other machines can reach.
    #[arg(long, requires = "metrics")]
    pub public_metrics: bool,

    #[command(flatten)]
    pub policy: PolicyOptions,

    /// Serve no packed evaluation. Clients then learn neither the geometry of the convolution nor the size of the hidden layer
    /// (docs/security.md).
    #[arg(long)]
    pub batched_only: bool,

    /// Largest number of batches at a time, from upload to answer. The memory of one batch is printed at the start.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub batches: u16,

    /// Largest number of batches of one client at a time.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    pub batches_per_client: u16,

    /// Largest number of clients whose keys are stored.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub stored_keys: u32,

    /// Largest number of connections at a time. A quarter is for peers that have not shown a certificate.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(2..))]
    pub connections: u16,

    /// Largest number of connections of one client at a time; never more than half of those for clients with certificates.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub connections_per_client: u16,

    /// Time without a request after which a connection is closed. Clients connect again.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub idle_seconds: u32,

    /// Time after which a connection takes no more requests. Running ones are finished, and clients connect again.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub connection_seconds: u32,

    /// Largest number of requests per second of one client, on all its connections.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub requests_per_second: u32,

    /// Longest duration of the upload of a batch. Keys must arrive within 30 seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub upload_seconds: u32,

    /// Least bytes a second of an upload, after the time of grace. If no slot for a batch is free and another client wants one, the
    /// slowest upload below four times this rate gives up its slot.
    #[arg(long, value_name = "BYTES", default_value_t = 65_536, value_parser = clap::value_parser!(u32).range(1..))]
    pub upload_bytes_per_second: u32,

    /// Time after which the rate of an upload is first looked at. It is measured over this time or up to its double.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub upload_grace_seconds: u32,

    /// Longest pause during an upload.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub silence_seconds: u32,

    /// Time for which an answer is kept until the client fetches it.
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub answer_seconds: u32,

    /// Time for which answers can still be fetched after SIGTERM or Ctrl-C; a second signal ends the service at once.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub drain_seconds: u32,

    /// Format of everything on standard error.
    #[arg(long, value_enum, default_value = "text")]
    pub log: LogFormat,

    /// Log events of connections as well.
    #[arg(long)]
    pub verbose: bool,
}

/// Parses an address and a port.
fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!(
            "it must be an IP address and a port, such as 127.0.0.1:{DEFAULT_PORT}, 0.0.0.0:{DEFAULT_PORT} or [::]:{DEFAULT_PORT}; \
             names of hosts are not accepted"
        )
    })
}

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Options of every command for clients; the arguments of `forget`.
#[derive(Debug, clap::Args)]
pub struct ClientOptions {
    /// Address of the provider: `https://HOST:PORT` [default port: 7443].
    #[arg(long, value_name = "URL")]
    pub provider: ProviderAddress,

    /// The client's folder, with keys, certificate.pem, key.pem and root.pem. `enrol` and
    /// `classify` create missing keys.
    #[arg(long, value_name = "FOLDER", default_value = "client")]
    pub client: PathBuf,

    /// Certificate of the authority that signed the provider's certificate [default: root.pem in the client's folder].
    #[arg(long, value_name = "FILE")]
    pub authority: Option<PathBuf>,

    /// Connect without TLS (http://) to a provider on this machine that was started with `serve --insecure-local`.
    #[arg(long)]
    pub insecure_local: bool,

    /// Time for which failing requests are repeated without progress.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub patience_seconds: u32,

    /// Largest memory for tables of the provider's parameters in this program, in megabytes.
    #[arg(long, value_name = "MB", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub parameters_memory_mb: u32,
}

/// Arguments of `enrol`.
#[derive(Debug, clap::Args)]
pub struct EnrolOptions {
    /// Name of the client in its certificate.
    #[arg(long, value_name = "NAME")]
    pub name: String,

    #[command(flatten)]
    pub client: ClientOptions,
}

/// Arguments of `classify`.
#[derive(Debug, clap::Args)]
pub struct ClassifyOptions {
    /// PNG, JPEG or BMP files, IDX files of images (plain or .gz), or folders of such files and subfolders.
    #[arg(value_name = "IMAGES", required = true)]
    pub images: Vec<PathBuf>,

    #[command(flatten)]
    pub client: ClientOptions,

    #[command(flatten)]
    pub form: FormOptions,

    /// Name of the model [default: the provider's model, if it has only one].
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,

    /// Fingerprint that the model must have. Without this option the fingerprint of the first use is kept in the client's
    /// folder (known-models.json), and other models under the same name are refused later.
    #[arg(long, value_name = "HEX")]
    pub model_fingerprint: Option<Fingerprint>,

    /// Accept the model that the provider has now, and keep its fingerprint in place of the former one.
    #[arg(long, conflicts_with = "model_fingerprint")]
    pub accept_new_model: bool,

    /// Refuse a provider whose certificate lists no models. If the certificate lists models, the model must be among them in
    /// any case.
    #[arg(long, conflicts_with = "insecure_local")]
    pub require_manifest: bool,

    /// Images (as IMAGES) whose exact logits are in --check-answers. Every batch has some of them in spare slots, at random
    /// positions, which the provider cannot tell from others. Wrong answers end the command after the connection has ended.
    /// Images are then evaluated in batches.
    #[arg(long, value_name = "IMAGES", requires = "check_answers")]
    pub check_images: Vec<PathBuf>,

    /// CSV file with the logits of --check-images, as `classify` or `predict` wrote it in a run that you trust.
    #[arg(long, value_name = "FILE", requires = "check_images")]
    pub check_answers: Option<PathBuf>,

    /// Invert the images: for dark ink on light paper.
    #[arg(long)]
    pub invert: bool,

    /// Print the noise of the answers. It depends on the secret key: never tell the provider.
    #[arg(long)]
    pub noise: bool,

    /// CSV file for predictions and logits, which only its owner can read.
    #[arg(long, value_name = "FILE", default_value = "predictions.csv")]
    pub out: PathBuf,

    /// Overwrite the file if it exists.
    #[arg(long)]
    pub replace: bool,
}
