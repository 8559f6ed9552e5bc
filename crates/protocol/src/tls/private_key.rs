//! Files of private keys, which their owner alone can read.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use sottovoce_network::atomic_file;
use zeroize::Zeroizing;

use super::TlsError;

/// More than any private key has.
const MOST_BYTES: usize = 1 << 16;

/// Writes a private key's PEM to a new file that its owner alone can read, from its first moment on. The file appears
/// whole or not at all.
///
/// # Errors
/// If there is something at `path` already, or the file cannot be written.
pub fn write_private_key(path: &Path, pem: &str) -> io::Result<()> {
    atomic_file::create_private(path, pem.as_bytes())
}

/// Reads a private key.
///
/// # Errors
/// If the file is not its owner's alone, or holds no private key.
pub(crate) fn read_private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let unreadable = |source| TlsError::Read { path: path.into(), source };
    let file = File::open(path).map_err(unreadable)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(TlsError::Permissions { path: path.into(), mode });
        }
    }
    // All of it at once: a buffer that grew would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST_BYTES + 1));
    file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > MOST_BYTES {
        return Err(TlsError::Large { path: path.into(), most: MOST_BYTES as u64 });
    }
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|source| TlsError::Pem {
        path: path.into(),
        what: "private key",
        source,
    })
}
