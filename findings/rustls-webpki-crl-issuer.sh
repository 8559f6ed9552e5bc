#!/usr/bin/env bash
# rustls-webpki 0.103.17 (Rust): of several revocation lists of issuers with one name, only the first is used.
#
# An authority may change its key and keep its name: both certificates and both lists then have the same issuer, and the
# extensions authorityKeyIdentifier, which RFC 5280 (5.2.1) requires in every list, tell them apart. `webpki` compares only the
# names. It takes the first list whose issuer has the name, and an error of that list's signature ends the verification: the
# other lists are not tried. So a certificate that is on no list is refused, or not, depending on the order of the lists.
# If both issuers are trusted, the error is that of the path through the other issuer and does not mention a list. An authority
# therefore needs another name for each key.
#
# Output seen:
#   the list of the certificate's issuer first: accepted
#   the list of the other issuer first: InvalidCrlSignatureForPublicKey
#   the same, if both issuers are trusted: InvalidSignatureForPublicKey
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat > Cargo.toml <<'EOF'
[package]
name = "finding"
version = "0.0.0"
edition = "2024"

[dependencies]
rcgen = { version = "=0.14.10", default-features = false, features = ["crypto", "ring"] }
rustls-webpki = { version = "=0.103.17", default-features = false, features = ["ring", "std"] }
rustls-pki-types = "1"
time = "0.3"
EOF
cat > src/main.rs <<'EOF'
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, SerialNumber,
};
use rustls_pki_types::{TrustAnchor, UnixTime};
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, OwnedCertRevocationList, RevocationCheckDepth,
    RevocationOptionsBuilder, UnknownStatusPolicy, anchor_from_trusted_cert,
};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn list(authority: &Authority) -> CertRevocationList<'static> {
    let now = time::OffsetDateTime::now_utc();
    let params = CertificateRevocationListParams {
        this_update: now - time::Duration::hours(1),
        next_update: now + time::Duration::days(1),
        crl_number: SerialNumber::from(1u64),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    OwnedCertRevocationList::from_der(params.signed_by(authority).unwrap().der()).unwrap().into()
}

fn main() {
    let authorities = [authority(), authority()];
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "client");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let client = params.signed_by(&KeyPair::generate().unwrap(), &authorities[1]).unwrap();
    let client = EndEntityCert::try_from(client.der()).unwrap();
    let anchors = authorities.each_ref().map(|authority| anchor_from_trusted_cert(authority.der()).unwrap());
    let lists = authorities.each_ref().map(list);
    let verify = |order: [usize; 2], anchors: &[TrustAnchor<'_>]| {
        let lists = order.map(|place| &lists[place]);
        let revocation = RevocationOptionsBuilder::new(&lists)
            .unwrap()
            .with_depth(RevocationCheckDepth::EndEntity)
            .with_status_policy(UnknownStatusPolicy::Deny)
            .with_expiration_policy(ExpirationPolicy::Enforce)
            .build();
        let now = UnixTime::since_unix_epoch(
            Duration::from_secs(time::OffsetDateTime::now_utc().unix_timestamp() as u64),
        );
        let verified = client.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            anchors,
            &[],
            now,
            KeyUsage::client_auth(),
            Some(revocation),
            None,
        );
        verified.map_or_else(|error| format!("{error:?}"), |_| "accepted".to_owned())
    };
    let found = [verify([1, 0], &anchors), verify([0, 1], &anchors[1..]), verify([0, 1], &anchors)];
    println!("the list of the certificate's issuer first: {}", found[0]);
    println!("the list of the other issuer first: {}", found[1]);
    println!("the same, if both issuers are trusted: {}", found[2]);
    assert_eq!(found, ["accepted", "InvalidCrlSignatureForPublicKey", "InvalidSignatureForPublicKey"]);
}
EOF
cargo run --quiet
