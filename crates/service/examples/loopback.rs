//! A provider and a client over TLS on this machine, with an authority that is created for this example.
//! Run with `cargo run --release -p sottovoce-service --example loopback`.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::fs;
use std::sync::Arc;

use sottovoce_bfv::planner::{ParameterRequest, choose_parameters};
use sottovoce_network::{Architecture, IntegerEnsemble, IntegerNetwork, Padding, PixelLevels};
use sottovoce_protocol::{client::Client, provider::Provider};
use sottovoce_service::authority::{
    Approval, Authority, CertificateRequest, ProviderRequest, ReceivedProviderRequest, ReceivedRequest,
};
use sottovoce_service::remote::{ProviderAddress, RemoteProvider, RetryBudget};
use sottovoce_service::server::{AccessPolicy, Limits, Server, StateFolder};
use sottovoce_service::tls::{
    RevocationFiles, ServerTls, ServerTlsFiles, Subject, load_client_tls, write_private_key,
};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    // The authority certifies the provider's host.
    let authority = Authority::create(&path("authority"), "example authority", None)?;
    let (root, revoked) = (authority.root_path(), authority.revocation_list_path());
    let request = ProviderRequest::new(&["127.0.0.1".parse()?])?;
    let received = ReceivedProviderRequest::from_pem(&request.pem)?;
    let certificate = authority.issue_provider(&received, &Approval::new(request.key, 1))?;
    fs::write(path("provider.pem"), certificate.pem)?;
    write_private_key(&path("provider.key"), &request.private_key_pem)?;
    // The provider serves one network for 2 x 2 black and white pixels.
    let padding = Padding { leading: 0, trailing: 0 };
    let shape = Architecture { image_side: 2, kernel: 2, stride: 2, padding, maps: 1, hidden: 1, classes: 2 };
    let network = IntegerNetwork::from_fn(shape, PixelLevels::BINARY, |_, _, _| 1, |_, row| row as i128)?;
    let ensemble = IntegerEnsemble::new(vec![network])?;
    let ensembles = [&ensemble];
    let request = ParameterRequest::new(&ensembles, ensemble.proven_logits());
    let parameters = choose_parameters(&request)?.parameters;
    let tls = ServerTls::load(ServerTlsFiles {
        certificate: path("provider.pem"),
        private_key: path("provider.key"),
        roots: root.clone(),
        revocations: Some(RevocationFiles { list: revoked, kept: None, max_age: None }),
    })?;
    let (access, names) = (AccessPolicy::Certificates(Arc::new(tls)), vec!["sum".to_owned()]);
    let provider = Provider::new(&parameters, vec![ensemble], 1)?;
    let server = Server::new(
        provider,
        names,
        access,
        Limits::default(),
        &StateFolder::open(&path("service"))?,
        || None,
    )?;
    let runtime = tokio::runtime::Runtime::new()?;
    let listener = runtime.block_on(server.bind("127.0.0.1:0".parse()?))?;
    let address: ProviderAddress = format!("https://{}", listener.local_addr()?).parse()?;
    runtime.spawn(server.serve(listener, std::future::pending()));
    // A client without a certificate may read the parameters. It makes keys, and the authority certifies them.
    let connect = |tls| RemoteProvider::new(address.clone(), Some(tls), RetryBudget::default());
    let parameters = connect(load_client_tls(&root, None)?)?.parameters()?;
    let client = Client::from_parameters_message(&parameters[..], 1 << 30)?;
    let request = CertificateRequest::new(&Subject::new("clinic", client.key_fingerprint())?)?;
    let approval = Approval::new(request.key, 1);
    fs::write(
        path("client.pem"),
        authority.issue(&ReceivedRequest::from_pem(&request.pem)?, &approval)?.pem,
    )?;
    write_private_key(&path("client.key"), &request.private_key_pem)?;
    // With its certificate the client registers the keys, sends an encrypted image and decrypts the answer.
    let remote = connect(load_client_tls(&root, Some((&path("client.pem"), &path("client.key"))))?)?;
    remote.register(client.key_fingerprint(), client.registration_message())?;
    let model = client.read_model(&remote.model(remote.models()?[0].model.parse()?)?[..])?;
    let mut batch = Vec::new();
    let pending = client.write_batch(&model, &[1, 0, 1, 1], &(), &mut batch)?;
    let (answer, times) = remote.evaluate(&client, &pending, &batch.into(), &|_| ())?;
    remote.disconnect();
    println!("logits {:?} after {:?}", client.decrypt(&pending, &answer[..])?.slot(0), times.compute);
    Ok(())
}
