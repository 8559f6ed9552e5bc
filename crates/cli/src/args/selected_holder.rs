//! The selection of the holder of a certificate.

use sottovoce_protocol::Fingerprint;
use sottovoce_service::tls::SerialNumber;

/// The selection of certificates, or of a client that has one.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct SelectedHolder {
    /// Name of the client. For a provider's certificate: all of its hosts, separated by spaces.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Serial number of the certificate.
    #[arg(long, value_name = "HEX")]
    pub serial: Option<SerialNumber>,

    /// Fingerprint of the keys in the certificate.
    #[arg(long, value_name = "HEX")]
    pub keys: Option<Fingerprint>,
}
