//! The tables that `plan` prints.

use sottovoce_bfv::parameters::{Channel, SECURITY_SOURCE};
use sottovoce_bfv::planner::{ChosenParameters, EvaluationForm, RequestCost};
use sottovoce_bfv::{FloodingNoise, STATISTICAL_DISTANCE_LOG2};
use sottovoce_evaluate::{Evaluator, FormPlan, ParameterPolicy, RangeKind};
use sottovoce_network::RangeMethod;
use sottovoce_protocol::Fingerprint;
use sottovoce_table::Table;

use super::measure::MeasuredBatch;
use super::planned_ensemble::PlannedEnsemble;
use crate::args::policy::HIDING_ASSUMPTIONS;
use crate::commands::form_choice::{FormChoice, significant};
use crate::output::counted;

fn rows<const N: usize>(rows: [(&str, String); N]) -> Vec<Vec<String>> {
    rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect()
}

fn header(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn bits(value: i128) -> f64 {
    (value.unsigned_abs().max(1) as f64).log2()
}

/// The ranges of logits, and the range that parameters are chosen for.
pub fn ranges(ensembles: &[PlannedEnsemble], policy: &ParameterPolicy) -> Table {
    let row = |ensemble: &PlannedEnsemble| {
        let ranged = ensemble.ranged();
        let proven = RangeMethod::ALL.map(|method| {
            let saved = ensemble.proven.saved_bits(method);
            let bits = bits(ensemble.proven.by(method).largest());
            if saved == 0.0 { format!("{bits:.1}") } else { format!("{bits:.1} ({saved:.1} saved)") }
        });
        let members = ensemble.exported.ensemble.members().len().to_string();
        let observed =
            ranged.observed_logit.map_or_else(|| "not measured".to_owned(), |o| format!("{:.1}", bits(o)));
        let mut cells = vec![ensemble.folder.display().to_string(), members, observed];
        cells.extend(proven);
        cells
    };
    let chosen_range = match policy.range {
        RangeKind::Observed => format!(
            "Parameters are chosen for the observed range with a margin of {:.0} %.",
            100.0 * policy.range_margin
        ),
        RangeKind::Proven => {
            "Parameters are chosen for the proven range: no possible image has larger logits.".to_owned()
        }
    };
    let mut notes = vec![
        chosen_range,
        "A plaintext modulus needs one bit more, for the sign. Methods of proof: norms of the weights; signed intervals; \
         quadratic forms in the pixels (docs/ranges.md)."
            .to_owned(),
    ];
    notes.extend(ensembles.iter().map(|ensemble| {
        let fingerprint = Fingerprint::of_ensemble(&ensemble.exported.ensemble);
        format!("The model {} has the fingerprint {fingerprint}.", ensemble.folder.display())
    }));
    Table {
        title: "Largest logit of a member or the sum, bits".to_owned(),
        header: header(&["weights", "members", "observed", "proven: norms", "intervals", "quadratic"]),
        rows: ensembles.iter().map(row).collect(),
        notes,
    }
}

/// The channel with the least room for noise.
fn narrowest(choice: &ChosenParameters) -> Option<&Channel> {
    choice.parameters.channels().get(choice.parameters.narrowest_channel())
}

/// Number of ciphertext primes that an answer keeps.
pub fn answer_primes(choice: &ChosenParameters) -> usize {
    narrowest(choice).map_or(0, |channel| channel.answer_primes().len())
}

/// The chosen parameters.
pub fn parameters(choice: &ChosenParameters, evaluator: Evaluator) -> Table {
    let parameters = &choice.parameters;
    let (q, limit) = (parameters.key_modulus_bits(), parameters.security_limit_bits());
    let primes = parameters.ciphertext_primes();
    let moduli = parameters.plaintext_moduli();
    Table {
        title: "Parameters".to_owned(),
        header: header(&["", "chosen"]),
        rows: rows([
            ("ring degree N", parameters.degree().to_string()),
            ("images in a batch", parameters.images_per_batch().to_string()),
            ("plaintext moduli", format!("{} of {} bits: {}", moduli.len(), sizes(&moduli), list(&moduli))),
            ("ciphertext primes", format!("{} of {} bits", primes.len(), sizes(primes))),
            ("primes that hidden units keep", parameters.hidden_primes().to_string()),
            ("encryption", parameters.encryption().to_string()),
            ("primes that an answer keeps", answer_primes(choice).to_string()),
            (
                "security",
                format!("128 bits: keys have {q:.1} of at most {limit} bits; {:.1} left", limit as f64 - q),
            ),
            (
                "decryption of a whole run fails",
                format!("with a probability below 2^{:.0}", choice.failure_probability_log2.ceil()),
            ),
        ]),
        notes: vec![
            format!("Source of the security limit: {SECURITY_SOURCE}."),
            format!(
                "For {}. docs/noise.md describes the model of the noise{}. Noise is measured at every decryption; an answer with \
                 too much noise is an error.",
                match evaluator {
                    Evaluator::Engine(_) => "the engine",
                    Evaluator::Reference => "the reference evaluator",
                },
                match evaluator {
                    Evaluator::Engine(_) => "",
                    Evaluator::Reference =>
                        ", which does not cover the tail of this evaluator's relinearisation",
                }
            ),
        ],
    }
}

fn sizes(numbers: &[u64]) -> String {
    let sizes = numbers.iter().map(|number| format!("{:.1}", (*number as f64).log2()));
    sizes.collect::<Vec<_>>().join(" + ")
}

fn list(numbers: &[u64]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Parameters, noise and costs of both forms of evaluation, and the form that is used.
pub fn forms(plan: &FormPlan, choice: &FormChoice) -> Table {
    let columns: Vec<(EvaluationForm, &ChosenParameters)> =
        std::iter::once((EvaluationForm::Batched, &plan.batched))
            .chain(plan.packed.as_ref().ok().map(|packed| (EvaluationForm::Packed, packed)))
            .collect();
    let request = |one: &ChosenParameters| RequestCost::new(&one.cost, one.parameters.images_per_batch());
    let megabytes = |bytes: u64| format!("{:.2} MB", bytes as f64 / 1e6);
    let row = |name: &str, value: &dyn Fn(&ChosenParameters) -> String| {
        std::iter::once(name.to_owned()).chain(columns.iter().map(|(_, one)| value(one))).collect::<Vec<_>>()
    };
    let mut head = vec![String::new()];
    head.extend(columns.iter().map(|(form, _)| form.name().to_owned()));
    Table {
        title: format!("Batched and packed evaluation, {}", counted(choice.images, "image", "images")),
        header: head,
        rows: vec![
            row("ring degree N", &|one| one.parameters.degree().to_string()),
            row("plaintext moduli, bits", &|one| sizes(&one.parameters.plaintext_moduli())),
            row("ciphertext primes, bits", &|one| sizes(one.parameters.ciphertext_primes())),
            row("special prime, bits", &|one| {
                one.parameters.packed().map_or_else(String::new, |chain| chain.special_bits.to_string())
            }),
            row("noise of logits: expected deviation, limit, bits", &|one| {
                layer_noise(one).get(LOGITS).map_or_else(String::new, |logits| {
                    format!("{:.1}, {:.1}", logits.expected_bits, logits.limit_bits)
                })
            }),
            row("largest noise above the deviation, bits", &|one| format!("{:.1}", one.margin_bits)),
            row("batches", &|one| one.cost.batches.to_string()),
            row("encryption, s", &|one| significant(one.cost.encrypt_seconds)),
            row("evaluation, s", &|one| significant(one.cost.evaluate_seconds)),
            row("decryption, s", &|one| significant(one.cost.decrypt_seconds)),
            row("upload of all batches", &|one| megabytes(request(one).upload_bytes)),
            row("all answers", &|one| megabytes(request(one).download_bytes)),
            row("keys, once", &|one| megabytes(request(one).key_bytes)),
            row("latency with transfers, s", &|one| significant(request(one).latency_seconds(choice.rate))),
            row("provider's ms for an image in full batches", &|one| {
                significant(1e3 * request(one).full_batch_seconds_per_image)
            }),
        ],
        notes: vec![choice.describe()],
    }
}

/// The cost of hiding the model: the best parameters without hiding (`open`) and with it (`hidden`).
pub fn hiding_cost(open: &ChosenParameters, hidden: &ChosenParameters) -> Table {
    let row = |name: &str, value: &dyn Fn(&ChosenParameters) -> String| {
        vec![name.to_owned(), value(open), value(hidden)]
    };
    let megabytes = |bytes: usize| format!("{:.1} MB", bytes as f64 / 1e6);
    let flood = hidden.flooding.map_or(0, FloodingNoise::bits);
    Table {
        title: "Cost of hiding the model in its answers".to_owned(),
        header: header(&["", "without", "with"]),
        rows: vec![
            row("ring degree N", &|choice| choice.parameters.degree().to_string()),
            row("plaintext moduli", &|choice| choice.parameters.channels().len().to_string()),
            row("Q, bits", &|choice| format!("{:.0}", choice.parameters.ciphertext_modulus_bits())),
            row("encryption, s", &|choice| format!("{:.2}", choice.cost.encrypt_seconds)),
            row("evaluation, s", &|choice| format!("{:.2}", choice.cost.evaluate_seconds)),
            row("upload per batch", &|choice| megabytes(choice.cost.upload_bytes)),
            row("download per batch", &|choice| megabytes(choice.cost.download_bytes)),
        ],
        notes: vec![
            format!(
                "Answers are encrypted again with the client's public key and uniform noise of {flood} bits, which hides their own \
                 noise up to a statistical distance of 2^{STATISTICAL_DISTANCE_LOG2:.0} per answer, for any images (docs/security.md).",
            ),
            HIDING_ASSUMPTIONS.to_owned(),
        ],
    }
}

/// The noise after one layer, in bits.
pub struct LayerNoise {
    pub layer: &'static str,
    /// log2 of the expected standard deviation.
    pub expected_bits: f64,
    /// log2 of the largest noise with which decryption is correct.
    pub limit_bits: f64,
}

/// Index of the logits among the layers.
const LOGITS: usize = 2;

/// The noise after every layer in the channel with the least room for noise.
pub fn layer_noise(choice: &ChosenParameters) -> Vec<LayerNoise> {
    let Some(channel) = narrowest(choice) else { return Vec::new() };
    let level = channel.answer_level();
    let upload_limit = channel.noise_limit_bits(channel.upload_level());
    let limit = channel.noise_limit_bits(channel.hidden_level());
    let answer_limit = channel.noise_limit_bits(level);
    let after = |layer, expected_bits, limit_bits| LayerNoise { layer, expected_bits, limit_bits };
    vec![
        after("encrypted pixels", choice.noise.fresh, upload_limit),
        after("hidden units (convolution, square, dense)", choice.noise.hidden, limit),
        after("logits (square, dense, members' sum)", choice.noise.logits, limit),
        after("answer, switched down", choice.noise.answer(limit - answer_limit), answer_limit),
    ]
}

/// The predicted noise, and the measured noise if there is a measurement.
pub fn noise(choice: &ChosenParameters, measured: Option<&MeasuredBatch>) -> Table {
    let measured_bits = |index: usize| measured.and_then(|measured| measured.noise_bits.get(index));
    let row = |(index, noise): (usize, &LayerNoise)| {
        let mut cells = vec![
            noise.layer.to_owned(),
            format!("{:.1}", noise.expected_bits),
            format!("{:.1}", noise.limit_bits),
            format!("{:.1}", noise.limit_bits - noise.expected_bits),
        ];
        cells.extend(measured_bits(index).map(|bits| format!("{bits:.1}")));
        cells
    };
    let mut head = header(&["after", "expected deviation", "limit", "budget left"]);
    head.extend(measured_bits(0).map(|_| "measured, largest".to_owned()));
    let mut notes = vec![format!(
        "The largest noise coefficient of a run may be {:.1} bits above the standard deviation.",
        choice.margin_bits
    )];
    if measured.is_some() && choice.parameters.packed().is_some() {
        notes.push(
            "`sottovoce bench noise` measures the noise of packed evaluation stage by stage.".to_owned(),
        );
    }
    Table {
        title: "Noise after each layer, bits".to_owned(),
        header: head,
        rows: layer_noise(choice).iter().enumerate().map(row).collect(),
        notes,
    }
}

/// The predicted cost of a run over `images` images, and the measured cost if there is a measurement.
pub fn cost(choice: &ChosenParameters, images: usize, measured: Option<&MeasuredBatch>) -> Table {
    let cost = &choice.cost;
    let megabytes = |bytes: usize| format!("{:.1} MB", bytes as f64 / 1e6);
    let seconds = |seconds: f64| format!("{seconds:.2}");
    let gibibytes = |bytes: usize| format!("{:.2} GiB", bytes as f64 / f64::from(1 << 30));
    let rows = [
        ("batches", cost.batches.to_string(), Some(String::new())),
        ("encryption, s", seconds(cost.encrypt_seconds), measured.map(|m| seconds(m.encrypt_seconds))),
        // The transfer time of a network cannot be predicted; the transfer between threads is measured.
        ("transfer, s", "–".to_owned(), measured.map(|m| seconds(m.transfer_seconds))),
        ("evaluation, s", seconds(cost.evaluate_seconds), measured.map(|m| seconds(m.evaluate_seconds))),
        ("decryption, s", seconds(cost.decrypt_seconds), measured.map(|m| seconds(m.decrypt_seconds))),
        ("all, s", seconds(cost.seconds()), measured.map(|m| seconds(m.seconds()))),
        ("upload per batch", megabytes(cost.upload_bytes), measured.map(|m| megabytes(m.upload_bytes))),
        ("download per batch", megabytes(cost.download_bytes), measured.map(|m| megabytes(m.download_bytes))),
        ("keys, once", megabytes(cost.key_bytes), measured.map(|m| megabytes(m.key_bytes))),
        (
            "memory, client and provider together",
            gibibytes(cost.memory_bytes),
            measured.map(|m| m.memory_bytes.map_or_else(|| "not available".to_owned(), gibibytes)),
        ),
    ];
    let row = |(name, predicted, measured_value): (&str, String, Option<String>)| {
        let mut cells = vec![name.to_owned(), predicted];
        cells.extend(measured_value.filter(|_| measured.is_some()));
        cells
    };
    let mut head = header(&["", "predicted"]);
    head.extend(measured.map(|_| "measured".to_owned()));
    let mut notes = vec![
        format!(
            "Parameters are chosen for {}; for another number (--images) other parameters may cost less.",
            counted(images, "image", "images")
        ),
        "Seconds are predicted for the machine of docs/performance.md, and differ with the speed of the machine.".to_owned(),
    ];
    if let Some(measured) = measured {
        let exact = match measured.images_outside {
            0 => "Every logit of every slot was correct.".to_owned(),
            outside => format!(
                "{outside} of the images left the range that parameters were chosen for, and decrypted to wrong logits."
            ),
        };
        notes.push(format!(
            "Measured on one batch of random images; seconds are those of the batch times the number of batches. {exact}"
        ));
    }
    Table {
        title: format!(
            "Predicted cost of {} on {} threads",
            counted(images, "image", "images"),
            rayon::current_num_threads()
        ),
        header: head,
        rows: rows.into_iter().map(row).collect(),
        notes,
    }
}
