//! `authority list`: roots, issuers and certificates with their states, as text and as JSON.

use std::path::Path;

use anyhow::Result;
use jiff::Timestamp;
use serde_json::{Value, json};
use sottovoce_service::authority::{
    Authority, CertificateHolder, Host, IssuedCertificate, IssuedState, ListNotice, SignerStatus,
};
use sottovoce_service::tls::SerialNumber;
use sottovoce_table::Table;
use time::OffsetDateTime;

use crate::output::{self, counted};

/// A result of a command as JSON and as text.
pub type Output = (Value, String);

/// Days before its end at which a certificate or list is warned of.
const WARNING_DAYS: i64 = 30;

/// Digits of an issuer's serial number in the table of certificates.
const ISSUER_DIGITS: usize = 8;

pub fn list(folder: &Path) -> Result<Output> {
    let authority = Authority::open(folder)?;
    let (signers, all) = (authority.signers()?, authority.states()?);
    let leaves = all.iter().filter(|(issued, _)| !matches!(issued.holder, CertificateHolder::Issuer(_)));
    let rows = leaves.map(|(issued, state)| {
        let kind = match &issued.holder {
            CertificateHolder::Client(_) => "client",
            CertificateHolder::Provider { .. } => "provider",
            CertificateHolder::Issuer(_) => "issuer",
            CertificateHolder::Unknown => "unknown",
        };
        let keys = issued.holder.all_keys().map(|keys| keys.to_string()).collect::<Vec<_>>().join(" ");
        let is_good = *state == IssuedState::Good;
        let left = if is_good { days_left(issued.not_after).to_string() } else { String::new() };
        let issuer = issued.signer.as_ref().map(short).unwrap_or_default();
        let (serial, holder) = (issued.serial_number.to_string(), issued.holder.to_string());
        let (until, state) = (timestamp(issued.not_after)?, state_text(*state).to_owned());
        Ok(vec![serial, kind.to_owned(), holder, until, left, state, issuer, keys])
    });
    let header = ["serial", "for", "name", "until", "days left", "state", "issuer", "keys"];
    let table = Table {
        title: format!("Certificates of {}", folder.display()),
        header: header.map(str::to_owned).to_vec(),
        rows: rows.collect::<Result<_>>()?,
        notes: Vec::new(),
    };
    let warnings = warnings(&signers, &all)?;
    let mut text = format!("{}{}", signer_table(&signers)?, table.to_text());
    for warning in &warnings {
        text.push_str(&format!("\nwarning: {warning}"));
    }
    let json = json!({
        "signers": signers.iter().map(signer_record).collect::<Result<Vec<Value>>>()?,
        "certificates": all.iter().map(|(issued, state)| record(issued, *state)).collect::<Result<Vec<Value>>>()?,
        "warnings": warnings,
    });
    Ok((json, text))
}

/// Returns warnings of lists and certificates that end within [`WARNING_DAYS`], and of certificates that nobody accepts.
fn warnings(signers: &[SignerStatus], all: &[(IssuedCertificate, IssuedState)]) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    for signer in signers.iter().filter(|signer| signer.revoked.is_none()) {
        warnings.extend(list_warning(signer)?);
        if signer.unlisted > 0 && (signer.is_root || signer.has_key) {
            warnings.push(format!(
                "the list of the {} {} lacks {}, so providers still accept them; sign it with `sottovoce authority sign-list \
                 FOLDER{}`",
                role(signer),
                signer.serial_number,
                counted(signer.unlisted, "revoked certificate", "revoked certificates"),
                if signer.is_root { " --root" } else { "" }
            ));
        }
        let advice = if signer.is_root { "new-root" } else { "renew-issuer" };
        if signer.is_present && is_ending(signer.not_after) {
            warnings.push(format!(
                "the {} ends at {}; make another one with `sottovoce authority {advice} FOLDER`",
                role(signer),
                timestamp(signer.not_after)?
            ));
        }
    }
    if !signers.iter().any(|signer| !signer.is_root && signer.is_present) {
        warnings.push(
            "there is no issuer: this authority was made by a former version, or issuer.key.pem is missing; `sottovoce authority \
             new-root FOLDER` or `renew-issuer FOLDER` makes one"
                .to_owned(),
        );
    }
    let has_successor = |issued: &IssuedCertificate| {
        all.iter().any(|(other, state)| {
            *state == IssuedState::Good && other.holder == issued.holder && !is_ending(other.not_after)
        })
    };
    let leaves = all.iter().filter(|(issued, _)| {
        !matches!(issued.holder, CertificateHolder::Issuer(_) | CertificateHolder::Unknown)
    });
    let open: Vec<_> = leaves.filter(|(issued, _)| !has_successor(issued)).collect();
    for (issued, _) in open.iter().filter(|(_, state)| *state == IssuedState::Good) {
        warnings.push(format!("a certificate ends soon: {}", described(issued)?));
    }
    for (ended, reason) in [
        (IssuedState::IssuerRevoked, "their issuer is revoked"),
        (IssuedState::IssuerRetired, "their root was retired"),
    ] {
        let count = open.iter().filter(|(_, state)| *state == ended).count();
        if count > 0 {
            let certificates = counted(count, "certificate has", "certificates have");
            warnings.push(format!(
                "{certificates} ended before time, because {reason}: issue again what is needed"
            ));
        }
    }
    Ok(warnings)
}

