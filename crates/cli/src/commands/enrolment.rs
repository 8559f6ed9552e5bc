//! `enrol` and `forget`: the keys of a client at a provider.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use serde_json::json;
use sottovoce_bfv::planner::EvaluationForm;
use sottovoce_protocol::client::Client;
use sottovoce_service::authority::CertificateRequest;
use sottovoce_service::tls::{Subject, write_private_key};

use super::client_folder::ClientFolder;
use crate::args::global::GlobalOptions;
use crate::args::service::{ClientOptions, EnrolOptions};
use crate::files;
use crate::output;

pub fn enrol(options: &EnrolOptions, global: &GlobalOptions) -> Result<ExitCode> {
    // Checked before keys are created.
    Subject::check_name(&options.name)?;
    let folder = ClientFolder::open(&options.client)?;
    ensure!(
        options.client.provider.is_secure(),
        "{} accepts clients without certificates, so `enrol` is not needed",
        options.client.provider
    );
    let (request, key) = (folder.file("request.pem"), folder.file("key.pem"));
    ensure!(
        !key.exists(),
        "{} exists: this client already has a request or a certificate. Choose another folder with --client, or move the file \
         away to create a new request",
        key.display()
    );
    let remote = folder.remote(false)?;
    let (client, packed) = folder.clients_for_request(&remote)?;
    let packed_keys = packed.as_ref().map(Client::key_fingerprint);
    let subject = Subject::new(&options.name, client.key_fingerprint())?.with_packed_keys(packed_keys);
    let certificate_request = CertificateRequest::new(&subject)?;
    files::write(&request, certificate_request.pem.as_bytes())?;
    write_private_key(&key, &certificate_request.private_key_pem)?;
    folder.keep_root()?;
    let (keys, request_key) = (client.key_fingerprint().to_string(), certificate_request.key.to_string());
    let certificate = folder.file("certificate.pem");
    if global.json {
        output::json(
            &json!({ "request": request, "certificate": certificate, "name": options.name, "keys": keys,
                     "packed_keys": packed_keys.map(|keys| keys.to_string()), "key": request_key }),
        );
    } else {
        output::result(&format!(
            "{request} requests a certificate for {name}, with the public key\n  {request_key}\nSend the file to the authority, and \
             tell it this fingerprint over another channel, such as a call. It issues the certificate with\n  sottovoce authority issue \
             AUTHORITY {request} --out {certificate}",
            request = request.display(),
            name = options.name,
            certificate = certificate.display(),
        ));
    }
    Ok(ExitCode::SUCCESS)
}

pub fn forget(options: &ClientOptions, global: &GlobalOptions) -> Result<ExitCode> {
    let folder = ClientFolder::open(options)?;
    let forms = [EvaluationForm::Batched, EvaluationForm::Packed];
    let paths: Vec<PathBuf> =
        forms.map(|form| folder.keys_path(form)).into_iter().filter(|path| path.exists()).collect();
    let missing = folder.keys_path(EvaluationForm::Batched);
    ensure!(!paths.is_empty(), "there is no {}, so the provider has no keys to delete", missing.display());
    let remote = folder.remote(options.provider.is_secure())?;
    let address = remote.address().to_string();
    let mut deleted = Vec::new();
    for path in paths {
        // The keys are loaded without the provider's parameters, which may have changed.
        let client = Client::load(&path, folder.max_parameters_bytes())?;
        remote.delete_keys(client.key_fingerprint())?;
        deleted.push((client.key_fingerprint().to_string(), path));
    }
    if global.json {
        let keys = |form| deleted.iter().find(|(_, path)| *path == folder.keys_path(form));
        let (batched, packed) = (keys(EvaluationForm::Batched), keys(EvaluationForm::Packed));
        output::json(&json!({
            "provider": address,
            "deleted_keys": batched.map(|(keys, _)| keys),
            "kept_file": batched.map(|(_, path)| path),
            "deleted_packed_keys": packed.map(|(keys, _)| keys),
            "kept_packed_file": packed.map(|(_, path)| path),
        }));
    } else {
        for (keys, path) in deleted {
            let path = path.display();
            output::result(&format!("{address} has deleted the keys {keys}; the file {path} is unchanged."));
        }
    }
    Ok(ExitCode::SUCCESS)
}
