//! Paths and links in the documents name files that exist.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The Markdown files of the folders that people write in.
fn documents() -> Vec<PathBuf> {
    let folders = [
        "",
        "docs",
        "experiments",
        "experiments/fhe-benchmark",
        "experiments/workflow",
        "findings",
        "fuzz",
        "scripts/import-files",
    ];
    let mut documents = Vec::new();
    for folder in folders {
        let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        documents.extend(entries.filter(|path| path.extension().is_some_and(|ending| ending == "md")));
    }
    assert!(documents.len() > 20, "only {} documents were found", documents.len());
    documents
}

/// The text without its code blocks.
fn prose(text: &str) -> String {
    text.split("\n```").step_by(2).collect()
}

/// The file or folder that a code span names, relative to the repository. `None` for other code, and for patterns such as `*.rs`.
fn named_path(span: &str) -> Option<String> {
    let is_path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "/._-".contains(c);
    let (first, rest) = span.split_once('/')?;
    if !span.replace("README.md", "").chars().all(is_path) {
        return None;
    }
    match first {
        "crates" | "configs" | "docs" | "experiments" | "findings" | "scripts" => Some(span.to_owned()),
        // In ARCHITECTURE.md and elsewhere, `bfv/src/lib.rs` is in `crates`.
        name if root().join("crates").join(name).is_dir() => {
            let folder = rest.split('/').next()?;
            ["src", "tests", "benches", "examples"].contains(&folder).then(|| format!("crates/{span}"))
        }
        _ => None,
    }
}

#[test]
fn paths_in_code_spans_exist() {
    let mut missing = Vec::new();
    for document in documents() {
        let text = prose(&fs::read_to_string(&document).unwrap());
        for path in text.split('`').skip(1).step_by(2).filter_map(named_path) {
            if !root().join(&path).exists() {
                missing.push(format!("{} names {path}", document.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn relative_links_lead_to_files() {
    let mut missing = Vec::new();
    for document in documents() {
        let text = prose(&fs::read_to_string(&document).unwrap());
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let path = link.split('#').next().unwrap();
            if !path.is_empty() && !link.contains("://") && !document.parent().unwrap().join(path).exists() {
                missing.push(format!("{} links to {link}", document.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
