//! TLS versions and algorithms that both sides use.

use std::sync::Arc;

use rustls::SupportedProtocolVersion;
use rustls::crypto::{CryptoProvider, ring};

/// Application protocol: HTTP/2 only.
pub const PROTOCOL: &[u8] = b"h2";

/// TLS 1.3 only.
pub const VERSIONS: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// Returns the cryptography. The process-wide default is not used, because other code can change it.
pub fn crypto() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
