//! `bench`: measurements of speed and noise.

mod engine;
mod latency;
mod local_service;
mod noise;
mod service;
mod service_record;

use std::process::ExitCode;

use anyhow::Result;

use crate::args::experiments::bench::BenchCommand;
use crate::args::experiments::data_options::{SharedOptions, WithData};
use crate::args::global::GlobalOptions;

pub fn run(command: &BenchCommand, global: &GlobalOptions) -> Result<ExitCode> {
    match command {
        BenchCommand::Engine(options) => engine::run(options, global),
        BenchCommand::Latency(WithData { options, data }) => {
            latency::run(options, &SharedOptions::new(data, global))
        }
        BenchCommand::Noise(options) => noise::run(options, global),
        BenchCommand::Service(WithData { options, data }) => {
            service::run(options, &SharedOptions::new(data, global))
        }
    }
}
