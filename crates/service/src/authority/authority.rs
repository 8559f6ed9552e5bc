//! The authority in its folder, and what it is asked for.

use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, PublicKeyData};
use sottovoce_protocol::Fingerprint;
use time::OffsetDateTime;

use super::approval::{Approval, FormerKey};
use super::certificate::{self, now};
use super::contents::{Contents, IssuedState, SignerStatus};
use super::error::AuthorityError;
use super::folder::AuthorityFolder;
use super::key_file::{self, KeyFile, SigningKey};
use super::ledger::{CertificateHolder, IssuedCertificate, Ledger};
use super::list_signing::{DEFAULT_LIST_DAYS, ListNotice, ListScope, ListSigning, next_update};
use super::passphrase::Passphrase;
use super::provider_request::ReceivedProviderRequest;
use super::random::{is_of_an_authority, random_serial_number};
use super::request::ReceivedRequest;
use super::selection::CertificateSelection;
use super::session::Session;
use super::signer_generation::{entry_of_issuer, expiry, generate_issuer, generate_root};
use super::signers::{Signer, Signers};
use crate::tls::serial_number::SerialNumber;

/// Validity of an issuer's certificate in days, unless another number is given.
pub const DEFAULT_ISSUER_DAYS: u32 = 730;

/// An authority in its folder. Several programs can use one folder at the same time: every change locks the folder and reads
/// it again.
pub struct Authority {
    pub(super) folder: AuthorityFolder,
    passphrase: Option<Passphrase>,
}

/// A signed certificate, and its entry in the ledger.
#[derive(Debug, Clone)]
pub struct SignedCertificate {
    /// PEM of the certificate, and of the issuer's certificate after it.
    pub pem: String,
    /// Entry in the ledger.
    pub entry: IssuedCertificate,
}

/// The outcome of a revocation.
#[derive(Debug, Clone)]
pub struct Revocation {
    /// The selected certificates.
    pub certificates: Vec<IssuedCertificate>,
    /// Remarks about the lists for the operator.
    pub notices: Vec<ListNotice>,
}

impl Authority {
    /// Creates an authority with fresh keys, in a new or empty folder. A passphrase encrypts the private keys.
    ///
    /// # Errors
    /// If the folder is not empty or cannot be written to, the name has characters that a client's name may not have, or the
    /// passphrase is too short.
    pub fn create(folder: &Path, name: &str, passphrase: Option<Passphrase>) -> Result<Self, AuthorityError> {
        if let Some(passphrase) = &passphrase {
            passphrase.check_length()?;
        }
        let (root, root_key) = generate_root(name)?;
        let (issuer, issuer_key) = generate_issuer(&root, &root_key, DEFAULT_ISSUER_DAYS)?;
        let folder = AuthorityFolder::create(folder)?;
        let _lock = folder.lock()?;
        let root_content = key_file::encode(&root, &root_key, passphrase.as_ref())?;
        folder.write_key(&folder.root_key_path(), &root_content)?;
        let issuer_content = key_file::encode(&issuer, &issuer_key, passphrase.as_ref())?;
        folder.write_key(&folder.issuer_key_path(), &issuer_content)?;
        let mut ledger = Ledger::default();
        ledger.enter(entry_of_issuer(&issuer, &root));
        folder.write_ledger(&ledger)?;
        let signers = Signers::with_roots(&folder, vec![root.clone()])?;
        let signing = ListSigning {
            folder: &folder,
            signers: &signers,
            passphrase: passphrase.as_ref(),
            ledger: &ledger,
            existing: &[],
            next_update: next_update(DEFAULT_LIST_DAYS)?,
            scope: ListScope::IssuersAndRoots,
        };
        folder.write_lists(&signing.sign()?.0)?;
        // The root is written last, because a folder with a root certificate is an authority.
        folder.write_roots(&[root])?;
        Ok(Self { folder, passphrase })
    }

