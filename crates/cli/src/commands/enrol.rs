//! `enrol`: a client's keys, and the request for its certificate.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use serde_json::json;
use sottovoce_protocol::authority::CertificateRequest;
use sottovoce_protocol::tls::{Subject, write_private_key};

use super::client_folder::ClientFolder;
use crate::args::{Common, EnrolOptions};
use crate::output;
use crate::run_folder;

pub fn run(options: &EnrolOptions, common: &Common) -> Result<ExitCode> {
    // Before keys are made.
    Subject::check_name(&options.name)?;
    let folder = ClientFolder::open(&options.client)?;
    ensure!(
        options.client.provider.is_secure(),
        "{} takes clients without certificates, so there is nothing to enrol for",
        options.client.provider
    );
    let (request, key) = (folder.file("request.pem"), folder.file("key.pem"));
    ensure!(
        !key.exists(),
        "{} exists: this client has a request or a certificate already. Name another folder with --client, or move that \
         file away to make a new request",
        key.display()
    );
    let remote = folder.remote(false)?;
    let client = folder.client(&remote)?;
    let made = CertificateRequest::new(&Subject::new(&options.name, client.registered())?)?;
    run_folder::write(&request, made.pem.as_bytes())?;
    write_private_key(&key, &made.private_key_pem)?;
    folder.keep_root()?;
    let keys = client.registered().to_string();
    let certificate = folder.file("certificate.pem");
    if common.json {
        output::json(
            &json!({ "request": request, "certificate": certificate, "name": options.name, "keys": keys }),
        );
    } else {
        output::result(&format!(
            "{request} asks for a certificate for {name} with the keys\n  {keys}\nThe authority makes it, when it has \
             made sure by another way that these are {name}'s:\n  sottovoce authority issue AUTHORITY {request} --out \
             {certificate}",
            request = request.display(),
            name = options.name,
            certificate = certificate.display(),
        ));
    }
    Ok(ExitCode::SUCCESS)
}
