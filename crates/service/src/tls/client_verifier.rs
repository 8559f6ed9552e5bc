//! Verifies clients' certificates: their chain to a trusted root, and that no certificate of the chain is revoked.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use time::OffsetDateTime;

use super::certificate::Certificate;
use super::error::TlsError;
use super::profile;
use super::revocation_bundle::{CoveredSigner, RevocationBundle};
use super::trusted_roots::TrustedRoots;

/// Maximum number of certificates that a client may send: its own, that of an issuer, and that of the root. More of them cost
/// time in the search for a path: 95 certificates tens of milliseconds.
const MAX_CHAIN: usize = 3;

/// Verifier of clients' certificates. A client need not have a certificate.
///
/// The library looks a revocation list up by the name of its signer and takes the first one, so lists of two signers with the same
/// name, such as an old and a new root, would exclude each other. So there is a verifier for every signer, with the list of this
/// signer and that of its root only. A chain is accepted if one of them accepts it: then the leaf and its issuer are on no list. A
/// certificate without a list of its signer is refused. The dates of lists are not the library's task: a list that is too old is
/// answered with a status, and not with an alert of TLS that would read as the client's fault.
#[derive(Debug)]
pub struct ClientVerifier {
    /// Verifies chains to any root, without revocation lists.
    chains: Arc<dyn ClientCertVerifier>,
    /// Verifiers with revocation lists, or `None` if revoked certificates are accepted.
    signers: Option<Vec<SignerVerifier>>,
}

/// Verifies the certificates of one signer.
#[derive(Debug)]
struct SignerVerifier {
    verifier: Arc<dyn ClientCertVerifier>,
    current_until: Option<OffsetDateTime>,
}

/// Result of verifying a chain.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// The chain is valid.
    Valid {
        /// Time until which the revocation lists of the chain are current, if they have such a time.
        lists_current_until: Option<OffsetDateTime>,
    },
    /// The chain is not valid.
    Refused(Error),
}

/// A client has sent too many certificates.
#[derive(Debug, thiserror::Error)]
#[error("the client sent {found} certificates, at most {MAX_CHAIN} are allowed")]
struct LongChain {
    found: usize,
}

/// The provider has no revocation list of a client's issuer.
#[derive(Debug, thiserror::Error)]
#[error(
    "no list of revoked certificates of its issuer ({issuer}) is here, so nobody can tell whether it is revoked: copy the \
     authority's new revoked.pem to this provider"
)]
struct MissingList {
    issuer: String,
}

impl ClientVerifier {
    /// Makes a verifier for roots that are valid at the time `now`. `max_age` limits the age of lists.
    ///
    /// # Errors
    /// If there is no valid root, or the library refuses a list.
    pub fn new(
        roots: &TrustedRoots,
        revocations: Option<&RevocationBundle>,
        max_age: Option<Duration>,
        now: OffsetDateTime,
    ) -> Result<Self, TlsError> {
        let chains = webpki_verifier(roots.store(now)?, Vec::new())?;
        let signer_verifiers = |bundle: &RevocationBundle| {
            let verifier = |signer: &CoveredSigner| {
                let mut store = RootCertStore::empty();
                store.add(signer.root.der().clone())?;
                let lists = std::iter::once(&signer.list)
                    .chain(bundle.list_of_root(signer).filter(|_| !signer.is_root()));
                let lists = lists.map(|list| list.der().clone()).collect();
                let verifier = webpki_verifier(Arc::new(store), lists)?;
                Ok(SignerVerifier { verifier, current_until: bundle.current_until(signer, max_age) })
            };
            bundle.covered().iter().map(verifier).collect::<Result<Vec<_>, TlsError>>()
        };
        Ok(Self { chains, signers: revocations.map(signer_verifiers).transpose()? })
    }

    /// Verifies a chain.
    pub fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        issuers: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Verdict {
        let found = 1 + issuers.len();
        if found > MAX_CHAIN {
            let reason = CertificateError::Other(OtherError(Arc::new(LongChain { found })));
            return Verdict::Refused(reason.into());
        }
        if let Err(error) = self.chains.verify_client_cert(leaf, issuers, now) {
            return Verdict::Refused(error);
        }
        let Some(signers) = &self.signers else {
            return Verdict::Valid { lists_current_until: None };
        };
        let mut refusal = None;
        for signer in signers {
            match signer.verifier.verify_client_cert(leaf, issuers, now) {
                Ok(_) => return Verdict::Valid { lists_current_until: signer.current_until },
                Err(error) if is_revocation(&error) => refusal = Some(error),
                // The chain leads to another signer.
                Err(_) => {}
            }
        }
        Verdict::Refused(refusal.unwrap_or_else(|| {
            let issuer =
                issuers.first().and_then(|issuer| Certificate::parse(issuer.clone().into_owned()).ok());
            let issuer = issuer.map_or_else(|| "the root".to_owned(), |issuer| issuer.subject().to_owned());
            CertificateError::Other(OtherError(Arc::new(MissingList { issuer }))).into()
        }))
    }

    /// Returns a certificate and those of its issuers that its verification needs. Others that a client sends are left out.
    ///
    /// # Errors
    /// If the chain is not valid.
    pub fn valid_chain(
        &self,
        leaf: &CertificateDer<'_>,
        issuers: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Vec<CertificateDer<'static>>, Error> {
        let mut needed = issuers.to_vec();
        if let Verdict::Refused(error) = self.verify(leaf, &needed, now) {
            return Err(error);
        }
        for index in (0..issuers.len()).rev() {
            let mut fewer = needed.clone();
            fewer.remove(index);
            if let Verdict::Valid { .. } = self.verify(leaf, &fewer, now) {
                needed = fewer;
            }
        }
        Ok(std::iter::once(leaf).chain(&needed).map(|certificate| certificate.clone().into_owned()).collect())
    }
}

/// Returns the reason for which a handshake failed.
pub fn handshake_error(error: &io::Error) -> String {
    error.get_ref().and_then(|error| error.downcast_ref()).map_or_else(|| error.to_string(), error_text)
}

/// Returns the text of an error of TLS. The library would show [`LongChain`] and [`MissingList`] in a form for programmers.
pub fn error_text(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(reason))) => {
            format!("invalid peer certificate: {reason}")
        }
        error => error.to_string(),
    }
}

/// Returns whether an error says that a certificate is revoked.
pub fn is_revocation(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::Revoked))
}

fn webpki_verifier(
    roots: Arc<RootCertStore>,
    lists: Vec<CertificateRevocationListDer<'static>>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    // By default the library checks the whole chain, and refuses certificates without a list if there are lists.
    WebPkiClientVerifier::builder_with_provider(roots, profile::crypto())
        .with_crls(lists)
        .allow_unauthenticated()
        .build()
        .map_err(|error: VerifierBuilderError| TlsError::Setup(Error::General(error.to_string())))
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.chains.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chains.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.verify(end_entity, intermediates, now) {
            Verdict::Valid { .. } => Ok(ClientCertVerified::assertion()),
            Verdict::Refused(error) => Err(error),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}
