//! The ledger: the lists of issued and revoked certificates, one certificate per line.

use std::collections::{HashMap, HashSet};
use std::fmt;

use time::OffsetDateTime;
use time::error::Format;
use time::format_description::well_known::Rfc3339;

use super::host::Host;
use crate::tls::serial_number::SerialNumber;
use crate::tls::subject::Subject;
use sottovoce_protocol::Fingerprint;

/// Header of `issued.csv`.
const ISSUED_HEADER: &str = "serial,for,name,keys,not_after,issuer";
/// Header of `issued.csv` of an authority without issuers. Its lines lack the last field.
const FORMER_ISSUED_HEADER: &str = "serial,for,name,keys,not_after";
/// Header of `revoked.csv`.
const REVOKED_HEADER: &str = "serial,revoked";

/// A certificate in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// Serial number of the certificate.
    pub serial_number: SerialNumber,
    /// Holder of the certificate.
    pub holder: CertificateHolder,
    /// End of its validity. For an unknown holder, the latest end that it can have.
    pub not_after: OffsetDateTime,
    /// Serial number of the certificate of the issuer or root that signed it, if it is known.
    pub signer: Option<SerialNumber>,
    /// Time of its revocation, if it is revoked.
    pub revoked: Option<OffsetDateTime>,
}

/// Holder of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateHolder {
    /// A client, with its name and keys.
    Client(Subject),
    /// A provider.
    Provider {
        /// Its hosts.
        hosts: Vec<Host>,
        /// SHA-256 of its public key, which former versions did not record.
        key: Option<Fingerprint>,
    },
    /// An issuer of the authority, with its name.
    Issuer(String),
    /// The certificate is revoked, but the ledger does not have it.
    Unknown,
}

impl fmt::Display for CertificateHolder {
    /// Writes a name, or a provider's hosts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(subject) => f.write_str(subject.name()),
            Self::Issuer(name) => f.write_str(name),
            Self::Unknown => f.write_str("unknown holder"),
            Self::Provider { hosts, .. } => {
                let hosts: Vec<String> = hosts.iter().map(Host::to_string).collect();
                f.write_str(&hosts.join(" "))
            }
        }
    }
}

impl CertificateHolder {
    /// Returns the fingerprint of a client's keys, or of a provider's public key.
    #[must_use]
    pub fn keys(&self) -> Option<Fingerprint> {
        match self {
            Self::Client(subject) => Some(subject.keys()),
            Self::Provider { key, .. } => *key,
            Self::Issuer(_) | Self::Unknown => None,
        }
    }

    /// Returns the fingerprints of all keys of a client, or of a provider's public key.
    pub fn all_keys(&self) -> impl Iterator<Item = Fingerprint> {
        let packed = match self {
            Self::Client(subject) => subject.packed_keys(),
            Self::Provider { .. } | Self::Issuer(_) | Self::Unknown => None,
        };
        self.keys().into_iter().chain(packed)
    }

    /// Returns whether both have keys in common.
    #[must_use]
    pub fn shares_keys(&self, other: &Self) -> bool {
        self.all_keys().any(|own| other.all_keys().any(|keys| keys == own))
    }

    /// Returns whether both are one client, or providers with a common host.
    pub(super) fn shares_name(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Client(own), Self::Client(other)) => own.name() == other.name(),
            (Self::Provider { hosts, .. }, Self::Provider { hosts: others, .. }) => {
                hosts.iter().any(|host| others.contains(host))
            }
            _ => false,
        }
    }

    /// Returns whether `other` is the same client with the same keys, or the same provider with the same public key. Former
    /// versions did not record the keys of providers.
    pub(super) fn is_succeeded_by(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Provider { hosts, key: None }, Self::Provider { hosts: others, .. }) => hosts == others,
            _ => self == other,
        }
    }

    /// Returns whether the holder is a provider with this host among others.
    pub(super) fn has_host(&self, host: &str) -> bool {
        matches!(self, Self::Provider { hosts, .. } if hosts.iter().any(|own| own.to_string() == host))
    }

    /// Returns the kind in the ledger.
    fn kind(&self) -> &'static str {
        match self {
            Self::Client(_) => "client",
            Self::Provider { .. } => "provider",
            Self::Issuer(_) => "issuer",
            Self::Unknown => "unknown",
        }
    }
}

impl IssuedCertificate {
    /// Returns whether the certificate has expired.
    #[must_use]
    pub fn has_expired(&self) -> bool {
        OffsetDateTime::now_utc() > self.not_after
    }

    /// Returns the line of the certificate. Names and hosts have no character that CSV would have to quote.
    fn line(&self) -> Result<String, Format> {
        let Self { serial_number, holder, not_after, signer, .. } = self;
        let name = match holder {
            CertificateHolder::Unknown => String::new(),
            holder => holder.to_string(),
        };
        let keys = holder.all_keys().map(|keys| keys.to_string()).collect::<Vec<_>>().join(" ");
        let signer = signer.as_ref().map(SerialNumber::to_string).unwrap_or_default();
        let not_after = not_after.format(&Rfc3339)?;
        Ok(format!("{serial_number},{},{name},{keys},{not_after},{signer}\n", holder.kind()))
    }

    /// Parses the fields of a line. Returns `None` if one of them is wrong.
    fn from_fields(fields: &[&str]) -> Option<Self> {
        let (&[serial, kind, name, keys, not_after], rest) = fields.split_first_chunk()?;
        let signer = match rest {
            [] | [""] => None,
            [signer] => Some(signer.parse().ok()?),
            _ => return None,
        };
        let holder = match kind {
            "client" => CertificateHolder::Client(client(name, keys)?),
            "provider" => CertificateHolder::Provider {
                hosts: name.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?,
                key: if keys.is_empty() { None } else { Some(keys.parse().ok()?) },
            },
            "issuer" => CertificateHolder::Issuer(name.to_owned()),
            "unknown" => CertificateHolder::Unknown,
            _ => return None,
        };
        let serial_number = serial.parse().ok()?;
        let not_after = OffsetDateTime::parse(not_after, &Rfc3339).ok()?;
        Some(Self { serial_number, holder, not_after, signer, revoked: None })
    }
}

