//! What the authority has issued, line by line.

use std::fmt;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{AuthorityError, Host};
use crate::tls::{Serial, Subject};

const ISSUED: &str = "serial,for,name,keys,not_after";
const REVOKED: &str = "serial,revoked";

/// A certificate on the authority's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The certificate.
    pub serial: Serial,
    /// Whose it is.
    pub holder: Holder,
    /// Its last moment.
    pub not_after: OffsetDateTime,
    /// When it was revoked, if it was.
    pub revoked: Option<OffsetDateTime>,
}

/// Whose a certificate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A client.
    Client(Subject),
    /// A provider, by its hosts.
    Provider(Vec<Host>),
}

impl fmt::Display for Holder {
    /// A client's name, or a provider's hosts.
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

impl Issued {
    /// Whether its last moment is past.
    #[must_use]
    pub fn is_over(&self) -> bool {
        OffsetDateTime::now_utc() > self.not_after
    }

    /// Whether it gives the subject's keys to another name.
    pub(super) fn contradicts(&self, subject: &Subject) -> bool {
        matches!(&self.holder, Holder::Client(other)
            if other.keys() == subject.keys() && other.name() != subject.name())
    }

    // Names and hosts have no character that CSV would have to quote.
    fn line(&self) -> Result<String, AuthorityError> {
        let (kind, keys) = match &self.holder {
            Holder::Client(subject) => ("client", subject.keys().to_string()),
            Holder::Provider(_) => ("provider", String::new()),
        };
        let not_after = self.not_after.format(&Rfc3339)?;
        Ok(format!("{},{kind},{},{keys},{not_after}\n", self.serial, self.holder))
    }

    /// From a line's fields; `None` if one of them is wrong.
    fn of_fields(fields: &[&str]) -> Option<Self> {
        let &[serial, kind, name, keys, not_after] = fields else {
            return None;
        };
        let holder = match kind {
            "client" => Holder::Client(Subject::new(name, keys.parse().ok()?).ok()?),
            "provider" => Holder::Provider(name.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?),
            _ => return None,
        };
        let serial = serial.parse().ok()?;
        let not_after = OffsetDateTime::parse(not_after, &Rfc3339).ok()?;
        Some(Self { serial, holder, not_after, revoked: None })
    }
}

/// The text of `issued.csv`.
pub(super) fn write_issued(all: &[Issued]) -> Result<String, AuthorityError> {
    all.iter().try_fold(format!("{ISSUED}\n"), |text, issued| Ok(text + &issued.line()?))
}

/// The text of `revoked.csv`.
pub(super) fn write_revoked(all: &[Issued]) -> Result<String, AuthorityError> {
    all.iter().try_fold(format!("{REVOKED}\n"), |text, issued| match issued.revoked {
        Some(revoked) => Ok(text + &format!("{},{}\n", issued.serial, revoked.format(&Rfc3339)?)),
        None => Ok(text),
    })
}

/// Reads `issued.csv`, or gives the line that is wrong, from 1.
pub(super) fn read_issued(text: &str) -> Result<Vec<Issued>, usize> {
    read(text, ISSUED, Issued::of_fields)
}

/// Reads `revoked.csv`, or gives the line that is wrong, from 1.
pub(super) fn read_revoked(text: &str) -> Result<Vec<(Serial, OffsetDateTime)>, usize> {
    read(text, REVOKED, |fields| match fields {
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
