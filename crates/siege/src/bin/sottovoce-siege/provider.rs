//! The provider's process.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, anyhow, ensure};
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::world::World;

/// A provider's process at one address. It is killed when this value is dropped.
pub struct ProviderProcess<'a> {
    world: &'a World,
    address: SocketAddr,
    child: Mutex<Child>,
}

impl<'a> ProviderProcess<'a> {
    /// Starts a provider at any port of the loopback address.
    pub fn start(world: &'a World) -> Result<Self> {
        let (child, address) = spawn(world, "127.0.0.1:0")?;
        Ok(Self { world, address, child: Mutex::new(child) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Identity of the process.
    pub fn process(&self) -> u32 {
        self.child.lock().id()
    }

    /// Kills the process as a power cut would, and starts another one at the same address.
    pub fn kill_and_restart(&self, clock: &Clock) -> Result<()> {
        let from = clock.seconds();
        let mut child = self.child.lock();
        child.kill()?;
        child.wait()?;
        let (next, _) = spawn(self.world, &self.address.to_string())?;
        *child = next;
        clock.note_restart(from, clock.seconds());
        Ok(())
    }

    /// Sends SIGHUP, after which the provider reads its files again.
    pub fn reload(&self) -> Result<()> {
        let process = self.process().to_string();
        let status = Command::new("kill").args(["-HUP", &process]).status()?;
        ensure!(status.success(), "SIGHUP was not delivered to the provider");
        Ok(())
    }

    /// Returns why the process has ended, if it has.
    pub fn ended(&self) -> Result<Option<String>> {
        Ok(self.child.lock().try_wait()?.map(|status| status.to_string()))
    }

    /// Returns the log.
    pub fn log(&self) -> Result<String> {
        // A hostile client's bytes may be in it.
        Ok(String::from_utf8_lossy(&fs::read(self.world.log())?).into_owned())
    }
}

impl Drop for ProviderProcess<'_> {
    fn drop(&mut self) {
        let mut child = self.child.lock();
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Starts a provider, and waits until it prints its address.
fn spawn(world: &World, address: &str) -> Result<(Child, SocketAddr)> {
    let log = File::options().create(true).append(true).open(world.log())?;
    let mut command = world.serve(address);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?;
    let output = child.stdout.take().context("the provider has no standard output")?;
    let mut lines = BufReader::new(output).lines();
    let address = loop {
        let line = match lines.next() {
            Some(line) => line?,
            None => {
                let log = fs::read_to_string(world.log())?;
                return Err(anyhow!("the provider does not start: {log}"));
            }
        };
        if let Some((_, address)) = line.split_once("https://") {
            break address.parse().with_context(|| line.clone())?;
        }
    };
    // Further output is read, so that the provider does not wait.
    std::thread::spawn(move || lines.for_each(drop));
    Ok((child, address))
}
