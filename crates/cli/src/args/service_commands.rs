//! The commands of providers, clients and authorities.

use clap::Subcommand;

use super::authority::{AuthorityCommand, ProviderRequestOptions};
use super::clients::ClientsCommand;
use super::exported_networks::PlanOptions;
use super::service::{ClassifyOptions, ClientOptions, EnrolOptions, ServeOptions};

#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    /// Choose encryption parameters for exported networks, and show their security and cost.
    Plan(PlanOptions),
    /// Serve exported networks over HTTPS. Clients send encrypted images and receive encrypted answers.
    Serve(ServeOptions),
    /// List and remove the clients of a service on this machine.
    Clients {
        #[command(subcommand)]
        command: ClientsCommand,
    },
    /// Create a client's keys for a provider, and the request for a certificate that the authority signs.
    Enrol(EnrolOptions),
    /// Classify images at a provider, which sees only ciphertexts.
    Classify(ClassifyOptions),
    /// Delete a client's keys, batches and answers at a provider.
    Forget(ClientOptions),
    /// Create a provider's private key, and the request for a certificate that the authority signs.
    ProviderRequest(ProviderRequestOptions),
    /// Manage the certificate authority that providers and clients trust.
    Authority {
        #[command(subcommand)]
        command: AuthorityCommand,
    },
}
