//! `authority`: the certificate authority, and `provider-request`: the request of a provider.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use sottovoce_network::atomic_file;
use sottovoce_protocol::Fingerprint;
use sottovoce_service::authority::{
    Approval, Authority, AuthorityError, CertificateHolder, CertificateSelection, FormerKey, Host,
    IssuedCertificate, ListNotice, ListScope, ProviderRequest, ReceivedProviderRequest, ReceivedRequest,
    SignedCertificate, SignerStatus,
};
use sottovoce_service::tls::write_private_key;
use sottovoce_table::Table;
use time::OffsetDateTime;

use super::{confirmation, passphrase};
use crate::args::authority::{
    AuthorityCommand, AuthorityOptions, CreatedKeys, ListOptions, ProviderRequestOptions, Revoked,
};
use crate::args::global::GlobalOptions;
use crate::output;

/// Days before its end at which a certificate or list is warned of.
const WARNING_DAYS: i64 = 30;

/// A result as JSON and as text.
type Output = (Value, String);

pub fn run(command: &AuthorityCommand, global: &GlobalOptions) -> Result<ExitCode> {
    let output = match command {
        AuthorityCommand::Create { folder, name, protection } => create(folder, name, protection)?,
        AuthorityCommand::Provider { authority, request, key, models, other_keys, out, days } => {
            let request = ReceivedProviderRequest::read(request)
                .with_context(|| format!("cannot use the request {}", request.display()))?;
            let hosts = joined(request.hosts());
            output::remark(&format!("a provider requests a certificate for {hosts}"));
            let key = confirmation::confirm(*key, request.key(), "--key", "the provider")?;
            let approval = approval(key, *days, *other_keys).with_models(models.clone());
            for model in models {
                output::remark(&format!(
                    "the certificate lists the model {} with the fingerprint {}",
                    model.name(),
                    model.fingerprint()
                ));
            }
            provider(authority, &request, &approval, out)?
        }
        AuthorityCommand::Issue { authority, request, keys, other_keys, out, days } => {
            let request = ReceivedRequest::read(request)
                .with_context(|| format!("cannot use the request {}", request.display()))?;
            let name = request.subject().name();
            output::remark(&format!("{name} requests a certificate"));
            let keys = confirmation::confirm(*keys, request.subject().keys(), "--keys", name)?;
            issue(authority, &request, &approval(keys, *days, *other_keys), out)?
        }
        AuthorityCommand::Revoke { authority, revoked, lists } => revoke(authority, revoked, lists)?,
        AuthorityCommand::SignList { authority, root, lists } => sign_list(authority, *root, lists)?,
        AuthorityCommand::List { folder } => list(folder)?,
        AuthorityCommand::RenewIssuer { authority, days, revoke_former, lists } => {
            let opened = passphrase::open(authority)?;
            let notices = opened.make_issuer(*days, *revoke_former, lists.list_days)?;
            signers_changed(
                &opened,
                &notices,
                "Give providers the new revoked.pem before clients use new certificates.",
            )?
        }
        AuthorityCommand::NewRoot { authority, name, days, former_key_lost, lists } => {
            let opened = passphrase::open(authority)?;
            let former = if *former_key_lost { FormerKey::Lost } else { FormerKey::Required };
            let notices = opened.make_root(name, former, *days, lists.list_days)?;
            let advice = "Give providers and clients the new root.pem, and providers the new revoked.pem, before new certificates \
                          are used. When all certificates are renewed, remove the former root with `sottovoce authority \
                          retire-roots`.";
            signers_changed(&opened, &notices, advice)?
        }
        AuthorityCommand::RetireRoots { authority, lists } => {
            let opened = passphrase::open(authority)?;
            let notices = opened.retire_roots(lists.list_days)?;
            signers_changed(
                &opened,
                &notices,
                "Give providers the new root.pem and revoked.pem together, and clients the new root.pem.",
            )?
        }
        AuthorityCommand::Encrypt { authority, new_passphrase_file, no_passphrase } => {
            encrypt(authority, new_passphrase_file.as_deref(), *no_passphrase)?
        }
    };
    print(output, global);
    Ok(ExitCode::SUCCESS)
}

