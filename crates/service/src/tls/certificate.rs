//! The content of a certificate that decides whom it may certify, and when.

use rustls::pki_types::CertificateDer;
use sottovoce_network::UntrustedText;
use x509_parser::prelude::X509Certificate;

use super::serial_number::SerialNumber;
use super::validity::Validity;

/// A parsed certificate.
#[derive(Debug, Clone)]
pub struct Certificate {
    der: CertificateDer<'static>,
    /// Name of the holder, for messages.
    subject: String,
    /// Name of the holder in DER.
    subject_der: Vec<u8>,
    issuer_der: Vec<u8>,
    public_key_info: Vec<u8>,
    serial_number: SerialNumber,
    validity: Validity,
    is_authority: bool,
}

impl Certificate {
    /// Parses a certificate. The error is the reason.
    pub fn parse(der: CertificateDer<'static>) -> Result<Self, String> {
        let parsed = parse(&der)?;
        let validity = Validity {
            not_before: parsed.validity().not_before.to_datetime(),
            not_after: parsed.validity().not_after.to_datetime(),
        };
        Ok(Self {
            subject: UntrustedText::new(&parsed.subject().to_string()).to_string(),
            subject_der: parsed.subject().as_raw().to_vec(),
            issuer_der: parsed.issuer().as_raw().to_vec(),
            public_key_info: parsed.public_key().raw.to_vec(),
            serial_number: SerialNumber::from_bytes(parsed.raw_serial()),
            validity,
            is_authority: parsed.is_ca(),
            der,
        })
    }

    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Name of the holder, for messages.
    pub fn subject(&self) -> &str {
        &self.subject
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
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, String> {
    let (rest, parsed) = x509_parser::parse_x509_certificate(der).map_err(|error| error.to_string())?;
    if !rest.is_empty() {
        return Err("bytes follow the certificate".to_owned());
    }
    Ok(parsed)
}
