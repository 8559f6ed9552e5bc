//! Besieges a provider on this machine, and measures its honest clients.
//!
//! Eight honest clients classify images and compare every logit with plain integers, in quiet periods and in periods of siege by
//! turns. During a siege, a second process of this program runs all attacks of [`sottovoce_siege`] with valid certificates. The
//! provider is killed and restarted, re-reads its files, and clients are revoked. `docs/siege.md` describes the record.
//!
//! | module | holds |
//! | --- | --- |
//! | `schedule` | periods, and what happens in them |
//! | `world` | a folder with a model, an authority and its clients |
//! | `provider` | the provider's process |
//! | `samples` | memory, descriptors, threads and disk of a process |
//! | `clock` | the period that is running, restarts, and the end |
//! | `honest`, `hostile` | both kinds of clients |
//! | `record` | the results, and the invariants that must hold |
//! | `table` | the results as text |
//! | `siege` | the run |

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod clock;
mod honest;
mod hostile;
mod provider;
mod record;
mod samples;
mod schedule;
mod siege;
mod table;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Parser;
use sottovoce_siege::AttackKind;

use schedule::Schedule;

/// Besieges a provider on this machine for a limited time, and reports its honest clients' latency, wrong and lost answers, and the
/// provider's memory, descriptors, threads and disk.
#[derive(Debug, Parser)]
struct Options {
    /// Duration of the periods together. Start and end take another minute.
    #[arg(long, value_name = "MINUTES", default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..=120))]
    minutes: u32,

    /// Short periods, two and a half minutes in all.
    #[arg(long, conflicts_with = "minutes")]
    quick: bool,

    /// The program `sottovoce` [default: beside this program].
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,

    /// File for the record in JSON.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Only these attacks, to find the one behind a figure.
    #[arg(long, value_name = "ATTACK", num_args = 1.., value_parser = parse_attack)]
    only: Vec<AttackKind>,

    /// Keep the folder with the provider's log.
    #[arg(long)]
    keep: bool,

    /// Attack as a plan says: used by this program for its second process.
    #[arg(long, value_name = "PLAN", hide = true)]
    attack: Option<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    if let Some(plan) = &options.attack {
        hostile::attack(plan)?;
        return Ok(ExitCode::SUCCESS);
    }
    let program = match options.program {
        Some(program) => program,
        None => std::env::current_exe()?.with_file_name("sottovoce"),
    };
    ensure!(
        program.exists(),
        "there is no program {}; build it, or name it with --program",
        program.display()
    );
    let schedule = match options.quick {
        true => Schedule::quick(),
        false => Schedule::new(Duration::from_secs(60 * u64::from(options.minutes))),
    };
    let attacks = if options.only.is_empty() { AttackKind::ALL.to_vec() } else { options.only };
    let schedule = Schedule { attacks, ..schedule };
    let record = siege::run(&program.canonicalize()?, &schedule, options.keep)?;
    if let Some(out) = &options.out {
        std::fs::write(out, serde_json::to_vec_pretty(&record)?)?;
    }
    print(&table::text(&record));
    Ok(if record.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn parse_attack(name: &str) -> Result<AttackKind, String> {
    let names = || AttackKind::ALL.map(AttackKind::name).join(", ");
    AttackKind::ALL
        .into_iter()
        .find(|kind| kind.name() == name)
        .ok_or_else(|| format!("there is no attack of this name; the attacks are: {}", names()))
}

#[expect(clippy::print_stdout, reason = "the result of the program")]
fn print(text: &str) {
    println!("{text}");
}
