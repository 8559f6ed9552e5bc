//! What the authority signs.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyUsagePurpose, RevocationReason, RevokedCertParams,
    SanType, SerialNumber,
};
use time::{Duration, OffsetDateTime};

use super::{AuthorityError, Host, Issued, now};
use crate::tls::{Serial, Subject, checked_name};

/// Twice as long as the longest certificate that it signs.
const ROOT_DAYS: i64 = 2 * super::MOST_DAYS as i64;

/// Clocks of others may be so far behind.
const SKEW: Duration = Duration::minutes(5);

/// The authority's own certificate, which signs others that sign no more.
pub(super) fn root(name: &str, serial: Serial) -> Result<CertificateParams, AuthorityError> {
    let mut parameters = parameters(&checked_name(name)?, &serial, now() + Duration::days(ROOT_DAYS));
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(parameters)
}

/// A client's certificate.
pub(super) fn client(
    subject: &Subject,
    serial: &Serial,
    not_after: OffsetDateTime,
) -> Result<CertificateParams, AuthorityError> {
    let mut parameters = leaf(subject.name(), serial, not_after, ExtendedKeyUsagePurpose::ClientAuth);
    parameters.subject_alt_names = vec![SanType::URI(subject.binding().try_into()?)];
    Ok(parameters)
}

/// A provider's certificate.
pub(super) fn provider(
    hosts: &[Host],
    serial: &Serial,
    not_after: OffsetDateTime,
) -> Result<CertificateParams, AuthorityError> {
    // Hosts can be longer than common names, and are looked for elsewhere.
    let mut parameters = leaf("sottovoce provider", serial, not_after, ExtendedKeyUsagePurpose::ServerAuth);
    let names = hosts.iter().map(|host| match host {
        Host::Name(name) => Ok(SanType::DnsName(name.as_ref().try_into()?)),
        Host::Address(address) => Ok(SanType::IpAddress(*address)),
    });
    parameters.subject_alt_names = names.collect::<Result<_, AuthorityError>>()?;
    Ok(parameters)
}

/// The list of those certificates that are revoked. It is good until the authority ends, since a new one is made whenever
/// it changes.
pub(super) fn revocation_list(all: &[Issued], not_after: OffsetDateTime) -> CertificateRevocationListParams {
    let revoked = all.iter().filter_map(|issued| {
        Some(RevokedCertParams {
            serial_number: SerialNumber::from_slice(issued.serial.as_bytes()),
            revocation_time: issued.revoked?,
            reason_code: Some(RevocationReason::Unspecified),
            invalidity_date: None,
        })
    });
    let revoked_certs: Vec<RevokedCertParams> = revoked.collect();
    CertificateRevocationListParams {
        this_update: now() - SKEW,
        next_update: not_after,
        // What is revoked stays so: a list with more is a newer one.
        crl_number: SerialNumber::from(1 + revoked_certs.len() as u64),
        issuing_distribution_point: None,
        revoked_certs,
        key_identifier_method: KeyIdMethod::Sha256,
    }
}

/// A certificate that signs no others.
fn leaf(
    name: &str,
    serial: &Serial,
    not_after: OffsetDateTime,
    purpose: ExtendedKeyUsagePurpose,
) -> CertificateParams {
    let mut parameters = parameters(name, serial, not_after);
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![purpose];
    parameters.use_authority_key_identifier_extension = true;
    parameters
}

fn parameters(name: &str, serial: &Serial, not_after: OffsetDateTime) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.serial_number = Some(SerialNumber::from_slice(serial.as_bytes()));
    // What has ended already, has begun before that.
    parameters.not_before = now().min(not_after) - SKEW;
    parameters.not_after = not_after;
    parameters
}
