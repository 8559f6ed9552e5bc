//! An enrolled client whose steps a test observes.

use sottovoce_bfv::DecryptedLogits;
use sottovoce_protocol::ModelDescription;
use sottovoce_protocol::client::Client;
use sottovoce_service::remote::{RemoteError, RemoteProgress, RemoteProvider, RetryBudget};
use sottovoce_siege::read_model;

use super::world::{Served, World, remote};

/// A client with the files of an enrolled one, for one of the provider's models.
pub struct EnrolledClient {
    client: Client,
    remote: RemoteProvider,
    model: ModelDescription,
}

impl EnrolledClient {
    pub fn new(world: &World, served: &Served, name: &str, model: &str) -> Self {
        let client = Client::load(&world.sandbox.path(&format!("{name}/keys")), 1 << 30).unwrap();
        let remote = remote(world, &served.url, name, RetryBudget::default());
        let model = read_model(&client, &remote, Some(model)).unwrap();
        Self { client, remote, model }
    }

    /// Sends images, waits for the answer, and decrypts it.
    pub fn evaluate(
        &self,
        images: &[u8],
        observe: &(dyn Fn(RemoteProgress) + Sync),
    ) -> Result<DecryptedLogits, RemoteError> {
        let mut message = Vec::new();
        let pending = self.client.write_batch(&self.model, images, &(), &mut message).unwrap();
        let (answer, _) = self.remote.evaluate(&self.client, &pending, &message.into(), observe)?;
        Ok(self.client.decrypt(&pending, &answer[..]).unwrap())
    }
}
