//! The confirmation of fingerprints that the authority's operator received over another channel.

use std::io::{BufRead as _, Write as _};

use anyhow::{Context, Result, bail};
use sottovoce_protocol::Fingerprint;

use super::passphrase::is_terminal;

/// Number of digits that are compared at the terminal: nobody can make another key with the same 64 bits.
const DIGITS: usize = 16;

/// Maximum length of an answer in bytes.
const MAX_ANSWER_BYTES: u64 = 1 << 10;

/// Returns the fingerprint that was confirmed for a request: `told`, the value of `--key`, or that of the request, if the operator
/// types its first digits. `sender` describes who has sent the request.
///
/// The fingerprint in the request is not shown before, so that it cannot be copied.
pub fn confirm(told: Option<Fingerprint>, requested: Fingerprint, sender: &str) -> Result<Fingerprint> {
    if let Some(told) = told {
        return Ok(told);
    }
    if !is_terminal() {
        bail!(
            "a request proves nothing about its sender: give --key with the fingerprint that {sender} told you over another \
             channel, or run this in a terminal to be asked for it"
        );
    }
    // The prompt is not a result.
    let mut terminal = std::io::stderr();
    let prompt = format!(
        "Type the first {DIGITS} digits of the fingerprint that {sender} told you over another channel, such as a call: "
    );
    let shown = terminal.write_all(prompt.as_bytes()).and_then(|()| terminal.flush());
    shown.context("cannot write to the terminal")?;
    let mut answer = String::new();
    std::io::Read::take(std::io::stdin().lock(), MAX_ANSWER_BYTES)
        .read_line(&mut answer)
        .context("cannot read from the terminal")?;
    let typed: String = answer.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase();
    if typed.len() >= DIGITS && requested.to_string().starts_with(&typed) {
        return Ok(requested);
    }
    // The fingerprint of the request is not shown: it could be typed without asking its sender.
    if typed.len() < DIGITS {
        bail!("{} digits were typed, but {DIGITS} are needed; no certificate was issued", typed.len());
    }
    bail!(
        "the fingerprint of the request does not begin with {typed:?}; no certificate was issued. Ask {sender} again, and use the \
         request that {sender} made"
    )
}
