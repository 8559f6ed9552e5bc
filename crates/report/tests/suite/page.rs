//! `report.html` and the charts beyond the sweeps.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use sottovoce_report::write_report;

use super::full_run::{CONFIG, facts, full_run, write_facts};

fn page(folder: &Path) -> String {
    write_report(folder).unwrap();
    fs::read_to_string(folder.join("report.html")).unwrap()
}

fn names(files: &[PathBuf]) -> BTreeSet<String> {
    files.iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_record_is_drawn_and_baselines_get_no_chart_of_their_own() {
    let folder = full_run();
    let written = names(&write_report(folder.path()).unwrap());
    let charts: BTreeSet<&str> = written.iter().filter_map(|name| name.strip_suffix(".svg")).collect();
    let expected = [
        "bits",
        "figure5",
        "figure6",
        "figure7",
        "figure8",
        "labels-likewise",
        "labels-random",
        "labels-regular",
        "recall",
        "sizes",
        "spread",
        "table3",
    ];
    assert_eq!(charts.into_iter().collect::<Vec<_>>(), expected);
    for chart in expected {
        assert!(written.contains(&format!("{chart}.png")), "{chart}");
    }
}

#[test]
fn a_full_run_gives_the_same_bytes_twice() {
    let bytes = |folder: &Path| -> Vec<Vec<u8>> {
        write_report(folder).unwrap().iter().map(|path| fs::read(path).unwrap()).collect()
    };
    assert_eq!(bytes(full_run().path()), bytes(full_run().path()));
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let folder = full_run();
    let page = page(folder.path());
    // Names of XML vocabularies are never fetched.
    let text = page.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1999/xlink", "");
    for reference in ["http:", "https:", "//cdn", " src=", "@import", "url(", "<link", "<img", "<iframe"] {
        assert!(!text.contains(reference), "{reference}");
    }
    assert_eq!(page.matches("<svg").count(), 12);
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(!page.contains(folder.path().to_str().unwrap()), "the page tells where it was made");
}

#[test]
fn ids_are_unique_and_tables_have_captions_and_heads() {
    let page = page(full_run().path());
    let ids: Vec<&str> = page.split(" id=\"").skip(1).map(|rest| &rest[..rest.find('"').unwrap()]).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
    let tables = page.matches("<table").count();
    assert_eq!(page.matches("<caption ").count(), tables);
    assert_eq!(page.matches("<thead>").count(), tables);
}

#[test]
fn the_baselines_are_lines_in_every_sweep() {
    let folder = full_run();
    write_report(folder.path()).unwrap();
    for figure in ["figure5.svg", "figure6.svg", "figure7.svg"] {
        let svg = fs::read_to_string(folder.path().join(figure)).unwrap();
        for line in ["one network on all images: 98.6", "ensemble on balanced parts: 98.6"] {
            assert!(svg.contains(line), "{line} is not in {figure}");
        }
    }
}

#[test]
fn whatever_a_record_says_is_text_and_never_markup() {
    let folder = full_run();
    let hostile = "<script>alert('x')</script>\" onload=\"";
    let mut facts = facts();
    facts["dataset"]["name"] = json!(hostile);
    facts["invocations"][0]["command"] = json!(hostile);
    facts["settings"][0]["evaluator"] = json!(hostile);
    write_facts(folder.path(), &facts);
    let name = hostile.replace('"', "\\\"");
    let config = CONFIG.replace("made-up", &name);
    fs::write(folder.path().join("config.toml"), config).unwrap();
    let page = page(folder.path());
    assert_eq!(page.matches("<script").count(), 1, "one script is ours");
    assert!(!page.contains("\" onload=\""));
    assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
}

#[test]
fn missing_records_leave_their_charts_out_and_the_page_says_so() {
    let folder = full_run();
    for file in ["validation", "recall", "pairs", "labels", "elapsed", "bits", "sizes"] {
        fs::remove_file(folder.path().join(format!("{file}.csv"))).unwrap();
    }
    let written = names(&write_report(folder.path()).unwrap());
    let charts: Vec<&str> = written.iter().filter_map(|name| name.strip_suffix(".svg")).collect();
    assert_eq!(charts, ["figure5", "figure6", "figure7", "spread", "table3"]);
    let page = page(folder.path());
    for file in ["validation", "recall", "pairs", "labels", "elapsed", "bits", "sizes"] {
        assert!(page.contains(&format!("<code>{file}.csv</code>")), "{file}");
    }
    assert!(page.contains("records no held-out images"));
}

#[test]
fn the_page_says_how_many_images_choices_were_made_by() {
    let page = page(full_run().path());
    assert!(page.contains("No choice was based on test accuracy"));
    assert!(page.contains("5,000 held-out images"));
}

#[test]
fn a_broken_optional_record_is_an_error_that_names_the_file() {
    let folder = full_run();
    fs::write(folder.path().join("sizes.csv"), "message,ciphertexts,slots,bytes\nupload,many,1,1\n").unwrap();
    let error = write_report(folder.path()).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("sizes.csv"), "{source}");
}

#[test]
fn synthetic_data_is_called_so_on_the_page_and_on_every_chart() {
    let folder = full_run();
    let mut facts = facts();
    facts["dataset"]["synthetic"] = json!(true);
    write_facts(folder.path(), &facts);
    let page = page(folder.path());
    // On the page itself, and in the drawing and the title of each of twelve charts.
    assert!(page.matches("SYNTHETIC DATA").count() > 2 * 12);
}
