//! Requests for providers' certificates (CSR, PKCS #10).

use std::path::Path;

use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType, KeyPair, PublicKey,
    PublicKeyData as _, SanType,
};
use sottovoce_protocol::Fingerprint;
use zeroize::Zeroizing;

use super::certificate::PROVIDER_NAME;
use super::error::AuthorityError;
use super::host::Host;
use super::request::{fingerprint, parse, read_pem};
use crate::tls::subject::KEYS_URI_PREFIX;

/// A provider's request for a certificate, and the private key of the certificate. It has no `Debug`, because it holds a private
/// key.
pub struct ProviderRequest {
    /// PEM of the request, for the authority.
    pub pem: String,
    /// PEM of the private key (ECDSA on P-256), which only the provider may have.
    pub private_key_pem: Zeroizing<String>,
    /// SHA-256 of the public key, with which the provider identifies itself to the authority.
    pub key: Fingerprint,
}

impl ProviderRequest {
    /// Makes a fresh key, and a request for a certificate of a provider with these hosts.
    ///
    /// # Errors
    /// If there are no hosts, or the operating system gives no random numbers.
    pub fn new(hosts: &[Host]) -> Result<Self, AuthorityError> {
        if hosts.is_empty() {
            return Err(AuthorityError::NoHosts);
        }
        let key = KeyPair::generate()?;
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = DistinguishedName::new();
        parameters.distinguished_name.push(DnType::CommonName, PROVIDER_NAME);
        parameters.subject_alt_names =
            hosts.iter().map(Host::alternative_name).collect::<Result<_, rcgen::Error>>()?;
        let pem = parameters.serialize_request(&key)?.pem()?;
        let fingerprint = fingerprint(&key.subject_public_key_info())?;
        Ok(Self { pem, private_key_pem: Zeroizing::new(key.serialize_pem()), key: fingerprint })
    }
}

/// A provider's request that was parsed and checked. Its signature proves that its sender has the private key.
///
/// The authority must find out by other means that the sender is the provider at these hosts.
#[derive(Debug)]
pub struct ReceivedProviderRequest {
    hosts: Vec<Host>,
    public_key: PublicKey,
    key: Fingerprint,
}

impl ReceivedProviderRequest {
    /// Reads a request from a file.
    ///
    /// # Errors
    /// If the file cannot be read, or [`from_pem`](Self::from_pem) refuses its content.
    pub fn read(path: &Path) -> Result<Self, AuthorityError> {
        Self::from_pem(&read_pem(path)?)
    }

    /// Parses a request and checks its signature. Only the hosts and the public key are used.
    ///
    /// # Errors
    /// If the text is not a request for at least one host, with a key on P-256.
    pub fn from_pem(pem: &str) -> Result<Self, AuthorityError> {
        let CertificateSigningRequestParams { params, public_key } = parse(pem)?;
        let hosts = params.subject_alt_names.iter().filter_map(|name| match name {
            SanType::DnsName(name) => Some(name.as_str().parse()),
            SanType::IpAddress(address) => Some(Ok(Host::Address(*address))),
            _ => None,
        });
        let hosts: Vec<Host> = hosts.collect::<Result<_, _>>()?;
        if hosts.is_empty() {
            let names_keys = |name: &SanType| matches!(name, SanType::URI(uri) if uri.as_str().starts_with(KEYS_URI_PREFIX));
            let is_of_client = params.subject_alt_names.iter().any(names_keys);
            return Err(if is_of_client { AuthorityError::RequestOfClient } else { AuthorityError::NoHosts });
        }
        let key = fingerprint(&public_key.subject_public_key_info())?;
        Ok(Self { hosts, public_key, key })
    }

    /// Returns the hosts of the requested certificate.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Returns the SHA-256 of the public key.
    #[must_use]
    pub fn key(&self) -> Fingerprint {
        self.key
    }

    pub(super) fn public_key(&self) -> &PublicKey {
        &self.public_key
    }
}
