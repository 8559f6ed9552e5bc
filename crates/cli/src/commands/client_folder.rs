//! A client's folder: its keys, and what it shows and trusts.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use sottovoce_protocol::Client;
use sottovoce_protocol::remote::{Patience, Remote};
use sottovoce_protocol::tls::client_tls;

use crate::args::ClientOptions;
use crate::output;

/// The files of a client's folder.
pub struct ClientFolder<'a> {
    options: &'a ClientOptions,
}

impl<'a> ClientFolder<'a> {
    /// The folder that the options name, made where it is missing, for its owner alone.
    pub fn open(options: &'a ClientOptions) -> Result<Self> {
        let secure = options.provider.is_secure();
        ensure!(
            secure || options.insecure_local,
            "{} is spoken to without TLS: whoever is on this machine can read and change what goes over the line; say \
             --insecure-local if that is meant",
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
        Ok(Self { options })
    }

    /// A file of the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.options.client.join(name)
    }

    /// Whether the authority has made a certificate, as far as the folder shows.
    pub fn has_certificate(&self) -> bool {
        self.file("certificate.pem").exists()
    }

    /// The most memory that parameters may take.
    pub fn parameters_memory_bytes(&self) -> u64 {
        u64::from(self.options.parameters_memory_mb) * 1_000_000
    }

    /// A way to the provider; `as_client` shows the client's certificate.
    pub fn remote(&self, as_client: bool) -> Result<Remote> {
        let ClientOptions { provider, authority, patience_seconds, insecure_local, .. } = self.options;
        if *insecure_local {
            output::remark("INSECURE: this provider is spoken to without TLS and without certificates.");
        }
        let tls = match provider.is_secure() {
            false => None,
            true => {
                let root = authority.clone().unwrap_or_else(|| self.file("root.pem"));
                ensure!(
                    root.exists(),
                    "there is no {}: name the authority's root.pem with --authority, or put it there",
                    root.display()
                );
                let (certificate, key) = (self.file("certificate.pem"), self.file("key.pem"));
                let identity: Option<(&Path, &Path)> = as_client.then_some((&certificate, &key));
                Some(client_tls(&root, identity)?)
            }
        };
        let patience = Patience(Duration::from_secs((*patience_seconds).into()));
        Ok(Remote::new(provider.clone(), tls, patience)?)
    }

    /// The client with the keys of the folder; keys are made, and stored for their owner alone, where there are none.
    pub fn client(&self, remote: &Remote) -> Result<Client> {
        let memory = self.parameters_memory_bytes();
        let message = remote.parameters()?;
        let path = self.file("keys");
        if path.exists() {
            let client = Client::load(&path, memory)?;
            if !client.is_for(&message) {
                bail!(
                    "the keys in {} are for other parameters than {} has now: its models or options have changed, or it is \
                     another provider. Name another folder with --client, or move that file away to have new keys made",
                    path.display(),
                    remote.address(),
                );
            }
            return Ok(client);
        }
        let client =
            Client::for_provider(&message[..], memory).context("the provider's parameters are refused")?;
        client.save(&path)?;
        output::remark(&format!(
            "made new keys, {}: whoever has that file can read what is encrypted with them",
            path.display()
        ));
        Ok(client)
    }

    /// Keeps the authority's certificate beside the rest, so that it need not be named again.
    pub fn keep_root(&self) -> Result<()> {
        let Some(authority) = &self.options.authority else { return Ok(()) };
        let root = self.file("root.pem");
        match fs::read(&root) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let bytes =
                    fs::read(authority).with_context(|| format!("cannot read {}", authority.display()))?;
                crate::run_folder::write(&root, &bytes)
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", root.display())),
        }
    }
}
