//! What both sides agree on before they meet.

use std::sync::Arc;

use rustls::SupportedProtocolVersion;
use rustls::crypto::{CryptoProvider, ring};

/// HTTP/2 alone.
pub(super) const PROTOCOL: &[u8] = b"h2";

/// TLS 1.3 alone.
pub(super) const VERSIONS: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// Named wherever it is used: what the process has as its default is another program's decision.
pub(super) fn crypto() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
