//! A folder with a model, an authority and its clients.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use rustls::ClientConfig;
use sottovoce_network::disk::{Origin, write_ensemble};
use sottovoce_network::{Architecture, IntegerEnsemble, NetworkSampler, Padding, sum_logits};
use sottovoce_protocol::client::Client;
use sottovoce_service::tls::load_client_tls;
use tempfile::TempDir;

/// Name of the model, and of its folder.
pub const MODEL: &str = "model";

/// Folders of the authority and of the provider.
const AUTHORITY: &str = "authority";
const PROVIDER: &str = "provider";

/// Folder of the provider's state.
const STATE: &str = "service";

/// Largest memory of a client's parameters in bytes.
const PARAMETERS_BYTES: u64 = 1 << 30;

/// Images of a batch.
const IMAGES: usize = 50;

/// A network whose evaluation takes a good part of a second on two cores.
const ARCHITECTURE: Architecture = Architecture {
    image_side: 8,
    kernel: 3,
    stride: 2,
    padding: Padding { leading: 1, trailing: 0 },
    maps: 8,
    hidden: 40,
    classes: 4,
};

/// Members of the ensemble.
const MEMBERS: usize = 6;

/// A folder in which a provider runs.
pub struct World {
    folder: TempDir,
    program: PathBuf,
    ensemble: IntegerEnsemble,
}

impl World {
    /// Creates the folder, the model, the authority and the provider's certificate.
    pub fn create(program: &Path) -> Result<Self> {
        let ensemble = NetworkSampler::new(ARCHITECTURE, 2).with_largest_weights([2; 3]).ensemble(MEMBERS)?;
        let world = Self { folder: tempfile::tempdir()?, program: program.to_owned(), ensemble };
        write_ensemble(&world.path(MODEL), &world.ensemble, &Origin::default())?;
        world.run(&["authority", "create", AUTHORITY, "--no-passphrase"])?;
        let request = ["provider-request", "--host", "127.0.0.1", "--out", PROVIDER, "--json"];
        let key = world.field(&request, "key")?;
        let request = format!("{PROVIDER}/request.pem");
        world.run(&["authority", "provider", AUTHORITY, &request, "--out", PROVIDER, "--key", &key])?;
        Ok(world)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Folder of the provider's state.
    pub fn state(&self) -> PathBuf {
        self.path(STATE)
    }

    /// File of the provider's log.
    pub fn log(&self) -> PathBuf {
        self.path("serve.log")
    }

    /// Keeps the folder after the end. Returns its path.
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }

    /// The program `sottovoce`, in this folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(self.folder.path()).args(arguments);
        command
    }

    /// The program `sottovoce` as a provider.
    pub fn serve(&self, address: &str) -> Command {
        let revoked = format!("{AUTHORITY}/revoked.pem");
        self.command(&[
            "serve",
            "--listen",
            address,
            "--range",
            "proven",
            "--models",
            MODEL,
            "--identity",
            PROVIDER,
            "--revoked",
            &revoked,
            "--state",
            STATE,
        ])
    }

    /// Runs a command, and returns what it prints.
    fn run(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let output = self.command(arguments).output().context("cannot start sottovoce")?;
        if !output.status.success() {
            bail!("sottovoce {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(output.stdout)
    }

    /// Runs a command, and returns a field of the JSON that it prints.
    fn field(&self, arguments: &[&str], name: &str) -> Result<String> {
        let json: serde_json::Value = serde_json::from_slice(&self.run(arguments)?)?;
        let text = json.get(name).and_then(serde_json::Value::as_str);
        Ok(text.with_context(|| format!("sottovoce {} prints no {name}", arguments.join(" ")))?.to_owned())
    }

    /// Makes a client's keys and certificate.
    pub fn enrol(&self, name: &str, url: &str) -> Result<()> {
        let root = format!("{PROVIDER}/root.pem");
        let enrol =
            ["enrol", "--json", "--name", name, "--provider", url, "--client", name, "--authority", &root];
        let key = self.field(&enrol, "key")?;
        let (request, certificate) = (format!("{name}/request.pem"), format!("{name}/certificate.pem"));
        self.run(&["authority", "issue", AUTHORITY, &request, "--out", &certificate, "--key", &key])?;
        Ok(())
    }

    /// Revokes a client's certificate.
    pub fn revoke(&self, name: &str) -> Result<()> {
        self.run(&["authority", "revoke", AUTHORITY, "--name", name])?;
        Ok(())
    }

    /// Returns the logits of images, one row for each slot that holds an image, and those of an empty slot.
    pub fn oracle(&self, quantised: &[u8]) -> Result<(Vec<Vec<i128>>, Vec<i128>)> {
        let pixels = ARCHITECTURE.image_side * ARCHITECTURE.image_side;
        let logits =
            |image: &[u8]| -> Result<Vec<i128>> { Ok(sum_logits(&self.ensemble.member_logits(image)?)) };
        let rows = quantised.chunks(pixels).map(logits).collect::<Result<_>>()?;
        Ok((rows, logits(&vec![0; pixels])?))
    }

    /// Draws quantised images.
    pub fn images(&self, seed: u64) -> Vec<u8> {
        NetworkSampler::new(ARCHITECTURE, seed).with_pixel_levels(self.ensemble.pixel_levels()).images(IMAGES)
    }
}

/// Reads the keys of a client.
pub fn load_client(folder: &Path) -> Result<Client> {
    Ok(Client::load(&folder.join("keys"), PARAMETERS_BYTES)?)
}

/// Reads the certificates of a client.
pub fn load_tls(folder: &Path) -> Result<Arc<ClientConfig>> {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    Ok(load_client_tls(&folder.join("root.pem"), Some((&certificate, &key)))?)
}

/// Returns a configuration without a certificate that trusts the same authority.
pub fn load_anonymous_tls(folder: &Path) -> Result<Arc<ClientConfig>> {
    Ok(load_client_tls(&folder.join("root.pem"), None)?)
}

/// Writes JSON.
pub fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<()> {
    fs::write(path, serde_json::to_vec_pretty(value)?)
        .with_context(|| format!("cannot write {}", path.display()))
}
