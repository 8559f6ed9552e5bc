//! Arguments of `authority` and `provider-request`.

use std::path::PathBuf;

use clap::Subcommand;
use sottovoce_protocol::Fingerprint;
use sottovoce_service::authority::{
    DEFAULT_ISSUER_DAYS, DEFAULT_LIST_DAYS, Host, MAX_LIST_DAYS, MAX_VALIDITY_DAYS,
};
use sottovoce_service::tls::{CertifiedModel, SerialNumber};

use super::selected_holder::SelectedHolder;

#[derive(Debug, Subcommand)]
pub enum AuthorityCommand {
    /// Create an authority: a root, and an issuer that signs certificates. Everybody who can read its folder and knows the
    /// passphrase can issue certificates for any client.
    Create {
        /// Folder of the authority, new or empty.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,

        /// Name of the authority in certificates.
        #[arg(long, value_name = "NAME", default_value = "sottovoce authority")]
        name: String,

        #[command(flatten)]
        protection: CreatedKeys,
    },
    /// Issue a provider's certificate for the hosts in its request.
    Provider {
        #[command(flatten)]
        authority: AuthorityOptions,

        /// The provider's request, a PEM file that `provider-request` wrote.
        #[arg(value_name = "REQUEST")]
        request: PathBuf,

        /// SHA-256 of the provider's public key, which `provider-request` printed and the provider told over another channel.
        /// Without this, the terminal asks for it.
        #[arg(long, value_name = "HEX")]
        key: Option<Fingerprint>,

        /// Models for which the authority vouches, each as clients name it, with its fingerprint, which `plan` and `serve` print.
        /// Clients then use no other models of this provider.
        #[arg(long = "model", value_name = "NAME=FINGERPRINT")]
        models: Vec<CertifiedModel>,

        /// Issue the certificate although one of the hosts has a valid certificate for another key.
        #[arg(long)]
        other_keys: bool,

        /// Folder for certificate.pem and root.pem.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,

        /// Days until the certificate expires.
        #[arg(long, default_value_t = 365, value_parser = validity_days())]
        days: u32,
    },
    /// Issue a client's certificate, which confirms that the keys in the request belong to the client.
    Issue {
        #[command(flatten)]
        authority: AuthorityOptions,

        /// The client's request, a PEM file that `enrol` wrote.
        #[arg(value_name = "REQUEST")]
        request: PathBuf,

        /// Fingerprint of the request's public key, which `enrol` printed and the client told over another channel. Without this,
        /// the terminal asks for it.
        #[arg(long, value_name = "HEX")]
        key: Option<Fingerprint>,

        /// Issue the certificate although this client has a valid certificate for other keys.
        #[arg(long)]
        other_keys: bool,

        /// File for the certificate.
        #[arg(long, value_name = "FILE", default_value = "certificate.pem")]
        out: PathBuf,

        /// Days until the certificate expires.
        #[arg(long, default_value_t = 90, value_parser = validity_days())]
        days: u32,
    },
    /// Revoke certificates and sign new lists of revoked certificates (revoked.pem): all certificates of a name, or of keys, or
    /// one. The serial number of a former issuer revokes everything that it has signed.
    Revoke {
        #[command(flatten)]
        authority: AuthorityOptions,

        #[command(flatten)]
        selected: SelectedHolder,

        /// Serial number of the issuer that has signed the certificate, to revoke a certificate that the authority's ledger does
        /// not have.
        #[arg(long, value_name = "HEX", requires = "serial", conflicts_with_all = ["name", "keys"])]
        issuer: Option<SerialNumber>,

        #[command(flatten)]
        lists: ListOptions,
    },
    /// Sign the lists of revoked certificates (revoked.pem) anew before they end.
    SignList {
        #[command(flatten)]
        authority: AuthorityOptions,

        /// Also sign the roots' lists, which are valid for 400 days. This needs root.key.pem.
        #[arg(long)]
        root: bool,

        #[command(flatten)]
        lists: ListOptions,
    },
    /// List roots, issuers and all issued certificates, and warn of what ends within 30 days.
    List {
        /// Folder of the authority.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
    /// Make another issuer. This needs root.key.pem. Providers need the new revoked.pem before clients use new certificates.
    RenewIssuer {
        #[command(flatten)]
        authority: AuthorityOptions,

        /// Days until the issuer expires. It signs no certificate that is valid longer.
        #[arg(long, default_value_t = DEFAULT_ISSUER_DAYS, value_parser = validity_days())]
        days: u32,

        /// Also revoke the former issuer, with every certificate that it has signed: its private key was stolen.
        #[arg(long)]
        revoke_former: bool,

        #[command(flatten)]
        lists: ListOptions,
    },
    /// Make another root, and another issuer. Former roots stay in root.pem until they are retired.
    NewRoot {
        #[command(flatten)]
        authority: AuthorityOptions,

        /// Name of the authority in certificates.
        #[arg(long, value_name = "NAME", default_value = "sottovoce authority")]
        name: String,

        /// Days until the issuer expires.
        #[arg(long, default_value_t = DEFAULT_ISSUER_DAYS, value_parser = validity_days())]
        days: u32,

        /// Do without the private key of the former root, whose list cannot be signed any more.
        #[arg(long)]
        former_key_lost: bool,

        #[command(flatten)]
        lists: ListOptions,
    },
    /// Remove former roots from root.pem, once no valid certificate depends on them.
    RetireRoots {
        #[command(flatten)]
        authority: AuthorityOptions,

        #[command(flatten)]
        lists: ListOptions,
    },
    /// Change the passphrase of the private keys in the folder, or encrypt keys that are not encrypted.
    Encrypt {
        #[command(flatten)]
        authority: AuthorityOptions,

        /// File with the new passphrase, which only its owner can read. Without this, the terminal asks for it.
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,

        /// Store the private keys without encryption.
        #[arg(long, conflicts_with = "new_passphrase_file")]
        no_passphrase: bool,
    },
}

/// An authority whose private keys are used.
#[derive(Debug, clap::Args)]
pub struct AuthorityOptions {
    /// Folder of the authority.
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,

    /// File with the passphrase of the authority, which only its owner can read. One line feed at its end is not part of the
    /// passphrase. Without this, the terminal asks for it.
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Storage of the private keys of a new authority.
#[derive(Debug, clap::Args)]
pub struct CreatedKeys {
    /// File with the passphrase that encrypts the private keys. Only its owner may read it. One line feed at its end is not part
    /// of the passphrase. Without this, the terminal asks for it.
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,

    /// Store the private keys without encryption.
    #[arg(long, conflicts_with = "passphrase_file")]
    pub no_passphrase: bool,
}

/// Options of commands that sign lists of revoked certificates.
#[derive(Debug, clap::Args)]
pub struct ListOptions {
    /// Days until the lists end. Providers refuse clients with an ended list, so sign and copy another one before.
    #[arg(
        long,
        value_name = "DAYS",
        default_value_t = DEFAULT_LIST_DAYS,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_LIST_DAYS))
    )]
    pub list_days: u32,
}

/// Arguments of `provider-request`.
#[derive(Debug, clap::Args)]
pub struct ProviderRequestOptions {
    /// DNS names and IP addresses at which clients reach the provider.
    #[arg(long = "host", value_name = "NAME_OR_IP", required = true, num_args = 1..)]
    pub hosts: Vec<Host>,

    /// Folder for key.pem and request.pem.
    #[arg(long, value_name = "FOLDER", default_value = "identity")]
    pub out: PathBuf,
}

fn validity_days() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=i64::from(MAX_VALIDITY_DAYS))
}