/// Makes a provider's private key and its request for a certificate.
pub fn provider_request(options: &ProviderRequestOptions, global: &GlobalOptions) -> Result<ExitCode> {
    let ProviderRequestOptions { hosts, out } = options;
    let (key, file) = (out.join("key.pem"), out.join("request.pem"));
    ensure!(
        !key.exists(),
        "{} exists: this provider already has a key. Its request.pem serves to renew its certificate; choose another folder with \
         --out to make another key",
        key.display()
    );
    fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    let request = ProviderRequest::new(hosts)?;
    write(&file, request.pem.as_bytes())?;
    write_private_key(&key, &request.private_key_pem)
        .with_context(|| format!("cannot write {}", key.display()))?;
    let text = format!(
        "{file} requests a certificate for {hosts} with the public key\n  {fingerprint}\nSend the file to the authority, and tell it \
         the key over another channel, such as a call. It issues the certificate with\n  sottovoce authority provider AUTHORITY \
         {file} --out {out}\n{key} stays here. The same request serves to renew the certificate.",
        file = file.display(),
        hosts = joined(hosts),
        fingerprint = request.key,
        out = out.display(),
        key = key.display(),
    );
    let hosts: Vec<String> = hosts.iter().map(Host::to_string).collect();
    let json = json!({ "request": file, "private_key": key, "hosts": hosts, "key": request.key.to_string() });
    print((json, text), global);
    Ok(ExitCode::SUCCESS)
}

fn print((json, text): Output, global: &GlobalOptions) {
    if global.json {
        output::json(&json);
    } else {
        output::result(&text);
    }
}

fn create(folder: &Path, name: &str, protection: &CreatedKeys) -> Result<Output> {
    let CreatedKeys { passphrase_file, no_passphrase } = protection;
    let passphrase = passphrase::new(passphrase_file.as_deref(), *no_passphrase, "--passphrase-file")?;
    let is_encrypted = passphrase.is_some();
    let authority = Authority::create(folder, name, passphrase)?;
    let (root, revoked) = (authority.root_path(), authority.revocation_list_path());
    let signers = authority.signers()?;
    let end = |is_root: bool| {
        let signer = signers.iter().find(|signer| signer.is_root == is_root);
        signer.map(|signer| timestamp(signer.not_after)).transpose()
    };
    let (root_end, issuer_end) = (end(true)?.unwrap_or_default(), end(false)?.unwrap_or_default());
    let text = format!(
        "{name} is in {folder}: a root, valid until {root_end}, and an issuer, valid until {issuer_end}. Their private keys are \
         {encrypted}.\n\
         Give {root} to clients and providers, and {revoked} to providers after every change, at the latest after 30 days.\n\
         {key} is needed only for another issuer, and once a year for `sottovoce authority sign-list --root`: keep it offline.",
        folder = folder.display(),
        encrypted = if is_encrypted { "encrypted" } else { "NOT encrypted: keep the folder secret" },
        root = root.display(),
        revoked = revoked.display(),
        key = authority.root_key_path().display(),
    );
    let json = json!({
        "folder": folder, "root": root, "revoked": revoked, "not_after": root_end, "issuer_not_after": issuer_end,
        "encrypted": is_encrypted,
    });
    Ok((json, text))
}

fn approval(keys: Fingerprint, days: u32, other_keys: bool) -> Approval {
    let approval = Approval::new(keys, days);
    if other_keys { approval.with_other_keys() } else { approval }
}

