//! A client's folder: keys, certificates, and the connection to the provider.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use sottovoce_bfv::planner::EvaluationForm;
use sottovoce_network::access_rights::{check_private_folder, create_private_folder};
use sottovoce_protocol::client::Client;
use sottovoce_service::remote::{RemoteProvider, RetryBudget};
use sottovoce_service::tls::{certified_packed_keys, load_client_tls, renewal_date};

use crate::args::service::ClientOptions;
use crate::output;
use crate::progress::remark_above_bar;

/// The files of a client's folder.
pub struct ClientFolder<'a> {
    options: &'a ClientOptions,
}

impl<'a> ClientFolder<'a> {
    /// Opens the folder that the options name, or a missing one that is made for the first keys.
    ///
    /// # Errors
    /// If the options contradict the provider's address, or others can write to the folder.
    pub fn open(options: &'a ClientOptions) -> Result<Self> {
        let secure = options.provider.is_secure();
        ensure!(
            secure || options.insecure_local,
            "{} is used without TLS: every user of this machine can read and change the messages; give --insecure-local to allow \
             this",
            options.provider
        );
        ensure!(
            !(secure && options.insecure_local),
            "--insecure-local is for addresses that begin with http://, but --provider is {}",
            options.provider
        );
        let folder = &options.client;
        ensure!(!folder.is_file(), "the client's folder {} is a file", folder.display());
        if folder.exists() {
            check_private_folder(folder)?;
        }
        Ok(Self { options })
    }

    /// Creates the folder if it is missing, readable only for its owner.
    fn create(&self) -> Result<()> {
        let folder = &self.options.client;
        create_private_folder(folder)
            .with_context(|| format!("cannot make the client's folder {}", folder.display()))?;
        Ok(check_private_folder(folder)?)
    }

