//! The files from which a provider's TLS configuration is read.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use sottovoce_network::atomic_file;
use time::OffsetDateTime;

use super::error::TlsError;
use super::file_version::FileVersion;
use super::provider_certificate::ProviderCertificate;
use super::revocation_bundle::RevocationBundle;
use super::trusted_roots::TrustedRoots;

/// The files of a provider.
#[derive(Debug, Clone)]
pub struct ServerTlsFiles {
    /// The provider's certificate, and then its issuers' certificates.
    pub certificate: PathBuf,
    /// The private key of the certificate.
    pub private_key: PathBuf,
    /// The roots that certify clients and this provider.
    pub roots: PathBuf,
    /// The revoked certificates. Without them, revoked certificates are accepted until they expire.
    pub revocations: Option<RevocationFiles>,
}

/// The files of revoked certificates.
#[derive(Debug, Clone)]
pub struct RevocationFiles {
    /// The file that the authority signs and the provider's operator replaces.
    pub list: PathBuf,
    /// A copy of the list in use, which the service keeps: also after a restart no older list is accepted.
    pub kept: Option<PathBuf>,
    /// Greatest age of the lists that name clients, if it is less than their own.
    pub max_age: Option<Duration>,
}

/// The provider's certificate and roots, which are read together.
#[derive(Debug)]
pub struct Credentials {
    pub certificate: ProviderCertificate,
    pub roots: TrustedRoots,
}

impl ServerTlsFiles {
    /// Returns the versions of certificate, private key and roots.
    pub fn credential_versions(&self) -> [Option<FileVersion>; 3] {
        [&self.certificate, &self.private_key, &self.roots].map(|path| FileVersion::of(path))
    }

    /// Reads certificate, private key and roots, and checks that they belong together and are valid at the time `now`.
    ///
    /// # Errors
    /// If a file cannot be used, or clients would not accept the certificate.
    pub fn read_credentials(&self, now: OffsetDateTime) -> Result<Credentials, TlsError> {
        let certificate = ProviderCertificate::read(&self.certificate, &self.private_key)?;
        let roots = TrustedRoots::read(&self.roots)?;
        certificate.check(&roots, now)?;
        Ok(Credentials { certificate, roots })
    }
}

impl RevocationFiles {
    /// Reads the list for a service that starts. It must follow the list that an earlier service kept.
    ///
    /// # Errors
    /// If a file cannot be used, or the list would admit certificates that were revoked before.
    pub fn read_first(
        &self,
        roots: &TrustedRoots,
        now: OffsetDateTime,
    ) -> Result<RevocationBundle, TlsError> {
        let bundle = RevocationBundle::read(&self.list, roots, now)?;
        let Some(kept_path) = &self.kept else { return Ok(bundle) };
        let (path, kept) = (self.list.clone(), kept_path.clone());
        match RevocationBundle::read(kept_path, roots, now) {
            Ok(earlier) => match bundle.check_follows(&earlier) {
                Ok(()) => Ok(bundle),
                Err(source) => Err(TlsError::RevocationsWithdrawn { path, kept, source }),
            },
            // There was no list before, or the roots have changed and their lists begin anew.
            Err(TlsError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(bundle),
            Err(TlsError::RevocationList {
                source: super::error::RevocationListError::Signature, ..
            }) => {
                tracing::warn!(
                    kept = %kept.display(),
                    "the roots have changed: no trusted root has signed the revocation list that was in use before"
                );
                Ok(bundle)
            }
            Err(source) => Err(TlsError::KeptRevocations { path, kept, source: Box::new(source) }),
        }
    }

    /// Keeps a list that is in use now.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn keep(&self, bundle: &RevocationBundle) -> Result<(), TlsError> {
        let Some(path) = &self.kept else { return Ok(()) };
        let is_kept = std::fs::read(path).is_ok_and(|kept| kept == bundle.pem());
        if is_kept {
            return Ok(());
        }
        atomic_file::write(path, bundle.pem()).map_err(|source| TlsError::Keep { path: path.clone(), source })
    }
}
