//! `chart`, and `report` of a sweep.

use std::fs;

use super::sandbox::Sandbox;

/// A sweep over members and logit bits with two seeds.
fn sweep() -> Sandbox {
    let sandbox = Sandbox::new();
    let mut table =
        "point,ensemble.members,training.logit_bits,seed,voter,domain,images,correct,accuracy,mismatches,\
                     plaintext_bits,provider_seconds\n"
            .to_owned();
    for members in [1, 3, 5] {
        for bits in [24, 28] {
            for seed in [1, 2] {
                let accuracy = 0.97
                    + 0.001 * f64::from(members)
                    + 0.002 * f64::from(bits - 24)
                    + 0.0005 * f64::from(seed);
                let seconds = 0.05 * f64::from(members);
                table += &format!(
                    "\"members={members},logit_bits={bits}\",{members},{bits},{seed},ensemble,encrypted,1000,\
                     {:.0},{accuracy:.4},0,{bits}.4,{seconds}\n",
                    accuracy * 1000.0
                );
            }
        }
    }
    fs::create_dir(sandbox.path("study")).unwrap();
    sandbox.write("study/table.csv", &table);
    sandbox
}

#[test]
fn a_chart_is_written_to_the_runs_folder_and_its_caption_printed() {
    let sandbox = sweep();
    let run = sandbox
        .run(&["chart", "study", "--x", "members", "--y", "accuracy", "--series", "logit_bits"])
        .succeeds();
    assert!(run.stdout.contains("study/charts/accuracy-by-members-and-logit_bits.svg"), "{}", run.stdout);
    assert!(run.stdout.contains("n = 2 seeds"), "{}", run.stdout);
    assert!(sandbox.read("study/charts/accuracy-by-members-and-logit_bits.svg").contains("ensemble.members"));
}

#[test]
fn a_pdf_is_chosen_by_its_ending_and_replaced_only_on_request() {
    let sandbox = sweep();
    let arguments = [
        "chart",
        "study",
        "--x",
        "members",
        "--y",
        "accuracy",
        "--where",
        "logit_bits=28",
        "--out",
        "fig.pdf",
        "--width",
        "84mm",
        "--font-size",
        "8pt",
        "--no-title",
    ];
    sandbox.run(&arguments).succeeds();
    assert!(fs::read(sandbox.path("fig.pdf")).unwrap().starts_with(b"%PDF-"));
    sandbox.run(&arguments).fails(1, &["fig.pdf exists", "--replace"]);
    sandbox.run(&[&arguments[..], &["--replace"]].concat()).succeeds();
}

#[test]
fn the_numbers_are_printed_as_json() {
    let sandbox = sweep();
    let run = sandbox
        .run(&["chart", "study", "--x", "members", "--y", "accuracy", "--where", "logit_bits=24", "--json"])
        .succeeds();
    let value: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let marks = value["numbers"]["panels"][0]["series"][0]["marks"].as_array().unwrap();
    assert_eq!(marks.len(), 3);
    assert!((marks[0]["mean"].as_f64().unwrap() - 97.18).abs() < 0.01, "{value}");
}

#[test]
fn impossible_charts_are_refused_with_the_options_that_help() {
    let sandbox = sweep();
    let chart = |more: &[&str]| sandbox.run(&[&["chart", "study"], more].concat());
    chart(&["--x", "members", "--y", "accuracy"]).fails(
        1,
        &["training.logit_bits (24, 28) varies as well", "--where training.logit_bits=24", "--average"],
    );
    chart(&["--x", "member", "--y", "accuracy"])
        .fails(1, &["did you mean `members`?", "ensemble.members, training.logit_bits"]);
    chart(&["--x", "members", "--y", "accurracy"]).fails(1, &["did you mean `accuracy`?"]);
    chart(&["--x", "members", "--y", "accuracy", "--kind", "heat"])
        .fails(1, &["--x for its columns and --series for its rows"]);
    chart(&["--x", "members", "--y", "accuracy", "--kind", "frontier"])
        .fails(1, &["a measured cost", "--x provider_seconds"]);
    chart(&["--x", "members", "--y", "accuracy", "--where", "members"]).fails(2, &["AXIS=VALUE"]);
    chart(&["--x", "members", "--y", "accuracy", "--width", "84"]).fails(2, &["such as 84mm"]);
    chart(&["--x", "members", "--y", "accuracy", "--font-size", "100pt"])
        .fails(2, &["between 4 and 40 points"]);
    chart(&["--x", "members", "--y", "accuracy", "--average", "--out", "a.pdf", "--format", "png"])
        .fails(1, &["contradicts the ending of --out"]);
    chart(&["--x", "members", "--y", "accuracy", "--average", "--out", "a.jpeg"])
        .fails(1, &[".svg, .png or .pdf"]);
    sandbox
        .run(&["chart", "nowhere", "--x", "a", "--y", "accuracy"])
        .fails(1, &["neither table.csv nor accuracy.csv"]);
}

#[test]
fn the_report_of_a_sweep_is_written_into_its_folder() {
    let sandbox = sweep();
    let run = sandbox.run(&["report", "study"]).succeeds();
    for file in ["accuracy-heat-members-and-logit_bits.svg", "table.md", "table.tex", "report.html"] {
        assert!(run.stdout.contains(file), "{file} is not in: {}", run.stdout);
        assert!(sandbox.path(&format!("study/{file}")).exists(), "{file}");
    }
}

#[test]
fn charts_for_print_do_not_change_the_report() {
    let sandbox = sweep();
    sandbox.run(&["report", "study", "--out", "x"]).fails(1, &["--out needs one of --format"]);
    let run =
        sandbox.run(&["report", "study", "--format", "pdf", "--width", "84mm", "--no-title"]).succeeds();
    assert!(run.stdout.contains("study/figures/accuracy-frontier-provider_seconds.pdf"), "{}", run.stdout);
    assert!(!sandbox.path("study/report.html").exists());
}
