//! The provider's TLS configuration.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::{CertificateError, ServerConfig};
use time::OffsetDateTime;
use tracing::{info, warn};

use super::certificate::Certificate;
use super::client_verifier::{ClientVerifier, Verdict, is_revocation};
use super::error::TlsError;
use super::file_version::FileVersion;
use super::identity::{ClientIdentity, IdentityError, OutdatedList};
use super::notices::Notices;
use super::profile;
use super::revocation_bundle::RevocationBundle;
use super::serial_number::SerialNumber;
use super::server_files::{Credentials, RevocationFiles, ServerTlsFiles};
use super::trusted_roots::TrustedRoots;
use super::validity::date_text;
use super::warnings;
use crate::error_text::with_causes;
use sottovoce_protocol::Fingerprint;

/// The provider's TLS configuration, which follows the files of certificates and revoked certificates.
///
/// [`refresh`](Self::refresh) reads files that have changed. Everything else uses what was read before, and neither opens a file nor
/// waits for one.
#[derive(Debug)]
pub struct ServerTls {
    files: ServerTlsFiles,
    current: RwLock<Arc<Configured>>,
    /// Locked while files are read.
    inputs: Mutex<Inputs>,
}

/// A configuration in use.
#[derive(Debug)]
struct Configured {
    /// Number of the configuration. Every change makes a larger one.
    number: u64,
    configuration: Arc<ServerConfig>,
    verifier: Arc<ClientVerifier>,
    /// Serial numbers on any list in use.
    revoked: HashSet<SerialNumber>,
}

/// Contents of the files.
#[derive(Debug)]
struct Inputs {
    credentials: Credentials,
    /// Versions of the files of the credentials in use.
    credential_versions: [Option<FileVersion>; 3],
    revocations: Option<Revocations>,
    /// Time at which a root or an issuer of a list begins or ends to be valid.
    next_change: Option<OffsetDateTime>,
    notices: Notices,
    /// Refusals since the last time that nothing was refused.
    refusals: Notices,
    /// Files that could not be used when they were read last.
    refused: Vec<Refused>,
    /// Names and fingerprints of the models that are served.
    models: Vec<(String, Fingerprint)>,
    /// Changes that are not logged yet. They are logged once they are in use.
    unlogged: Vec<Change>,
    /// Something was read that no configuration has yet, because the last one could not be made.
    needs_configuration: bool,
}

/// Something that was read.
#[derive(Debug)]
enum Change {
    /// The provider's certificate, and the end of its validity.
    Certificate { until: String },
    /// The trusted roots, and their number.
    Roots { number: usize },
    /// The revocation list, and the number of revoked certificates.
    List { revoked: usize },
}

impl Change {
    fn log(&self) {
        match self {
            Self::Certificate { until } => info!(until, "the provider's certificate was read"),
            Self::Roots { number } => info!(roots = number, "the trusted roots were read"),
            Self::List { revoked } => info!(revoked, "the revocation list was read"),
        }
    }
}

/// Files that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    Credentials,
    List,
    /// The list is in use, but cannot be written to the state folder.
    KeptList,
    Configuration,
}

impl Refused {
    fn name(self) -> &'static str {
        match self {
            Self::Credentials => "certificate, private key and roots",
            Self::List => "the revocation list",
            Self::KeptList => "the kept copy of the revocation list",
            Self::Configuration => "the configuration of TLS",
        }
    }

    fn consequence(self) -> &'static str {
        match self {
            Self::Credentials => "certificate, private key and roots stay as they were",
            Self::List => "the revocation list before it stays in use",
            Self::KeptList => {
                "the revocation list is in use, but an older one may be accepted after a restart"
            }
            Self::Configuration => "the configuration of TLS stays as it was",
        }
    }
}

/// The revocation lists in use.
#[derive(Debug)]
struct Revocations {
    files: RevocationFiles,
    bundle: RevocationBundle,
    /// Version of the file that was read last, whether its lists are in use or were refused.
    version: Option<FileVersion>,
    /// The file that was read last was refused.
    is_refused: bool,
    /// The lists in use were written to the state folder.
    is_kept: bool,
}

