//! The origin of a run's records as HTML: machine, versions, data, parameters.

use std::fmt::Write as _;

use serde_json::Value;
use sottovoce_table::{ABSENT, Table};

use crate::data::run_facts::RunFacts;
use crate::data::run_records::RunRecords;
use crate::data::values::json_at;
use crate::data::wording::thousands;
use crate::drawing::encode::escape_markup;
use crate::output::html::document::Section;
use crate::output::html::table::table_html;

/// The section of a run's page on the origin of its records.
pub(crate) fn manifest_section(records: &RunRecords) -> Section {
    let html = provenance(&records.facts, records.config.as_deref());
    Section { id: "manifest".to_owned(), title: "Where the records come from", html }
}

/// Tables of `run.json`, and the texts of `run.json` and `config.toml`.
pub(crate) fn provenance(facts: &RunFacts, config: Option<&str>) -> String {
    let mut html = String::new();
    match &facts.text {
        None => html
            .push_str("<p>The run has no <code>run.json</code>: where it comes from is not recorded.</p>\n"),
        Some(_) => {
            html += &table_html(&data_table(facts), "manifest-data");
            for (index, invocation) in facts.invocations.iter().enumerate() {
                let title = format!("Invocation {}", index + 1);
                html +=
                    &table_html(&facts_table(&title, invocation), &format!("manifest-invocation-{index}"));
            }
            if !facts.settings.is_empty() {
                let settings = table_html(&settings_table(facts), "manifest-settings");
                // Writing to a string never fails, here and below.
                let _ = write!(
                    html,
                    "<details><summary>Settings and parameters</summary>\n{settings}</details>\n"
                );
            }
        }
    }
    for (file, text) in [("run.json", facts.text.as_deref()), ("config.toml", config)] {
        if let Some(text) = text {
            let _ = write!(
                html,
                "<details><summary><code>{file}</code></summary>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" \
                 aria-label=\"{file}\"><pre>{}</pre></div></details>\n",
                escape_markup(text)
            );
        }
    }
    html
}

fn two_columns(title: &str, rows: Vec<(String, String)>) -> Table {
    Table {
        title: title.to_owned(),
        header: vec!["what".to_owned(), "value".to_owned()],
        rows: rows.into_iter().map(|(what, value)| vec![what, value]).collect(),
        notes: Vec::new(),
    }
}

fn data_table(facts: &RunFacts) -> Table {
    let dataset = &facts.dataset;
    let count = |images: Option<u64>| images.map_or_else(|| ABSENT.to_owned(), thousands);
    let seeds: std::collections::BTreeSet<u64> =
        facts.settings.iter().filter_map(|setting| json_at(setting, "/setting/seed").as_u64()).collect();
    let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
    let mut rows = vec![
        ("data set".to_owned(), dataset.name().to_owned()),
        ("synthetic".to_owned(), if dataset.synthetic { "yes" } else { "no" }.to_owned()),
        ("training images".to_owned(), count(dataset.train_images)),
        ("test images".to_owned(), count(dataset.test_images)),
        ("seeds".to_owned(), seeds.join(", ")),
    ];
    flatten("SHA-256 of", &dataset.sha256, &mut rows);
    two_columns("Data", rows)
}

/// A table with a row for every field of a JSON value.
fn facts_table(title: &str, value: &Value) -> Table {
    let mut rows = Vec::new();
    flatten("", value, &mut rows);
    two_columns(title, rows)
}

fn flatten(name: &str, value: &Value, rows: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let field = field.replace('_', " ");
                let name = if name.is_empty() { field } else { format!("{name} {field}") };
                flatten(&name, value, rows);
            }
        }
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(plain).collect();
            rows.push((name.to_owned(), values.join(", ")));
        }
        Value::Null => {}
        value => rows.push((name.to_owned(), plain(value))),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Null => ABSENT.to_owned(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        value => value.to_string(),
    }
}

fn settings_table(facts: &RunFacts) -> Table {
    // Head, and the path of the value in a setting of `run.json`.
    const COLUMNS: [(&str, &str); 14] = [
        ("split", "/setting/split"),
        ("setting", "/setting/number"),
        ("seed", "/setting/seed"),
        ("evaluator", "/evaluator"),
        ("N", "/parameters/degree"),
        ("log2 Q", "/parameters/ciphertext_modulus_bits"),
        ("128-bit limit", "/parameters/security_limit_bits"),
        ("plaintext moduli", "/parameters/plaintext_moduli"),
        ("noise budget, bits", "/parameters/noise_budget_bits"),
        ("largest logit seen", "/range/observed"),
        ("largest logit possible", "/range/proven"),
        ("images outside", "/range/images_outside"),
        ("evaluation, s", "/seconds"),
        ("training, s", "/training/seconds"),
    ];
    let cell = |setting: &Value, path: &str| {
        let value = match json_at(setting, path) {
            // Records before there could be several moduli.
            Value::Null if path == "/parameters/plaintext_moduli" => {
                json_at(setting, "/parameters/plaintext_modulus")
            }
            value => value,
        };
        match value.as_f64() {
            // Whole numbers stay as they are.
            Some(number) if value.is_f64() => format!("{number:.1}"),
            _ => plain(value),
        }
    };
    Table {
        title: "Settings and parameters".to_owned(),
        header: COLUMNS.iter().map(|(head, _)| (*head).to_owned()).collect(),
        rows: facts
            .settings
            .iter()
            .map(|setting| COLUMNS.iter().map(|(_, path)| cell(setting, path)).collect())
            .collect(),
        notes: vec![
            "N: degree of the ring and slots of a ciphertext. log2 Q: bits of the ciphertext modulus, at most the limit \
             for 128-bit security. Images outside: test images with a logit beyond the range that the plaintext modulus \
             leaves room for."
                .to_owned(),
        ],
    }
}
