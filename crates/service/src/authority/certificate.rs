//! The certificates and revocation lists that the authority signs.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyUsagePurpose, RevocationReason, RevokedCertParams,
    SanType,
};
use time::{Duration, OffsetDateTime};

use super::error::AuthorityError;
use super::host::Host;
use crate::tls::model_manifest::CertifiedModel;
use crate::tls::serial_number::SerialNumber;
use crate::tls::subject::{Subject, checked_name};

/// Longest validity of a certificate in days.
pub const MAX_VALIDITY_DAYS: u32 = 3650;

/// Validity of a root's certificate in days: twice that of the longest certificate that it signs.
const ROOT_DAYS: i64 = 2 * MAX_VALIDITY_DAYS as i64;

/// Maximum time by which the clocks of clients and providers may be slow.
const MAX_CLOCK_SKEW: Duration = Duration::minutes(5);

/// Common name of providers. TLS looks for hosts in the alternative names, which can be longer.
pub const PROVIDER_NAME: &str = "sottovoce provider";

/// Returns the present time in whole seconds, the resolution of certificates.
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc().truncate_to_second()
}

/// Returns a root's certificate. It signs issuers, which sign everything else.
pub fn root(name: &str, serial_number: &SerialNumber) -> Result<CertificateParams, AuthorityError> {
    Ok(authority(&checked_name(name)?, "root", serial_number, now() + Duration::days(ROOT_DAYS), 1))
}

/// Returns an issuer's certificate. It cannot sign other issuers.
pub fn issuer(name: &str, serial_number: &SerialNumber, not_after: OffsetDateTime) -> CertificateParams {
    let mut parameters = authority(name, "issuer", serial_number, not_after, 0);
    parameters.use_authority_key_identifier_extension = true;
    parameters
}

/// Returns a client's certificate.
pub fn client(
    subject: &Subject,
    serial_number: &SerialNumber,
    not_after: OffsetDateTime,
) -> Result<CertificateParams, AuthorityError> {
    let mut parameters = leaf(subject.name(), serial_number, not_after, ExtendedKeyUsagePurpose::ClientAuth);
    parameters.subject_alt_names = keys_names(subject)?;
    Ok(parameters)
}

/// Returns the alternative names of a client: URIs of its keys.
pub fn keys_names(subject: &Subject) -> Result<Vec<SanType>, rcgen::Error> {
    subject.keys_uris().into_iter().map(|uri| Ok(SanType::URI(uri.try_into()?))).collect()
}

/// Returns a provider's certificate, which lists `models`.
pub fn provider(
    hosts: &[Host],
    models: &[CertifiedModel],
    serial_number: &SerialNumber,
    not_after: OffsetDateTime,
) -> Result<CertificateParams, AuthorityError> {
    let mut parameters = leaf(PROVIDER_NAME, serial_number, not_after, ExtendedKeyUsagePurpose::ServerAuth);
    let hosts = hosts.iter().map(Host::alternative_name);
    let models = models.iter().map(|model| Ok(SanType::URI(model.uri().try_into()?)));
    parameters.subject_alt_names = hosts.chain(models).collect::<Result<_, rcgen::Error>>()?;
    Ok(parameters)
}

/// Returns a list of revoked certificates.
pub fn revocation_list(
    revoked: impl IntoIterator<Item = (SerialNumber, OffsetDateTime)>,
    number: u64,
    next_update: OffsetDateTime,
) -> CertificateRevocationListParams {
    let revoked = revoked.into_iter().map(|(serial_number, revocation_time)| RevokedCertParams {
        serial_number: rcgen::SerialNumber::from_slice(serial_number.as_bytes()),
        revocation_time,
        reason_code: Some(RevocationReason::Unspecified),
        invalidity_date: None,
    });
    CertificateRevocationListParams {
        this_update: now() - MAX_CLOCK_SKEW,
        next_update,
        crl_number: rcgen::SerialNumber::from(number),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    }
}

/// Returns the certificate of a root or an issuer with at most `path_length` certificates of authorities below it.
fn authority(
    name: &str,
    role: &str,
    serial_number: &SerialNumber,
    not_after: OffsetDateTime,
    path_length: u8,
) -> CertificateParams {
    let mut parameters = parameters(name, serial_number, not_after);
    // TLS finds the list for a certificate by the name of its signer, so no two signers have the same name.
    let unit = format!("{role} {serial_number}");
    parameters.distinguished_name.push(DnType::OrganizationalUnitName, unit);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_length));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

/// Returns a certificate that cannot sign others.
fn leaf(
    name: &str,
    serial_number: &SerialNumber,
    not_after: OffsetDateTime,
    purpose: ExtendedKeyUsagePurpose,
) -> CertificateParams {
    let mut parameters = parameters(name, serial_number, not_after);
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![purpose];
    parameters.use_authority_key_identifier_extension = true;
    parameters
}

fn parameters(name: &str, serial_number: &SerialNumber, not_after: OffsetDateTime) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.serial_number = Some(rcgen::SerialNumber::from_slice(serial_number.as_bytes()));
    // The validity of an expired certificate also starts before it ends.
    parameters.not_before = now().min(not_after) - MAX_CLOCK_SKEW;
    parameters.not_after = not_after;
    parameters
}
