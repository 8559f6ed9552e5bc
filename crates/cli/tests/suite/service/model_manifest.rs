//! A provider's certificate lists models, for which the authority vouches.

use sottovoce_protocol::Fingerprint;
use sottovoce_service::remote::{RemoteError, RetryBudget};

use super::world::{Served, World, remote};

#[test]
fn only_models_that_the_certificate_lists_are_used() {
    let world = World::new();
    world.authority();
    let (small, slow) = (Fingerprint::of_ensemble(&world.small), Fingerprint::of_ensemble(&world.slow));
    // Both models are served each time, so the parameters stay the same.
    let serve = |address: &str, identity: &str, digits: &str, spare: &str| {
        let (digits, spare) = (format!("digits={digits}"), format!("spare={spare}"));
        Served::start_at(&world, address, &[&digits, &spare], &["--identity", identity])
    };
    let served = serve("127.0.0.1:0", "provider", "small", "slow");
    let address = served.address();
    world.enrol("alice", &served.url);
    let classify = |model: &str, more: &[&str]| {
        let url = format!("https://{address}");
        world.classify(&url, "alice", &[&["--model", model], more].concat())
    };
    classify("digits", &[]).succeeds();
    let words = ["the provider's certificate lists no models", "--model NAME=FINGERPRINT"];
    classify("digits", &["--require-manifest"]).fails(1, &words);
    // A connection whose certificate lists no models.
    let remote = remote(&world, &served.url, "alice", RetryBudget::default());
    remote.models().unwrap();
    remote.require_model("digits", small, false).unwrap();
    drop(served);

    let listed = world.provider_identity("listed", &["--model", &format!("digits={small}")]);
    let served = serve(&address, &listed, "small", "slow");
    classify("digits", &["--require-manifest"]).succeeds();
    world.assert_exact("predictions.csv", &world.small);
    let words = ["does not list the model spare", &slow.to_string(), &format!("it lists digits={small}")];
    classify("spare", &[]).fails(1, &words);
    remote.models().unwrap();
    drop(served);

    // The provider exchanges its models, and no option of the client accepts that.
    let served = serve(&address, &listed, "slow", "small");
    classify("digits", &["--accept-new-model"])
        .fails(1, &["does not list the model digits", &slow.to_string()]);
    classify("digits", &[]).fails(1, &["does not list the model digits"]);
    drop(served);

    // A requirement holds for every later connection.
    let other = world.provider_identity("other", &["--model", &format!("digits={slow}")]);
    let served = serve(&address, &other, "small", "slow");
    let error = remote.models().unwrap_err();
    assert!(matches!(error, RemoteError::Manifest { .. }), "{error}");
    drop(served);

    for model in ["digits", "digits=00", &format!("a b={small}"), &format!("={small}")] {
        let provider =
            ["authority", "provider", "authority", "provider/request.pem", "--out", "new", "--model", model];
        world.sandbox.run(&provider).fails(2, &["--model"]);
    }
    let local = ["--insecure-local", "--require-manifest"];
    world.classify("http://127.0.0.1:1", "bob", &local).fails(2, &["--require-manifest"]);
}
