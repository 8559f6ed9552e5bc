//! `bench latency`: seconds and bytes of one image and of many, packed and batched.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;
use sottovoce_bfv::Encryption;
use sottovoce_bfv::planner::{EvaluationForm, FixedParameters, TransferRate};
use sottovoce_evaluate::records::FormLatency;
use sottovoce_evaluate::{
    Evaluator, FormPlan, FormRule, LatencyInputs, ParameterPolicy, RangeKind, RangedEnsemble, measure_latency,
};
use sottovoce_report::{Caption, crossing_images, latency_table, write_latency_chart};

use crate::args::experiments::bench::LatencyOptions;
use crate::args::experiments::data_options::SharedOptions;
use crate::commands::experiments::exactness::EXIT_MISMATCH;
use crate::commands::exported_networks;
use crate::files;
use crate::json_files::write_json;
use crate::machine::{Machine, Source};
use crate::output::{self, counted, to_value};
use crate::progress::StageProgress;
use crate::run::record::dataset_title;
use crate::stages::data;

/// Number of images that are read in any case: fewer would lack labels, of which a remark would warn.
const FEWEST_IMAGES: usize = 100;

/// The result of the benchmark.
#[derive(Debug, Serialize)]
struct LatencyRecord {
    /// Name of the data set, `synthetic` for the built-in digits.
    dataset: String,
    synthetic: bool,
    /// Origin of the networks, as their export states it.
    networks: Value,
    members: usize,
    threads: usize,
    /// Instruction set of the engine's inner loops.
    evaluator: String,
    /// Number of rounds, of which all values are medians. One more round came first and was dropped.
    rounds: usize,
    /// The reason why packed evaluation was not measured.
    packed_refusal: Option<String>,
    /// Number of images at which both forms take the same time.
    crossing_images: Option<f64>,
    /// Decrypted logits that differ from the integer oracle's, in all rounds and forms.
    mismatches: u64,
    forms: Vec<FormLatency>,
    machine: Value,
    source: Value,
}

pub fn run(options: &LatencyOptions, shared: &SharedOptions<'_>) -> Result<ExitCode> {
    let folder = &options.out;
    // Checked first, so that an error appears before minutes are spent.
    for file in ["latency.json", "latency.svg", "latency.png"] {
        files::check_replaceable(&folder.join(file), options.replace)?;
    }
    let exported = exported_networks::read(&options.weights)?;
    let ranged = RangedEnsemble::from(&exported);
    let largest = options.images.iter().copied().max().context("--images is empty")?;
    let data = data::open(&options.data, FEWEST_IMAGES, largest.max(FEWEST_IMAGES), shared)?;
    let range = if ranged.observed_logit.is_some() { RangeKind::Observed } else { RangeKind::Proven };
    let policy = ParameterPolicy {
        range,
        range_margin: ParameterPolicy::RANGE_MARGIN,
        hide_model: false,
        fixed: FixedParameters { encryption: Some(Encryption::SecretKey), ..FixedParameters::default() },
    };
    output::warn_of_range(range);
    let evaluator = Evaluator::default();
    let rule = FormRule::Fixed(EvaluationForm::Batched);
    let plan = FormPlan::new(&policy, &[ranged], largest, evaluator, rule, TransferRate::IN_PROCESS)?;
    let mut parameters = vec![plan.batched.parameters];
    let packed_refusal = match plan.packed {
        Ok(choice) => {
            parameters.insert(0, choice.parameters);
            None
        }
        Err(error) => {
            output::remark(&format!("only batched evaluation is measured: {error}"));
            Some(error.to_string())
        }
    };
    let inputs = LatencyInputs {
        ensemble: ranged.ensemble,
        images: &data.test,
        counts: &options.images,
        rounds: options.rounds.into(),
        max_single_images: options.measured,
        forms: &parameters,
        evaluator,
    };
    let forms = measure_latency(&inputs, &StageProgress::new("bench".to_owned()))?;

    let members = ranged.ensemble.members().len();
    let threads = rayon::current_num_threads();
    let caption = Caption {
        title: "One image and many, packed and batched".to_owned(),
        dataset: format!(
            "{}, {}, {}",
            dataset_title(&data),
            counted(members, "member", "members"),
            counted(threads, "thread", "threads")
        ),
        synthetic: data.is_synthetic(),
    };
    let record = LatencyRecord {
        dataset: data.name.clone(),
        synthetic: data.is_synthetic(),
        networks: to_value(&exported.origin.provenance),
        members,
        threads,
        evaluator: evaluator.to_string(),
        rounds: options.rounds.into(),
        packed_refusal,
        crossing_images: crossing_images(&forms),
        mismatches: forms.iter().map(|form| form.mismatches).sum(),
        forms,
        machine: to_value(&Machine::here()),
        source: to_value(&Source::here()),
    };
    write_json(&folder.join("latency.json"), &record)?;
    write_latency_chart(&record.forms, &caption, folder)?;
    if shared.json {
        output::json(&to_value(&record));
    } else {
        let warning = if data.is_synthetic() { " (SYNTHETIC digits)" } else { "" };
        let title = format!("Latency: {}{warning}, {}", caption.dataset, record.evaluator);
        output::result(&latency_table(title, &record.forms).to_text());
        output::result(&format!("Record and chart are in {}.", folder.display()));
    }
    Ok(ExitCode::from(if record.mismatches == 0 { 0 } else { EXIT_MISMATCH }))
}
