//! A plan as tables.

use sottovoce_bfv::parameters::{Channel, SECURITY_SOURCE};
use sottovoce_bfv::planner::Choice;
use sottovoce_bfv::{Flood, HIDING_LOG2};
use sottovoce_evaluate::{Evaluator, ParameterPolicy, RangeKind};
use sottovoce_network::RangeMethod;
use sottovoce_report::table::Table;

use super::{Measured, Weights};

fn rows<const N: usize>(rows: [(&str, String); N]) -> Vec<Vec<String>> {
    rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect()
}

fn header(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn bits(value: i128) -> f64 {
    (value.unsigned_abs().max(1) as f64).log2()
}

/// How large logits are, and what the plan rests on.
pub fn ranges(weights: &[Weights], policy: &ParameterPolicy) -> Table {
    let row = |weights: &Weights| {
        let need = weights.need();
        let proven = RangeMethod::ALL.map(|method| {
            let saved = weights.proven.saved_bits(method);
            let bits = bits(weights.proven.by(method).largest());
            if saved == 0.0 { format!("{bits:.1}") } else { format!("{bits:.1} ({saved:.1} saved)") }
        });
        let members = weights.exported.ensemble.members().len().to_string();
        let observed =
            need.observed_logit.map_or_else(|| "not measured".to_owned(), |o| format!("{:.1}", bits(o)));
        let mut cells = vec![weights.folder.display().to_string(), members, observed];
        cells.extend(proven);
        cells
    };
    let rests_on = match policy.range {
        RangeKind::Observed => format!(
            "The plan rests on the observed range with a margin of {:.0} %.",
            100.0 * policy.range_margin
        ),
        RangeKind::Proven => {
            "The plan rests on the proven range: no image there can be has larger logits.".to_owned()
        }
    };
    Table {
        title: "Largest logit of a member or the sum, bits".to_owned(),
        header: header(&["weights", "members", "observed", "proven: norms", "intervals", "quadratic"]),
        rows: weights.iter().map(row).collect(),
        notes: vec![
            rests_on,
            "A plaintext modulus needs a bit more, for the sign. Proven by: norms of the weights; signed intervals; quadratic \
             forms in the pixels (docs/ranges.md)."
                .to_owned(),
        ],
    }
}

fn narrowest(choice: &Choice) -> &Channel {
    &choice.parameters.channels()[choice.parameters.narrowest()]
}

/// Ciphertext primes that an answer keeps.
pub fn answer_primes(choice: &Choice) -> usize {
    narrowest(choice).answer_primes().len()
}

pub fn parameters(choice: &Choice, evaluator: Evaluator) -> Table {
    let parameters = &choice.parameters;
    let sizes = |numbers: &[u64]| {
        let sizes = numbers.iter().map(|number| format!("{:.1}", (*number as f64).log2()));
        sizes.collect::<Vec<_>>().join(" + ")
    };
    let (q, limit) = (parameters.key_modulus_bits(), parameters.security_limit_bits());
    let primes = parameters.ciphertext_primes();
    let moduli = parameters.plaintext_moduli();
    Table {
        title: "Parameters".to_owned(),
        header: header(&["", "chosen"]),
        rows: rows([
            ("ring degree N, images in a batch", parameters.degree().to_string()),
            ("plaintext moduli", format!("{} of {} bits: {}", moduli.len(), sizes(&moduli), list(&moduli))),
            ("ciphertext primes", format!("{} of {} bits", primes.len(), sizes(primes))),
            ("primes that hidden units keep", parameters.hidden_primes().to_string()),
            ("encryption", parameters.encryption().to_string()),
            ("primes that an answer keeps", answer_primes(choice).to_string()),
            (
                "security",
                format!("128 bits: keys of {q:.1} bits, at most {limit}; {:.1} to spare", limit as f64 - q),
            ),
            (
                "decryption of a whole run fails",
                format!("with a probability below 2^{:.0}", choice.failure_probability_log2.ceil()),
            ),
        ]),
        notes: vec![
            format!("Limit: {SECURITY_SOURCE}."),
            format!(
                "For {}. The noise's model is in docs/noise.md{}; noise is measured at every decryption, and an answer with \
                 too much of it is an error.",
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

fn list(numbers: &[u64]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What hiding the model costs: the best plan without, and this one.
pub fn price(open: &Choice, hidden: &Choice) -> Table {
    let row =
        |name: &str, value: &dyn Fn(&Choice) -> String| vec![name.to_owned(), value(open), value(hidden)];
    let megabytes = |bytes: usize| format!("{:.1} MB", bytes as f64 / 1e6);
    let flood = hidden.flood.map_or(0, Flood::bits);
    Table {
        title: "Price of hiding the model in its answers".to_owned(),
        header: header(&["", "without", "with"]),
        rows: vec![
            row("ring degree N", &|choice| choice.parameters.degree().to_string()),
            row("plaintext moduli", &|choice| choice.parameters.channels().len().to_string()),
            row("Q, bits", &|choice| format!("{:.0}", choice.parameters.ciphertext_modulus_bits())),
            row("encryption, s", &|choice| format!("{:.2}", choice.cost.encrypt_seconds)),
            row("evaluation, s", &|choice| format!("{:.2}", choice.cost.evaluate_seconds)),
            row("up, a batch", &|choice| megabytes(choice.cost.upload_bytes)),
            row("down, a batch", &|choice| megabytes(choice.cost.download_bytes)),
        ],
        notes: vec![format!(
            "Answers are made anew with the client's public key and uniform noise of {flood} bits, which hides their own to \
             a statistical distance of 2^{HIDING_LOG2:.0} an answer (docs/security.md).",
        )],
    }
}

/// The noise at one stage, in bits.
pub struct Stage {
    pub name: &'static str,
    /// log2 of the standard deviation.
    pub expected: f64,
    /// log2 of what can be told from the message.
    pub limit: f64,
}

/// The noise after every layer in the channel with the least room.
pub fn stages(choice: &Choice) -> [Stage; 4] {
    let channel = narrowest(choice);
    let level = channel.answer_level();
    let upload_limit = channel.noise_limit_bits(channel.upload_level());
    let limit = channel.noise_limit_bits(channel.hidden_level());
    let answer_limit = channel.noise_limit_bits(level);
    let stage = |name, expected, limit| Stage { name, expected, limit };
    [
        stage("encrypted pixels", choice.noise.fresh, upload_limit),
        stage("hidden units (convolution, square, dense)", choice.noise.hidden, limit),
        stage("logits (square, dense, members' sum)", choice.noise.logits, limit),
        stage("answer, switched down", choice.noise.answer(limit - answer_limit), answer_limit),
    ]
}

pub fn noise(choice: &Choice, measured: Option<&Measured>) -> Table {
    let found = |index: usize| measured.and_then(|measured| measured.noise_bits.get(index));
    let row = |(index, stage): (usize, &Stage)| {
        let mut cells = vec![
            stage.name.to_owned(),
            format!("{:.1}", stage.expected),
            format!("{:.1}", stage.limit),
            format!("{:.1}", stage.limit - stage.expected),
        ];
        cells.extend(found(index).map(|bits| format!("{bits:.1}")));
        cells
    };
    let mut head = header(&["of", "expected deviation", "limit", "room"]);
    head.extend(measured.map(|_| "measured, largest".to_owned()));
    Table {
        title: "Noise after each layer, bits".to_owned(),
        header: head,
        rows: stages(choice).iter().enumerate().map(row).collect(),
        notes: vec![format!(
            "The largest coefficient of a run may be {:.1} bits above the deviation.",
            choice.margin_bits
        )],
    }
}

/// What a run over so many images will take. Another number of images may do best with other parameters.
pub fn cost(choice: &Choice, images: usize, measured: Option<&Measured>) -> Table {
    let cost = &choice.cost;
    let megabytes = |bytes: usize| format!("{:.1} MB", bytes as f64 / 1e6);
    let seconds = |seconds: f64| format!("{seconds:.2}");
    let gibibytes = |bytes: usize| format!("{:.2} GiB", bytes as f64 / f64::from(1 << 30));
    let rows = [
        ("batches", cost.batches.to_string(), Some(String::new())),
        ("encryption, s", seconds(cost.encrypt_seconds), measured.map(|m| seconds(m.encrypt_seconds))),
        // That of the program's own threads is measured; a network's is not to be predicted.
        ("transfer, s", "–".to_owned(), measured.map(|m| seconds(m.transfer_seconds))),
        ("evaluation, s", seconds(cost.evaluate_seconds), measured.map(|m| seconds(m.evaluate_seconds))),
        ("decryption, s", seconds(cost.decrypt_seconds), measured.map(|m| seconds(m.decrypt_seconds))),
        ("all, s", seconds(cost.seconds()), measured.map(|m| seconds(m.seconds()))),
        ("up, a batch", megabytes(cost.upload_bytes), measured.map(|m| megabytes(m.upload_bytes))),
        ("down, a batch", megabytes(cost.download_bytes), measured.map(|m| megabytes(m.download_bytes))),
        ("keys, once", megabytes(cost.key_bytes), measured.map(|m| megabytes(m.key_bytes))),
        (
            "memory, client and provider together",
            gibibytes(cost.memory_bytes),
            measured.map(|m| m.memory_bytes.map_or_else(|| "not known here".to_owned(), gibibytes)),
        ),
    ];
    let row = |(name, predicted, found): (&str, String, Option<String>)| {
        let mut cells = vec![name.to_owned(), predicted];
        cells.extend(found.filter(|_| measured.is_some()));
        cells
    };
    let mut head = header(&["", "predicted"]);
    head.extend(measured.map(|_| "measured".to_owned()));
    let mut notes = vec![
        format!("Chosen for {images} images: another number (--images) may do better with other parameters."),
        "Predicted seconds are those of the machine of docs/performance.md, whose operations were measured; another \
         machine's differ by its speed."
            .to_owned(),
    ];
    if let Some(measured) = measured {
        let exact = match measured.images_outside {
            0 => "Every logit of every slot was right.".to_owned(),
            outside => format!(
                "{outside} of the images left the range that the plan rests on, and decrypted to wrong logits."
            ),
        };
        notes.push(format!(
            "Measured on one batch of random images: seconds are that batch's, once for each batch of the run. {exact}"
        ));
    }
    Table {
        title: format!("Predicted cost of {images} images on {} threads", rayon::current_num_threads()),
        header: head,
        rows: rows.into_iter().map(row).collect(),
        notes,
    }
}
