//! What the certificate authority does.

use std::path::PathBuf;

use clap::Subcommand;
use sottovoce_protocol::Fingerprint;
use sottovoce_protocol::authority::{Host, MOST_DAYS};
use sottovoce_protocol::tls::Serial;

#[derive(Debug, Subcommand)]
pub enum AuthorityCommand {
    /// Make an authority; whoever can read its folder can vouch for anybody.
    Create {
        /// A folder that is new or empty.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,

        /// What the authority is called in certificates.
        #[arg(long, value_name = "NAME", default_value = "sottovoce authority")]
        name: String,
    },
    /// Issue a provider's certificate, with a fresh private key.
    Provider {
        /// The authority's folder.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,

        /// The DNS names and IP addresses that clients reach the provider by.
        #[arg(long = "host", value_name = "NAME_OR_IP", required = true, num_args = 1..)]
        hosts: Vec<Host>,

        /// Folder for certificate.pem, key.pem and root.pem.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,

        /// Days until the certificate ends.
        #[arg(long, default_value_t = 365, value_parser = days())]
        days: u32,
    },
    /// Issue a client's certificate: vouch that the keys in its request are the client's.
    Issue {
        /// The authority's folder.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,

        /// The client's request, a PEM file.
        #[arg(value_name = "REQUEST")]
        request: PathBuf,

        /// File for the certificate.
        #[arg(long, value_name = "FILE", default_value = "certificate.pem")]
        out: PathBuf,

        /// Days until the certificate ends.
        #[arg(long, default_value_t = 90, value_parser = days())]
        days: u32,
    },
    /// Revoke certificates, and sign the list of revoked ones (revoked.pem) anew.
    Revoke {
        /// The authority's folder.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,

        #[command(flatten)]
        revoked: Revoked,
    },
    /// List the certificates that were issued.
    List {
        /// The authority's folder.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
}

/// Which certificates are revoked.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Revoked {
    /// All of this client's certificates, or of the provider with exactly these hosts.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// The certificate with this serial number.
    #[arg(long, value_name = "HEX")]
    pub serial: Option<Serial>,

    /// All certificates for the keys with this fingerprint.
    #[arg(long, value_name = "HEX")]
    pub keys: Option<Fingerprint>,
}

fn days() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=i64::from(MOST_DAYS))
}
