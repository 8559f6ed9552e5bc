//! Contents of an authority's files together, and the states of its certificates and signers.

use time::OffsetDateTime;

use super::certificate::now;
use super::error::AuthorityError;
use super::folder::AuthorityFolder;
use super::key_file::KeyFile;
use super::ledger::{CertificateHolder, IssuedCertificate, Ledger};
use super::list_signing::ListNotice;
use super::signed_list::SignedList;
use super::signer_generation::entry_of_issuer;
use super::signers::{Signer, Signers};
use crate::tls::certificate::Certificate;
use crate::tls::serial_number::SerialNumber;

/// State of a certificate in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssuedState {
    /// Everybody who has the authority's present files accepts it.
    Good,
    /// The certificate has expired.
    Expired,
    /// The certificate is revoked.
    Revoked,
    /// The certificate of its issuer is revoked, and so nobody accepts it.
    IssuerRevoked,
    /// The root that it depends on was retired, and so nobody accepts it.
    IssuerRetired,
}

/// A root or an issuer, and its list of revoked certificates.
#[derive(Debug, Clone)]
pub struct SignerStatus {
    /// Name of the authority.
    pub name: String,
    /// The signer is a root.
    pub is_root: bool,
    /// The signer is the newest root, or the issuer that signs at present.
    pub is_present: bool,
    /// Serial number of its certificate.
    pub serial_number: SerialNumber,
    /// End of the certificate's validity.
    pub not_after: OffsetDateTime,
    /// The signer's private key is in the folder.
    pub has_key: bool,
    /// That key is encrypted with a passphrase.
    pub is_key_encrypted: bool,
    /// Time of the revocation of an issuer.
    pub revoked: Option<OffsetDateTime>,
    /// End of its list, and number of certificates on it, if there is a list.
    pub list: Option<(OffsetDateTime, usize)>,
    /// Number of certificates that are revoked in the ledger, but not on the signer's list.
    pub unlisted: usize,
}

/// Signers, ledger and signed lists. The ledger includes issuers and revocations that only `revoked.pem` has.
pub struct Contents {
    pub signers: Signers,
    pub ledger: Ledger,
    /// The lists in `revoked.pem`.
    pub lists: Vec<SignedList>,
    /// Remarks about the files.
    pub notices: Vec<ListNotice>,
}

impl Contents {
    /// Reads all files.
    pub fn read(folder: &AuthorityFolder) -> Result<Self, AuthorityError> {
        let signers = Signers::read(folder)?;
        let end = latest_end(&signers);
        let (mut ledger, mut recovered) = folder.read_ledger(end)?;
        let lists = folder.read_lists(&signers.root_certificates(), &signers.issuer_certificates())?;
        let mut notices = Vec::new();
        match &lists {
            None => notices.push(ListNotice::NoFile),
            Some(lists) => {
                let issuers = signers.issuers.iter().map(|issuer| &issuer.certificate);
                let listless = issuers.filter(|issuer| lists.iter().all(|list| list.signer() != *issuer));
                notices.extend(
                    listless.map(|issuer| ListNotice::NoList { signer: issuer.serial_number().clone() }),
                );
            }
        }
        let lists = lists.unwrap_or_default();
        let of_lists = lists.iter().filter(|list| !list.is_of_root()).map(SignedList::signer);
        for issuer in of_lists.chain(signers.issuers.iter().map(|issuer| &issuer.certificate)) {
            let root = signers.roots.iter().find(|root| issuer.is_signed_by(&root.certificate));
            if let Some(root) = root.filter(|_| ledger.get(issuer.serial_number()).is_none()) {
                ledger.enter(entry_of_issuer(issuer, &root.certificate));
            }
        }
        for list in &lists {
            let revoked = list.revoked().iter().map(|(serial, time)| (serial.clone(), *time));
            recovered.extend(ledger.revoke_all(revoked, Some(list.signer().serial_number()), end));
        }
        if !recovered.is_empty() {
            notices.push(ListNotice::Recovered(recovered));
        }
        Ok(Self { signers, ledger, lists, notices })
    }

    /// Returns the latest end of the validity of a certificate whose entry is lost.
    pub fn latest_end(&self) -> OffsetDateTime {
        latest_end(&self.signers)
    }

    /// Returns the lists of issuers whose private keys are not in the folder, as after restoring an old backup. Their
    /// certificates cannot be revoked one by one. Issuers that are revoked are not among them.
    pub fn lists_of_missing_issuers(&self) -> impl Iterator<Item = &SignedList> {
        self.lists.iter().filter(|list| {
            let signer = list.signer();
            let is_revoked =
                self.ledger.get(signer.serial_number()).is_some_and(|issued| issued.revoked.is_some());
            let is_here = self.signers.issuers.iter().any(|issuer| issuer.certificate == *signer);
            !list.is_of_root() && !is_here && !is_revoked && !signer.has_expired()
        })
    }

