//! Hostile certificates, requests and revocation lists. They are refused or understood, and never cause a panic.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, DnType, KeyPair, SanType};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, CertificateSigningRequestDer};

use super::*;
use crate::authority::{Approval, Authority, ReceivedRequest};
use crate::tls::revocation_bundle::RevocationBundle;
use crate::tls::trusted_roots::TrustedRoots;

const CASES: usize = 12_000;

/// Returns the valid bytes with a few changes, or random bytes.
fn mutated(good: &[u8], rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = good.to_vec();
    match rng.random_range(0..8) {
        0 => bytes.truncate(rng.random_range(0..bytes.len())),
        1 => bytes.extend((0..rng.random_range(1..50)).map(|_| rng.random::<u8>())),
        2 => bytes = (0..rng.random_range(0..600)).map(|_| rng.random()).collect(),
        3 => {
            bytes.remove(rng.random_range(0..bytes.len()));
        }
        4 => bytes.insert(rng.random_range(0..bytes.len()), rng.random()),
        // These values are common lengths and tags of DER.
        5 => {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = [0x00, 0x7f, 0x80, 0x81, 0x84, 0x88, 0xff, 0x30][rng.random_range(0..8)];
        }
        _ => {
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] ^= 1 << rng.random_range(0..8);
            }
        }
    }
    bytes
}

/// Returns the PEM of any bytes.
fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut base64 = String::new();
    for (index, chunk) in der.chunks(3).enumerate() {
        if index % 16 == 0 && index > 0 {
            base64.push('\n');
        }
        let bits = (0..3).fold(0u32, |bits, at| bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for digit in 0..4 {
            let place = (bits >> (18 - 6 * digit)) & 63;
            base64.push(if digit <= chunk.len() { char::from(DIGITS[place as usize]) } else { '=' });
        }
    }
    format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n").into_bytes()
}

#[test]
fn no_certificate_breaks_the_reading_of_identities() {
    let world = World::new();
    world.client("client", 7, Dates::year());
    let client = CertificateDer::from_pem_file(world.path("client.pem")).unwrap();
    let provider = CertificateDer::from_pem_file(world.path("provider.pem")).unwrap();
    let root = CertificateDer::from_pem_file(world.roots()).unwrap();
    assert!(ClientIdentity::from_der(&client).is_ok());
    for other in [&provider, &root] {
        let error = with_causes(&ClientIdentity::from_der(other).unwrap_err());
        assert!(error.contains("0 names start with urn:sottovoce:keys:"), "{error}");
    }
    let mut rng = StdRng::seed_from_u64(1);
    for case in 0..CASES {
        let good: &[u8] = [&client, &client, &provider, &root][case % 4];
        if let Ok(identity) = ClientIdentity::from_der(&mutated(good, &mut rng)) {
            assert!(Subject::new(&identity.name, identity.keys).is_ok(), "the name and keys can be printed");
        }
    }
}

#[test]
fn no_revocation_list_is_taken_but_the_authoritys() {
    let world = World::new();
    let roots = TrustedRoots::read(&world.roots()).unwrap();
    let read = |bytes: &[u8]| RevocationBundle::from_pem(bytes, &roots, OffsetDateTime::now_utc());
    let good = world.bundle(1, &[7]).into_bytes();
    let list = world.root.list(1, &[7]);
    let der = CertificateRevocationListDer::from_pem_slice(list.as_bytes()).unwrap();
    assert_eq!(read(&pem("X509 CRL", &der)).unwrap().revoked(), 1);
    let mut rng = StdRng::seed_from_u64(2);
    for case in 0..CASES {
        let bytes = match case % 3 {
            0 => mutated(&good, &mut rng),
            _ => pem("X509 CRL", &mutated(&der, &mut rng)),
        };
        if let Ok(bundle) = read(&bytes) {
            let lists = bundle.covered().iter().map(|signer| &signer.list);
            for list in lists.filter(|list| !list.revoked().is_empty()) {
                assert!(list.revoked().contains_key(&serial(7)), "only what does not matter may differ");
            }
        }
    }
}

#[test]
fn no_request_is_read_as_what_its_key_has_not_signed() {
    let subject = Subject::new("client", Fingerprint::from_bytes([9; 32])).unwrap();
    let subject = subject.with_packed_keys(Some(Fingerprint::from_bytes([8; 32])));
    let good = CertificateRequest::new(&subject).unwrap().pem;
    let der = CertificateSigningRequestDer::from_pem_slice(good.as_bytes()).unwrap();
    let mut rng = StdRng::seed_from_u64(3);
    for case in 0..CASES {
        let bytes = match case % 3 {
            0 => mutated(good.as_bytes(), &mut rng),
            _ => pem("CERTIFICATE REQUEST", &mutated(&der, &mut rng)),
        };
        if let Ok(received) = ReceivedRequest::from_pem(&String::from_utf8_lossy(&bytes)) {
            assert_eq!(received.subject(), &subject);
        }
    }
}

/// A signature does not make a request harmless: everybody can sign invented content.
#[test]
fn no_signed_request_breaks_the_authority() {
    let folder = TempDir::new().unwrap();
    let authority = Authority::create(folder.path(), "test authority", None).unwrap();
    let key = KeyPair::generate().unwrap();
    let uri = Subject::new("client", Fingerprint::from_bytes([9; 32])).unwrap().keys_uris().concat();
    // The alternative names of a valid request in DER: a sequence with a URI.
    let mut names = vec![0x30, 0, 0x86, u8::try_from(uri.len()).unwrap()];
    names.extend(uri.bytes());
    names[1] = u8::try_from(names.len() - 2).unwrap();
    let mut rng = StdRng::seed_from_u64(4);
    let mut taken = 0;
    for case in 0..CASES {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = DistinguishedName::new();
        let name: String = (0..rng.random_range(0..4)).map(|_| rng.random_range(' '..'\u{100}')).collect();
        parameters.distinguished_name.push(DnType::CommonName, format!("client{name}"));
        let content = mutated(&names, &mut rng);
        // Alternative names, key usage, constraints, extended usage, and an unknown extension.
        let last = [17, 17, 17, 15, 19, 37, 31, 99][case % 8];
        parameters.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, last], content));
        if case % 8 > 2 {
            parameters.subject_alt_names.push(SanType::URI(uri.clone().try_into().unwrap()));
        }
        let pem = parameters.serialize_request(&key).unwrap().pem().unwrap();
        if let Ok(received) = ReceivedRequest::from_pem(&pem) {
            taken += 1;
            assert!(received.subject().name().starts_with("client"));
            if taken % 50 == 1 {
                // The keys of one name are not certified under another name.
                let _ = authority.issue(&received, &Approval::new(received.key(), 1));
            }
        }
    }
    assert!(taken > 100, "some of them are good: {taken}");
    assert!(authority.list().is_ok());
}
