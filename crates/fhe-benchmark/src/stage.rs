//! The stages of the benchmark, and the names that the harness calls them by.

use anyhow::{Result, ensure};

/// A stage of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Chooses parameters for the submission's weights, and announces parameters and model. Part of the build.
    Publish,
    /// With `--remote`: sends the announcement to the client.
    GetParameters,
    /// Makes the client's keys.
    KeyGeneration,
    /// With `--remote`: the provider checks and stores the client's public keys.
    UploadKeys,
    /// Checks the provider's weights.
    PreprocessModel,
    /// Reads the images.
    PreprocessInput,
    /// Encrypts the images.
    Encrypt,
    /// Evaluates the networks on the encrypted images.
    Compute,
    /// Decrypts the answers.
    Decrypt,
    /// Writes the label of every image.
    Postprocess,
}

impl Stage {
    /// All stages in the order of a run.
    pub const ALL: [Self; 10] = [
        Self::Publish,
        Self::GetParameters,
        Self::KeyGeneration,
        Self::UploadKeys,
        Self::PreprocessModel,
        Self::PreprocessInput,
        Self::Encrypt,
        Self::Compute,
        Self::Decrypt,
        Self::Postprocess,
    ];

    /// Returns the name of the stage's executable.
    pub fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::GetParameters => "server_get_params",
            Self::KeyGeneration => "client_key_generation",
            Self::UploadKeys => "server_upload_ek",
            Self::PreprocessModel => "server_preprocess_model",
            Self::PreprocessInput => "client_preprocess_input",
            Self::Encrypt => "client_encode_encrypt_input",
            Self::Compute => "server_encrypted_compute",
            Self::Decrypt => "client_decrypt_decode",
            Self::Postprocess => "client_postprocess",
        }
    }

    /// Returns the stage with a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }

    /// Checks the number of arguments: the size, or none for the two stages that are the same for all sizes.
    pub fn check_arguments(self, arguments: &[String]) -> Result<()> {
        let (allowed, words) = match self {
            Self::Publish | Self::PreprocessModel => (0, "no argument"),
            _ => (1, "one argument, the size"),
        };
        let found = arguments.len();
        ensure!(found == allowed, "{} has {found} arguments, but takes {words}", self.name());
        Ok(())
    }
}
