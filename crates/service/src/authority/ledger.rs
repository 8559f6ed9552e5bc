//! The lists of issued and revoked certificates, one certificate per line.

use std::fmt;

use time::OffsetDateTime;
use time::error::Format;
use time::format_description::well_known::Rfc3339;

use super::host::Host;
use crate::tls::serial_number::SerialNumber;
use crate::tls::subject::Subject;

/// Header of `issued.csv`.
const ISSUED_HEADER: &str = "serial,for,name,keys,not_after";
/// Header of `revoked.csv`.
const REVOKED_HEADER: &str = "serial,revoked";

/// A certificate in the list of issued certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// Serial number of the certificate.
    pub serial_number: SerialNumber,
    /// Holder of the certificate.
    pub holder: CertificateHolder,
    /// End of its validity.
    pub not_after: OffsetDateTime,
    /// Time of its revocation, if it is revoked.
    pub revoked: Option<OffsetDateTime>,
}

/// Holder of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateHolder {
    /// A client, with its name and keys.
    Client(Subject),
    /// A provider, with its hosts.
    Provider(Vec<Host>),
}

impl fmt::Display for CertificateHolder {
    /// Writes a client's name, or a provider's hosts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(subject) => f.write_str(subject.name()),
            Self::Provider(hosts) => {
                let hosts: Vec<String> = hosts.iter().map(Host::to_string).collect();
                f.write_str(&hosts.join(" "))
            }
        }
    }
}

impl IssuedCertificate {
    /// Returns whether the certificate has expired.
    #[must_use]
    pub fn has_expired(&self) -> bool {
        OffsetDateTime::now_utc() > self.not_after
    }

    /// Returns whether the certificate names the subject's keys with another client.
    pub fn contradicts(&self, subject: &Subject) -> bool {
        matches!(&self.holder, CertificateHolder::Client(other)
            if other.keys() == subject.keys() && other.name() != subject.name())
    }

    /// Returns the line of the certificate. Names and hosts have no character that CSV would have to quote.
    fn line(&self) -> Result<String, Format> {
        let (kind, keys) = match &self.holder {
            CertificateHolder::Client(subject) => ("client", subject.keys().to_string()),
            CertificateHolder::Provider(_) => ("provider", String::new()),
        };
        let not_after = self.not_after.format(&Rfc3339)?;
        Ok(format!("{},{kind},{},{keys},{not_after}\n", self.serial_number, self.holder))
    }

    /// Parses the fields of a line. Returns `None` if one of them is wrong.
    fn from_fields(fields: &[&str]) -> Option<Self> {
        let &[serial, kind, name, keys, not_after] = fields else {
            return None;
        };
        let holder = match kind {
            "client" => CertificateHolder::Client(Subject::new(name, keys.parse().ok()?).ok()?),
            "provider" => {
                CertificateHolder::Provider(name.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?)
            }
            _ => return None,
        };
        let serial_number = serial.parse().ok()?;
        let not_after = OffsetDateTime::parse(not_after, &Rfc3339).ok()?;
        Some(Self { serial_number, holder, not_after, revoked: None })
    }
}

/// Returns the text of `issued.csv`.
pub fn write_issued(all: &[IssuedCertificate]) -> Result<String, Format> {
    all.iter().try_fold(format!("{ISSUED_HEADER}\n"), |text, issued| Ok(text + &issued.line()?))
}

/// Returns the text of `revoked.csv`.
pub fn write_revoked(all: &[IssuedCertificate]) -> Result<String, Format> {
    all.iter().try_fold(format!("{REVOKED_HEADER}\n"), |text, issued| match issued.revoked {
        Some(revoked) => Ok(text + &format!("{},{}\n", issued.serial_number, revoked.format(&Rfc3339)?)),
        None => Ok(text),
    })
}

/// Parses `issued.csv`. The error is the number of the wrong line, from 1.
pub fn read_issued(text: &str) -> Result<Vec<IssuedCertificate>, usize> {
    read(text, ISSUED_HEADER, IssuedCertificate::from_fields)
}

/// Parses `revoked.csv`. The error is the number of the wrong line, from 1.
pub fn read_revoked(text: &str) -> Result<Vec<(SerialNumber, OffsetDateTime)>, usize> {
    read(text, REVOKED_HEADER, |fields| match fields {
        [serial, revoked] => Some((serial.parse().ok()?, OffsetDateTime::parse(revoked, &Rfc3339).ok()?)),
        _ => None,
    })
}

fn read<T>(text: &str, header: &str, row: impl Fn(&[&str]) -> Option<T>) -> Result<Vec<T>, usize> {
    let mut lines = text.lines();
    if lines.next() != Some(header) {
        return Err(1);
    }
    let rows = lines.enumerate().map(|(index, line)| {
        let fields: Vec<&str> = line.split(',').collect();
        row(&fields).ok_or(index + 2)
    });
    rows.collect()
}