    /// Returns the state of a certificate in the ledger.
    pub fn state(&self, issued: &IssuedCertificate) -> IssuedState {
        if issued.revoked.is_some() {
            return IssuedState::Revoked;
        }
        if issued.has_expired() {
            return IssuedState::Expired;
        }
        let mut roots = self.signers.roots.iter().map(|root| &root.certificate);
        let Some(signer) = &issued.signer else {
            // The root of a former version signed without being recorded.
            return match roots.any(|root| !root.may_sign_issuers()) {
                true => IssuedState::Good,
                false => IssuedState::IssuerRetired,
            };
        };
        let issuer = self.ledger.get(signer);
        if issuer.is_some_and(|issuer| issuer.revoked.is_some()) {
            return IssuedState::IssuerRevoked;
        }
        let root = issuer.and_then(|issuer| issuer.signer.as_ref()).unwrap_or(signer);
        match roots.any(|trusted| trusted.serial_number() == root) {
            true => IssuedState::Good,
            false => IssuedState::IssuerRetired,
        }
    }

    /// Returns a certificate of another client with the keys of `holder`, if its state is good.
    pub fn other_name(&self, holder: &CertificateHolder) -> Option<&IssuedCertificate> {
        let CertificateHolder::Client(subject) = holder else {
            return None;
        };
        self.good_certificates().find(|issued| {
            matches!(&issued.holder, CertificateHolder::Client(other)
                if issued.holder.shares_keys(holder) && other.name() != subject.name())
        })
    }

    /// Returns a certificate of the same client or for a host of the same provider, with other keys, if its state is good.
    pub fn other_keys(&self, holder: &CertificateHolder) -> Option<&IssuedCertificate> {
        self.good_certificates().find(|issued| {
            // Former versions did not record the keys of providers.
            let differs = issued.holder.keys().is_some() && !issued.holder.all_keys().eq(holder.all_keys());
            differs && issued.holder.shares_name(holder)
        })
    }

    fn good_certificates(&self) -> impl Iterator<Item = &IssuedCertificate> {
        self.ledger.certificates().iter().filter(|issued| self.state(issued) == IssuedState::Good)
    }

    /// Returns the certificates of clients and providers that nobody would accept if only `kept` signers were trusted, and that
    /// have no successor: a valid certificate of a kept signer with the same name and keys.
    pub fn depending_on_others(&self, kept: &[&SerialNumber]) -> Vec<IssuedCertificate> {
        let is_kept =
            |issued: &IssuedCertificate| issued.signer.as_ref().is_some_and(|signer| kept.contains(&signer));
        let good: Vec<&IssuedCertificate> = self.good_certificates().collect();
        let is_lost = |issued: &&&IssuedCertificate| {
            let is_leaf =
                matches!(issued.holder, CertificateHolder::Client(_) | CertificateHolder::Provider { .. });
            let mut successors = good.iter().filter(|other| is_kept(other));
            is_leaf
                && !is_kept(issued)
                && !successors.any(|other| issued.holder.is_succeeded_by(&other.holder))
        };
        good.iter().filter(is_lost).map(|&issued| issued.clone()).collect()
    }

    /// Returns the states of all roots, of all issuers that have not expired, and of issuers whose private keys are missing.
    pub fn signer_statuses(&self) -> Vec<SignerStatus> {
        let Self { signers, .. } = self;
        let roots = signers.roots.iter().enumerate().map(|(index, root)| self.status(root, true, index == 0));
        let issuers =
            signers.issuers.iter().enumerate().map(|(index, issuer)| {
                self.status(issuer, false, index == 0 && signers.has_present_issuer())
            });
        let missing = self
            .lists_of_missing_issuers()
            .map(|list| self.status(&Signer { certificate: list.signer().clone(), key: None }, false, false));
        roots.chain(issuers).chain(missing).collect()
    }

    fn status(&self, signer: &Signer, is_root: bool, is_present: bool) -> SignerStatus {
        let certificate: &Certificate = &signer.certificate;
        let list = self.lists.iter().find(|list| list.signer() == certificate);
        let is_unlisted = |issued: &&IssuedCertificate| {
            issued.revoked.is_some()
                && issued.signer.as_ref() == Some(certificate.serial_number())
                && !list.is_some_and(|list| list.revoked().contains_key(&issued.serial_number))
        };
        SignerStatus {
            name: certificate.common_name().to_owned(),
            is_root,
            is_present,
            serial_number: certificate.serial_number().clone(),
            not_after: certificate.validity().not_after,
            has_key: signer.key.is_some(),
            is_key_encrypted: signer.key.as_ref().is_some_and(KeyFile::is_encrypted),
            revoked: self.ledger.get(certificate.serial_number()).and_then(|issued| issued.revoked),
            list: list.map(|list| (list.next_update(), list.revoked().len())),
            unlisted: self.ledger.certificates().iter().filter(is_unlisted).count(),
        }
    }
}

fn latest_end(signers: &Signers) -> OffsetDateTime {
    let ends = signers.roots.iter().chain(&signers.issuers);
    ends.map(|signer| signer.certificate.validity().not_after).max().unwrap_or_else(now)
}
