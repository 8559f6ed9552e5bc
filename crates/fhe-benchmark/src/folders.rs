//! Folders of the harness and of the submission.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::instance::Instance;

/// The harness's folders for one size. The harness runs every stage in its root folder.
#[derive(Debug)]
pub struct RunFolders {
    /// The size.
    pub instance: Instance,
    /// `datasets/NAME/intermediate`
    dataset: PathBuf,
    /// `io/NAME`
    exchange: PathBuf,
}

impl RunFolders {
    /// Returns the folders below `root` for a size.
    pub fn new(root: &Path, instance: Instance) -> Self {
        Self {
            instance,
            dataset: root.join("datasets").join(instance.name()).join("intermediate"),
            exchange: root.join("io").join(instance.name()),
        }
    }

    /// The images, as the harness writes them.
    pub fn pixel_text(&self) -> PathBuf {
        self.dataset.join("test_pixels.txt")
    }

    /// The provider's announcement to a remote client.
    pub fn announcement(&self) -> PathBuf {
        self.exchange.join("client_data")
    }

    /// The file of the client's secret keys. No stage of the provider opens its folder.
    pub fn secret_keys(&self) -> PathBuf {
        self.exchange.join("secret_key/keys")
    }

    /// The registration message with the client's public keys.
    pub fn registration(&self) -> PathBuf {
        self.exchange.join("public_keys/registration")
    }

    /// The registration that a remote provider has stored.
    pub fn stored_registration(&self) -> PathBuf {
        self.exchange.join("server_data/registration")
    }

    /// The images as bytes.
    pub fn pixels(&self) -> PathBuf {
        self.exchange.join("intermediate/pixels")
    }

    /// The client's list of its batches.
    pub fn batch_list(&self) -> PathBuf {
        self.exchange.join("intermediate/batches")
    }

    /// The folder of the batches. The harness shows its size.
    pub fn upload(&self) -> PathBuf {
        self.exchange.join("ciphertexts_upload")
    }

    /// The batch with a number, from 1.
    pub fn batch(&self, number: usize) -> PathBuf {
        self.upload().join(format!("batch-{number}"))
    }

    /// The folder of the answers. The harness shows its size.
    pub fn download(&self) -> PathBuf {
        self.exchange.join("ciphertexts_download")
    }

    /// The answer to the batch with a number, from 1.
    pub fn answer(&self, number: usize) -> PathBuf {
        self.download().join(format!("answer-{number}"))
    }

    /// The decrypted logits.
    pub fn logits(&self) -> PathBuf {
        self.exchange.join("intermediate/logits.txt")
    }

    /// The result that the harness reads.
    pub fn predictions(&self) -> PathBuf {
        self.exchange.join("encrypted_model_predictions.txt")
    }

    /// The provider's own times, which the harness shows.
    pub fn reported_steps(&self) -> PathBuf {
        self.exchange.join("server_reported_steps.json")
    }
}

/// The folders of a submission: `weights` with the exported networks, and `build` with the executables and announcements.
#[derive(Debug)]
pub struct Submission {
    build: PathBuf,
    folder: PathBuf,
}

impl Submission {
    /// Returns the folders around the folder of the executables.
    pub fn new(build: &Path) -> Result<Self> {
        let build = build.canonicalize().with_context(|| format!("cannot find {}", build.display()))?;
        let folder = build.parent().map(Path::to_owned);
        let folder =
            folder.with_context(|| format!("{} is in no folder of a submission", build.display()))?;
        Ok(Self { build, folder })
    }

    /// The exported networks.
    pub fn weights(&self) -> PathBuf {
        self.folder.join("weights")
    }

    /// The announcement for a size.
    pub fn announcement(&self, instance: Instance) -> PathBuf {
        self.build.join("announcements").join(instance.name())
    }
}
