//! `enrol` and `forget`: the keys of a client at a provider.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use serde_json::json;
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
    let client = folder.client(&remote)?;
    let certificate_request =
        CertificateRequest::new(&Subject::new(&options.name, client.key_fingerprint())?)?;
    files::write(&request, certificate_request.pem.as_bytes())?;
    write_private_key(&key, &certificate_request.private_key_pem)?;
    folder.keep_root()?;
    let (keys, request_key) = (client.key_fingerprint().to_string(), certificate_request.key.to_string());
    let certificate = folder.file("certificate.pem");
    if global.json {
        output::json(
            &json!({ "request": request, "certificate": certificate, "name": options.name, "keys": keys, "key": request_key }),
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
    let keys = folder.file("keys");
    ensure!(keys.exists(), "there is no {}, so the provider has no keys to delete", keys.display());
    let remote = folder.remote(options.provider.is_secure())?;
    // The keys are loaded without the provider's parameters, which may have changed.
    let client = Client::load(&keys, folder.max_parameters_bytes())?;
    remote.delete_keys(client.key_fingerprint())?;
    let (address, fingerprint) = (remote.address().to_string(), client.key_fingerprint().to_string());
    if global.json {
        output::json(&json!({ "provider": address, "deleted_keys": fingerprint, "kept_file": keys }));
    } else {
        output::result(&format!(
            "{address} has deleted the keys {fingerprint}; the file {} is unchanged.",
            keys.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}
