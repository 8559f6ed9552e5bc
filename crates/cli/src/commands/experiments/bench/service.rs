//! `bench service`: the speed of the service on loopback, relative to client and provider in one process.

use std::process::ExitCode;
use std::sync::Barrier;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use sottovoce_dataset::LabelledImages;
use sottovoce_evaluate::{Evaluator, Oracle, RangedEnsemble, Session, predict_images};
use sottovoce_network::IntegerEnsemble;
use sottovoce_report::paper::message_bytes;

use super::local_service::{LocalClient, LocalService};
use super::service_record::{ServiceRecord, median, table};
use crate::args::experiments::bench::BenchServiceOptions;
use crate::args::experiments::data_options::SharedOptions;
use crate::commands::classify::batches::{Classified, EncryptedBatch, Steps, classify};
use crate::commands::classify::known_images::KnownImages;
use crate::commands::experiments::exactness::EXIT_MISMATCH;
use crate::commands::exported_networks;
use crate::commands::serve::served_parameters::PLANNED_IMAGES;
use crate::files;
use crate::json_files::write_json;
use crate::machine::{Machine, Source};
use crate::output::{self, to_value};
use crate::progress::StageProgress;
use crate::stages::data;

pub fn run(options: &BenchServiceOptions, shared: &SharedOptions<'_>) -> Result<ExitCode> {
    if let Some(out) = &options.out {
        files::check_replaceable(out, options.replace)?;
    }
    let exported = exported_networks::read(&options.weights)?;
    let ranged = RangedEnsemble::from(&exported);
    let policy = options.policy.policy(ranged.observed_logit.is_some())?;
    let choice = policy.choose(&[ranged], PLANNED_IMAGES, &[Evaluator::default()])?;
    let images = batch(options, shared, choice.parameters.degree(), ranged.ensemble)?;
    let oracle = Oracle::new(ranged.ensemble, &images, &())?;
    let service = LocalService::start(options)?;
    let clients = (0..options.clients.max(1)).map(|number| service.client(number));
    let clients = clients.collect::<Result<Vec<LocalClient>>>()?;
    let first = clients.first().context("there are no clients")?;
    ensure!(
        first.client.parameters().ciphertext_primes() == choice.parameters.ciphertext_primes(),
        "the service chose other parameters"
    );

    let session = Session::with_parameters(choice, policy.range, &[ranged], Evaluator::default())?;
    let mut repetitions = Repetitions { mismatches: 0, in_process: Vec::new(), service: Vec::new() };
    for _ in 0..options.repetitions {
        repetitions.repeat(ranged, &session, first, &images, &oracle)?;
    }
    let peak_of_one = service.peak_memory();
    let (clients_steps, seconds, mismatches) = classify_at_once(&clients, &images, &oracle)?;
    repetitions.mismatches += mismatches;
    let (in_process, on_loopback) = (median(&repetitions.in_process), median(&repetitions.service));
    let record = ServiceRecord {
        images: images.len(),
        members: ranged.ensemble.members().len(),
        threads: rayon::current_num_threads(),
        encryption: session.parameters().encryption(),
        hides_model: policy.hide_model,
        ciphertext_modulus_bits: session.parameters().ciphertext_modulus_bits(),
        in_process_seconds: in_process,
        in_process_seconds_all: repetitions.in_process,
        service_seconds: on_loopback,
        service_seconds_all: repetitions.service.clone(),
        ratio: on_loopback / in_process,
        steps: first.last_steps(),
        clients: clients.len(),
        clients_seconds: seconds,
        clients_steps,
        provider_peak_bytes_one: peak_of_one,
        provider_peak_bytes_all: service.peak_memory(),
        registration_bytes: first.client.registration_message().len(),
        mismatches: repetitions.mismatches,
        machine: to_value(&Machine::here()),
        source: to_value(&Source::here()),
    };
    if let Some(out) = &options.out {
        write_json(out, &to_value(&record))?;
    }
    if shared.json {
        output::json(&to_value(&record));
    } else {
        let shapes = ranged.ensemble.architecture();
        output::result(&table(&record, message_bytes(shapes.pixels(), shapes.classes)).to_text());
    }
    Ok(ExitCode::from(if record.mismatches == 0 { 0 } else { EXIT_MISMATCH }))
}

/// The first batch of test images.
fn batch(
    options: &BenchServiceOptions,
    shared: &SharedOptions<'_>,
    slots: usize,
    ensemble: &IntegerEnsemble,
) -> Result<LabelledImages> {
    let data = data::open(&options.data, 1, slots, shared)?;
    let side = ensemble.architecture().image_side;
    ensure!(
        data.test.side() == side,
        "the data set {} has images of {data_side} x {data_side} pixels, but the networks read {side} x {side}",
        data.name,
        data_side = data.test.side(),
    );
    Ok(data.test)
}

/// The measurements of all repetitions.
struct Repetitions {
    mismatches: u64,
    /// Seconds of every repetition in one process.
    in_process: Vec<f64>,
    /// Seconds of every repetition over the service.
    service: Vec<f64>,
}

impl Repetitions {
    /// Classifies one batch in this process, then the same batch over the service.
    fn repeat(
        &mut self,
        ranged: RangedEnsemble<'_>,
        session: &Session,
        client: &LocalClient,
        images: &LabelledImages,
        oracle: &Oracle,
    ) -> Result<()> {
        let progress = StageProgress::new("in process".to_owned());
        let (_, summary) = predict_images(ranged, session, images, &progress)?;
        self.mismatches += summary.mismatches;
        self.in_process.push(
            summary.encrypt_seconds
                + summary.transfer_seconds
                + summary.evaluate_seconds
                + summary.decrypt_seconds,
        );
        let classified = classify(
            &client.client,
            &client.remote,
            &client.model,
            &pixels(images),
            &KnownImages::default(),
        )?;
        self.mismatches += oracle.ensemble_mismatches(&classified.logits);
        self.service.push(classified.steps.seconds());
        client.set_last_steps(classified.steps);
        Ok(())
    }
}

fn pixels(images: &LabelledImages) -> Vec<u8> {
    images.iter().flatten().copied().collect()
}

/// Lets all clients send a batch at the same time; the batches are encrypted before. Returns the steps of each client, the
/// seconds until the last answer, and the mismatches of all answers.
fn classify_at_once(
    clients: &[LocalClient],
    images: &LabelledImages,
    oracle: &Oracle,
) -> Result<(Vec<Steps>, f64, u64)> {
    let pixels = pixels(images);
    let ready: Vec<EncryptedBatch> = clients
        .iter()
        .map(|client| {
            let known = KnownImages::default();
            EncryptedBatch::new(&client.client, &client.model, &pixels, &known, "encrypting for all clients")
        })
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
                let answer = encrypted.send(client, remote, &mut classified.steps)?;
                answer.decrypt(client, &KnownImages::default(), &mut classified)?;
                Ok(classified)
            }));
        }
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a client panicked"))))
            .collect()
    });
    let seconds = start.elapsed().as_secs_f64();
    let finished = finished.into_iter().collect::<Result<Vec<_>>>().context("a client got no answer")?;
    let mismatches = finished.iter().map(|classified| oracle.ensemble_mismatches(&classified.logits)).sum();
    Ok((finished.iter().map(|classified| classified.steps).collect(), seconds, mismatches))
}
