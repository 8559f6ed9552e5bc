//! The run: honest clients all the time, hostile ones in the periods of siege.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, anyhow, ensure};
use parking_lot::Mutex;
use sottovoce_siege::AttackKind;

use crate::clock::Clock;
use crate::honest::{self, Findings, HonestBatches, HonestClient};
use crate::hostile::{self, Outcome, Plan};
use crate::provider::ProviderProcess;
use crate::record::{Record, Siege};
use crate::samples::{Sample, Usage};
use crate::schedule::{Period, Phase, Schedule};
use crate::world::{World, write_json};

const HONEST_CLIENTS: usize = 8;

/// Client that is revoked before the siege.
const REVOKED_CLIENT: &str = "revoked";

/// Interval between samples.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(2);

/// Time after the last siege until the provider must have forgotten it: longer than idle threads live.
const SETTLE_TIME: Duration = Duration::from_secs(15);

/// Time that the hostile process has to end by itself.
const END_TIMEOUT: Duration = Duration::from_secs(20);

/// Runs a schedule.
pub fn run(program: &Path, schedule: &Schedule, keep: bool) -> Result<Record> {
    let world = World::create(program)?;
    let record = run_in(&world, schedule);
    if keep || record.is_err() {
        say(&format!("the folder is kept: {}", world.keep().display()));
    }
    record
}

fn run_in(world: &World, schedule: &Schedule) -> Result<Record> {
    let provider = ProviderProcess::start(world)?;
    let url = provider.url();
    say(&format!("the provider is at {url}"));
    for number in 0..HONEST_CLIENTS {
        world.enrol(&honest::name(number), &url)?;
    }
    for number in 0..hostile::CLIENTS {
        world.enrol(&hostile_name(number), &url)?;
    }
    for number in 0..schedule.sieges() {
        world.enrol(&revoked_in_siege(number), &url)?;
    }
    world.enrol(REVOKED_CLIENT, &url)?;
    world.revoke(REVOKED_CLIENT)?;
    let clients: Vec<HonestClient> = (0..HONEST_CLIENTS)
        .map(|number| HonestClient::open(world, &provider, number))
        .collect::<Result<_>>()?;
    let batches = HonestBatches::new(&clients);
    let (clock, findings, samples) = (Clock::new(), Mutex::default(), Mutex::new(Vec::new()));
    let mut sieges = Vec::new();
    let (clock, findings, batches, provider, samples) = (&clock, &findings, &batches, &provider, &samples);
    std::thread::scope(|scope| -> Result<()> {
        let workers: Vec<_> = clients
            .iter()
            .map(|client| scope.spawn(move || client.work(world, clock, batches, findings)))
            .collect();
        scope.spawn(move || take_samples(world, provider, clock, samples));
        let result = run_periods(world, schedule, provider, batches, clock, &mut sieges);
        clock.stop();
        for worker in workers {
            worker.join().map_err(|_| anyhow!("an honest client panicked"))??;
        }
        result
    })?;
    let ended = provider.ended()?;
    let Findings { classifications, probes } = std::mem::take(&mut *findings.lock());
    let samples = std::mem::take(&mut *samples.lock());
    Ok(Record::new(schedule, classifications, probes, samples, sieges, &provider.log()?, ended))
}

fn run_periods(
    world: &World,
    schedule: &Schedule,
    provider: &ProviderProcess<'_>,
    batches: &HonestBatches,
    clock: &Clock,
    sieges: &mut Vec<Siege>,
) -> Result<()> {
    for (index, period) in schedule.periods.iter().enumerate() {
        say(&format!("period {} of {}: {:?}", index + 1, schedule.periods.len(), period.phase));
        clock.enter(index, period.phase);
        match period.phase {
            Phase::Quiet => clock.sleep(period.duration),
            Phase::Siege => sieges.push(besiege(
                world,
                period,
                &schedule.attacks,
                sieges.len(),
                provider,
                batches,
                clock,
            )?),
        }
    }
    clock.leave();
    clock.sleep(SETTLE_TIME);
    Ok(())
}

/// Runs all attacks for a period.
fn besiege(
    world: &World,
    period: &Period,
    attacks: &[AttackKind],
    number: usize,
    provider: &ProviderProcess<'_>,
    batches: &HonestBatches,
    clock: &Clock,
) -> Result<Siege> {
    let client_to_revoke = revoked_in_siege(number);
    let plan = Plan {
        provider: provider.address(),
        seconds: period.duration.as_secs_f64(),
        kinds: attacks.to_vec(),
        attackers: (0..hostile::CLIENTS).map(|number| world.path(&hostile_name(number))).collect(),
        revoked_client: world.path(REVOKED_CLIENT),
        client_to_revoke: world.path(&client_to_revoke),
        others: batches
            .all()
            .into_iter()
            .map(|(keys, batch)| (keys.to_string(), batch.map(|batch| batch.to_string())))
            .collect(),
        seed: number as u64 + 1,
        out: world.path(&format!("hostile-{number}.json")),
    };
    let file = world.path(&format!("plan-{number}.json"));
    write_json(&file, &plan)?;
    let mut child =
        Command::new(std::env::current_exe()?).arg("--attack").arg(&file).stdin(Stdio::null()).spawn()?;
    let start = Instant::now();
    let wait_until = |time: Duration| clock.sleep(time.saturating_sub(start.elapsed()));
    wait_until(period.duration / 4);
    provider.reload()?;
    wait_until(period.duration * 2 / 5);
    world.revoke(&client_to_revoke)?;
    let revoked = SystemTime::now();
    if let Some(after) = period.kill_after {
        wait_until(after);
        provider.kill_and_restart(clock)?;
    }
    let end = start + period.duration + END_TIMEOUT;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > end {
            child.kill()?;
            break child.wait()?;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    ensure!(status.success(), "the hostile process failed: {status}");
    let outcome: Outcome = serde_json::from_slice(&std::fs::read(&plan.out)?)?;
    Ok(Siege::new(outcome, revoked))
}

fn take_samples(world: &World, provider: &ProviderProcess<'_>, clock: &Clock, samples: &Mutex<Vec<Sample>>) {
    while !clock.is_over() {
        let running = clock.current();
        if let Some(usage) = Usage::of(provider.process(), &world.state(), &world.log()) {
            samples.lock().push(Sample {
                seconds: clock.seconds(),
                period: running.map(|running| running.index),
                phase: running.map(|running| running.phase),
                seconds_in_period: running.map_or(0.0, |running| running.since.elapsed().as_secs_f64()),
                usage,
            });
        }
        clock.sleep(SAMPLE_INTERVAL);
    }
}

fn hostile_name(number: usize) -> String {
    format!("hostile-{number}")
}

fn revoked_in_siege(number: usize) -> String {
    format!("to-revoke-{number}")
}

#[expect(clippy::print_stderr, reason = "the program's progress")]
fn say(text: &str) {
    eprintln!("{text}");
}