/// A warning of the end of a root's or issuer's list.
pub fn list_warning(signer: &SignerStatus) -> Result<Option<String>> {
    let option = if signer.is_root { " --root" } else { "" };
    let advice = format!("sign another one with `sottovoce authority sign-list FOLDER{option}`");
    let name = format!("{} {}", role(signer), signer.serial_number);
    // A list of an issuer is signed for a few weeks, so the warning begins 7 days before its end.
    let limit = if signer.is_root { WARNING_DAYS } else { WARNING_DAYS / 4 };
    if let (false, false, None, Some((list_end, _))) =
        (signer.is_root, signer.has_key, signer.revoked, signer.list)
    {
        let signer = signer.serial_number.clone();
        return Ok(Some(ListNotice::MissingIssuer { signer, list_end }.to_string()));
    }
    match signer.list {
        None => Ok(Some(format!("the {name} has no list of revoked certificates; {advice}"))),
        Some((end, _)) if days_left(end) < limit => {
            Ok(Some(format!("the list of the {name} ends at {}; {advice}", timestamp(end)?)))
        }
        Some(_) => Ok(None),
    }
}

fn role(signer: &SignerStatus) -> &'static str {
    match (signer.is_root, signer.is_present) {
        (true, true) => "root",
        (true, false) => "former root",
        (false, true) => "issuer",
        (false, false) => "former issuer",
    }
}

pub fn signer_table(signers: &[SignerStatus]) -> Result<String> {
    let rows = signers.iter().map(|signer| {
        let (list, revoked) = match signer.list {
            Some((end, count)) => (timestamp(end)?, count.to_string()),
            None => ("none".to_owned(), String::new()),
        };
        let state = match signer.revoked {
            Some(_) => "revoked",
            None if days_left(signer.not_after) < 0 => "expired",
            None => "good",
        };
        let key = match (signer.has_key, signer.is_key_encrypted) {
            (true, true) => "here",
            (true, false) => "here, not encrypted",
            (false, _) => "not here",
        };
        let (serial, until) = (signer.serial_number.to_string(), timestamp(signer.not_after)?);
        let left = days_left(signer.not_after).to_string();
        let texts = [role(signer), &serial, &until, &left, state, key, &list, &revoked];
        Ok(texts.map(str::to_owned).to_vec())
    });
    let header = ["role", "serial", "until", "days left", "state", "private key", "list until", "revoked"];
    let table = Table {
        title: "Roots and issuers".to_owned(),
        header: header.map(str::to_owned).to_vec(),
        rows: rows.collect::<Result<_>>()?,
        notes: Vec::new(),
    };
    Ok(format!("{}\n", table.to_text()))
}

pub fn signer_record(signer: &SignerStatus) -> Result<Value> {
    let list = signer.list.map(|(end, count)| {
        Ok::<_, anyhow::Error>(json!({ "not_after": timestamp(end)?, "revoked": count }))
    });
    Ok(json!({
        "role": role(signer),
        "name": signer.name,
        "serial": signer.serial_number.to_string(),
        "not_after": timestamp(signer.not_after)?,
        "days_left": days_left(signer.not_after),
        "has_key": signer.has_key,
        "is_key_encrypted": signer.is_key_encrypted,
        "revoked": signer.revoked.map(timestamp).transpose()?,
        "list": list.transpose()?,
    }))
}

/// Returns the number of whole days until `end`, which is negative after it.
fn days_left(end: OffsetDateTime) -> i64 {
    (end - OffsetDateTime::now_utc()).whole_seconds().div_euclid(86_400)
}

fn is_ending(end: OffsetDateTime) -> bool {
    days_left(end) < WARNING_DAYS
}

pub fn timestamp(time: OffsetDateTime) -> Result<String> {
    Ok(Timestamp::from_second(time.unix_timestamp())?.to_string())
}

pub fn described(issued: &IssuedCertificate) -> Result<String> {
    let IssuedCertificate { holder, serial_number, not_after, .. } = issued;
    Ok(format!("{holder}, serial {serial_number}, until {}", timestamp(*not_after)?))
}

/// Returns the first digits of a serial number, which tell issuers apart.
fn short(serial_number: &SerialNumber) -> String {
    serial_number.to_string().chars().take(ISSUER_DIGITS).collect()
}

fn state_text(state: IssuedState) -> &'static str {
    match state {
        IssuedState::Good => "good",
        IssuedState::Expired => "expired",
        IssuedState::Revoked => "revoked",
        IssuedState::IssuerRevoked => "issuer revoked",
        IssuedState::IssuerRetired => "issuer retired",
    }
}

/// A certificate as JSON.
pub fn record(issued: &IssuedCertificate, state: IssuedState) -> Result<Value> {
    let mut record = json!({
        "serial": issued.serial_number.to_string(),
        "not_after": timestamp(issued.not_after)?,
        "days_left": days_left(issued.not_after),
        "state": state_text(state),
        "revoked": issued.revoked.map(timestamp).transpose()?,
        "issuer": issued.signer.as_ref().map(ToString::to_string),
    });
    if let Some(keys) = issued.holder.keys() {
        output::add_field(&mut record, "keys", keys.to_string());
    }
    match &issued.holder {
        CertificateHolder::Client(subject) => {
            output::add_field(&mut record, "client", subject.name());
            if let Some(keys) = subject.packed_keys() {
                output::add_field(&mut record, "packed_keys", keys.to_string());
            }
        }
        CertificateHolder::Issuer(name) => output::add_field(&mut record, "name", name),
        CertificateHolder::Unknown => output::add_field(&mut record, "unknown", true),
        CertificateHolder::Provider { hosts, .. } => {
            let hosts: Vec<String> = hosts.iter().map(Host::to_string).collect();
            output::add_field(&mut record, "provider", hosts);
        }
    }
    Ok(record)
}
