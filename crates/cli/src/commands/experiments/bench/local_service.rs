//! A service in a separate process, with its own authority and clients.

use std::cell::Cell;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sottovoce_protocol::client::Client;
use sottovoce_protocol::{Fingerprint, ModelDescription};
use sottovoce_service::authority::{
    Approval, Authority, CertificateRequest, ProviderRequest, ReceivedProviderRequest, ReceivedRequest,
};
use sottovoce_service::remote::{RemoteProvider, RetryBudget};
use sottovoce_service::tls::{Subject, load_client_tls, write_private_key};
use tempfile::TempDir;

use crate::args::experiments::bench::BenchServiceOptions;
use crate::commands::classify::batches::Steps;
use crate::memory::peak_memory_of;

/// Largest memory for tables of the provider's parameters, in bytes.
const MAX_PARAMETERS_BYTES: u64 = 1 << 31;

/// A running service. The process is killed when this value is dropped.
pub struct LocalService {
    child: Child,
    url: String,
    folder: TempDir,
    authority: Authority,
}

/// A registered client.
pub struct LocalClient {
    pub client: Client,
    pub remote: RemoteProvider,
    pub model: ModelDescription,
    steps: Cell<Steps>,
}

impl LocalService {
    pub fn start(options: &BenchServiceOptions) -> Result<Self> {
        let folder = TempDir::new().context("cannot make a folder for the service")?;
        let path = |name: &str| folder.path().join(name);
        let authority = Authority::create(&path("authority"), "bench", None)?;
        let request = ProviderRequest::new(&["127.0.0.1".parse()?])?;
        let received = ReceivedProviderRequest::from_pem(&request.pem)?;
        let certificate = authority.issue_provider(&received, &Approval::new(request.key, 1))?;
        std::fs::create_dir(path("provider"))?;
        std::fs::write(path("provider/certificate.pem"), certificate.pem)?;
        write_private_key(&path("provider/key.pem"), &request.private_key_pem)?;
        std::fs::copy(authority.root_path(), path("provider/root.pem"))?;

        let program = std::env::current_exe().context("cannot find this program's own file")?;
        // An existing folder is never read as NAME=FOLDER, so its name may contain `=`.
        let mut models = OsString::from("--models=");
        models.push(&options.weights);
        let mut child = Command::new(program)
            .arg("serve")
            .arg(models)
            .args(["--listen", "127.0.0.1:0", "--batches-per-client", "1"])
            .args(["--batches", &options.clients.to_string()])
            .arg("--identity")
            .arg(path("provider"))
            .arg("--revoked")
            .arg(authority.revocation_list_path())
            .arg("--state")
            .arg(path("state"))
            .args(options.policy.as_arguments())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start the service")?;
        let output = child.stdout.take().context("the service has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).context("cannot read the address of the service")?;
        let Some((_, url)) = line.trim().split_once(" on ") else {
            bail!("the service did not start; run `serve` with the same options to see the error");
        };
        Ok(Self { child, url: url.to_owned(), folder, authority })
    }

    pub fn client(&self, number: u8) -> Result<LocalClient> {
        let path = |name: &str| -> PathBuf { self.folder.path().join(format!("client-{number}-{name}")) };
        let root = self.authority.root_path();
        let retry_budget = RetryBudget { max_stall: Duration::from_secs(600) };
        let unregistered =
            RemoteProvider::new(self.url.parse()?, Some(load_client_tls(&root, None)?), retry_budget)?;
        let client = Client::from_parameters_message(&unregistered.parameters()?[..], MAX_PARAMETERS_BYTES)?;
        let subject = Subject::new(&format!("client {number}"), client.key_fingerprint())?;
        let request = CertificateRequest::new(&subject)?;
        let certificate = self
            .authority
            .issue(&ReceivedRequest::from_pem(&request.pem)?, &Approval::new(request.key, 1))?;
        std::fs::write(path("certificate.pem"), certificate.pem)?;
        write_private_key(&path("key.pem"), &request.private_key_pem)?;
        let tls = load_client_tls(&root, Some((&path("certificate.pem"), &path("key.pem"))))?;
        let remote = RemoteProvider::new(self.url.parse()?, Some(tls), retry_budget)?;
        remote.register(client.key_fingerprint(), client.registration_message())?;
        let models = remote.models()?;
        let model: Fingerprint = models.first().context("the service has no model")?.model.parse()?;
        let model = client.read_model(&remote.model(model)?[..])?;
        Ok(LocalClient { client, remote, model, steps: Cell::default() })
    }

    /// Peak memory of the service in bytes; `None` if the system does not report it.
    pub fn peak_memory(&self) -> Option<u64> {
        peak_memory_of(&self.child.id().to_string())
    }
}

impl Drop for LocalService {
    fn drop(&mut self) {
        // Errors need no report: the service leaves nothing behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl LocalClient {
    pub fn set_last_steps(&self, steps: Steps) {
        self.steps.set(steps);
    }

    /// Times and bytes of the last batch.
    pub fn last_steps(&self) -> Steps {
        self.steps.get()
    }
}
