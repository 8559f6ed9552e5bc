mod bundle;
mod files;
mod handshake;
mod hostile;
mod signer;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use sottovoce_protocol::Fingerprint;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

use super::*;
use crate::authority::CertificateRequest;
use crate::error_text::with_causes;
use signer::{Dates, Signer};

/// An authority with a root and an issuer, and a provider with a certificate.
struct World {
    folder: TempDir,
    root: Signer,
    issuer: Signer,
}

/// Serial number of the issuer.
const ISSUER: u64 = 2;
/// Serial number of the provider's certificate.
const PROVIDER: u64 = 3;

impl World {
    fn new() -> Self {
        let root = Signer::root("test root");
        let issuer = root.issuer("test issuer", ISSUER);
        let world = Self { folder: TempDir::new().unwrap(), root, issuer };
        world.write_provider(Dates::year());
        fs::write(world.roots(), &world.root.pem).unwrap();
        world.revoke(1, &[]);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn roots(&self) -> PathBuf {
        self.path("root.pem")
    }

    fn lists(&self) -> PathBuf {
        self.path("revoked.pem")
    }

    fn write_provider(&self, dates: Dates) {
        let (pem, key) = self.issuer.provider(&["localhost", "127.0.0.1"], PROVIDER, dates);
        fs::write(self.path("provider.pem"), pem + &self.issuer.pem).unwrap();
        let _ = fs::remove_file(self.path("provider.key.pem"));
        write_private_key(&self.path("provider.key.pem"), &key).unwrap();
    }

    /// Writes the lists of root and issuer.
    fn revoke(&self, number: u64, serials: &[u64]) {
        fs::write(self.lists(), self.bundle(number, serials)).unwrap();
    }

    fn bundle(&self, number: u64, serials: &[u64]) -> String {
        self.issuer.pem.clone() + &self.issuer.list(number, serials) + &self.root.list(number, &[])
    }

    fn files(&self) -> ServerTlsFiles {
        let lists = RevocationFiles { list: self.lists(), kept: Some(self.path("kept.pem")), max_age: None };
        ServerTlsFiles {
            certificate: self.path("provider.pem"),
            private_key: self.path("provider.key.pem"),
            roots: self.roots(),
            revocations: Some(lists),
        }
    }

    fn server(&self) -> ServerTls {
        ServerTls::load(self.files()).unwrap()
    }

    /// Returns the TLS configuration of a client whose certificate has the serial number.
    fn client(&self, name: &str, serial: u64, dates: Dates) -> Arc<ClientConfig> {
        let keys = Fingerprint::from_bytes([u8::try_from(name.len()).unwrap(); 32]);
        let request = CertificateRequest::new(&Subject::new(name, keys).unwrap()).unwrap();
        let (path, key) = (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key.pem")));
        fs::write(&path, self.issuer.certify(&request.pem, serial, dates) + &self.issuer.pem).unwrap();
        write_private_key(&key, &request.private_key_pem).unwrap();
        load_client_tls(&self.roots(), Some((&path, &key))).unwrap()
    }
}

fn serial(number: u64) -> SerialNumber {
    SerialNumber::from_bytes(&number.to_be_bytes())
}