fn provider(
    options: &AuthorityOptions,
    request: &ReceivedProviderRequest,
    approval: &Approval,
    out: &Path,
) -> Result<Output> {
    let (certificate, root) = (out.join("certificate.pem"), out.join("root.pem"));
    must_be_new(&certificate)?;
    let authority = passphrase::open(options)?;
    fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    let root_pem = fs::read(authority.root_path())?;
    let issued = with_advice(authority.issue_provider(request, approval))?;
    write(&certificate, issued.pem.as_bytes())?;
    write(&root, &root_pem)?;
    let text = format!(
        "{}, public key {}\n{}\n{}",
        described(&issued.entry)?,
        request.key(),
        certificate.display(),
        root.display()
    );
    let files = json!({ "certificate": certificate, "root": root });
    Ok((json!({ "issued": record(&issued.entry)?, "files": files }), text))
}

fn issue(
    options: &AuthorityOptions,
    request: &ReceivedRequest,
    approval: &Approval,
    out: &Path,
) -> Result<Output> {
    must_be_new(out)?;
    let authority = passphrase::open(options)?;
    let subject = request.subject();
    let was_revoked =
        |issued: &IssuedCertificate| issued.revoked.is_some() && issued.holder.keys() == Some(subject.keys());
    if authority.list()?.iter().any(was_revoked) {
        output::remark(
            "warning: an earlier certificate for these keys was revoked; the new certificate is valid",
        );
    }
    let certificate = with_advice(authority.issue(request, approval))?;
    write(out, certificate.pem.as_bytes())?;
    let text = format!("{}, keys {}\n{}", described(&certificate.entry)?, subject.keys(), out.display());
    Ok((json!({ "issued": record(&certificate.entry)?, "file": out }), text))
}

/// Adds the name of the option to an error that an option can prevent.
fn with_advice(issued: std::result::Result<SignedCertificate, AuthorityError>) -> Result<SignedCertificate> {
    match issued {
        Err(error @ AuthorityError::OtherKeys { .. }) => {
            Err(error).context("no certificate was issued; --other-keys issues it nevertheless")
        }
        other => Ok(other?),
    }
}

fn revoke(options: &AuthorityOptions, revoked: &Revoked, lists: &ListOptions) -> Result<Output> {
    let selection = match revoked {
        Revoked { name: Some(name), .. } => CertificateSelection::Name(name.clone()),
        Revoked { serial: Some(serial), .. } => CertificateSelection::SerialNumber(serial.clone()),
        Revoked { keys: Some(keys), .. } => CertificateSelection::Keys(*keys),
        Revoked { name: None, serial: None, keys: None } => {
            anyhow::bail!("give one of --name, --serial and --keys to select the certificates to revoke")
        }
    };
    let authority = passphrase::open(options)?;
    let revocation = authority.revoke(&selection, lists.list_days)?;
    warn(&revocation.notices);
    let (revoked, list) = (revocation.certificates, authority.revocation_list_path());
    let lines = revoked.iter().map(|issued| Ok(format!("revoked: {}", described(issued)?)));
    let mut lines = lines.collect::<Result<Vec<String>>>()?;
    if revoked.iter().any(|issued| !matches!(issued.holder, CertificateHolder::Provider { .. })) {
        lines.push(format!("Providers refuse these clients when they have the new {}.", list.display()));
    }
    if revoked.iter().any(|issued| matches!(issued.holder, CertificateHolder::Provider { .. })) {
        lines.push(
            "Clients do not read the list: they accept a provider's certificate until it expires.".to_owned(),
        );
    }
    let records = revoked.iter().map(record).collect::<Result<Vec<Value>>>()?;
    let json = json!({ "revoked": records, "file": list, "warnings": texts(&revocation.notices) });
    Ok((json, lines.join("\n")))
}

fn sign_list(options: &AuthorityOptions, root: bool, lists: &ListOptions) -> Result<Output> {
    let authority = passphrase::open(options)?;
    let scope = if root { ListScope::IssuersAndRoots } else { ListScope::Issuers };
    let mut notices = texts(&authority.sign_lists(lists.list_days, scope)?);
    notices.extend(
        authority
            .signers()?
            .iter()
            .filter_map(|signer| list_warning(signer).transpose())
            .collect::<Result<Vec<_>>>()?,
    );
    notices.iter().for_each(|notice| output::remark(&format!("warning: {notice}")));
    let list = authority.revocation_list_path();
    let text = format!("signed for {} days: {}", lists.list_days, list.display());
    Ok((json!({ "file": list, "days": lists.list_days, "warnings": notices }), text))
}

