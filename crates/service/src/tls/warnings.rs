//! Warnings of certificates and revocation lists that are about to end or have ended. Each is logged once a day.

use std::time::Duration as StdDuration;

use time::{Duration, OffsetDateTime};
use tracing::{error, warn};

use super::certificate::Certificate;
use super::notices::Notices;
use super::revocation_bundle::RevocationBundle;
use super::server_files::Credentials;
use super::trusted_roots::TrustedRoots;
use super::validity::{RENEWAL_WARNING, date_text};

/// Part of the life of a revocation list that remains when a warning is logged.
const LIST_WARNING_SHARE: i32 = 4;

/// A revocation list that is current for longer than this is not one that its authority renews.
const LONG_LIST: Duration = Duration::days(401);

/// Warns of the provider's certificate, its issuer's, the roots' and those of the issuers of lists.
pub fn warn_of_certificates(
    credentials: &Credentials,
    bundle: Option<&RevocationBundle>,
    notices: &mut Notices,
    now: OffsetDateTime,
) {
    let own = credentials.certificate.chain().iter().enumerate().map(|(index, certificate)| match index {
        0 => ("the provider's certificate".to_owned(), certificate),
        _ => (format!("the certificate of the issuer {}", certificate.subject()), certificate),
    });
    let roots = credentials.roots.all().iter();
    let roots = roots.map(|root| (format!("the root certificate of {}", root.subject()), root));
    let signers = bundle.into_iter().flat_map(RevocationBundle::covered);
    let issuers = signers.filter(|signer| !signer.is_root()).map(|signer| {
        let issuer = signer.list.signer();
        (format!("the certificate of the issuer {}", issuer.subject()), issuer)
    });
    let certificates: Vec<(String, &Certificate)> = own.chain(roots).chain(issuers).collect();
    for (holder, certificate) in certificates {
        let not_after = certificate.validity().not_after;
        let until = date_text(not_after);
        if now > not_after {
            if notices.is_due(&format!("{holder} {until} has expired")) {
                error!(until, "{holder} has expired");
            }
        } else if now > not_after - RENEWAL_WARNING && notices.is_due(&format!("{holder} {until}")) {
            warn!(until, "{holder} expires soon: renew it; it is read again while the service runs");
        }
    }
}

/// Warns of lists that are ignored, and of roots without a list.
pub fn warn_of_missing_lists(
    roots: &TrustedRoots,
    bundle: &RevocationBundle,
    notices: &mut Notices,
    now: OffsetDateTime,
) {
    if bundle.ignored() > 0 && notices.is_due(&format!("{} ignored", bundle.ignored())) {
        warn!(
            lists = bundle.ignored(),
            "revocation lists that no trusted root or issuer has signed are ignored"
        );
    }
    for root in roots.valid_at(now) {
        let has_list = bundle.covered().iter().any(|signer| signer.list.signer().der() == root.der());
        if !has_list && notices.is_due(&format!("no list of {}", root.subject())) {
            warn!(
                root = root.subject(),
                "the revocation file has no list of a root: its clients are refused"
            );
        }
    }
}

/// Warns of lists that are too old or will soon be, and of lists that never are. `max_age` limits the age of issuers' lists.
pub fn warn_of_old_lists(
    bundle: &RevocationBundle,
    max_age: Option<StdDuration>,
    notices: &mut Notices,
    now: OffsetDateTime,
) {
    for signer in bundle.covered() {
        let name = signer.list.signer().subject();
        let option = if signer.is_root() { " --root" } else { "" };
        let Some(end) = bundle.current_until(signer, max_age) else {
            if notices.is_due(&format!("endless list of {name}")) {
                warn!(
                    signer = name,
                    "the revocation list has no end: the authority must sign another one (`sottovoce authority sign-list FOLDER{option}`)"
                );
            }
            continue;
        };
        let (until, life) = (date_text(end), end - signer.list.this_update());
        if now > end {
            if notices.is_due(&format!("old list of {name} {until}")) {
                error!(
                    signer = name,
                    until,
                    "the revocation list is too old: requests of clients with certificates are refused"
                );
            }
        } else if now > end - life / LIST_WARNING_SHARE {
            if notices.is_due(&format!("list of {name} {until}")) {
                warn!(
                    signer = name,
                    until, "the revocation list will soon be too old: copy a new one of the authority"
                );
            }
        } else if life > LONG_LIST && notices.is_due(&format!("long list of {name} {until}")) {
            warn!(
                signer = name,
                until,
                "the revocation list is current for years: the authority must sign another one (`sottovoce authority sign-list FOLDER{option}`)"
            );
        }
    }
}
