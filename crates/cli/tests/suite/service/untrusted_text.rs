//! Text that the other side wrote cannot act on a terminal or a log.

use sottovoce_bfv::parameters::PrimeSizes;
use sottovoce_bfv::{Encryption, Parameters};
use sottovoce_network::untrusted_text::is_invisible;
use sottovoce_protocol::provider::Provider;
use sottovoce_service::server::{AccessPolicy, Limits, Server, StateFolder};

use super::world::{LOCAL, World};

/// A provider in this process whose models have names that `serve` refuses.
fn hostile_provider(world: &World, names: &[&str]) -> (tokio::runtime::Runtime, String) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let parameters =
        Parameters::new(4096, &[65_537], &PrimeSizes::new(&[30, 30]), Encryption::SecretKey).unwrap();
    let provider = Provider::new(&parameters, vec![world.small.clone(); names.len()], 1).unwrap();
    let names = names.iter().map(|&name| name.to_owned()).collect();
    let keys = StateFolder::open(&world.sandbox.path("hostile")).unwrap();
    let server =
        Server::new(provider, names, AccessPolicy::InsecureLocal, Limits::default(), &keys, || None).unwrap();
    let listener = runtime.block_on(server.bind("127.0.0.1:0".parse().unwrap())).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(server.serve(listener, std::future::pending()));
    (runtime, url)
}

#[test]
fn names_of_models_reach_the_terminal_without_control_characters() {
    let world = World::new();
    let names = ["digits\u{1b}]0;title\u{7}\u{1b}[2J", "safe\u{202e}stigid", "two\nlines\r", "ok"];
    let (_runtime, url) = hostile_provider(&world, &names);
    for (arguments, words) in [
        (&LOCAL[..], "several models"),
        (&["--insecure-local", "--model", "none\u{1b}[1m"], r"has no model none\u{1b}[1m"),
    ] {
        let run = world
            .classify(&url, "client", arguments)
            .fails(1, &[words, r"digits\u{1b}]0;title\u{7}", r"safe\u{202e}", r"two\u{a}lines\u{d}, ok"]);
        assert!(!run.stderr.chars().any(|one| one != '\n' && is_invisible(one)), "{:?}", run.stderr);
    }
}

#[test]
fn a_provider_does_not_serve_a_model_whose_name_cannot_be_shown() {
    let world = World::new();
    let serve = |model: &str| {
        world.sandbox.run(&["serve", "--insecure-local", "--range", "proven", "--models", model])
    };
    let run = serve("a\u{1b}[2Jb\nc=small")
        .fails(1, &[r"the name a\u{1b}[2Jb\u{a}c has control characters", "--models NAME=small"]);
    assert!(!run.stderr.contains('\u{1b}'), "{:?}", run.stderr);
    serve(&format!("{}=small", "x".repeat(501))).fails(1, &["more than 500 characters"]);
}