/// Prints what was changed for signers, and what the operator does next.
fn signers_changed(authority: &Authority, notices: &[ListNotice], advice: &str) -> Result<Output> {
    warn(notices);
    let signers = authority.signers()?;
    let json = json!({
        "signers": signers.iter().map(signer_record).collect::<Result<Vec<Value>>>()?,
        "warnings": texts(notices),
    });
    Ok((json, format!("{}{advice}", signer_table(&signers)?)))
}

fn encrypt(options: &AuthorityOptions, file: Option<&Path>, no_passphrase: bool) -> Result<Output> {
    let mut authority = passphrase::open(options)?;
    let passphrase = passphrase::new(file, no_passphrase, "--new-passphrase-file")?;
    let how = if passphrase.is_some() { "encrypted with the new passphrase" } else { "NOT encrypted" };
    let changed = authority.encrypt(passphrase)?;
    let mut lines: Vec<String> = changed.iter().map(|path| format!("{how}: {}", path.display())).collect();
    if !authority.root_key_path().exists() {
        lines.push(format!(
            "{} is not here and keeps its passphrase. To change it, put the file back and run this again.",
            authority.root_key_path().display()
        ));
    }
    Ok((json!({ "files": changed, "encrypted": !no_passphrase }), lines.join("\n")))
}

fn list(folder: &Path) -> Result<Output> {
    let authority = Authority::open(folder)?;
    let (signers, all) = (authority.signers()?, authority.list()?);
    let leaves = all.iter().filter(|issued| !matches!(issued.holder, CertificateHolder::Issuer(_)));
    let rows = leaves.map(|issued| {
        let kind = match &issued.holder {
            CertificateHolder::Client(_) => "client",
            CertificateHolder::Provider { .. } => "provider",
            CertificateHolder::Issuer(_) => "issuer",
            CertificateHolder::Unknown => "unknown",
        };
        let keys = issued.holder.keys().map(|keys| keys.to_string()).unwrap_or_default();
        let (state, holder) = (state(issued).to_owned(), issued.holder.to_string());
        let left = if state == "good" { days_left(issued.not_after).to_string() } else { String::new() };
        let serial = issued.serial_number.to_string();
        Ok(vec![serial, kind.to_owned(), holder, timestamp(issued.not_after)?, left, state, keys])
    });
    let header = ["serial", "for", "name", "until", "days left", "state", "keys"];
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
        "certificates": all.iter().map(record).collect::<Result<Vec<Value>>>()?,
        "warnings": warnings,
    });
    Ok((json, text))
}

/// Returns warnings of lists and certificates that end within [`WARNING_DAYS`].
fn warnings(signers: &[SignerStatus], all: &[IssuedCertificate]) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    for signer in signers.iter().filter(|signer| signer.revoked.is_none()) {
        warnings.extend(list_warning(signer)?);
        let advice = if signer.is_root { "new-root" } else { "renew-issuer" };
        if signer.is_present && is_ending(signer.not_after) {
            warnings.push(format!(
                "the {} ends at {}; make another one with `sottovoce authority {advice}`",
                role(signer),
                timestamp(signer.not_after)?
            ));
        }
    }
    if !signers.iter().any(|signer| !signer.is_root && signer.is_present) {
        warnings.push(
            "there is no issuer: this authority was made by a former version, or issuer.key.pem is missing; `sottovoce authority \
             new-root` or `renew-issuer` makes one"
                .to_owned(),
        );
    }
    for issued in all {
        let is_leaf = !matches!(issued.holder, CertificateHolder::Issuer(_) | CertificateHolder::Unknown);
        let is_renewed = all.iter().any(|other| {
            other.revoked.is_none() && other.holder == issued.holder && !is_ending(other.not_after)
        });
        if is_leaf && issued.is_valid() && is_ending(issued.not_after) && !is_renewed {
            warnings.push(format!("a certificate ends soon: {}", described(issued)?));
        }
    }
    Ok(warnings)
}