impl ServerTls {
    /// Reads all files.
    ///
    /// # Errors
    /// If a file cannot be used, the provider's certificate is not valid now, no trusted root has certified it, or the revocation list
    /// is older than the one that was used before.
    pub fn load(files: ServerTlsFiles) -> Result<Self, TlsError> {
        let now = OffsetDateTime::now_utc();
        // The versions are read first. A file that changes while it is read is read once more.
        let credential_versions = files.credential_versions();
        let credentials = files.read_credentials(now)?;
        let revocations = match &files.revocations {
            Some(files) => {
                let version = FileVersion::of(&files.list);
                let bundle = files.read_first(&credentials.roots, now)?;
                files.keep(&bundle)?;
                Some(Revocations { files: files.clone(), bundle, version, is_refused: false, is_kept: true })
            }
            None => None,
        };
        let mut inputs = Inputs {
            credentials,
            credential_versions,
            revocations,
            next_change: None,
            notices: Notices::default(),
            refusals: Notices::default(),
            refused: Vec::new(),
            models: Vec::new(),
            unlogged: Vec::new(),
            needs_configuration: false,
        };
        let configured = Arc::new(inputs.configure(1, now)?);
        inputs.warn(now);
        Ok(Self { files, current: RwLock::new(configured), inputs: Mutex::new(inputs) })
    }

    /// Returns the configuration for the next connection.
    ///
    /// A client without ALPN gets a connection too. The caller finds out whether it uses HTTP/2.
    #[must_use]
    pub fn current_configuration(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().configuration)
    }

    /// Returns the client's identity from the certificates of its handshake, or `None` if there are none. The identity keeps only
    /// the certificates of which a valid chain consists.
    ///
    /// # Errors
    /// If the certificate names no client, as a provider's certificate, or is no longer valid since the handshake.
    pub fn read_identity(
        &self,
        certificates: Option<&[CertificateDer<'_>]>,
    ) -> Result<Option<ClientIdentity>, IdentityError> {
        let Some((leaf, issuers)) = certificates.and_then(<[_]>::split_first) else { return Ok(None) };
        let verifier = self.current.read().verifier.clone();
        let chain = verifier.valid_chain(leaf, issuers, UnixTime::now());
        let chain = chain.map_err(|reason| match ClientIdentity::from_der(leaf) {
            Ok(ClientIdentity { name, serial_number, .. }) => {
                IdentityError::Distrusted { name, serial_number, reason }
            }
            Err(error) => error,
        })?;
        ClientIdentity::from_chain(&chain).map(Some)
    }

    /// Checks that the certificate of a connected client has not expired, is not revoked and is still trusted.
    ///
    /// # Errors
    /// If one of these has happened. None of them ends by itself.
    pub fn check_still_valid(&self, client: &ClientIdentity) -> Result<(), IdentityError> {
        let ClientIdentity { name, serial_number, not_after, .. } = client;
        if OffsetDateTime::now_utc() > *not_after {
            return Err(IdentityError::Expired { name: name.clone(), not_after: *not_after });
        }
        let (name, serial_number) = (name.clone(), serial_number.clone());
        match self.verdict(client) {
            Verdict::Valid { .. } => Ok(()),
            Verdict::Refused(reason) if is_revocation(&reason) => match self.has_revoked_issuer(client) {
                true => Err(IdentityError::IssuerRevoked { name, serial_number }),
                false => Err(IdentityError::Revoked { name, serial_number }),
            },
            Verdict::Refused(reason) => Err(IdentityError::Distrusted { name, serial_number, reason }),
        }
    }

    /// Returns whether a list in use has a certificate of a client's issuers.
    fn has_revoked_issuer(&self, client: &ClientIdentity) -> bool {
        let current = self.current.read().clone();
        let issuers = client.chain().iter().skip(1).filter_map(|der| Certificate::parse(der.clone()).ok());
        issuers.into_iter().any(|issuer| current.revoked.contains(issuer.serial_number()))
    }

    /// Checks that the revocation lists for the certificate of a connected client are current.
    ///
    /// # Errors
    /// If a list is too old, until there is a new one.
    pub fn check_lists_current(&self, client: &ClientIdentity) -> Result<(), OutdatedList> {
        match self.verdict(client) {
            Verdict::Valid { lists_current_until: Some(current_until) }
                if OffsetDateTime::now_utc() > current_until =>
            {
                Err(OutdatedList { current_until })
            }
            _ => Ok(()),
        }
    }

    /// Verifies a client's certificates, unless they were verified with the present configuration before.
    fn verdict(&self, client: &ClientIdentity) -> Verdict {
        let current = self.current.read().clone();
        let mut last = client.verdict.lock();
        if let Some((number, verdict)) = &*last
            && *number == current.number
        {
            return verdict.clone();
        }
        let verdict = match client.chain.split_first() {
            Some((leaf, issuers)) => current.verifier.verify(leaf, issuers, UnixTime::now()),
            // A client of which only the stored facts are known.
            None if current.revoked.contains(&client.serial_number) => {
                Verdict::Refused(CertificateError::Revoked.into())
            }
            None => Verdict::Valid { lists_current_until: None },
        };
        *last = Some((current.number, verdict.clone()));
        verdict
    }

    /// Reads files that have changed, and logs what was taken and what was refused. What cannot be used leaves everything as it was,
    /// and is tried again. Waits for files.
    pub fn refresh(&self) {
        self.read_changes(false);
    }

    /// Reads all files, like [`refresh`](Self::refresh), and logs all warnings again. Returns the names of the files that cannot be
    /// used.
    pub fn reload(&self) -> Vec<&'static str> {
        self.read_changes(true);
        self.inputs.lock().refused.iter().map(|refused| refused.name()).collect()
    }

    /// Logs a warning of every served model that the provider's certificate does not list, if it lists models at all: clients refuse
    /// such models. The warning is repeated for later certificates.
    pub fn warn_of_unlisted_models(&self, models: Vec<(String, Fingerprint)>) {
        let mut inputs = self.inputs.lock();
        inputs.models = models;
        inputs.warn(OffsetDateTime::now_utc());
    }

    fn read_changes(&self, all: bool) {
        let now = OffsetDateTime::now_utc();
        let mut inputs = self.inputs.lock();
        let number = self.current.read().number + 1;
        let is_over = inputs.next_change.is_some_and(|change| now >= change);
        let credentials = inputs.refresh_credentials(&self.files, all, now);
        let credentials_changed = matches!(credentials, Ok(true));
        let revocations = inputs.refresh_revocations(all, credentials_changed, now);
        inputs.needs_configuration |= is_over || credentials_changed || matches!(revocations, Ok(true));
        let configured = match inputs.needs_configuration {
            true => inputs.configure(number, now).map(Some),
            false => Ok(None),
        };
        let mut refusals = Vec::new();
        refusals.extend(credentials.err().map(|error| (Refused::Credentials, error)));
        refusals.extend(revocations.err().map(|error| (Refused::List, error)));
        let kept = inputs.keep_revocations();
        refusals.extend(kept.err().map(|error| (Refused::KeptList, error)));
        match configured {
            Ok(configured) => {
                if let Some(configured) = configured {
                    *self.current.write() = Arc::new(configured);
                    inputs.needs_configuration = false;
                }
                inputs.unlogged.drain(..).for_each(|change| change.log());
            }
            Err(error) => refusals.push((Refused::Configuration, error)),
        }
        if all {
            (inputs.notices, inputs.refusals) = (Notices::default(), Notices::default());
        }
        inputs.log_refusals(&refusals);
        inputs.warn(now);
    }
}

