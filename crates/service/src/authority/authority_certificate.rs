//! Certificates of roots and issuers.

use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;
use x509_parser::prelude::{CertificateRevocationList, X509Certificate};

use crate::tls::serial_number::SerialNumber;

/// The certificate of a root or an issuer of the authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityCertificate {
    der: CertificateDer<'static>,
    serial_number: SerialNumber,
    name: String,
    /// Names of holder and signer, and public key, in DER.
    subject: Vec<u8>,
    signer: Vec<u8>,
    public_key_info: Vec<u8>,
    not_after: OffsetDateTime,
    /// Maximum number of certificates of authorities below this one.
    max_path_length: Option<u32>,
}

impl AuthorityCertificate {
    /// Parses the DER of a certificate. The error is the reason for which it is not the certificate of an authority.
    pub fn from_der(der: &[u8]) -> Result<Self, String> {
        let parsed = parse(der)?;
        let constraints = parsed.basic_constraints().map_err(|error| error.to_string())?;
        let max_path_length = match constraints {
            Some(constraints) if constraints.value.ca => constraints.value.path_len_constraint,
            _ => return Err("it does not belong to an authority, and cannot certify others".to_owned()),
        };
        let name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        Ok(Self {
            serial_number: SerialNumber::from_bytes(parsed.raw_serial()),
            name: name.unwrap_or_default().to_owned(),
            subject: parsed.subject().as_raw().to_vec(),
            signer: parsed.issuer().as_raw().to_vec(),
            public_key_info: parsed.public_key().raw.to_vec(),
            not_after: parsed.validity().not_after.to_datetime(),
            max_path_length,
            der: CertificateDer::from(der.to_vec()),
        })
    }

    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    pub fn serial_number(&self) -> &SerialNumber {
        &self.serial_number
    }

    /// Returns the common name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn public_key_info(&self) -> &[u8] {
        &self.public_key_info
    }

    pub fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }

    pub fn has_expired(&self) -> bool {
        OffsetDateTime::now_utc() > self.not_after
    }

    /// Returns whether the certificate may sign certificates of issuers. A root of an authority without issuers may not.
    pub fn may_sign_issuers(&self) -> bool {
        self.max_path_length != Some(0)
    }

    /// Returns whether `signer` has signed this certificate.
    pub fn is_signed_by(&self, signer: &Self) -> bool {
        let signed = || -> Result<bool, String> {
            let (own, signer) = (parse(&self.der)?, parse(&signer.der)?);
            Ok(own.verify_signature(Some(signer.public_key())).is_ok())
        };
        self.signer == signer.subject && signed().unwrap_or(false)
    }

    /// Returns whether this authority has signed a revocation list.
    pub fn has_signed(&self, list: &CertificateRevocationList<'_>) -> bool {
        let signed = || Ok::<_, String>(list.verify_signature(parse(&self.der)?.public_key()).is_ok());
        list.issuer().as_raw() == self.subject && signed().unwrap_or(false)
    }
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, String> {
    match x509_parser::parse_x509_certificate(der) {
        Ok(([], parsed)) => Ok(parsed),
        Ok(_) => Err("bytes follow the certificate".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
