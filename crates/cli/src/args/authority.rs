//! Arguments of `authority`.

use std::path::PathBuf;

use clap::Subcommand;
use sottovoce_protocol::Fingerprint;
use sottovoce_service::authority::{Host, MAX_VALIDITY_DAYS};
use sottovoce_service::tls::SerialNumber;

#[derive(Debug, Subcommand)]
pub enum AuthorityCommand {
    /// Create an authority. Everybody who can read its folder can issue certificates for any client.
    Create {
        /// Folder of the authority, new or empty.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,

        /// Name of the authority in certificates.
        #[arg(long, value_name = "NAME", default_value = "sottovoce authority")]
        name: String,
    },
    /// Issue a provider's certificate with a new private key.
    Provider {
        /// Folder of the authority.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,

        /// DNS names and IP addresses at which clients reach the provider.
        #[arg(long = "host", value_name = "NAME_OR_IP", required = true, num_args = 1..)]
        hosts: Vec<Host>,

        /// Folder for certificate.pem, key.pem and root.pem.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,

        /// Days until the certificate expires.
        #[arg(long, default_value_t = 365, value_parser = days())]
        days: u32,
    },
    /// Issue a client's certificate, which confirms that the keys in the request belong to the client.
    Issue {
        /// Folder of the authority.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,

        /// The client's request, a PEM file that `enrol` wrote.
        #[arg(value_name = "REQUEST")]
        request: PathBuf,

        /// File for the certificate.
        #[arg(long, value_name = "FILE", default_value = "certificate.pem")]
        out: PathBuf,

        /// Days until the certificate expires.
        #[arg(long, default_value_t = 90, value_parser = days())]
        days: u32,
    },
    /// Revoke certificates and update the signed list of revoked certificates (revoked.pem).
    Revoke {
        /// Folder of the authority.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,

        #[command(flatten)]
        revoked: Revoked,
    },
    /// List all issued certificates.
    List {
        /// Folder of the authority.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
}

/// The selection of certificates to revoke.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Revoked {
    /// Revoke all certificates of the client with this name, or of the provider with exactly these hosts.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Revoke the certificate with this serial number.
    #[arg(long, value_name = "HEX")]
    pub serial: Option<SerialNumber>,

    /// Revoke all certificates for the keys with this fingerprint.
    #[arg(long, value_name = "HEX")]
    pub keys: Option<Fingerprint>,
}

fn days() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=i64::from(MAX_VALIDITY_DAYS))
}
