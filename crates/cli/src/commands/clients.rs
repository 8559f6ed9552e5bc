//! `clients`: the registered clients of a service on this machine.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use sottovoce_service::operator::{
    CertificateState, ClientEntry, ClientSelection, OperatorReply, OperatorRequest,
};
use sottovoce_service::server::StoppedService;
use sottovoce_table::Table;

use crate::args::clients::ClientsCommand;
use crate::args::global::GlobalOptions;
use crate::args::selected_holder::SelectedHolder;
use crate::output::{self, counted};

/// Time for a service that is starting or stopping.
const CHANGE_TIME: Duration = Duration::from_secs(5);

pub fn run(command: &ClientsCommand, global: &GlobalOptions) -> Result<ExitCode> {
    let (service, request) = match command {
        ClientsCommand::List { service } => (service, OperatorRequest::List),
        ClientsCommand::Remove { selected, service } => {
            (service, OperatorRequest::Remove { client: selection(selected)? })
        }
        ClientsCommand::Expire { unused_days, service } => {
            (service, OperatorRequest::Expire { unused_days: *unused_days })
        }
    };
    ensure!(
        !service.state.is_file(),
        "{} is a file: name the state folder of a service with --state",
        service.state.display()
    );
    let (is_running, reply) = ask(&service.state, &request)?;
    let clients = match reply {
        OperatorReply::Clients(clients) => clients,
        OperatorReply::Error(error) => {
            bail!("the service with the state folder {}: {error}", service.state.display())
        }
    };
    if matches!(request, OperatorRequest::Remove { .. }) && clients.is_empty() {
        bail!(
            "no such client has registered keys; `sottovoce clients list --state {}` lists all",
            service.state.display()
        );
    }
    if global.json {
        let records = clients.iter().map(record).collect::<Result<Vec<Value>>>()?;
        output::json(&json!({ "running": is_running, "clients": records }));
        return Ok(ExitCode::SUCCESS);
    }
    match request {
        OperatorRequest::List => output::result(&table(&service.state, is_running, &clients)?),
        _ => output::result(&removed(&clients)?),
    }
    Ok(ExitCode::SUCCESS)
}

fn selection(selected: &SelectedHolder) -> Result<ClientSelection> {
    Ok(match selected {
        SelectedHolder { name: Some(name), .. } => ClientSelection::Name(name.clone()),
        SelectedHolder { serial: Some(serial), .. } => ClientSelection::Serial(serial.to_string()),
        SelectedHolder { keys: Some(keys), .. } => ClientSelection::Keys(keys.to_string()),
        SelectedHolder { name: None, serial: None, keys: None } => {
            bail!("give one of --name, --serial and --keys to select the client")
        }
    })
}

/// Asks the running service, or opens the database of a stopped one. Returns whether the service is running.
fn ask(state: &Path, request: &OperatorRequest) -> Result<(bool, OperatorReply)> {
    let start = Instant::now();
    loop {
        if let Some(reply) = ask_running(state, request)? {
            return Ok((true, reply));
        }
        match StoppedService::open(state) {
            Ok(service) => return Ok((false, service.answer(request))),
            Err(error) if error.is_in_use() => {
                if start.elapsed() > CHANGE_TIME {
                    bail!(not_answered(state));
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(unix)]
fn ask_running(state: &Path, request: &OperatorRequest) -> Result<Option<OperatorReply>> {
    Ok(sottovoce_service::operator::ask_running_service(state, request)?)
}

#[cfg(not(unix))]
fn ask_running(_: &Path, _: &OperatorRequest) -> Result<Option<OperatorReply>> {
    Ok(None)
}

fn not_answered(state: &Path) -> String {
    let state = state.display();
    if cfg!(unix) {
        format!(
            "a process uses the state folder {state}, but does not answer there: it is starting, or is of an earlier version of \
             this program; try again, or stop it"
        )
    } else {
        format!(
            "a service uses the state folder {state}: stop it first, because this system has no Unix sockets"
        )
    }
}

fn table(state: &Path, is_running: bool, clients: &[ClientEntry]) -> Result<String> {
    let count = |count: Option<usize>| count.map_or_else(String::new, |count| count.to_string());
    let rows = clients.iter().map(|client| {
        Ok(vec![
            client.name.clone().unwrap_or_default(),
            client.serial.clone().unwrap_or_default(),
            time(client.not_after)?,
            certificate_state(client.state).to_owned(),
            time(client.registered)?,
            time(Some(client.last_used))?,
            format!("{:.2}", client.bytes as f64 / 1e6),
            count(client.batches),
            count(client.answers),
            client.keys.clone(),
        ])
    });
    let is_former = |client: &&ClientEntry| client.has_current_parameters == Some(false);
    let former = clients.iter().filter(is_former).count();
    let mut notes = Vec::new();
    if !is_running {
        notes.push(
            "The service is not running: batches and answers are not kept, and revoked certificates and issuers are not known.".to_owned(),
        );
    }
    if former > 0 {
        notes.push(format!(
            "{} for other parameters than the service has now.",
            counted(former, "registration is", "registrations are")
        ));
    }
    let header =
        ["name", "serial", "until", "state", "registered", "last used", "MB", "batches", "answers", "keys"];
    let table = Table {
        title: format!("{} of {}", counted(clients.len(), "client", "clients"), state.display()),
        header: header.map(str::to_owned).to_vec(),
        rows: rows.collect::<Result<_>>()?,
        notes,
    };
    Ok(table.to_text())
}

fn removed(clients: &[ClientEntry]) -> Result<String> {
    let lines = clients.iter().map(|client| {
        let serial = client.serial.as_deref().map_or_else(String::new, |serial| format!(", serial {serial}"));
        let (name, state) = (client.name.as_deref().unwrap_or("a client without a name"), client.state);
        Ok(format!(
            "removed: {name}, keys {}{serial}, {}, last used {}",
            client.keys,
            certificate_state(state),
            time(Some(client.last_used))?
        ))
    });
    let mut lines = lines.collect::<Result<Vec<String>>>()?;
    if clients.iter().any(|client| client.state == CertificateState::Valid) {
        lines.push(
            "A client with a valid certificate registers again when it comes back. `sottovoce authority revoke` prevents it."
                .to_owned(),
        );
    }
    if lines.is_empty() {
        lines.push("No registration was removed.".to_owned());
    }
    Ok(lines.join("\n"))
}

fn certificate_state(state: CertificateState) -> &'static str {
    match state {
        CertificateState::Valid => "valid",
        CertificateState::Expired => "expired",
        CertificateState::Revoked => "revoked",
        CertificateState::IssuerRevoked => "issuer revoked",
        CertificateState::IssuerUnknown => "issuer unknown",
        CertificateState::Unknown => "no certificate",
    }
}

fn time(seconds: Option<i64>) -> Result<String> {
    Ok(match seconds {
        Some(seconds) => Timestamp::from_second(seconds)?.to_string(),
        None => String::new(),
    })
}

/// A client as JSON, with times as text.
fn record(client: &ClientEntry) -> Result<Value> {
    let optional = |seconds: Option<i64>| {
        seconds.map(|seconds| Ok::<_, jiff::Error>(Timestamp::from_second(seconds)?.to_string())).transpose()
    };
    let mut record = output::to_value(client);
    output::add_field(&mut record, "not_after", optional(client.not_after)?);
    output::add_field(&mut record, "registered", optional(client.registered)?);
    output::add_field(&mut record, "last_used", optional(Some(client.last_used))?);
    Ok(record)
}
