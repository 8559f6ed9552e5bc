//! The provider's own certificate, with its chain and private key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::SingleCertAndKey;
use sottovoce_protocol::Fingerprint;
use time::OffsetDateTime;

use super::certificate::Certificate;
use super::error::TlsError;
use super::model_manifest::{ModelManifest, RequiredModel};
use super::revocation_bundle::RevocationBundle;
use super::trusted_roots::TrustedRoots;
use super::{pem_files, profile};

/// A provider's certificate, the chain after it, and the private key.
#[derive(Debug, Clone)]
pub struct ProviderCertificate {
    path: PathBuf,
    chain: Vec<Certificate>,
    key: Arc<SingleCertAndKey>,
}

impl ProviderCertificate {
    /// Reads the files.
    ///
    /// # Errors
    /// If a file cannot be used, or the private key does not belong to the certificate.
    pub fn read(certificate: &Path, private_key: &Path) -> Result<Self, TlsError> {
        let ders = pem_files::read_certificates(certificate)?;
        let key = pem_files::read_certified_key(ders.clone(), certificate, private_key)?;
        let chain = ders.into_iter().map(Certificate::parse).collect::<Result<_, _>>();
        let chain = chain.map_err(|reason| TlsError::Certificate { path: certificate.into(), reason })?;
        Ok(Self { path: certificate.into(), chain, key })
    }

    /// The certificate, then the certificates of its issuers.
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// Returns the key for TLS.
    pub fn key(&self) -> Arc<SingleCertAndKey> {
        self.key.clone()
    }

    /// Checks that clients that trust `roots` can accept the certificate at present.
    ///
    /// # Errors
    /// If the certificate or one of its issuers has expired or is not valid yet, or no root has certified it for a provider.
    pub fn check(&self, roots: &TrustedRoots, now: OffsetDateTime) -> Result<(), TlsError> {
        for (index, certificate) in self.chain.iter().enumerate() {
            if let Err(problem) = certificate.validity().check(now) {
                let holder = if index == 0 {
                    "the provider's certificate".to_owned()
                } else {
                    format!("the certificate of the issuer {}", certificate.subject())
                };
                let path = self.path.clone();
                return Err(TlsError::NotValidNow { path, holder, problem, now });
            }
        }
        let Some((leaf, issuers)) = self.chain.split_first() else {
            return Err(TlsError::Certificate { path: self.path.clone(), reason: "it is empty".to_owned() });
        };
        let issuers: Vec<CertificateDer<'_>> = issuers.iter().map(|issuer| issuer.der().clone()).collect();
        let untrusted = |source| TlsError::Untrusted { path: self.path.clone(), source };
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(leaf.der()).map_err(untrusted)?,
            &*roots.store(now)?,
            &issuers,
            UnixTime::now(),
            profile::crypto().signature_verification_algorithms.all,
        )
        .map_err(untrusted)
    }

    /// Returns, in a sentence each, why clients refuse served models with this certificate, and that it is revoked. Clients do not
    /// read revocation lists, but a revoked certificate was revoked for a reason.
    pub fn problems_for_clients(
        &self,
        models: &[(String, Fingerprint)],
        revocations: Option<&RevocationBundle>,
    ) -> Vec<String> {
        let mut problems = Vec::new();
        let Some(leaf) = self.chain.first() else { return problems };
        match ModelManifest::from_der(leaf.der()) {
            Ok(manifest) => {
                let is_refused = |(name, fingerprint): &&(String, Fingerprint)| {
                    RequiredModel::new(name, *fingerprint, false).check(Some(&manifest)).is_err()
                };
                problems.extend(models.iter().filter(is_refused).map(|(name, fingerprint)| {
                    format!(
                        "clients refuse the model {name}, because the provider's certificate lists models, and not this one: the authority \
                         issues another certificate with `sottovoce authority provider FOLDER REQUEST --model {name}={fingerprint}`"
                    )
                }));
            }
            Err(error) => problems.push(format!("clients refuse the provider's certificate: {error}")),
        }
        for (index, certificate) in self.chain.iter().enumerate() {
            if revocations.is_some_and(|lists| lists.revokes(certificate)) {
                let holder = match index {
                    0 => "the provider's own certificate".to_owned(),
                    _ => format!("the issuer of the provider's own certificate, {},", certificate.subject()),
                };
                problems.push(format!(
                    "{holder} is revoked in the list of revoked certificates: take a new one of the authority"
                ));
            }
        }
        problems
    }
}

impl PartialEq for ProviderCertificate {
    fn eq(&self, other: &Self) -> bool {
        let ders = |certificate: &Self| {
            certificate.chain.iter().map(|certificate| certificate.der().clone()).collect::<Vec<_>>()
        };
        // A certificate names its public key, so equal certificates have equal private keys.
        ders(self) == ders(other)
    }
}