    /// Checks that [`create`](Self::create) can use a folder, before its passphrase is asked for.
    ///
    /// # Errors
    /// If the path belongs to a file, or to a folder that is not empty.
    pub fn check_new(folder: &Path) -> Result<(), AuthorityError> {
        AuthorityFolder::check_new(folder)
    }

    /// Opens the authority in a folder. No private key is decrypted.
    ///
    /// # Errors
    /// If the folder holds no authority, or its certificates and keys cannot be read.
    pub fn open(folder: &Path) -> Result<Self, AuthorityError> {
        let folder = AuthorityFolder::open(folder)?;
        Signers::read(&folder)?;
        Ok(Self { folder, passphrase: None })
    }

    /// Sets the passphrase of the private keys.
    #[must_use]
    pub fn with_passphrase(mut self, passphrase: Passphrase) -> Self {
        self.passphrase = Some(passphrase);
        self
    }

    /// Returns whether a private key in the folder is encrypted.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn is_encrypted(&self) -> Result<bool, AuthorityError> {
        Ok(Signers::read(&self.folder)?.key_files().any(KeyFile::is_encrypted))
    }

    /// Checks that the passphrase opens an encrypted private key in the folder. Succeeds if none is encrypted.
    ///
    /// # Errors
    /// If the passphrase opens none of them, or a file cannot be read.
    pub fn check_passphrase(&self) -> Result<(), AuthorityError> {
        let mut first = Ok(());
        for file in Signers::read(&self.folder)?.key_files().filter(|file| file.is_encrypted()) {
            match file.unlock(self.passphrase.as_ref()) {
                Ok(_) => return Ok(()),
                Err(error) => first = first.and(Err(error)),
            }
        }
        first
    }

    /// Returns the path of the roots' certificates.
    #[must_use]
    pub fn root_path(&self) -> PathBuf {
        self.folder.root_path()
    }

    /// Returns the path of the root's private key.
    #[must_use]
    pub fn root_key_path(&self) -> PathBuf {
        self.folder.root_key_path()
    }

    /// Returns the path of the signed revocation lists.
    #[must_use]
    pub fn revocation_list_path(&self) -> PathBuf {
        self.folder.revocation_list_path()
    }

    /// Issues a certificate for the client and the keys that the request names. The certificate is entered in the ledger before it
    /// is returned.
    ///
    /// # Errors
    /// If the approval is for other keys, the keys are certified under another name, the name is certified with other keys and the
    /// approval does not allow this, the days are too few or too many, or the folder cannot be written to.
    pub fn issue(
        &self,
        request: &ReceivedRequest,
        approval: &Approval,
    ) -> Result<SignedCertificate, AuthorityError> {
        let holder = CertificateHolder::Client(request.subject().clone());
        self.issue_leaf(holder, request.key(), request.public_key(), approval, |serial_number, not_after| {
            certificate::client(request.subject(), serial_number, not_after)
        })
    }

    /// Issues a certificate for the hosts that a provider's request names.
    ///
    /// # Errors
    /// As [`issue`](Self::issue).
    pub fn issue_provider(
        &self,
        request: &ReceivedProviderRequest,
        approval: &Approval,
    ) -> Result<SignedCertificate, AuthorityError> {
        let holder =
            CertificateHolder::Provider { hosts: request.hosts().to_vec(), key: Some(request.key()) };
        self.issue_leaf(holder, request.key(), request.public_key(), approval, |serial_number, not_after| {
            certificate::provider(request.hosts(), &approval.models, serial_number, not_after)
        })
    }

    fn issue_leaf(
        &self,
        holder: CertificateHolder,
        key: Fingerprint,
        public_key: &impl PublicKeyData,
        approval: &Approval,
        parameters: impl FnOnce(&SerialNumber, OffsetDateTime) -> Result<CertificateParams, AuthorityError>,
    ) -> Result<SignedCertificate, AuthorityError> {
        if key != approval.key {
            return Err(AuthorityError::NotConfirmed { confirmed: approval.key });
        }
        let mut session = Session::begin(&self.folder)?;
        if let Some(other) = session.other_name(&holder) {
            return Err(AuthorityError::KeysTaken {
                keys: holder.keys().unwrap_or(key),
                name: other.holder.to_string(),
            });
        }
        if !approval.allows_other_keys
            && let Some(other) = session.other_keys(&holder)
        {
            return Err(AuthorityError::OtherKeys {
                holder: other.holder.to_string(),
                serial_number: other.serial_number.clone(),
                keys: other.holder.keys().unwrap_or(key),
            });
        }
        let issuer = session.signers.issuer(&self.folder)?;
        let issuer_serial = issuer.certificate.serial_number();
        if session.ledger.get(issuer_serial).is_some_and(|issued| issued.revoked.is_some()) {
            return Err(AuthorityError::RevokedIssuer { serial_number: issuer_serial.clone() });
        }
        let not_after = expiry(approval.days, &issuer.certificate)?;
        let serial_number = random_serial_number()?;
        let issuer_key = self.unlock(issuer)?;
        let signed = parameters(&serial_number, not_after)?
            .signed_by(public_key, &issuer_key.issuer(&issuer.certificate)?)?;
        let mut pem = signed.pem();
        if session.signers.has_present_issuer() {
            pem += &key_file::to_pem("CERTIFICATE", issuer.certificate.der().to_vec());
        }
        let signer = Some(issuer_serial.clone());
        let entry = IssuedCertificate { serial_number, holder, not_after, signer, revoked: None };
        session.ledger.enter(entry.clone());
        session.write_ledger()?;
        Ok(SignedCertificate { pem, entry })
    }

    /// Takes a certificate out of the ledger that was just issued, and that nobody has received because it could not be stored.
    ///
    /// # Errors
    /// If the folder cannot be read or written to.
    pub fn withdraw(&self, issued: &IssuedCertificate) -> Result<(), AuthorityError> {
        let mut session = Session::begin(&self.folder)?;
        session.ledger.remove(&issued.serial_number);
        session.write_ledger()
    }

    /// Revokes the selected certificates, signs new lists that are valid for `list_days`, and returns the selected certificates. A
    /// certificate that was revoked before keeps the time of its revocation. A serial number that the ledger does not have is
    /// revoked as that of an unknown holder, if its issuer is named: only this issuer's list excludes it.
    ///
    /// # Errors
    /// If no certificate is selected, the ledger does not have it and no issuer in the folder is named, a private key is missing
    /// or cannot be decrypted, or the folder cannot be written to. To revoke an issuer, the root's private key is needed.
    /// Nothing is written then.
    pub fn revoke(
        &self,
        selection: &CertificateSelection,
        list_days: u32,
    ) -> Result<Revocation, AuthorityError> {
        let mut session = Session::begin(&self.folder)?;
        let mut certificates = session.ledger.revoke(|issued| selection.includes(issued), now());
        if certificates.is_empty() {
            let (serial_number, issuer) = unlisted_certificate(&session, selection)?;
            let end = session.latest_end();
            session.ledger.revoke_all([(serial_number.clone(), now())], Some(issuer), end);
            session.notices.push(ListNotice::Unknown(serial_number.clone()));
            certificates = session.ledger.revoke(|issued| selection.includes(issued), now());
        }
        if let CertificateSelection::OfIssuer { serial_number, issuer } = selection
            && let Some(other) = certificates
                .iter()
                .filter_map(|issued| issued.signer.as_ref())
                .find(|&signer| signer != issuer)
        {
            let (serial_number, issuer) = (serial_number.clone(), other.clone());
            return Err(AuthorityError::OtherIssuer { serial_number, issuer });
        }
        let present = session.signers.issuer(&self.folder)?.certificate.serial_number();
        if certificates.iter().any(|issued| issued.serial_number == *present) {
            return Err(AuthorityError::PresentIssuer { serial_number: present.clone() });
        }
        let includes_issuer =
            certificates.iter().any(|issued| matches!(issued.holder, CertificateHolder::Issuer(_)));
        // Also a certificate that the ledger does not have may be that of an issuer: then a root has signed it.
        let mut issuer_roots =
            session.signers.roots.iter().map(|root| &root.certificate).filter(|root| root.may_sign_issuers());
        let is_of_root = issuer_roots.any(|root| {
            certificates.iter().any(|issued| issued.signer.as_ref() == Some(root.serial_number()))
        });
        let scope = match includes_issuer || is_of_root {
            true => ListScope::IssuersAndRoots,
            false => ListScope::Issuers,
        };
        let notices = session.sign_lists(self.passphrase.as_ref(), list_days, scope)?;
        Ok(Revocation { certificates, notices })
    }

    /// Signs new lists of the revoked certificates, valid for `list_days`.
    ///
    /// # Errors
    /// If a private key is missing or cannot be decrypted, or the folder cannot be written to.
    pub fn sign_lists(&self, list_days: u32, scope: ListScope) -> Result<Vec<ListNotice>, AuthorityError> {
        Session::begin(&self.folder)?.sign_lists(self.passphrase.as_ref(), list_days, scope)
    }

    /// Makes another issuer, valid for `days`, with the root's private key. The former issuer signs no certificates any more, but
    /// its list, until it expires. If it is revoked, everything that it has signed is invalid.
    ///
    /// # Errors
    /// If a private key is missing or cannot be decrypted, or the root cannot sign issuers or expires earlier: then no file has
    /// changed. If the folder cannot be written to: then this can be run again, and a former issuer whose revocation was signed
    /// issues nothing.
    pub fn make_issuer(
        &self,
        days: u32,
        revoke_former: bool,
        list_days: u32,
    ) -> Result<Vec<ListNotice>, AuthorityError> {
        next_update(list_days)?;
        let mut session = Session::begin(&self.folder)?;
        let root = session.signers.root()?;
        if !root.certificate.may_sign_issuers() {
            return Err(AuthorityError::NoIssuers);
        }
        if let Some(next) = &session.signers.next_root {
            return Err(AuthorityError::NextRoot { path: next.path().into() });
        }
        let end = root.certificate.validity().not_after;
        let root_key = self.unlock(root)?;
        let (issuer, key) = generate_issuer(&root.certificate, &root_key, days)?;
        let (serial_number, entry) =
            (issuer.serial_number().clone(), entry_of_issuer(&issuer, &root.certificate));
        let content = key_file::encode(&issuer, &key, self.passphrase.as_ref())?;
        let path = self.folder.issuer_key_path();
        let key = KeyFile::parse(&path, content.as_bytes(), None)?;
        session.ledger.enter(entry);
        let has_former = session.signers.set_present_issuer(Signer { certificate: issuer, key: Some(key) });
        let former = session.signers.issuers.get(1).filter(|_| has_former);
        let former_serial = former.map(|former| former.certificate.serial_number().clone());
        if let Some(former_serial) = former_serial.filter(|_| revoke_former) {
            session.ledger.revoke_all([(former_serial, now())], None, end);
        }
        let (lists, notices) =
            session.signed_lists(self.passphrase.as_ref(), list_days, ListScope::IssuersAndRoots)?;
        if let Some(former) = session.signers.issuers.get(1).filter(|_| has_former) {
            self.store_former("issuer", former)?;
        }
        // Until the new issuer is the present one, its key is among the former ones. So an interruption leaves no list of an issuer
        // whose key is lost. The lists come first, because they have the former issuer's revocation; the ledger is read from them.
        let copy = self.folder.write_former_key("issuer", &serial_number, &content)?;
        self.folder.write_lists(&lists)?;
        self.folder.write_key(&path, &content)?;
        session.write_ledger()?;
        self.folder.remove_key(&copy)?;
        Ok(notices)
    }

    /// Makes another root, and another issuer that is valid for `issuer_days`. The former roots stay in `root.pem` after the new
    /// one, and their issuers sign their lists, until they are retired. The former root's private key moves to `former/`.
    ///
    /// If this was interrupted before, it is finished with the key that exists.
    ///
    /// # Errors
    /// If the former root's private key is not in the folder and `former_key` requires it, a private key cannot be decrypted, or
    /// the folder cannot be written to.
    pub fn make_root(
        &self,
        name: &str,
        former_key: FormerKey,
        issuer_days: u32,
        list_days: u32,
    ) -> Result<Vec<ListNotice>, AuthorityError> {
        next_update(list_days)?;
        let session = Session::begin(&self.folder)?;
        let signers = &session.signers;
        let root = match &signers.next_root {
            Some(next) => next.certificate().clone(),
            None => {
                let present = signers.root()?;
                if present.key.is_some() || former_key == FormerKey::Required {
                    self.store_former("root", present)?;
                }
                let (root, key) = generate_root(name)?;
                let content = key_file::encode(&root, &key, self.passphrase.as_ref())?;
                self.folder.write_key(&self.folder.root_key_path(), &content)?;
                root
            }
        };
        let mut roots = signers.root_certificates();
        roots.retain(|root| !root.has_expired());
        roots.insert(0, root);
        self.folder.write_roots(&roots)?;
        // The next step locks and reads the folder again.
        drop(session);
        self.make_issuer(issuer_days, false, list_days)
    }

    /// Removes all roots but the newest from `root.pem`, and their lists and those of their issuers from `revoked.pem`.
    ///
    /// # Errors
    /// If there is one root, valid certificates depend on the others, a private key is missing or cannot be decrypted, or the
    /// folder cannot be written to.
    pub fn retire_roots(&self, list_days: u32) -> Result<Vec<ListNotice>, AuthorityError> {
        let mut session = Session::begin(&self.folder)?;
        let newest = session.signers.root()?.certificate.clone();
        if session.signers.roots.len() == 1 {
            return Err(AuthorityError::NoFormerRoot);
        }
        if !session.signers.issuer(&self.folder)?.certificate.is_signed_by(&newest) {
            return Err(AuthorityError::IssuerOfFormerRoot);
        }
        let is_kept =
            |signer: &&Signer| signer.certificate == newest || signer.certificate.is_signed_by(&newest);
        let kept = session.signers.roots.iter().chain(&session.signers.issuers).filter(is_kept);
        let kept: Vec<&SerialNumber> = kept.map(|signer| signer.certificate.serial_number()).collect();
        let certificates = session.depending_on_others(&kept);
        if !certificates.is_empty() {
            return Err(AuthorityError::RootInUse { certificates });
        }
        session.signers.roots.truncate(1);
        session.signers.issuers.retain(|issuer| issuer.certificate.is_signed_by(&newest));
        session.lists.retain(|list| *list.signer() == newest || list.signer().is_signed_by(&newest));
        // The lists are written first: while the former root is trusted, a list of it may be missing, but not the reverse.
        let notices = session.sign_lists(self.passphrase.as_ref(), list_days, ListScope::Issuers)?;
        self.folder.write_roots(&[newest])?;
        Ok(notices)
    }

    /// Encrypts all private keys in the folder with another passphrase, or stores them without encryption. Keys that the new
    /// passphrase opens already are left as they are, so this can be run again after an interruption.
    ///
    /// # Errors
    /// If a private key cannot be decrypted, the passphrase is too short, or the folder cannot be written to.
    pub fn encrypt(&mut self, passphrase: Option<Passphrase>) -> Result<Vec<PathBuf>, AuthorityError> {
        if let Some(passphrase) = &passphrase {
            passphrase.check_length()?;
        }
        let _lock = self.folder.lock()?;
        let mut changed = Vec::new();
        for file in Signers::read(&self.folder)?.key_files() {
            let key = match file.unlock(self.passphrase.as_ref()) {
                Err(AuthorityError::WrongPassphrase { .. }) if file.unlock(passphrase.as_ref()).is_ok() => {
                    continue;
                }
                other => other?,
            };
            let content = key_file::encode(file.certificate(), &key, passphrase.as_ref())?;
            self.folder.write_key(file.path(), &content)?;
            changed.push(file.path().to_owned());
        }
        self.passphrase = passphrase;
        Ok(changed)
    }

    /// Returns all certificates in the ledger in the order of their issue.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn list(&self) -> Result<Vec<IssuedCertificate>, AuthorityError> {
        Ok(Contents::read(&self.folder)?.ledger.into_certificates())
    }

    /// Returns all certificates in the ledger with their states, in the order of their issue.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn states(&self) -> Result<Vec<(IssuedCertificate, IssuedState)>, AuthorityError> {
        let contents = Contents::read(&self.folder)?;
        let issued = contents.ledger.certificates().iter();
        Ok(issued.map(|issued| (issued.clone(), contents.state(issued))).collect())
    }

    /// Returns all roots, all issuers that have not expired, and issuers of which only `revoked.pem` knows.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn signers(&self) -> Result<Vec<SignerStatus>, AuthorityError> {
        Ok(Contents::read(&self.folder)?.signer_statuses())
    }

    /// Returns the files of former roots' private keys in the folder that daily work does not need. The key of a trusted root of a
    /// former version is not among them, because it signs the weekly lists.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn former_root_keys(&self) -> Result<Vec<PathBuf>, AuthorityError> {
        let signers = Signers::read(&self.folder)?;
        let signs_weekly = |path: &Path| {
            let mut roots = signers.roots.iter().filter(|root| !root.certificate.may_sign_issuers());
            roots.any(|root| root.key.as_ref().is_some_and(|key| key.path() == path))
        };
        let mut paths = self.folder.former_root_key_paths()?;
        paths.retain(|path| !signs_weekly(path));
        Ok(paths)
    }

    fn unlock(&self, root: &Signer) -> Result<SigningKey, AuthorityError> {
        let missing = || AuthorityError::NoRootKey { path: self.folder.root_key_path() };
        root.unlock(self.passphrase.as_ref(), missing)
    }

    /// Stores the key of a root or issuer under its serial number, before another one takes its place.
    fn store_former(&self, kind: &str, former: &Signer) -> Result<(), AuthorityError> {
        let key = self.unlock(former)?;
        let content = key_file::encode(&former.certificate, &key, self.passphrase.as_ref())?;
        self.folder.write_former_key(kind, former.certificate.serial_number(), &content).map(|_| ())
    }
}