/// Parses a client's name and the fingerprints of its keys: for batched evaluation, and after a space for packed evaluation if there are
/// such keys.
fn client(name: &str, keys: &str) -> Option<Subject> {
    let (batched, packed) = match keys.split_once(' ') {
        Some((batched, packed)) => (batched, Some(packed.parse().ok()?)),
        None => (keys, None),
    };
    Some(Subject::new(name, batched.parse().ok()?).ok()?.with_packed_keys(packed))
}

/// All certificates that the authority has issued or revoked, in the order of their entry.
#[derive(Debug, Default)]
pub struct Ledger(Vec<IssuedCertificate>);

impl Ledger {
    /// Parses `issued.csv` and `revoked.csv`. The errors are the numbers of the wrong lines, from 1.
    pub fn read_issued(text: &str) -> Result<Self, usize> {
        let header = text.lines().next();
        let header = if header == Some(FORMER_ISSUED_HEADER) { FORMER_ISSUED_HEADER } else { ISSUED_HEADER };
        let width = header.split(',').count();
        let row =
            |fields: &[&str]| (fields.len() == width).then(|| IssuedCertificate::from_fields(fields))?;
        Ok(Self(read(text, header, row)?))
    }

    /// Enters the revocations in `revoked.csv`. Returns the serial numbers of certificates that the ledger did not have. They
    /// are entered, so that no later list forgets them.
    pub fn read_revoked(
        &mut self,
        text: &str,
        latest_end: OffsetDateTime,
    ) -> Result<Vec<SerialNumber>, usize> {
        let revoked = read(text, REVOKED_HEADER, |fields| match fields {
            [serial, revoked] => Some((serial.parse().ok()?, OffsetDateTime::parse(revoked, &Rfc3339).ok()?)),
            _ => None,
        })?;
        let known: HashSet<SerialNumber> = self.0.iter().map(|issued| issued.serial_number.clone()).collect();
        let revoked = self.revoke_all(revoked, None, latest_end);
        Ok(revoked.into_iter().filter(|serial_number| !known.contains(serial_number)).collect())
    }

    /// Returns the text of `issued.csv`.
    pub fn write_issued(&self) -> Result<String, Format> {
        self.0.iter().try_fold(format!("{ISSUED_HEADER}\n"), |text, issued| Ok(text + &issued.line()?))
    }

    /// Returns the text of `revoked.csv`.
    pub fn write_revoked(&self) -> Result<String, Format> {
        self.0.iter().try_fold(format!("{REVOKED_HEADER}\n"), |text, issued| match issued.revoked {
            Some(revoked) => Ok(text + &format!("{},{}\n", issued.serial_number, revoked.format(&Rfc3339)?)),
            None => Ok(text),
        })
    }

    pub fn certificates(&self) -> &[IssuedCertificate] {
        &self.0
    }

    pub fn into_certificates(self) -> Vec<IssuedCertificate> {
        self.0
    }

    /// Returns the certificate with a serial number.
    pub fn get(&self, serial_number: &SerialNumber) -> Option<&IssuedCertificate> {
        self.0.iter().find(|issued| issued.serial_number == *serial_number)
    }

    /// Takes a certificate out of the ledger.
    pub fn remove(&mut self, serial_number: &SerialNumber) {
        self.0.retain(|issued| issued.serial_number != *serial_number);
    }

    pub fn enter(&mut self, issued: IssuedCertificate) {
        self.0.push(issued);
    }

    /// Revokes the selected certificates, and returns them. A certificate that was revoked before keeps the time of its
    /// revocation.
    pub fn revoke(
        &mut self,
        is_selected: impl Fn(&IssuedCertificate) -> bool,
        time: OffsetDateTime,
    ) -> Vec<IssuedCertificate> {
        let selected = self.0.iter_mut().filter(|issued| is_selected(issued));
        let revoke = |issued: &mut IssuedCertificate| {
            issued.revoked.get_or_insert(time);
            issued.clone()
        };
        selected.map(revoke).collect()
    }

    /// Revokes certificates by serial numbers, and returns those that were not revoked before. Certificates that the ledger does not
    /// have are entered, as those of `signer`. Without a signer they are on the lists of all signers.
    pub fn revoke_all(
        &mut self,
        revoked: impl IntoIterator<Item = (SerialNumber, OffsetDateTime)>,
        signer: Option<&SerialNumber>,
        latest_end: OffsetDateTime,
    ) -> Vec<SerialNumber> {
        let index = |(index, issued): (usize, &IssuedCertificate)| (issued.serial_number.clone(), index);
        let mut known: HashMap<SerialNumber, usize> = self.0.iter().enumerate().map(index).collect();
        let mut added = Vec::new();
        for (serial_number, time) in revoked {
            match known.get(&serial_number).and_then(|&index| self.0.get_mut(index)) {
                Some(issued) if issued.revoked.is_some() => continue,
                Some(issued) => issued.revoked = Some(time),
                None => {
                    known.insert(serial_number.clone(), self.0.len());
                    self.0.push(IssuedCertificate {
                        serial_number: serial_number.clone(),
                        holder: CertificateHolder::Unknown,
                        not_after: latest_end,
                        signer: signer.cloned(),
                        revoked: Some(time),
                    });
                }
            }
            added.push(serial_number);
        }
        added
    }
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
