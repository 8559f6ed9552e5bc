mod files;
mod handshake;
mod hostile;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

use super::*;
use crate::authority::{
    Approval, Authority, CertificateRequest, CertificateSelection, ProviderRequest, ReceivedProviderRequest,
    ReceivedRequest, SignedCertificate,
};
use sottovoce_protocol::Fingerprint;

/// An authority and a provider with a certificate.
struct World {
    folder: TempDir,
    authority: Authority,
}

impl World {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let authority = Authority::create(&folder.path().join("authority"), "test authority", None).unwrap();
        let world = Self { folder, authority };
        let hosts = ["localhost".parse().unwrap(), "127.0.0.1".parse().unwrap()];
        let request = ProviderRequest::new(&hosts).unwrap();
        let received = ReceivedProviderRequest::from_pem(&request.pem).unwrap();
        let certificate = world.authority.issue_provider(&received, &Approval::new(request.key, 30)).unwrap();
        fs::write(world.path("provider.pem"), certificate.pem).unwrap();
        write_private_key(&world.path("provider.key.pem"), &request.private_key_pem).unwrap();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn root(&self) -> RootCertificate {
        RootCertificate::read(&self.authority.root_path()).unwrap()
    }

    /// Revokes the certificate with this serial number.
    fn revoke(&self, serial_number: &SerialNumber) {
        let selection = CertificateSelection::SerialNumber(serial_number.clone());
        self.authority.revoke(&selection, 30).unwrap();
    }

    fn server(&self) -> ServerTls {
        self.server_with(Some(&self.authority.revocation_list_path())).unwrap()
    }

    fn server_with(&self, revoked: Option<&Path>) -> Result<ServerTls, TlsError> {
        let root = self.authority.root_path();
        ServerTls::load(&self.path("provider.pem"), &self.path("provider.key.pem"), &root, revoked)
    }

    /// Returns a client's certificate, valid for the given time, and its TLS configuration.
    fn client(&self, name: &str, valid: Duration) -> (SignedCertificate, Arc<ClientConfig>) {
        let keys = Fingerprint::from_bytes([u8::try_from(name.len()).unwrap(); 32]);
        let request = CertificateRequest::new(&Subject::new(name, keys).unwrap()).unwrap();
        let received = ReceivedRequest::from_pem(&request.pem).unwrap();
        let end = OffsetDateTime::now_utc().truncate_to_second() + valid;
        let certificate = self.authority.issue(&received, &Approval::until(keys, end)).unwrap();
        let (path, key) = (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key.pem")));
        fs::write(&path, &certificate.pem).unwrap();
        write_private_key(&key, &request.private_key_pem).unwrap();
        let tls = load_client_tls(&self.authority.root_path(), Some((&path, &key))).unwrap();
        (certificate, tls)
    }
}

/// Returns the texts of an error and its causes.
fn causes(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(|error| error.to_string())
        .collect::<Vec<_>>()
        .join(": ")
}
