//! The content of a certificate that decides whom it may certify, and when.

use rustls::pki_types::CertificateDer;
use sottovoce_network::UntrustedText;
use time::OffsetDateTime;
use x509_parser::prelude::{CertificateRevocationList, X509Certificate};

use super::serial_number::SerialNumber;
use super::validity::Validity;

/// A parsed certificate.
#[derive(Debug, Clone)]
pub struct Certificate {
    der: CertificateDer<'static>,
    /// Name of the holder, for messages.
    subject: String,
    /// Common name of the holder, or nothing.
    common_name: String,
    /// Name of the holder in DER.
    subject_der: Vec<u8>,
    issuer_der: Vec<u8>,
    public_key_info: Vec<u8>,
    serial_number: SerialNumber,
    validity: Validity,
    is_authority: bool,
    /// Maximum number of certificates of authorities below this one.
    max_path_length: Option<u32>,
}

impl Certificate {
    /// Parses a certificate. The error is the reason.
    pub fn parse(der: CertificateDer<'static>) -> Result<Self, String> {
        let parsed = parse(&der)?;
        let validity = Validity {
            not_before: parsed.validity().not_before.to_datetime(),
            not_after: parsed.validity().not_after.to_datetime(),
        };
        let common_name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        let constraints = parsed.basic_constraints().ok().flatten().map(|constraints| constraints.value);
        Ok(Self {
            subject: UntrustedText::new(&parsed.subject().to_string()).to_string(),
            common_name: common_name.unwrap_or_default().to_owned(),
            subject_der: parsed.subject().as_raw().to_vec(),
            issuer_der: parsed.issuer().as_raw().to_vec(),
            public_key_info: parsed.public_key().raw.to_vec(),
            serial_number: SerialNumber::from_bytes(parsed.raw_serial()),
            validity,
            is_authority: constraints.is_some_and(|constraints| constraints.ca),
            max_path_length: constraints.and_then(|constraints| constraints.path_len_constraint),
            der,
        })
    }

    /// Parses the certificate of a root or an issuer. The error is the reason.
    pub fn parse_authority(der: &[u8]) -> Result<Self, String> {
        let certificate = Self::parse(CertificateDer::from(der.to_vec()))?;
        match certificate.is_authority {
            true => Ok(certificate),
            false => Err("it does not belong to an authority, and cannot certify others".to_owned()),
        }
    }

    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Name of the holder, for messages.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Returns the common name of the holder.
    pub fn common_name(&self) -> &str {
        &self.common_name
    }

    /// Name of the holder in DER.
    pub fn subject_der(&self) -> &[u8] {
        &self.subject_der
    }

    /// Public key and its algorithm in DER.
    pub fn public_key_info(&self) -> &[u8] {
        &self.public_key_info
    }

    pub fn serial_number(&self) -> &SerialNumber {
        &self.serial_number
    }

    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Returns whether the certificate has expired.
    pub fn has_expired(&self) -> bool {
        OffsetDateTime::now_utc() > self.validity.not_after
    }

    /// Returns whether the certificate may sign certificates of issuers. A root of an authority without issuers may not.
    pub fn may_sign_issuers(&self) -> bool {
        self.max_path_length != Some(0)
    }

    /// Returns whether the certificate may certify others.
    pub fn is_authority(&self) -> bool {
        self.is_authority
    }

    /// Returns whether the holder of `issuer` has signed this certificate.
    pub fn is_signed_by(&self, issuer: &Self) -> bool {
        self.issuer_der == issuer.subject_der
            && match (parse(&self.der), parse(&issuer.der)) {
                (Ok(own), Ok(issuer)) => own.verify_signature(Some(issuer.public_key())).is_ok(),
                _ => false,
            }
    }

    /// Returns whether the holder has signed a revocation list.
    pub fn has_signed(&self, list: &CertificateRevocationList<'_>) -> bool {
        list.issuer().as_raw() == self.subject_der
            && parse(&self.der).is_ok_and(|own| list.verify_signature(own.public_key()).is_ok())
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, String> {
    let (rest, parsed) = x509_parser::parse_x509_certificate(der).map_err(|error| error.to_string())?;
    if !rest.is_empty() {
        return Err("bytes follow the certificate".to_owned());
    }
    Ok(parsed)
}
