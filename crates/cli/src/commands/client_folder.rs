//! A client's folder: keys, certificates, and the connection to the provider.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use sottovoce_network::access_rights::check_private_folder;
use sottovoce_protocol::client::Client;
use sottovoce_service::remote::{RemoteProvider, RetryBudget};
use sottovoce_service::tls::load_client_tls;

use crate::args::service::ClientOptions;
use crate::output;

/// The files of a client's folder.
pub struct ClientFolder<'a> {
    options: &'a ClientOptions,
}

impl<'a> ClientFolder<'a> {
    /// Opens the folder that the options name. A missing folder is created, readable only for its owner.
    ///
    /// # Errors
    /// If the options contradict the provider's address, the folder cannot be created, or others can write to it.
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
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(folder)
            .with_context(|| format!("cannot make the client's folder {}", folder.display()))?;
        check_private_folder(folder)?;
        Ok(Self { options })
    }

    /// The path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.options.client.join(name)
    }

    /// Returns whether the folder has a certificate.
    pub fn has_certificate(&self) -> bool {
        self.file("certificate.pem").exists()
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
                Some(load_client_tls(&root, identity)?)
            }
        };
        let retry_budget = RetryBudget { max_stall: Duration::from_secs((*patience_seconds).into()) };
        Ok(RemoteProvider::new(provider.clone(), tls, retry_budget)?)
    }

    /// The client with the keys of the folder. Missing keys are created, in a file that only its owner can read.
    pub fn client(&self, remote: &RemoteProvider) -> Result<Client> {
        let memory = self.max_parameters_bytes();
        let message = remote.parameters()?;
        let path = self.file("keys");
        if path.exists() {
            let client = Client::load(&path, memory)?;
            if !client.has_parameters_of(&message) {
                bail!(
                    "the keys in {} are for other parameters than those of {}: its models or options have changed, or it is \
                     another provider. Choose another folder with --client, or move the file away to create new keys",
                    path.display(),
                    remote.address(),
                );
            }
            return Ok(client);
        }
        let client = Client::from_parameters_message(&message[..], memory)
            .context("the provider's parameters are refused")?;
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
