//! `bench service`: the service on loopback against client and provider in one process.

mod local;
mod record;

use std::process::ExitCode;
use std::sync::Barrier;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use sottovoce_dataset::LabelledImages;
use sottovoce_evaluate::{Evaluator, Oracle, RangedEnsemble, Session, predict_images};
use sottovoce_network::IntegerEnsemble;
use sottovoce_report::paper::message_bytes;

use super::classify::batches::{Classified, Encrypted, Steps, classify};
use super::{EXIT_MISMATCH, serve, weights};
use crate::args::{BenchServiceOptions, Common};
use crate::machine::{Machine, Source};
use crate::output::{self, to_value};
use crate::progress::StageProgress;
use crate::run_folder;
use crate::stages::{self, need};
use local::{LocalClient, LocalService};
use record::{Record, median, table};

pub fn run(options: &BenchServiceOptions, common: &Common) -> Result<ExitCode> {
    if let Some(out) = &options.out {
        run_folder::check_replaceable(out, options.replace)?;
    }
    let exported = weights::read(&options.weights)?;
    let need = need(&exported);
    let policy = options.policy.policy(need.observed_logit.is_some())?;
    let choice = policy.choose(&[need], serve::IMAGES, &[Evaluator::default()])?;
    let images = batch(options, common, choice.parameters.degree(), need.ensemble)?;
    let oracle = Oracle::new(need.ensemble, &images, &())?;
    let service = LocalService::start(options)?;
    let clients = (0..options.clients.max(1)).map(|number| service.client(number));
    let clients = clients.collect::<Result<Vec<LocalClient>>>()?;
    ensure!(
        clients[0].client.parameters().ciphertext_primes() == choice.parameters.ciphertext_primes(),
        "the service has chosen other parameters"
    );

    let session = Session::with_parameters(choice, policy.range, &[need], Evaluator::default())?;
    let mut found = Found { mismatches: 0, in_process: Vec::new(), service: Vec::new() };
    for _ in 0..options.repetitions {
        found.repeat(need, &session, &clients[0], &images, &oracle)?;
    }
    let alone = service.peak_memory();
    let (together, seconds, mismatches) = together(&clients, &images, &oracle)?;
    found.mismatches += mismatches;
    let (in_process, on_loopback) = (median(&found.in_process), median(&found.service));
    let record = Record {
        images: images.len(),
        members: need.ensemble.members().len(),
        threads: rayon::current_num_threads(),
        encryption: session.parameters().encryption(),
        hides_model: policy.hide_model,
        ciphertext_modulus_bits: session.parameters().ciphertext_modulus_bits(),
        in_process_seconds: in_process,
        in_process_seconds_all: found.in_process,
        service_seconds: on_loopback,
        service_seconds_all: found.service.clone(),
        ratio: on_loopback / in_process,
        steps: clients[0].last_steps(),
        clients: clients.len(),
        clients_seconds: seconds,
        clients_steps: together,
        provider_peak_bytes_one: alone,
        provider_peak_bytes_all: service.peak_memory(),
        registration_bytes: clients[0].client.registration().len(),
        mismatches: found.mismatches,
        machine: to_value(&Machine::here()),
        source: to_value(&Source::here()),
    };
    if let Some(out) = &options.out {
        run_folder::write_json(out, &to_value(&record))?;
    }
    if common.json {
        output::json(&to_value(&record));
    } else {
        let shapes = need.ensemble.architecture();
        output::result(&table(&record, message_bytes(shapes.pixels(), shapes.classes)).to_text());
    }
    Ok(ExitCode::from(if record.mismatches == 0 { 0 } else { EXIT_MISMATCH }))
}

/// The first test images, as many as a batch holds.
fn batch(
    options: &BenchServiceOptions,
    common: &Common,
    slots: usize,
    ensemble: &IntegerEnsemble,
) -> Result<LabelledImages> {
    let data = stages::open(&options.data, 1, slots, common)?;
    let (found, side) = (data.test.side(), ensemble.architecture().image_side);
    ensure!(
        found == side,
        "{} has images of {found} x {found} pixels, but the networks read {side} x {side}",
        data.name
    );
    Ok(data.test)
}

/// Seconds of every repetition.
struct Found {
    mismatches: u64,
    in_process: Vec<f64>,
    service: Vec<f64>,
}

impl Found {
    /// One batch in this process, then the same over the service.
    fn repeat(
        &mut self,
        need: RangedEnsemble<'_>,
        session: &Session,
        client: &LocalClient,
        images: &LabelledImages,
        oracle: &Oracle,
    ) -> Result<()> {
        let progress = StageProgress::new("in process".to_owned());
        let (_, summary) = predict_images(need, session, images, &progress)?;
        self.mismatches += summary.mismatches;
        self.in_process.push(
            summary.encrypt_seconds
                + summary.transfer_seconds
                + summary.evaluate_seconds
                + summary.decrypt_seconds,
        );
        let classified = classify(&client.client, &client.remote, &client.model, &pixels(images))?;
        self.mismatches += oracle.ensemble_mismatches(&classified.logits);
        self.service.push(classified.steps.seconds());
        client.remember(classified.steps);
        Ok(())
    }
}

fn pixels(images: &LabelledImages) -> Vec<u8> {
    images.iter().flatten().copied().collect()
}

/// All clients send a batch at the same time, which each has encrypted before; each one's steps, and the seconds until the
/// last one is answered.
fn together(
    clients: &[LocalClient],
    images: &LabelledImages,
    oracle: &Oracle,
) -> Result<(Vec<Steps>, f64, u64)> {
    let pixels = pixels(images);
    let ready: Vec<Encrypted> = clients
        .iter()
        .map(|client| Encrypted::new(&client.client, &client.model, &pixels, "encrypting for all clients"))
        .collect::<Result<_>>()?;
    let barrier = Barrier::new(clients.len());
    let start = Instant::now();
    let finished: Vec<Result<Classified>> = std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for (client, encrypted) in clients.iter().zip(ready) {
            let (barrier, client, remote) = (&barrier, &client.client, &client.remote);
            threads.push(scope.spawn(move || {
                barrier.wait();
                let mut classified = Classified::default();
                let answer = encrypted.answered(client, remote, &mut classified.steps)?;
                answer.decrypted(client, &mut classified)?;
                Ok(classified)
            }));
        }
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a client panicked"))))
            .collect()
    });
    let seconds = start.elapsed().as_secs_f64();
    let finished = finished.into_iter().collect::<Result<Vec<_>>>().context("a client was not answered")?;
    let mismatches = finished.iter().map(|classified| oracle.ensemble_mismatches(&classified.logits)).sum();
    Ok((finished.iter().map(|classified| classified.steps).collect(), seconds, mismatches))
}