/// A warning of the end of a root's or issuer's list.
fn list_warning(signer: &SignerStatus) -> Result<Option<String>> {
    let option = if signer.is_root { " --root" } else { "" };
    let advice = format!("sign another one with `sottovoce authority sign-list{option}`");
    let name = format!("{} {}", role(signer), signer.serial_number);
    // A list of an issuer is signed for a few weeks, so it is warned of only after its end is near.
    let limit = if signer.is_root { WARNING_DAYS } else { WARNING_DAYS / 4 };
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

fn signer_table(signers: &[SignerStatus]) -> Result<String> {
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
        let key = if signer.has_key { "here" } else { "not here" };
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

fn signer_record(signer: &SignerStatus) -> Result<Value> {
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
        "revoked": signer.revoked.map(timestamp).transpose()?,
        "list": list.transpose()?,
    }))
}

fn texts(notices: &[ListNotice]) -> Vec<String> {
    notices.iter().map(ListNotice::to_string).collect()
}

fn warn(notices: &[ListNotice]) {
    for notice in notices {
        output::remark(&format!("warning: {notice}"));
    }
}

/// Returns the number of whole days until `end`, which is negative after it.
fn days_left(end: OffsetDateTime) -> i64 {
    (end - OffsetDateTime::now_utc()).whole_seconds().div_euclid(86_400)
}

fn is_ending(end: OffsetDateTime) -> bool {
    days_left(end) < WARNING_DAYS
}

fn joined(hosts: &[Host]) -> String {
    hosts.iter().map(Host::to_string).collect::<Vec<_>>().join(" ")
}

fn state(issued: &IssuedCertificate) -> &'static str {
    match issued.revoked {
        Some(_) => "revoked",
        None if issued.has_expired() => "expired",
        None => "good",
    }
}

fn timestamp(time: OffsetDateTime) -> Result<String> {
    Ok(Timestamp::from_second(time.unix_timestamp())?.to_string())
}

fn described(issued: &IssuedCertificate) -> Result<String> {
    let IssuedCertificate { holder, serial_number, not_after, .. } = issued;
    Ok(format!("{holder}, serial {serial_number}, until {}", timestamp(*not_after)?))
}

/// A certificate as JSON.
fn record(issued: &IssuedCertificate) -> Result<Value> {
    let mut record = json!({
        "serial": issued.serial_number.to_string(),
        "not_after": timestamp(issued.not_after)?,
        "days_left": days_left(issued.not_after),
        "state": state(issued),
        "revoked": issued.revoked.map(timestamp).transpose()?,
        "issuer": issued.signer.as_ref().map(ToString::to_string),
    });
    if let Some(keys) = issued.holder.keys() {
        output::add_field(&mut record, "keys", keys.to_string());
    }
    match &issued.holder {
        CertificateHolder::Client(subject) => output::add_field(&mut record, "client", subject.name()),
        CertificateHolder::Issuer(name) => output::add_field(&mut record, "name", name),
        CertificateHolder::Unknown => output::add_field(&mut record, "unknown", true),
        CertificateHolder::Provider { hosts, .. } => {
            let hosts: Vec<String> = hosts.iter().map(Host::to_string).collect();
            output::add_field(&mut record, "provider", hosts);
        }
    }
    Ok(record)
}

/// Refuses a file that exists: the certificate or key in it may be in use.
fn must_be_new(path: &Path) -> Result<()> {
    ensure!(
        !path.exists(),
        "{} exists and is not overwritten; choose another path with --out",
        path.display()
    );
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    atomic_file::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