/// Returns the serial number of a certificate that the ledger does not have, and that of its issuer.
fn unlisted_certificate<'a>(
    contents: &Contents,
    selection: &'a CertificateSelection,
) -> Result<(&'a SerialNumber, &'a SerialNumber), AuthorityError> {
    let (serial_number, issuer) = match selection {
        CertificateSelection::OfIssuer { serial_number, issuer } => (serial_number, Some(issuer)),
        CertificateSelection::SerialNumber(serial_number) => (serial_number, None),
        CertificateSelection::Keys(_) => {
            return Err(AuthorityError::Unknown { selection: selection.clone(), hosts: None });
        }
        CertificateSelection::Name(name) => {
            let mut holders = contents.ledger.certificates().iter().map(|issued| &issued.holder);
            let hosts = holders.find(|holder| holder.has_host(name)).map(ToString::to_string);
            return Err(AuthorityError::Unknown { selection: selection.clone(), hosts });
        }
    };
    if !is_of_an_authority(serial_number) {
        return Err(AuthorityError::SerialNumber { serial_number: serial_number.clone() });
    }
    let Some(issuer) = issuer else {
        return Err(AuthorityError::UnknownIssuer { serial_number: serial_number.clone() });
    };
    let mut signers = contents.signers.roots.iter().chain(&contents.signers.issuers);
    if !signers.any(|signer| signer.key.is_some() && signer.certificate.serial_number() == issuer) {
        let (serial_number, issuer) = (serial_number.clone(), issuer.clone());
        return Err(AuthorityError::IssuerNotHere { serial_number, issuer });
    }
    Ok((serial_number, issuer))
}