impl Inputs {
    /// Returns the configuration for what was read, and notes when it must be made again.
    fn configure(&mut self, number: u64, now: OffsetDateTime) -> Result<Configured, TlsError> {
        let roots = &self.credentials.roots;
        let revocations = self.revocations.as_ref();
        let max_age = revocations.and_then(|revocations| revocations.files.max_age);
        let bundle = revocations.map(|revocations| &revocations.bundle);
        let verifier = Arc::new(ClientVerifier::new(roots, bundle, max_age, now)?);
        let signers = bundle.into_iter().flat_map(|bundle| bundle.covered());
        let certificates = roots.all().iter().chain(signers.map(|signer| signer.list.signer()));
        self.next_change =
            certificates.filter_map(|certificate| certificate.validity().next_change(now)).min();
        let mut configuration = ServerConfig::builder_with_provider(profile::crypto())
            .with_protocol_versions(profile::VERSIONS)?
            .with_client_cert_verifier(Arc::clone(&verifier) as _)
            .with_cert_resolver(self.credentials.certificate.key() as _);
        configuration.alpn_protocols = vec![profile::PROTOCOL.to_vec()];
        configuration.session_storage = Arc::new(NoServerSessionStorage {});
        configuration.send_tls13_tickets = 0;
        let lists = bundle.into_iter().flat_map(RevocationBundle::covered).map(|signer| &signer.list);
        let revoked = lists.flat_map(|list| list.revoked().keys()).cloned().collect();
        Ok(Configured { number, configuration: Arc::new(configuration), verifier, revoked })
    }

    /// Reads certificate, private key and roots if a file has changed. Returns whether they have changed. Files that were refused are
    /// read again with every call, because a file that another person writes may be incomplete.
    fn refresh_credentials(
        &mut self,
        files: &ServerTlsFiles,
        all: bool,
        now: OffsetDateTime,
    ) -> Result<bool, TlsError> {
        let versions = files.credential_versions();
        if !all && versions == self.credential_versions {
            return Ok(false);
        }
        let read = files.read_credentials(now)?;
        let same_certificate = read.certificate == self.credentials.certificate;
        let same_roots = read.roots == self.credentials.roots;
        if !same_roots && let Some(revocations) = &mut self.revocations {
            // The lists in use are parsed again, because other roots sign other lists.
            let bundle = RevocationBundle::from_pem(revocations.bundle.pem(), &read.roots, now);
            let bundle =
                bundle.or_else(|_| RevocationBundle::read(&revocations.files.list, &read.roots, now))?;
            revocations.take(bundle);
        }
        self.credential_versions = versions;
        self.credentials = read;
        if !same_certificate {
            let until = self.credentials.certificate.chain().first();
            let until = until.map(|leaf| date_text(leaf.validity().not_after)).unwrap_or_default();
            self.unlogged.push(Change::Certificate { until });
        }
        if !same_roots {
            self.unlogged.push(Change::Roots { number: self.credentials.roots.all().len() });
        }
        Ok(!same_certificate || !same_roots)
    }

