//! A folder with models and images, and providers that run in it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sottovoce_network::disk::{Origin, write_ensemble};
use sottovoce_network::{Architecture, IntegerEnsemble, NetworkSampler, Padding, predict, sum_logits};

use sottovoce_protocol::client::Client;
use sottovoce_service::authority::ReceivedProviderRequest;
use sottovoce_service::remote::{RemoteProvider, RetryBudget};
use sottovoce_service::tls::load_client_tls;
use sottovoce_siege::{Attacker, Target, read_model};

use crate::suite::authority::request_key;
use crate::suite::sandbox::{Run, Sandbox, rows};

const SIDE: usize = 8;

/// A small network: an evaluation takes a tenth of a second.
const SMALL: Architecture = Architecture {
    image_side: SIDE,
    kernel: 3,
    stride: 2,
    padding: Padding { leading: 1, trailing: 0 },
    maps: 2,
    hidden: 8,
    classes: 4,
};

fn ensemble(shape: Architecture, members: usize, seed: u64) -> IntegerEnsemble {
    NetworkSampler::new(shape, seed).with_largest_weights([2; 3]).ensemble(members).unwrap()
}

/// The model `slow` with fewer members, which fits the same parameters.
pub fn slow_with_members(members: usize) -> IntegerEnsemble {
    ensemble(Architecture { maps: 8, hidden: 60, ..SMALL }, members, 2)
}

/// The model `small` with larger weights, which needs other parameters.
pub fn larger() -> IntegerEnsemble {
    NetworkSampler::new(SMALL, 1).with_largest_weights([100; 3]).ensemble(1).unwrap()
}

/// A model that is evaluated for minutes on one thread, so that whatever else happens is over before.
pub fn endless() -> IntegerEnsemble {
    slow_with_members(200)
}

/// A folder with the models `small` and `slow` and the images `images.idx`.
pub struct World {
    pub sandbox: Sandbox,
    pub small: IntegerEnsemble,
    pub slow: IntegerEnsemble,
    pub images: Vec<u8>,
}

pub const IMAGES: usize = 50;

impl World {
    pub fn new() -> Self {
        let sandbox = Sandbox::new();
        let small = ensemble(SMALL, 1, 1);
        // Slow enough to kill the provider during an evaluation.
        let slow = slow_with_members(6);
        let origin = Origin::default();
        write_ensemble(&sandbox.path("small"), &small, &origin).unwrap();
        write_ensemble(&sandbox.path("slow"), &slow, &origin).unwrap();
        let mut rng = StdRng::seed_from_u64(3);
        let images: Vec<u8> = (0..IMAGES * SIDE * SIDE).map(|_| rng.random()).collect();
        let mut idx = vec![0, 0, 8, 3];
        for dimension in [IMAGES, SIDE, SIDE] {
            idx.extend((dimension as u32).to_be_bytes());
        }
        idx.extend(&images);
        fs::write(sandbox.path("images.idx"), idx).unwrap();
        Self { sandbox, small, slow, images }
    }

    /// Adds a model.
    pub fn add_model(&self, name: &str, model: &IntegerEnsemble) {
        write_ensemble(&self.sandbox.path(name), model, &Origin::default()).unwrap();
    }

    /// The oracle's logits of the images.
    pub fn oracle(&self, model: &IntegerEnsemble) -> Vec<Vec<i128>> {
        let logits = |image: &[u8]| {
            sum_logits(&model.member_logits(&model.pixel_levels().quantise_all(image)).unwrap())
        };
        self.images.chunks(SIDE * SIDE).map(logits).collect()
    }

    /// The quantised images.
    pub fn quantised(&self, model: &IntegerEnsemble) -> Vec<u8> {
        model.pixel_levels().quantise_all(&self.images)
    }

