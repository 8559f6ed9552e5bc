//! Roots and issuers with chosen names, dates and revocation lists, for tests.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertificateSigningRequestParams,
    DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevocationReason, RevokedCertParams, SanType, SerialNumber,
};
use time::{Duration, OffsetDateTime};

/// The time for which a certificate is valid.
#[derive(Debug, Clone, Copy)]
pub struct Dates {
    pub not_before: OffsetDateTime,
    pub not_after: OffsetDateTime,
}

impl Dates {
    /// From a time before now to a time after now.
    pub fn around(before: Duration, after: Duration) -> Self {
        let now = OffsetDateTime::now_utc().truncate_to_second();
        Self { not_before: now - before, not_after: now + after }
    }

    /// Valid for the next year.
    pub fn year() -> Self {
        Self::around(Duration::hours(1), Duration::days(365))
    }
}

/// A root or an issuer.
pub struct Signer {
    parameters: CertificateParams,
    key: KeyPair,
    /// The certificate.
    pub pem: String,
}

impl Signer {
    /// A root that may sign issuers and leaves.
    pub fn root(name: &str) -> Self {
        Self::root_with(name, Dates::year())
    }

    pub fn root_with(name: &str, dates: Dates) -> Self {
        let (parameters, key) = (authority(name, 1, 1, dates), KeyPair::generate().unwrap());
        let pem = parameters.self_signed(&key).unwrap().pem();
        Self { parameters, key, pem }
    }

    /// An issuer that this root signs, with a serial number.
    pub fn issuer(&self, name: &str, serial: u64) -> Self {
        self.issuer_with(name, serial, Dates::year())
    }

    pub fn issuer_with(&self, name: &str, serial: u64, dates: Dates) -> Self {
        let (parameters, key) = (authority(name, serial, 0, dates), KeyPair::generate().unwrap());
        let pem = parameters.signed_by(&key, &self.signing()).unwrap().pem();
        Self { parameters, key, pem }
    }

    fn signing(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.parameters, &self.key)
    }

    /// Signs the certificate that a client requests.
    pub fn certify(&self, request_pem: &str, serial: u64, dates: Dates) -> String {
        let mut request = CertificateSigningRequestParams::from_pem(request_pem).unwrap();
        let purpose = ExtendedKeyUsagePurpose::ClientAuth;
        complete_leaf(&mut request.params, serial, purpose, dates);
        request.signed_by(&self.signing()).unwrap().pem()
    }

    /// Signs a provider's certificate for hosts. Returns the certificate and its private key.
    pub fn provider(&self, hosts: &[&str], serial: u64, dates: Dates) -> (String, String) {
        let mut parameters = named("provider");
        parameters.subject_alt_names = hosts
            .iter()
            .map(|host| match host.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName((*host).try_into().unwrap()),
            })
            .collect();
        complete_leaf(&mut parameters, serial, ExtendedKeyUsagePurpose::ServerAuth, dates);
        let key = KeyPair::generate().unwrap();
        let pem = parameters.signed_by(&key, &self.signing()).unwrap().pem();
        (pem, key.serialize_pem())
    }

    /// Signs a list of revoked serial numbers for the next 30 days.
    pub fn list(&self, number: u64, revoked: &[u64]) -> String {
        self.list_with(number, revoked, Dates::around(Duration::minutes(5), Duration::days(30)))
    }

    pub fn list_with(&self, number: u64, revoked: &[u64], dates: Dates) -> String {
        let entry = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: OffsetDateTime::now_utc(),
            reason_code: Some(RevocationReason::Unspecified),
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: dates.not_before,
            next_update: dates.not_after,
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.signing()).unwrap().pem().unwrap()
    }
}

fn named(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters
}

fn authority(name: &str, serial: u64, path_length: u8, dates: Dates) -> CertificateParams {
    let mut parameters = named(name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_length));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.serial_number = Some(SerialNumber::from(serial));
    (parameters.not_before, parameters.not_after) = (dates.not_before, dates.not_after);
    parameters
}

fn complete_leaf(
    parameters: &mut CertificateParams,
    serial: u64,
    purpose: ExtendedKeyUsagePurpose,
    dates: Dates,
) {
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![purpose];
    parameters.serial_number = Some(SerialNumber::from(serial));
    (parameters.not_before, parameters.not_after) = (dates.not_before, dates.not_after);
}
