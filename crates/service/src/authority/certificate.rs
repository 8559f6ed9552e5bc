//! The certificates and the revocation list that the authority signs.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyUsagePurpose, RevocationReason, RevokedCertParams,
    SanType,
};
use time::{Duration, OffsetDateTime};

use super::error::AuthorityError;
use super::host::Host;
use super::ledger::IssuedCertificate;
use crate::tls::serial_number::SerialNumber;
use crate::tls::subject::{Subject, checked_name};

/// Longest validity of a certificate in days.
pub const MAX_VALIDITY_DAYS: u32 = 3650;

/// Validity of the authority's own certificate in days: twice that of the longest certificate that it signs.
const ROOT_DAYS: i64 = 2 * MAX_VALIDITY_DAYS as i64;

/// Maximum time by which the clocks of clients and providers may be slow.
const MAX_CLOCK_SKEW: Duration = Duration::minutes(5);

/// Returns the present time in whole seconds, the resolution of certificates.
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc().truncate_to_second()
}

/// Returns the authority's own certificate. The certificates that it signs cannot sign others.
pub fn root(name: &str, serial_number: SerialNumber) -> Result<CertificateParams, AuthorityError> {
    let mut parameters = parameters(&checked_name(name)?, &serial_number, now() + Duration::days(ROOT_DAYS));
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(parameters)
}

/// Returns a client's certificate.
pub fn client(
    subject: &Subject,
    serial_number: &SerialNumber,
    not_after: OffsetDateTime,
) -> Result<CertificateParams, AuthorityError> {
    let mut parameters = leaf(subject.name(), serial_number, not_after, ExtendedKeyUsagePurpose::ClientAuth);
    parameters.subject_alt_names = vec![SanType::URI(subject.keys_uri().try_into()?)];
    Ok(parameters)
}

/// Returns a provider's certificate.
pub fn provider(
    hosts: &[Host],
    serial_number: &SerialNumber,
    not_after: OffsetDateTime,
) -> Result<CertificateParams, AuthorityError> {
    // TLS looks for hosts in the alternative names. They can be longer than a common name.
    let mut parameters =
        leaf("sottovoce provider", serial_number, not_after, ExtendedKeyUsagePurpose::ServerAuth);
    let names = hosts.iter().map(|host| match host {
        Host::Name(name) => Ok(SanType::DnsName(name.as_ref().try_into()?)),
        Host::Address(address) => Ok(SanType::IpAddress(*address)),
    });
    parameters.subject_alt_names = names.collect::<Result<_, AuthorityError>>()?;
    Ok(parameters)
}

/// Returns the list of revoked certificates. It is valid as long as the authority, because every change makes a new list.
pub fn revocation_list(
    all: &[IssuedCertificate],
    not_after: OffsetDateTime,
) -> CertificateRevocationListParams {
    let revoked = all.iter().filter_map(|issued| {
        Some(RevokedCertParams {
            serial_number: rcgen::SerialNumber::from_slice(issued.serial_number.as_bytes()),
            revocation_time: issued.revoked?,
            reason_code: Some(RevocationReason::Unspecified),
            invalidity_date: None,
        })
    });
    let revoked_certs: Vec<RevokedCertParams> = revoked.collect();
    CertificateRevocationListParams {
        this_update: now() - MAX_CLOCK_SKEW,
        next_update: not_after,
        // Certificates stay revoked, so a newer list has at least as many entries and a larger number.
        crl_number: rcgen::SerialNumber::from(1 + revoked_certs.len() as u64),
        issuing_distribution_point: None,
        revoked_certs,
        key_identifier_method: KeyIdMethod::Sha256,
    }
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
