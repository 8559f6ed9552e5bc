//! The stages of a submission to the `ml-inference` benchmark of HomomorphicEncryption.org.
//!
//! The benchmark's harness is a Python program, which calls one executable for every stage and takes the time of each process. All
//! executables are links to this program, which runs the stage that it is called by. Stages exchange files:
//!
//! ```text
//! client_key_generation SIZE         public_keys/registration, secret_key/keys
//! server_preprocess_model            checks the weights, and that they are those of the announcements
//! client_preprocess_input SIZE       intermediate/pixels
//! client_encode_encrypt_input SIZE   ciphertexts_upload/batch-1, ... and intermediate/batches
//! server_encrypted_compute SIZE      ciphertexts_download/answer-1, ... and server_reported_steps.json
//! client_decrypt_decode SIZE         intermediate/logits.txt
//! client_postprocess SIZE            encrypted_model_predictions.txt
//! ```
//!
//! Keys, batches and answers are the messages of `docs/protocol.md`. The stage `publish` writes the provider's announcement (parameters
//! and model) when the submission is built.
//!
//! | module | holds |
//! | --- | --- |
//! | `stage` | the stages and their names |
//! | `instance` | the sizes of the benchmark |
//! | `folders` | the harness's folders and those of the submission |
//! | `stored_file` | files that appear whole or not at all, and errors that name them |
//! | `announcement` | parameters and model, as the provider announces them |
//! | `pixel_text` | the harness's images |
//! | `client` | the client's stages |
//! | `server` | the provider's stages, which import nothing from `client` |

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod announcement;
mod client;
mod folders;
mod instance;
mod pixel_text;
mod server;
mod stage;
mod stored_file;

use std::env;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};

use folders::{RunFolders, Submission};
use instance::Instance;
use stage::Stage;

fn main() -> ExitCode {
    match run(env::args_os().collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If the error cannot be printed, the exit code still tells of it.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the stage that the program's name or else its first argument names.
fn run(arguments: Vec<OsString>) -> Result<()> {
    let mut arguments = arguments.into_iter();
    let program = PathBuf::from(arguments.next().unwrap_or_default());
    let arguments: Vec<String> = arguments.map(|word| word.to_string_lossy().into_owned()).collect();
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let (stage, arguments) = match Stage::from_name(&name) {
        Some(stage) => (stage, &arguments[..]),
        None => {
            let names = Stage::ALL.map(Stage::name).join(", ");
            let Some((first, rest)) = arguments.split_first() else {
                bail!(
                    "no stage: call this program by the name of a stage, or with it as the first argument: {names}"
                );
            };
            let stage = Stage::from_name(first);
            (stage.with_context(|| format!("{first:?} is no stage; the stages are {names}"))?, rest)
        }
    };
    let submission = Submission::new(&build_folder(&program)?)?;
    stage.check_arguments(arguments)?;
    let folders = || -> Result<RunFolders> {
        let size = arguments.first().map(String::as_str).unwrap_or_default();
        let root = env::current_dir().context("cannot find the current folder")?;
        Ok(RunFolders::new(&root, Instance::from_argument(size)?))
    };
    match stage {
        Stage::Publish => server::publish(&submission),
        Stage::GetParameters => server::send_announcement(&submission, &folders()?),
        Stage::KeyGeneration => client::generate_keys(&submission, &folders()?),
        Stage::UploadKeys => server::receive_keys(&submission, &folders()?),
        Stage::PreprocessModel => server::check_model(&submission),
        Stage::PreprocessInput => client::read_pixels(&folders()?),
        Stage::Encrypt => client::encrypt(&submission, &folders()?),
        Stage::Compute => server::compute(&submission, &folders()?),
        Stage::Decrypt => client::decrypt(&submission, &folders()?),
        Stage::Postprocess => client::predict(&folders()?),
    }
    .with_context(|| format!("{} failed", stage.name()))
}

/// Returns the folder of the link that the program is called by.
fn build_folder(program: &Path) -> Result<PathBuf> {
    if let Some(folder) = program.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        return Ok(folder.to_owned());
    }
    // A name without a folder was found in PATH.
    let program = env::current_exe().context("cannot find the folder of this program")?;
    let folder = program.parent().map(Path::to_owned);
    ensure!(folder.is_some(), "the program {} is in no folder", program.display());
    Ok(folder.unwrap_or_default())
}