    /// Reads the revocation list if its file has changed, or if it was refused and the roots have changed. Returns whether there are
    /// new lists.
    fn refresh_revocations(
        &mut self,
        all: bool,
        credentials_changed: bool,
        now: OffsetDateTime,
    ) -> Result<bool, TlsError> {
        let roots = &self.credentials.roots;
        let Some(revocations) = &mut self.revocations else { return Ok(false) };
        let version = FileVersion::of(&revocations.files.list);
        let is_tried_again = credentials_changed && revocations.is_refused;
        let mut has_changed = false;
        if all || version != revocations.version || is_tried_again {
            revocations.version = version;
            match revocations.read_next(roots, now) {
                Ok(bundle) => {
                    let is_mended = std::mem::take(&mut revocations.is_refused);
                    has_changed = bundle.pem() != revocations.bundle.pem();
                    if has_changed || is_mended {
                        self.unlogged.push(Change::List { revoked: bundle.revoked() });
                    }
                    revocations.take(bundle);
                }
                Err(error) => {
                    revocations.is_refused = true;
                    return Err(error);
                }
            }
        }
        Ok(has_changed)
    }

    /// Keeps revocation lists that are in use and could not be kept before. They protect until the service ends in any case.
    fn keep_revocations(&mut self) -> Result<(), TlsError> {
        let Some(revocations) = &mut self.revocations else { return Ok(()) };
        if !revocations.is_kept {
            revocations.files.keep(&revocations.bundle)?;
            revocations.is_kept = true;
        }
        Ok(())
    }

    /// Logs why files are not used: once a day, and again after they were mended. Logs which files were mended.
    fn log_refusals(&mut self, refusals: &[(Refused, TlsError)]) {
        let mut refused: Vec<Refused> = refusals.iter().map(|(refused, _)| *refused).collect();
        // A refused list is not read again before its file changes.
        let is_list_refused = self.revocations.as_ref().is_some_and(|revocations| revocations.is_refused);
        if is_list_refused && !refused.contains(&Refused::List) {
            refused.push(Refused::List);
        }
        if refused.is_empty() {
            self.refusals = Notices::default();
        }
        let before = std::mem::replace(&mut self.refused, refused);
        for mended in before.into_iter().filter(|refused| !self.refused.contains(refused)) {
            info!("{} can be used again", mended.name());
        }
        for (refused, error) in refusals {
            let reason = with_causes(error);
            if self.refusals.is_due(&reason) {
                warn!(reason, "{}", refused.consequence());
            }
        }
    }

    /// Logs once a day what is about to end, what has ended, and what clients refuse.
    fn warn(&mut self, now: OffsetDateTime) {
        let Self { credentials, revocations, notices, models, .. } = self;
        let bundle = revocations.as_ref().map(|revocations| &revocations.bundle);
        for problem in credentials.certificate.problems_for_clients(models, bundle) {
            if notices.is_due(&problem) {
                warn!("{problem}");
            }
        }
        warnings::warn_of_certificates(credentials, bundle, notices, now);
        if let Some(Revocations { files, bundle, .. }) = revocations {
            warnings::warn_of_missing_lists(&credentials.roots, bundle, notices, now);
            warnings::warn_of_old_lists(bundle, files.max_age, notices, now);
        }
    }
}

impl Revocations {
    /// Reads the file. Its lists must follow those in use.
    fn read_next(&self, roots: &TrustedRoots, now: OffsetDateTime) -> Result<RevocationBundle, TlsError> {
        let path = &self.files.list;
        let bundle = RevocationBundle::read(path, roots, now)?;
        // Parsed again, because a signer may have expired meanwhile. If all have, there is nothing to follow.
        if let Ok(earlier) = RevocationBundle::from_pem(self.bundle.pem(), roots, now) {
            bundle
                .check_follows(&earlier)
                .map_err(|source| TlsError::RevocationList { path: path.clone(), source })?;
        }
        Ok(bundle)
    }

    /// Uses other lists.
    fn take(&mut self, bundle: RevocationBundle) {
        self.is_kept = self.is_kept && bundle.pem() == self.bundle.pem();
        self.bundle = bundle;
    }
}
