//! The provider that is attacked.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::ResolvesClientCert;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Longest duration of opening a connection.
const OPEN_TIMEOUT: Duration = Duration::from_secs(15);

/// A stream with or without TLS.
pub type Stream = Box<dyn ByteStream>;

/// Bytes in both directions.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for S {}

/// A provider on this machine, and the certificates with which a client connects to it.
#[derive(Debug, Clone)]
pub struct Target {
    address: SocketAddr,
    /// Address of the client; any if none is given.
    source: Option<Ipv4Addr>,
    tls: Option<Arc<ClientConfig>>,
}

/// The address is not on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} is not a loopback address: hostile clients test only a service on this machine")]
pub struct NotLoopback {
    /// Refused address.
    pub address: SocketAddr,
}

impl Target {
    /// Returns the provider at a loopback address, with a client's TLS configuration
    /// ([`load_client_tls`](sottovoce_service::tls::load_client_tls)), or none for a provider without TLS.
    ///
    /// # Errors
    /// If the address is not a loopback address.
    pub fn new(address: SocketAddr, tls: Option<Arc<ClientConfig>>) -> Result<Self, NotLoopback> {
        match address.ip().is_loopback() {
            true => Ok(Self { address, source: None, tls }),
            false => Err(NotLoopback { address }),
        }
    }

    /// Returns the same provider, for a client with other certificates.
    #[must_use]
    pub fn with_tls(&self, tls: Arc<ClientConfig>) -> Self {
        Self { tls: Some(tls), ..self.clone() }
    }

    /// Returns the same provider, for a client at an address of 127.0.0.0/8. Linux has all of them without being told; elsewhere,
    /// and for a provider with another kind of address, connections fail.
    #[must_use]
    pub fn with_source(&self, source: Ipv4Addr) -> Self {
        Self { source: Some(source), ..self.clone() }
    }

    /// Returns the same provider and certificates, with other application protocols in the handshake. Without TLS nothing changes.
    #[must_use]
    pub fn with_protocols(&self, protocols: &[&[u8]]) -> Self {
        let with_protocols = |tls: &Arc<ClientConfig>| {
            let mut tls = ClientConfig::clone(tls);
            tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
            Arc::new(tls)
        };
        Self { tls: self.tls.as_ref().map(with_protocols), ..self.clone() }
    }

    /// Returns the same provider, for a client that sends the last certificate of its chain again and again. Without TLS nothing
    /// changes.
    #[must_use]
    pub fn with_repeated_issuer(&self, times: usize) -> Self {
        let with_repeated_issuer = |tls: &Arc<ClientConfig>| {
            let mut tls = ClientConfig::clone(tls);
            let chain = tls.client_auth_cert_resolver.clone();
            tls.client_auth_cert_resolver = Arc::new(RepeatedIssuer { chain, times });
            Arc::new(tls)
        };
        Self { tls: self.tls.as_ref().map(with_repeated_issuer), ..self.clone() }
    }

    /// Returns the provider's address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns whether connections use TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Opens a connection without TLS.
    pub(crate) async fn open_tcp(&self) -> io::Result<TcpStream> {
        let connected = async {
            let Some(source) = self.source else { return TcpStream::connect(self.address).await };
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((source, 0)))?;
            socket.connect(self.address).await
        };
        let stream = timeout(OPEN_TIMEOUT, connected).await??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Opens a connection, with TLS if the provider has it.
    pub(crate) async fn open(&self) -> io::Result<Stream> {
        let stream = self.open_tcp().await?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let name = ServerName::from(self.address.ip());
        let stream = timeout(OPEN_TIMEOUT, TlsConnector::from(tls.clone()).connect(name, stream)).await??;
        Ok(Box::new(stream))
    }
}

/// Certificates of a client, of which the last one is repeated.
#[derive(Debug)]
struct RepeatedIssuer {
    chain: Arc<dyn ResolvesClientCert>,
    times: usize,
}

impl ResolvesClientCert for RepeatedIssuer {
    fn resolve(&self, hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let certified = self.chain.resolve(hints, schemes)?;
        let repeated = certified.cert.iter().chain(std::iter::repeat_n(certified.cert.last()?, self.times));
        Some(Arc::new(CertifiedKey::new(repeated.cloned().collect(), certified.key.clone())))
    }

    fn has_certs(&self) -> bool {
        self.chain.has_certs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_can_be_a_target() {
        for text in ["127.0.0.1:7443", "[::1]:7443", "127.9.9.9:1"] {
            assert!(Target::new(text.parse().unwrap(), None).is_ok(), "{text}");
        }
        for text in ["192.168.0.1:7443", "8.8.8.8:443", "0.0.0.0:7443", "[::]:7443", "[2001:db8::1]:7443"] {
            let error = Target::new(text.parse().unwrap(), None).unwrap_err().to_string();
            assert!(error.contains("not a loopback address"), "{error}");
        }
    }
}
