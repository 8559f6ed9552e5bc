//! `authority`: the certificate authority, and `provider-request`: the request of a provider.

mod listing;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sottovoce_network::atomic_file;
use sottovoce_protocol::Fingerprint;
use sottovoce_service::authority::{
    Approval, Authority, AuthorityError, CertificateHolder, CertificateSelection, FormerKey, Host,
    IssuedCertificate, IssuedState, ListNotice, ListScope, ProviderRequest, ReceivedProviderRequest,
    ReceivedRequest, SignedCertificate,
};
use sottovoce_service::tls::{SerialNumber, write_private_key};

use listing::{Output, described, list_warning, record, signer_record, signer_table, timestamp};

use super::{confirmation, passphrase};
use crate::args::authority::{
    AuthorityCommand, AuthorityOptions, CreatedKeys, ListOptions, ProviderRequestOptions,
};
use crate::args::global::GlobalOptions;
use crate::args::selected_holder::SelectedHolder;
use crate::output::{self, counted};

pub fn run(command: &AuthorityCommand, global: &GlobalOptions) -> Result<ExitCode> {
    let output = match command {
        AuthorityCommand::Create { folder, name, protection } => create(folder, name, protection)?,
        AuthorityCommand::Provider { authority, request, key, models, other_keys, out, days } => {
            let request = ReceivedProviderRequest::read(request)
                .with_context(|| format!("cannot use the request {}", request.display()))?;
            let hosts = joined(request.hosts());
            output::remark(&format!("a provider requests a certificate for {hosts}"));
            let key = confirmation::confirm(*key, request.key(), "the provider")?;
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
        AuthorityCommand::Issue { authority, request, key, other_keys, out, days } => {
            let request = ReceivedRequest::read(request)
                .with_context(|| format!("cannot use the request {}", request.display()))?;
            let name = request.subject().name();
            output::remark(&format!("{name} requests a certificate"));
            let key = confirmation::confirm(*key, request.key(), name)?;
            issue(authority, &request, &approval(key, *days, *other_keys), out)?
        }
        AuthorityCommand::Revoke { authority, selected, issuer, lists } => {
            revoke(authority, selected, issuer.as_ref(), lists)?
        }
        AuthorityCommand::SignList { authority, root, lists } => sign_list(authority, *root, lists)?,
        AuthorityCommand::List { folder } => listing::list(folder)?,
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
                          retire-roots FOLDER`.";
            let keys = former_root_keys(
                &opened,
                "is the private key of a former root, which clients and providers still trust: keep it offline, as root.key.pem",
            )?;
            signers_changed(&opened, &notices, &format!("{advice}{keys}"))?
        }
        AuthorityCommand::RetireRoots { authority, lists } => {
            let opened = passphrase::open(authority)?;
            let notices = opened.retire_roots(lists.list_days)?;
            let advice =
                "Give providers the new root.pem and revoked.pem together, and clients the new root.pem.";
            let keys = former_root_keys(
                &opened,
                "is the private key of a former root: when everybody has the new root.pem, delete it or archive it offline",
            )?;
            signers_changed(&opened, &notices, &format!("{advice}{keys}"))?
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
    Authority::check_new(folder)?;
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
         {key} is needed only for another issuer, and once a year for `sottovoce authority sign-list FOLDER --root`: keep it offline.",
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

fn approval(key: Fingerprint, days: u32, other_keys: bool) -> Approval {
    let approval = Approval::new(key, days);
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
    let is_new = !out.exists();
    fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    let root_pem = fs::read(authority.root_path())?;
    let issued = with_advice(authority.issue_provider(request, approval));
    if is_new && issued.is_err() {
        // A folder that others use meanwhile is not empty, and stays.
        let _ = fs::remove_dir(out);
    }
    let issued = issued?;
    store(&authority, &issued, &certificate, || write(&root, &root_pem))?;
    let text = format!(
        "{}, public key {}\n{}\n{}",
        described(&issued.entry)?,
        request.key(),
        certificate.display(),
        root.display()
    );
    let files = json!({ "certificate": certificate, "root": root });
    Ok((json!({ "issued": record(&issued.entry, IssuedState::Good)?, "files": files }), text))
}

fn issue(
    options: &AuthorityOptions,
    request: &ReceivedRequest,
    approval: &Approval,
    out: &Path,
) -> Result<Output> {
    must_be_new(out)?;
    let authority = passphrase::open(options)?;
    if let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let subject = request.subject();
    let holder = CertificateHolder::Client(subject.clone());
    let was_revoked =
        |issued: &IssuedCertificate| issued.revoked.is_some() && issued.holder.shares_keys(&holder);
    let follows_revoked = authority.list()?.iter().any(was_revoked);
    let certificate = with_advice(authority.issue(request, approval))?;
    store(&authority, &certificate, out, || Ok(()))?;
    if follows_revoked {
        output::remark(
            "warning: an earlier certificate for these keys was revoked; the new certificate is valid",
        );
    }
    let keys: Vec<String> = certificate.entry.holder.all_keys().map(|keys| keys.to_string()).collect();
    let text = format!("{}, keys {}\n{}", described(&certificate.entry)?, keys.join(" and "), out.display());
    Ok((json!({ "issued": record(&certificate.entry, IssuedState::Good)?, "file": out }), text))
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

fn revoke(
    options: &AuthorityOptions,
    selected: &SelectedHolder,
    issuer: Option<&SerialNumber>,
    lists: &ListOptions,
) -> Result<Output> {
    let selection = match (selected, issuer) {
        (SelectedHolder { serial: Some(serial), .. }, Some(issuer)) => {
            CertificateSelection::OfIssuer { serial_number: serial.clone(), issuer: issuer.clone() }
        }
        (SelectedHolder { serial: Some(serial), .. }, None) => {
            CertificateSelection::SerialNumber(serial.clone())
        }
        (SelectedHolder { name: Some(name), .. }, _) => CertificateSelection::Name(name.clone()),
        (SelectedHolder { keys: Some(keys), .. }, _) => CertificateSelection::Keys(*keys),
        (SelectedHolder { name: None, serial: None, keys: None }, _) => {
            anyhow::bail!("give one of --name, --serial and --keys to select the certificates to revoke")
        }
    };
    let authority = passphrase::open(options)?;
    let revocation = authority.revoke(&selection, lists.list_days)?;
    warn(&revocation.notices);
    let (revoked, list) = (revocation.certificates, authority.revocation_list_path());
    let lines = revoked.iter().map(|issued| Ok(format!("revoked: {}", described(issued)?)));
    let mut lines = lines.collect::<Result<Vec<String>>>()?;
    let is_client = |issued: &IssuedCertificate| {
        matches!(issued.holder, CertificateHolder::Client(_) | CertificateHolder::Unknown)
    };
    if revoked.iter().any(is_client) {
        lines.push(format!("Providers refuse these clients when they have the new {}.", list.display()));
    }
    if revoked.iter().any(|issued| matches!(issued.holder, CertificateHolder::Issuer(_))) {
        lines.push(format!(
            "Providers refuse all clients of this issuer when they have the new {}. `sottovoce authority list FOLDER` shows the certificates \
             that are to be issued again.",
            list.display()
        ));
    }
    if revoked.iter().any(|issued| matches!(issued.holder, CertificateHolder::Provider { .. })) {
        lines.push(
            "Clients do not read the list: they accept a provider's certificate until it expires.".to_owned(),
        );
    }
    let records =
        revoked.iter().map(|issued| record(issued, IssuedState::Revoked)).collect::<Result<Vec<Value>>>()?;
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
            // The signing has warned of issuers whose private keys are missing.
            .filter(|signer| signer.is_root || signer.has_key)
            .filter_map(|signer| list_warning(signer).transpose())
            .collect::<Result<Vec<_>>>()?,
    );
    notices.iter().for_each(|notice| output::remark(&format!("warning: {notice}")));
    let list = authority.revocation_list_path();
    let text = format!("signed for {}: {}", counted(lists.list_days as usize, "day", "days"), list.display());
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

/// Returns a line with `advice` for each private key of a former root in the folder that daily work does not need.
fn former_root_keys(authority: &Authority, advice: &str) -> Result<String> {
    let paths = authority.former_root_keys()?;
    Ok(paths.iter().map(|path| format!("\n{} {advice}.", path.display())).collect())
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

fn texts(notices: &[ListNotice]) -> Vec<String> {
    notices.iter().map(ListNotice::to_string).collect()
}

fn warn(notices: &[ListNotice]) {
    for notice in notices {
        output::remark(&format!("warning: {notice}"));
    }
}

fn joined(hosts: &[Host]) -> String {
    hosts.iter().map(Host::to_string).collect::<Vec<_>>().join(" ")
}

/// Writes the file of a new certificate, after `write_others`. If one cannot be written, the certificate is taken out of the
/// ledger again: the ledger was written first, so that a certificate that exists is always in it.
fn store(
    authority: &Authority,
    issued: &SignedCertificate,
    path: &Path,
    write_others: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let Err(error) = write_others().and_then(|()| write(path, issued.pem.as_bytes())) else { return Ok(()) };
    // The file may have appeared although the folder could not be synchronised.
    let _ = fs::remove_file(path);
    let serial = &issued.entry.serial_number;
    let in_ledger = format!(
        "the certificate {serial} is in the ledger, but nobody has it; issue another one, or revoke it with --serial {serial}"
    );
    if path.exists() {
        return Err(error.context(in_ledger));
    }
    match authority.withdraw(&issued.entry) {
        Ok(()) => {
            Err(error.context("no certificate was issued: its entry was taken out of the ledger again"))
        }
        Err(failure) => Err(error.context(failure).context(in_ledger)),
    }
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
