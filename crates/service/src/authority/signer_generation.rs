//! Fresh roots and issuers.

use time::{Duration, OffsetDateTime};

use super::certificate::{self, MAX_VALIDITY_DAYS, now};
use super::error::AuthorityError;
use super::key_file::SigningKey;
use super::ledger::{CertificateHolder, IssuedCertificate};
use super::random::random_serial_number;
use crate::tls::certificate::Certificate;

/// Makes a root with a fresh key.
pub fn generate_root(name: &str) -> Result<(Certificate, SigningKey), AuthorityError> {
    let key = SigningKey::generate()?;
    let certificate = certificate::root(name, &random_serial_number()?)?.self_signed(key.key_pair())?;
    Ok((parsed(certificate.der())?, key))
}

/// Makes an issuer with a fresh key, which the root signs.
pub fn generate_issuer(
    root: &Certificate,
    root_key: &SigningKey,
    days: u32,
) -> Result<(Certificate, SigningKey), AuthorityError> {
    let not_after = expiry(days, root)?;
    let key = SigningKey::generate()?;
    let parameters = certificate::issuer(root.common_name(), &random_serial_number()?, not_after);
    let certificate = parameters.signed_by(key.key_pair(), &root_key.issuer(root)?)?;
    Ok((parsed(certificate.der())?, key))
}

fn parsed(der: &[u8]) -> Result<Certificate, AuthorityError> {
    Certificate::parse_authority(der).map_err(|reason| AuthorityError::Certificate { reason })
}

pub fn entry_of_issuer(issuer: &Certificate, root: &Certificate) -> IssuedCertificate {
    IssuedCertificate {
        serial_number: issuer.serial_number().clone(),
        holder: CertificateHolder::Issuer(issuer.common_name().to_owned()),
        not_after: issuer.validity().not_after,
        signer: Some(root.serial_number().clone()),
        revoked: None,
    }
}

/// Returns the end of the validity of a certificate that is issued now for `days`, at most that of its signer.
pub fn expiry(days: u32, signer: &Certificate) -> Result<OffsetDateTime, AuthorityError> {
    if !(1..=MAX_VALIDITY_DAYS).contains(&days) {
        return Err(AuthorityError::Days { found: days, max: MAX_VALIDITY_DAYS });
    }
    let end = now() + Duration::days(days.into());
    if end > signer.validity().not_after {
        return Err(AuthorityError::Outlives { days, not_after: signer.validity().not_after });
    }
    Ok(end)
}
