//! A provider and clients with certificates of chosen dates and revocation lists.

use std::fs;

use time::Duration;

use super::signer::{Dates, Signer};
use super::world::{Served, World};

/// Serial number of the issuer.
pub const ISSUER: u64 = 2;

/// Options of a provider with the certificates of [`Signed`].
pub const SIGNED: [&str; 4] = ["--identity", "provider", "--revoked", "revoked.pem"];

/// A world with a root and an issuer in place of an authority's folder.
pub struct Signed {
    pub world: World,
    pub root: Signer,
    pub issuer: Signer,
}

impl Signed {
    /// A provider with a certificate for the next year, and empty lists with the number 1.
    pub fn new() -> Self {
        let root = Signer::root("test root");
        let issuer = root.issuer("test issuer", ISSUER);
        let signed = Self { world: World::new(), root, issuer };
        fs::create_dir(signed.world.sandbox.path("provider")).unwrap();
        signed.write("provider/root.pem", &signed.root.pem);
        signed.certify_provider(&["127.0.0.1"], Dates::year());
        signed.revoke(1, &[]);
        signed
    }

    /// Replaces a file as an operator would: it appears complete.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.world.sandbox.path(name);
        let partial = path.with_extension("new");
        fs::write(&partial, text).unwrap();
        fs::rename(&partial, &path).unwrap();
    }

    /// Writes a private key.
    pub fn write_key(&self, name: &str, text: &str) {
        self.write(name, text);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(self.world.sandbox.path(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    /// Writes another certificate and key of the provider.
    pub fn certify_provider(&self, hosts: &[&str], dates: Dates) {
        let (certificate, key) = self.issuer.provider(hosts, 3, dates);
        self.write_key("provider/key.pem", &key);
        self.write("provider/certificate.pem", &(certificate + &self.issuer.pem));
    }

    /// The lists of issuer and root.
    pub fn bundle(&self, number: u64, serials: &[u64]) -> String {
        self.issuer.pem.clone() + &self.issuer.list(number, serials) + &self.root.list(number, &[])
    }

    pub fn revoke(&self, number: u64, serials: &[u64]) {
        self.write("revoked.pem", &self.bundle(number, serials));
    }

    /// Enrols a client whose certificate has a serial number.
    pub fn enrol(&self, name: &str, url: &str, serial: u64) {
        let client = ["--client", name, "--authority", "provider/root.pem"];
        let enrol = ["enrol", "--name", name, "--provider", url];
        self.world.sandbox.run(&[&enrol[..], &client[..]].concat()).succeeds();
        self.certify_client(name, serial, Duration::days(90));
    }

    /// Gives an enrolled client a certificate, or another one, that has a serial number and ends after some time.
    pub fn certify_client(&self, name: &str, serial: u64, validity: Duration) {
        let request = self.world.sandbox.read(&format!("{name}/request.pem"));
        let dates = Dates::around(Duration::hours(1), validity);
        let certificate = self.issuer.certify(&request, serial, dates);
        self.write(&format!("{name}/certificate.pem"), &(certificate + &self.issuer.pem));
    }

    pub fn serve(&self, arguments: &[&str]) -> Served {
        Served::start(&self.world, &["small"], &[&SIGNED[..], arguments].concat())
    }

    /// Asserts that a provider does not start, and names the reasons.
    #[track_caller]
    pub fn does_not_start(&self, words: &[&str]) {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--range", "proven", "--models", "small"];
        self.world.sandbox.run(&[&serve[..], &SIGNED].concat()).fails(1, words);
    }
}
