//! The time for which a certificate is valid.

use std::fmt;

use rustls::pki_types::UnixTime;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// Time before the end of a certificate's validity from which on its holder is warned.
pub const RENEWAL_WARNING: Duration = Duration::days(30);

/// The time for which a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Beginning.
    pub not_before: OffsetDateTime,
    /// End.
    pub not_after: OffsetDateTime,
}

/// A certificate is not valid at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotValid {
    /// The certificate has expired.
    Expired {
        /// End of its validity.
        not_after: OffsetDateTime,
    },
    /// The validity of the certificate has not begun.
    NotYet {
        /// Beginning of its validity.
        not_before: OffsetDateTime,
    },
}

impl Validity {
    /// Checks that the certificate is valid at a time.
    pub fn check(&self, now: OffsetDateTime) -> Result<(), NotValid> {
        let Self { not_before, not_after } = *self;
        if now > not_after {
            Err(NotValid::Expired { not_after })
        } else if now < not_before {
            Err(NotValid::NotYet { not_before })
        } else {
            Ok(())
        }
    }

    /// Returns the next time after `now` at which the certificate begins or ends to be valid.
    pub fn next_change(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        [self.not_before, self.not_after].into_iter().filter(|&time| time > now).min()
    }
}

impl fmt::Display for NotValid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Expired { not_after } => write!(f, "was valid until {}", date_text(not_after)),
            Self::NotYet { not_before } => write!(f, "is not valid before {}", date_text(not_before)),
        }
    }
}

/// Returns a time of a verifier as [`date_text`].
pub fn unix_date_text(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).ok();
    let date = seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    date.map_or_else(|| format!("{} s after 1970", time.as_secs()), date_text)
}

/// Returns a time in seconds for messages, as in `2026-11-28T07:59:28Z`.
pub fn date_text(time: OffsetDateTime) -> String {
    // A time of a certificate always has this form.
    time.truncate_to_second().format(&Rfc3339).unwrap_or_else(|_| time.to_string())
}
