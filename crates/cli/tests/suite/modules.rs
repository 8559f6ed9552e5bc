//! Modules and crates import in one direction (ARCHITECTURE.md): reads the source of every crate and fails with a list of the
//! imports that break a rule. Unit-test modules may import as they like.

mod examples;
mod paths;
mod rules;
mod source;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Crates that each crate may depend on, besides crates from outside the workspace.
const MAY_USE: &[(&str, &[&str])] = &[
    ("dataset", &[]),
    ("network", &[]),
    ("train", &["network", "dataset"]),
    ("export", &["network", "dataset"]),
    ("bfv", &["network"]),
    ("protocol", &["bfv", "network"]),
    ("service", &["protocol", "bfv", "network"]),
    ("evaluate", &["protocol", "bfv", "network", "dataset"]),
    ("table", &[]),
    ("report", &["evaluate", "network", "dataset", "table"]),
    ("siege", &["service", "protocol", "network", "table"]),
    ("fhe-benchmark", &["protocol", "bfv", "network"]),
    (
        "cli",
        &[
            "report", "table", "evaluate", "service", "protocol", "bfv", "export", "train", "network",
            "dataset",
        ],
    ),
];

/// Crates from outside that only some crates may depend on. A name ending in `*` stands for all names that begin so.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("burn*", &["train"]),
    ("fhe*", &["bfv"]),
    ("tfhe-ntt", &["bfv"]),
    ("plotters*", &["report"]),
    ("tokio*", &["service", "siege", "cli"]),
    ("hyper*", &["service"]),
    ("axum", &["service"]),
    ("http*", &["service", "siege"]),
    ("rustls*", &["service", "siege"]),
    ("h2", &["service", "siege"]),
    ("rcgen", &["service"]),
];

/// Code that a provider runs, apart from `SECRETS`: it must not reach them, however many imports lie between.
const PROVIDER: &[&str] = &[
    "crates/bfv/src",
    "crates/protocol/src",
    "crates/service/src/server",
    "crates/cli/src/commands/serve",
    "crates/fhe-benchmark/src/server",
];

/// Code that holds secret keys.
const SECRETS: &[&str] =
    &["crates/bfv/src/client", "crates/protocol/src/client", "crates/fhe-benchmark/src/client"];

/// The encryption library and its type of secret keys.
const SECRET_TYPE: (&str, &str) = ("fhe", "SecretKey");

/// The crates' modules, read once for all tests.
static WORKSPACE: LazyLock<source::Workspace> = LazyLock::new(|| source::read_workspace(&workspace_folder()));

fn workspace_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[track_caller]
fn assert_none(heading: &str, problems: Vec<String>) {
    assert!(problems.is_empty(), "{heading}:\n{}\n", problems.join("\n"));
}

#[test]
fn files_of_a_crate_import_in_one_direction() {
    assert_none("circles of files", rules::circles(&WORKSPACE, &rules::arrows(&WORKSPACE)));
}

#[test]
fn files_import_from_the_module_that_defines_a_thing() {
    assert_none("imports through a re-export", rules::detours(&WORKSPACE));
}

#[test]
fn methods_of_a_type_are_in_the_type_s_file() {
    assert_none("methods in other files", rules::scattered_methods(&WORKSPACE));
}

#[test]
fn the_provider_s_code_reaches_no_secret_key() {
    let chains = rules::chains(&WORKSPACE, &rules::arrows(&WORKSPACE), PROVIDER, SECRETS);
    assert_none("imports that lead from the provider's code to secret keys", chains);
    let uses = rules::uses_of(&WORKSPACE, SECRET_TYPE.0, SECRET_TYPE.1, PROVIDER, SECRETS);
    assert_none("uses of the library's secret keys in the provider's code", uses);
}

#[test]
fn every_crate_denies_panics() {
    let lints = ["unwrap_used", "expect_used", "panic", "indexing_slicing"];
    let roots = WORKSPACE.roots.values().map(|&root| &WORKSPACE.modules[root].file);
    let problems = roots.filter_map(|file| {
        let text = std::fs::read_to_string(workspace_folder().join(file)).unwrap();
        let denied =
            text.split_once("#![deny(").and_then(|(_, rest)| rest.split_once(")]")).unwrap_or_default().0;
        let missing = lints.iter().find(|lint| !denied.contains(&format!("clippy::{lint}")))?;
        Some(format!("{file} does not deny clippy::{missing}"))
    });
    assert_none("crates without a lint", problems.collect());
}

#[test]
fn crates_depend_on_each_other_in_one_direction() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut problems = Vec::new();
    for entry in std::fs::read_dir(workspace_folder().join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap();
        let manifest = source::manifest(&folder);
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        for dependency in dependencies.into_iter().flat_map(toml::Table::keys) {
            let is_allowed = match dependency.strip_prefix("sottovoce-") {
                Some(other) => allowed.get(name).is_some_and(|others| others.contains(&other)),
                None => ONLY_IN
                    .iter()
                    .filter(|(pattern, _)| match pattern.strip_suffix('*') {
                        Some(start) => dependency.starts_with(start),
                        None => dependency == pattern,
                    })
                    .all(|(_, crates)| crates.contains(&name)),
            };
            if !is_allowed {
                problems.push(format!("crates/{name} depends on {dependency}"));
            }
        }
    }
    assert_none("dependencies that the table does not allow", problems);
}