    /// Asserts that every logit of every image in a file of predictions equals the oracle's.
    #[track_caller]
    pub fn assert_exact(&self, file: &str, model: &IntegerEnsemble) {
        let found = rows(&self.sandbox.path(file));
        let expected = self.oracle(model);
        assert_eq!(found.len(), expected.len());
        for (row, logits) in found.iter().zip(&expected) {
            let class = |class: usize| row[&format!("logit-{class}")].parse::<i128>().unwrap();
            assert_eq!(&(0..logits.len()).map(class).collect::<Vec<_>>(), logits, "{}", row["image"]);
            assert_eq!(row["prediction"], predict(logits).to_string());
        }
    }

    /// Creates an authority and a provider's certificate.
    pub fn authority(&self) {
        self.sandbox.run(&["authority", "create", "authority", "--no-passphrase"]).succeeds();
        self.provider_identity("provider", &[]);
    }

    /// Makes a provider's key and certificate in a folder, and returns its name. The certificate replaces no other provider's.
    pub fn provider_identity(&self, folder: &str, arguments: &[&str]) -> String {
        let request = ["provider-request", "--host", "127.0.0.1", "--out", folder, "--json"];
        let key = self.field(&request, "key");
        let request = format!("{folder}/request.pem");
        let provider = ["authority", "provider", "authority", &request, "--out", folder, "--other-keys"];
        self.sandbox.run(&[&provider[..], &["--key", &key], arguments].concat()).succeeds();
        folder.to_owned()
    }

    /// Issues another certificate of the provider in a folder for its request, with the authority's present root.
    pub fn provider_identity_again(&self, folder: &str) {
        let request = self.sandbox.path(&format!("{folder}/request.pem"));
        let key = ReceivedProviderRequest::read(&request).unwrap().key().to_string();
        let request = format!("{folder}/request.pem");
        let provider = ["authority", "provider", "authority", &request, "--out", folder, "--key", &key];
        self.sandbox.run(&provider).succeeds();
    }

    /// Runs a command, and returns a field of the JSON that it prints.
    fn field(&self, arguments: &[&str], name: &str) -> String {
        let run = self.sandbox.run(arguments).succeeds();
        let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        json[name].as_str().unwrap().to_owned()
    }

    /// Enrols a client and issues its certificate. Returns the fingerprint of its keys.
    pub fn enrol(&self, name: &str, url: &str) -> String {
        let client = ["--client", name, "--authority", "provider/root.pem"];
        let keys = self
            .field(&[&["enrol", "--json", "--name", name, "--provider", url], &client[..]].concat(), "keys");
        self.issue(name, "authority", &format!("{name}/certificate.pem"), &[]);
        keys
    }

    /// Issues a certificate of an authority for the request of a client.
    pub fn issue(&self, name: &str, authority: &str, out: &str, arguments: &[&str]) {
        let request = format!("{name}/request.pem");
        let key = request_key(&self.sandbox, &request);
        let issue = ["authority", "issue", authority, &request, "--out", out, "--key", &key];
        self.sandbox.run(&[&issue[..], arguments].concat()).succeeds();
    }

    /// Classifies the images, and replaces earlier predictions.
    pub fn classify(&self, url: &str, client: &str, arguments: &[&str]) -> Run {
        let common = ["classify", "images.idx", "--replace", "--provider", url, "--client", client];
        self.sandbox.run(&[&common[..], arguments].concat())
    }
}

/// A client of this test, with the files of the enrolled client `name`.
pub fn remote(world: &World, url: &str, name: &str, retry_budget: RetryBudget) -> RemoteProvider {
    let file = |file: &str| world.sandbox.path(&format!("{name}/{file}"));
    let tls = load_client_tls(&file("root.pem"), Some((&file("certificate.pem"), &file("key.pem")))).unwrap();
    RemoteProvider::new(url.parse().unwrap(), Some(tls), retry_budget).unwrap()
}

/// A hostile client with the files of the enrolled client `name`.
pub fn attacker(world: &World, served: &Served, name: &str) -> Attacker {
    let file = |file: &str| world.sandbox.path(&format!("{name}/{file}"));
    let remote = remote(world, &served.url, name, RetryBudget::default());
    let client = Client::load(&file("keys"), 1 << 30).unwrap();
    let model = read_model(&client, &remote, None).unwrap();
    let tls = |own| load_client_tls(&file("root.pem"), own).unwrap();
    let (certificate, key) = (file("certificate.pem"), file("key.pem"));
    let target =
        Target::new(served.address().parse().unwrap(), Some(tls(Some((&certificate, &key))))).unwrap();
    let anonymous = Some(target.with_tls(tls(None)));
    Attacker { anonymous, ..Attacker::new(target, &client, &model).unwrap() }
}

