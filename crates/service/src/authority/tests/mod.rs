//! Tests of the authority, and what they share.

mod folder;
mod former_version;
mod issuing;
mod passphrases;
mod requests;
mod revocation;
mod signers;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair, SanType};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use sottovoce_protocol::Fingerprint;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::certificate::now;
use super::signers::Signers;
use super::*;
use crate::tls::{CertifiedModel, ClientIdentity, ModelManifest, SerialNumber, Subject, TlsError};

fn keys(byte: u8) -> Fingerprint {
    Fingerprint::from_bytes([byte; Fingerprint::BYTES])
}

fn request(name: &str, byte: u8) -> ReceivedRequest {
    let request = CertificateRequest::new(&Subject::new(name, keys(byte)).unwrap()).unwrap();
    ReceivedRequest::from_pem(&request.pem).unwrap()
}

fn authority() -> (TempDir, Authority) {
    let folder = TempDir::new().unwrap();
    let authority = Authority::create(folder.path(), "test authority", None).unwrap();
    (folder, authority)
}

/// Approves whatever the request is for.
fn issue(
    authority: &Authority,
    request: &ReceivedRequest,
    days: u32,
) -> Result<SignedCertificate, AuthorityError> {
    authority.issue(request, &Approval::new(request.key(), days))
}

fn issue_provider(authority: &Authority, host: &str) -> SignedCertificate {
    let request = ProviderRequest::new(&[host.parse().unwrap()]).unwrap();
    let received = ReceivedProviderRequest::from_pem(&request.pem).unwrap();
    authority.issue_provider(&received, &Approval::new(request.key, 30)).unwrap()
}

fn revoke(authority: &Authority, selection: &CertificateSelection) -> Vec<IssuedCertificate> {
    let revocation = authority.revoke(selection, 30).unwrap();
    assert_eq!(revocation.notices, []);
    revocation.certificates
}

/// Returns the signed lists by the serial numbers of their signers: number, and serial numbers of revoked certificates.
fn lists(authority: &Authority) -> BTreeMap<SerialNumber, (u64, BTreeSet<SerialNumber>)> {
    let roots = authority.folder.read_roots().unwrap();
    let lists = authority.folder.read_lists(&roots, &[]).unwrap().unwrap();
    let lists = lists.iter().map(|list| {
        let revoked = list.revoked().keys().cloned().collect();
        (list.signer().serial_number().clone(), (list.number(), revoked))
    });
    lists.collect()
}

/// Returns all revoked certificates on the lists.
fn listed(authority: &Authority) -> BTreeSet<SerialNumber> {
    lists(authority).into_values().flat_map(|(_, revoked)| revoked).collect()
}

/// Returns the clients and providers in the ledger.
fn leaves(authority: &Authority) -> Vec<IssuedCertificate> {
    let mut all = authority.list().unwrap();
    all.retain(|issued| !matches!(issued.holder, CertificateHolder::Issuer(_)));
    all
}

/// Returns the serial numbers of roots or issuers, the present one first.
fn signers(authority: &Authority, is_root: bool) -> Vec<SerialNumber> {
    let signers = authority.signers().unwrap().into_iter().filter(|signer| signer.is_root == is_root);
    signers.map(|signer| signer.serial_number).collect()
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(Zeroizing::new(text.to_owned()))
}

/// Copies the files of a folder, as a backup does.
fn back_up(folder: &Path) -> TempDir {
    let backup = TempDir::new().unwrap();
    restore(folder, backup.path());
    backup
}

fn restore(backup: &Path, folder: &Path) {
    for entry in fs::read_dir(backup).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
    }
}

fn write_private(path: &Path, bytes: &[u8]) {
    sottovoce_network::atomic_file::write_private(path, bytes).unwrap();
}
