//! `authority`: the certificate authority.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use sottovoce_network::atomic_file;
use sottovoce_report::Table;
use sottovoce_service::authority::{
    Authority, CertificateHolder, CertificateSelection, Host, IssuedCertificate, ReceivedRequest,
};
use sottovoce_service::tls::write_private_key;

use crate::args::authority::{AuthorityCommand, Revoked};
use crate::args::global::GlobalOptions;
use crate::output;

pub fn run(command: &AuthorityCommand, global: &GlobalOptions) -> Result<ExitCode> {
    let (json, text) = match command {
        AuthorityCommand::Create { folder, name } => create(folder, name)?,
        AuthorityCommand::Provider { folder, hosts, out, days } => provider(folder, hosts, out, *days)?,
        AuthorityCommand::Issue { folder, request, out, days } => issue(folder, request, out, *days)?,
        AuthorityCommand::Revoke { folder, revoked } => revoke(folder, revoked)?,
        AuthorityCommand::List { folder } => list(folder)?,
    };
    if global.json {
        output::json(&json);
    } else {
        output::result(&text);
    }
    Ok(ExitCode::SUCCESS)
}

fn create(folder: &Path, name: &str) -> Result<(Value, String)> {
    let authority = Authority::create(folder, name)?;
    let (root, revoked) = (authority.root_path(), authority.revocation_list_path());
    let until = Timestamp::from_second(authority.root().not_after().unix_timestamp())?;
    let text = format!(
        "{name} is in {}, valid until {until}. Its private key is not encrypted: keep the folder secret.\n\
         Give {} to clients and providers, and {} to providers after every revocation.",
        folder.display(),
        root.display(),
        revoked.display(),
    );
    let json = json!({ "folder": folder, "root": root, "revoked": revoked, "not_after": until.to_string() });
    Ok((json, text))
}

fn provider(folder: &Path, hosts: &[Host], out: &Path, days: u32) -> Result<(Value, String)> {
    let authority = Authority::open(folder)?;
    let (certificate, key, root) = (out.join("certificate.pem"), out.join("key.pem"), out.join("root.pem"));
    must_be_new(&certificate)?;
    must_be_new(&key)?;
    fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    let root_pem = fs::read(authority.root_path())?;
    let (issued, private_key) = authority.issue_provider(hosts, days)?;
    write_private_key(&key, &private_key).with_context(|| format!("cannot write {}", key.display()))?;
    write(&certificate, issued.pem.as_bytes())?;
    write(&root, &root_pem)?;
    let text = format!(
        "{}\n{}\n{}\n{}",
        described(&issued.entry)?,
        certificate.display(),
        key.display(),
        root.display()
    );
    let files = json!({ "certificate": certificate, "key": key, "root": root });
    Ok((json!({ "issued": record(&issued.entry)?, "files": files }), text))
}

fn issue(folder: &Path, request: &Path, out: &Path, days: u32) -> Result<(Value, String)> {
    let authority = Authority::open(folder)?;
    must_be_new(out)?;
    let received = ReceivedRequest::read(request)
        .with_context(|| format!("cannot use the request {}", request.display()))?;
    let subject = received.subject();
    output::remark(&format!("issuing a certificate for {} with the keys {}", subject.name(), subject.keys()));
    let was_revoked = |issued: &IssuedCertificate| match &issued.holder {
        CertificateHolder::Client(other) => issued.revoked.is_some() && other.keys() == subject.keys(),
        CertificateHolder::Provider(_) => false,
    };
    if authority.list()?.iter().any(was_revoked) {
        output::remark(
            "warning: an earlier certificate for these keys was revoked; the new certificate is valid",
        );
    }
    let certificate = authority.issue(&received, days)?;
    write(out, certificate.pem.as_bytes())?;
    let text = format!("{}\n{}", described(&certificate.entry)?, out.display());
    Ok((json!({ "issued": record(&certificate.entry)?, "file": out }), text))
}

fn revoke(folder: &Path, revoked: &Revoked) -> Result<(Value, String)> {
    let selection = match revoked {
        Revoked { name: Some(name), .. } => CertificateSelection::Name(name.clone()),
        Revoked { serial: Some(serial), .. } => CertificateSelection::SerialNumber(serial.clone()),
        Revoked { keys: Some(keys), .. } => CertificateSelection::Keys(*keys),
        Revoked { name: None, serial: None, keys: None } => {
            anyhow::bail!("give one of --name, --serial and --keys to select the certificates to revoke")
        }
    };
    let authority = Authority::open(folder)?;
    let revoked = authority.revoke(&selection)?;
    let list = authority.revocation_list_path();
    let lines = revoked.iter().map(|issued| Ok(format!("revoked: {}", described(issued)?)));
    let mut lines = lines.collect::<Result<Vec<String>>>()?;
    if revoked.iter().any(|issued| matches!(issued.holder, CertificateHolder::Client(_))) {
        lines.push(format!("Providers refuse these clients when they have the new {}.", list.display()));
    }
    if revoked.iter().any(|issued| matches!(issued.holder, CertificateHolder::Provider(_))) {
        lines.push(
            "Clients do not read the list: they accept a provider's certificate until it expires.".to_owned(),
        );
    }
    let records = revoked.iter().map(record).collect::<Result<Vec<Value>>>()?;
    Ok((json!({ "revoked": records, "file": list }), lines.join("\n")))
}

fn list(folder: &Path) -> Result<(Value, String)> {
    let all = Authority::open(folder)?.list()?;
    let rows = all.iter().map(|issued| {
        let (kind, keys) = match &issued.holder {
            CertificateHolder::Client(subject) => ("client", subject.keys().to_string()),
            CertificateHolder::Provider(_) => ("provider", String::new()),
        };
        let state = state(issued).to_owned();
        let holder = issued.holder.to_string();
        Ok(vec![issued.serial_number.to_string(), kind.to_owned(), holder, until(issued)?, state, keys])
    });
    let table = Table {
        title: format!("Certificates of {}", folder.display()),
        header: ["serial", "for", "name", "until", "state", "keys"].map(str::to_owned).to_vec(),
        rows: rows.collect::<Result<_>>()?,
        notes: Vec::new(),
    };
    Ok((Value::Array(all.iter().map(record).collect::<Result<_>>()?), table.to_text()))
}

fn state(issued: &IssuedCertificate) -> &'static str {
    match issued.revoked {
        Some(_) => "revoked",
        None if issued.has_expired() => "expired",
        None => "good",
    }
}

fn until(issued: &IssuedCertificate) -> Result<String> {
    Ok(Timestamp::from_second(issued.not_after.unix_timestamp())?.to_string())
}

fn described(issued: &IssuedCertificate) -> Result<String> {
    Ok(format!("{}, serial {}, until {}", issued.holder, issued.serial_number, until(issued)?))
}

/// A certificate as JSON.
fn record(issued: &IssuedCertificate) -> Result<Value> {
    let revoked = issued.revoked.map(|time| Timestamp::from_second(time.unix_timestamp())).transpose()?;
    let mut record = json!({
        "serial": issued.serial_number.to_string(),
        "not_after": until(issued)?,
        "state": state(issued),
        "revoked": revoked.map(|time| time.to_string()),
    });
    match &issued.holder {
        CertificateHolder::Client(subject) => {
            output::add_field(&mut record, "client", subject.name());
            output::add_field(&mut record, "keys", subject.keys().to_string());
        }
        CertificateHolder::Provider(hosts) => {
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