/// The response to a request over HTTP/1.1.
pub fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

pub const LOCAL: [&str; 1] = ["--insecure-local"];
pub const SECURE: [&str; 4] = ["--identity", "provider", "--revoked", "authority/revoked.pem"];

/// A provider's process, which is killed when this value is dropped.
pub struct Served {
    child: Child,
    pub url: String,
    pub metrics: Option<String>,
    log: PathBuf,
}

impl Served {
    /// Starts a provider on any port.
    pub fn start(world: &World, models: &[&str], arguments: &[&str]) -> Self {
        Self::start_at(world, "127.0.0.1:0", models, arguments)
    }

    pub fn start_at(world: &World, address: &str, models: &[&str], arguments: &[&str]) -> Self {
        let serve = ["serve", "--listen", address, "--range", "proven", "--models"];
        let command = world.sandbox.command(&[&serve[..], models, arguments].concat());
        Self::spawn(world, command)
    }

    /// Runs a command that starts a provider, and waits until it prints its address.
    pub fn spawn(world: &World, command: Command) -> Self {
        Self::spawn_then(world, command, |_| ())
    }

    /// Runs a command that starts a provider, and `then` with its process number while it starts.
    pub fn spawn_then(world: &World, mut command: Command, then: impl FnOnce(u32)) -> Self {
        let log = world.sandbox.path("serve.log");
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(file).stdin(Stdio::null()).spawn().unwrap();
        then(child.id());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = || lines.next().map(Result::unwrap);
        let said = |log: &Path| fs::read_to_string(log).unwrap();
        let first = next().unwrap_or_else(|| panic!("no service: {}", said(&log)));
        let url = first.split_once(" on ").unwrap_or_else(|| panic!("{first}")).1.to_owned();
        let wants_metrics = command.get_args().any(|argument| argument == "--metrics");
        let metrics = wants_metrics.then(|| next().unwrap().split_once("http://").unwrap().1.to_owned());
        // Further output is read, so that the provider does not block.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url, metrics, log }
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The address as `ADDRESS:PORT`.
    pub fn address(&self) -> String {
        self.url.split_once("://").unwrap().1.to_owned()
    }

    /// The names of the provider's threads.
    #[cfg(target_os = "linux")]
    pub fn threads(&self) -> Vec<String> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        // A thread may end before its name is read.
        let name =
            |task: std::io::Result<fs::DirEntry>| fs::read_to_string(task.ok()?.path().join("comm")).ok();
        tasks.filter_map(name).map(|name| name.trim().to_owned()).collect()
    }

    /// The value of a metric, if the provider counts it. The name includes the labels.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let text = get(self.metrics.as_ref().unwrap(), "/metrics");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        Some(line.trim().parse().unwrap())
    }

    /// Kills the provider, as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Makes the provider read its files again.
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, signal: &str) {
        send_signal(self.child.id(), signal);
    }

    /// Waits until the log contains a text.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) {
        self.wait_for_logs(text, 1);
    }

    /// Waits until the log contains a text so many times.
    #[track_caller]
    pub fn wait_for_logs(&self, text: &str, times: usize) {
        let start = Instant::now();
        while self.log().matches(text).count() < times {
            assert!(start.elapsed() < Duration::from_secs(60), "{text:?} is not in: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The exit code, after the provider ended by itself.
    pub fn ended(&mut self) -> Option<i32> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(60) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not end: {}", self.log());
    }

    /// Waits until `is_so`.
    pub fn wait_until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !is_so(self) {
            assert!(start.elapsed() < Duration::from_secs(60), "never: {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process.
pub fn send_signal(process: u32, signal: &str) {
    assert!(Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success());
}