    /// The path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.options.client.join(name)
    }

    /// Returns whether the folder has a certificate.
    pub fn has_certificate(&self) -> Result<bool> {
        let path = self.file("certificate.pem");
        path.try_exists().with_context(|| format!("cannot read {}", path.display()))
    }

    /// Largest memory for tables of the provider's parameters.
    pub fn max_parameters_bytes(&self) -> u64 {
        u64::from(self.options.parameters_memory_mb) * 1_000_000
    }

    /// The connection to the provider; `as_client` presents the client's certificate.
    pub fn remote(&self, as_client: bool) -> Result<RemoteProvider> {
        let ClientOptions { provider, authority, patience_seconds, insecure_local, .. } = self.options;
        if *insecure_local {
            output::remark("INSECURE: the connection to this provider has no TLS and no certificates.");
        }
        let tls = match provider.is_secure() {
            false => None,
            true => {
                let root = authority.clone().unwrap_or_else(|| self.file("root.pem"));
                ensure!(
                    root.exists(),
                    "there is no {}; name the authority's root.pem with --authority, or copy it there",
                    root.display()
                );
                let (certificate, key) = (self.file("certificate.pem"), self.file("key.pem"));
                let identity: Option<(&Path, &Path)> = as_client.then_some((&certificate, &key));
                let tls = load_client_tls(&root, identity)?;
                if as_client && let Some(end) = renewal_date(&certificate)? {
                    output::remark(&format!(
                        "warning: {} expires on {end}; ask the authority to issue another one for {}",
                        certificate.display(),
                        self.file("request.pem").display()
                    ));
                }
                Some(tls)
            }
        };
        let retry_budget = RetryBudget { max_stall: Duration::from_secs((*patience_seconds).into()) };
        let remote = RemoteProvider::new(provider.clone(), tls, retry_budget)?;
        Ok(remote.with_retry_observer(Box::new(|notice| remark_above_bar(&notice.to_string()))))
    }

    /// The path of the keys for a form of evaluation.
    pub fn keys_path(&self, form: EvaluationForm) -> PathBuf {
        self.file(match form {
            EvaluationForm::Batched => "keys",
            EvaluationForm::Packed => "packed-keys",
        })
    }

    /// Returns why the client cannot use keys for packed evaluation, or nothing if it can. Without TLS it can make them at any time.
    ///
    /// # Errors
    /// If the certificate cannot be read.
    pub fn packed_refusal(&self) -> Result<Option<String>> {
        if !self.options.provider.is_secure() {
            return Ok(None);
        }
        let certificate = self.file("certificate.pem");
        Ok(match certified_packed_keys(&certificate)? {
            Some(_) => None,
            None => Some(format!(
                "{} names no keys for packed evaluation; enrol again in a new folder for a certificate that does, which the authority \
                 issues with --other-keys",
                certificate.display()
            )),
        })
    }

    /// Returns whether the folder has a certificate, or a request for one. Both are for the keys of the folder.
    fn is_enrolled(&self) -> bool {
        ["certificate.pem", "request.pem", "key.pem"].iter().any(|name| self.file(name).exists())
    }

    /// The client with the folder's keys for a form of evaluation. If the folder has neither these keys nor a certificate or request for
    /// them, keys are created, in a file that only its owner can read.
    ///
    /// # Errors
    /// If the keys are missing or for other parameters, or the provider does not tell its parameters.
    pub fn client(&self, remote: &RemoteProvider, form: EvaluationForm) -> Result<Client> {
        let path = self.keys_path(form);
        ensure!(
            path.exists() || !self.is_enrolled(),
            "{} is missing, and the certificate or request in {} is for these keys: restore the file, or enrol again in a new folder \
             (`sottovoce enrol --client FOLDER`)",
            path.display(),
            self.options.client.display()
        );
        let message = match form {
            EvaluationForm::Batched => remote.parameters()?,
            EvaluationForm::Packed => remote.packed_parameters()?,
        };
        self.client_for(&message, form, remote)
    }

    /// The client for a new request for a certificate, with keys for packed evaluation if the provider serves it. Missing keys for packed
    /// evaluation are created, because the request names them.
    ///
    /// # Errors
    /// As [`client`](Self::client).
    pub fn clients_for_request(&self, remote: &RemoteProvider) -> Result<(Client, Option<Client>)> {
        let batched = self.client(remote, EvaluationForm::Batched)?;
        let packed = match remote.packed_parameters() {
            Ok(message) => Some(self.client_for(&message, EvaluationForm::Packed, remote)?),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error.into()),
        };
        Ok((batched, packed))
    }

    /// The client with the folder's keys for the parameters in `message`. Missing keys are created.
    fn client_for(&self, message: &[u8], form: EvaluationForm, remote: &RemoteProvider) -> Result<Client> {
        let (memory, path) = (self.max_parameters_bytes(), self.keys_path(form));
        if path.exists() {
            let client = Client::load(&path, memory)?;
            if !client.has_parameters_of(message) {
                let advice = match self.is_enrolled() {
                    true => {
                        "The certificate or request in this folder is for these keys, so new keys need a new folder: enrol there \
                         (`sottovoce enrol --client FOLDER`)"
                    }
                    false => "Choose another folder with --client, or move the file away to create new keys",
                };
                bail!(
                    "the keys in {} are for other parameters than those of {}: its models or options have changed, or it is \
                     another provider. {advice}",
                    path.display(),
                    remote.address(),
                );
            }
            return Ok(client);
        }
        let client = Client::from_parameters_message(message, memory)
            .context("the provider's parameters are refused")?;
        self.create()?;
        client.save(&path)?;
        output::remark(&format!(
            "created new keys in {}; everybody who has this file can decrypt images and answers",
            path.display()
        ));
        Ok(client)
    }

    /// Copies the authority's certificate to the folder, so that --authority is not needed again.
    pub fn keep_root(&self) -> Result<()> {
        let Some(authority) = &self.options.authority else { return Ok(()) };
        let root = self.file("root.pem");
        match fs::read(&root) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let bytes =
                    fs::read(authority).with_context(|| format!("cannot read {}", authority.display()))?;
                crate::files::write(&root, &bytes)
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", root.display())),
        }
    }
}
