//! Passphrases of authorities, from files or the terminal.

use std::io::IsTerminal as _;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use sottovoce_service::authority::{Authority, AuthorityError, Passphrase};
use zeroize::Zeroizing;

use crate::args::authority::AuthorityOptions;
use crate::output;

/// Number of times that the terminal asks for a passphrase.
const MAX_TRIES: u32 = 3;

/// Opens the authority in a folder, with its passphrase if its private keys are encrypted.
pub fn open(options: &AuthorityOptions) -> Result<Authority> {
    let AuthorityOptions { folder, passphrase_file } = options;
    let authority = Authority::open(folder)?;
    if !authority.is_encrypted()? {
        if let Some(file) = passphrase_file {
            output::remark(&format!(
                "the private keys in {} are not encrypted, so {} is not used; `sottovoce authority encrypt FOLDER` encrypts them",
                folder.display(),
                file.display()
            ));
        }
        return Ok(authority);
    }
    if let Some(file) = passphrase_file {
        return Ok(authority.with_passphrase(Passphrase::read(file)?));
    }
    ensure!(
        is_terminal(),
        "the private keys in {} are encrypted: name a file with the passphrase with --passphrase-file, or run this in a terminal to \
         be asked for it",
        folder.display()
    );
    let mut authority = authority;
    for tries_left in (0..MAX_TRIES).rev() {
        authority = authority.with_passphrase(ask(&format!("passphrase of {}: ", folder.display()))?);
        match authority.check_passphrase() {
            Err(error @ AuthorityError::WrongPassphrase { .. }) if tries_left > 0 => {
                output::remark(&format!("{error}; try again"));
            }
            checked => {
                checked?;
                break;
            }
        }
    }
    Ok(authority)
}

/// Returns the passphrase for keys that are stored, or `None` if they are not to be encrypted. `option` is the name of the option
/// that names `file`.
pub fn new(file: Option<&Path>, no_passphrase: bool, option: &str) -> Result<Option<Passphrase>> {
    if no_passphrase {
        return Ok(None);
    }
    if let Some(file) = file {
        return Ok(Some(Passphrase::read(file)?));
    }
    if !is_terminal() {
        bail!(
            "the private keys need a passphrase: name a file with it with {option}, run this in a terminal to be asked for it, or \
             store the keys unencrypted with --no-passphrase"
        );
    }
    let passphrase = ask(&format!("new passphrase of at least {} bytes: ", Passphrase::MIN_BYTES))?;
    passphrase.check_length()?;
    ensure!(passphrase.is_equal(&ask("the same passphrase again: ")?), "the two passphrases differ");
    Ok(Some(passphrase))
}

/// Returns whether a person can be asked. Without this check, a script would wait for an answer at the terminal that started it.
pub fn is_terminal() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks for a passphrase, which the terminal does not show.
fn ask(prompt: &str) -> Result<Passphrase> {
    let text = rpassword::prompt_password(prompt).context("cannot read the passphrase from the terminal")?;
    Ok(Passphrase::new(Zeroizing::new(text)))
}
