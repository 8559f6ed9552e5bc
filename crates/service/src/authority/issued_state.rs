//! States of issued certificates.

/// State of a certificate in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssuedState {
    /// Everybody who has the authority's present files accepts it.
    Good,
    /// The certificate has expired.
    Expired,
    /// The certificate is revoked.
    Revoked,
    /// The certificate of its issuer is revoked, and so nobody accepts it.
    IssuerRevoked,
    /// The root that it depends on was retired, and so nobody accepts it.
    IssuerRetired,
}
