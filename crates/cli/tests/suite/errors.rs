use std::fs;

use super::sandbox::{SMALL, Sandbox};

#[test]
fn the_help_has_examples_and_exit_codes() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["--help"]).succeeds();
    for word in ["reproduce", "evaluate", "Examples:", "Exit codes:", "SOTTOVOCE_DATA"] {
        assert!(run.stdout.contains(word), "{word} is not in: {}", run.stdout);
    }
}

#[test]
fn a_misspelt_field_is_refused_with_line_and_suggestion() {
    let sandbox = Sandbox::new();
    sandbox.write("typo.toml", &SMALL.replace("range_penalty", "range_penality"));
    sandbox
        .run(&["evaluate", "typo.toml"])
        .fails(2, &["typo.toml, line 37: unknown field `range_penality`", "did you mean `range_penalty`?"]);
    assert!(!sandbox.path("results").exists(), "nothing is begun with a wrong configuration");
}

#[test]
fn a_contradiction_is_refused_with_its_line() {
    let sandbox = Sandbox::new();
    sandbox.write("two.toml", &SMALL.replace("\"regular\"", "[[0, 1, 2], [3, 4], [5, 6, 7, 8, 9]]"));
    sandbox
        .run(&["reproduce", "two.toml"])
        .fails(2, &["two.toml, line 21: `ensemble.splits`", "there are 3 groups of labels, but 2 members"]);
}

#[test]
fn wrong_fields_are_refused_before_anything_begins() {
    let sandbox = Sandbox::new();
    for (from, to, words) in [
        ("[\"regular\"]", "[\"regular\", \"likely\"]", ["line 21", "no split method is called `likely`"]),
        ("[\"regular\"]", "[\"random\", \"random\"]", ["line 21: `ensemble.splits`", "random twice"]),
        ("splits = [\"regular\"]", "spilt = [\"regular\"]", ["line 21: unknown field `spilt`", "`splits`?"]),
        (
            "splits = [\"regular\"]",
            "splits = [\"regular\"]\nsplit = \"random\"",
            ["line 22: `ensemble.split`", "and `ensemble.splits` give the same field"],
        ),
        (
            "validation_images = 100",
            "validation_images = 2000",
            ["line 7: `data.validation_images`", "less than the 2000 training images"],
        ),
        ("seeds = [7]", "seeds = [7]\naveraging = \"mean\"", ["line 24: unknown variant `mean`", "weighted"]),
        (
            "members = 2",
            "members = 1\nbaselines = true",
            ["line 21: `ensemble.baselines` is true", "`ensemble.members` is 1"],
        ),
        (
            "[encryption]",
            "[elapsed]\nimages = [100, 2001]\n[encryption]",
            ["line 41: `elapsed.images` holds 2001", "the 2000 of `data.train_images`"],
        ),
        (
            "[encryption]",
            "[bits]\nlogit_bits = [20, 160]\n[encryption]",
            ["line 41: `bits.logit_bits` is 160", "must be between 8 and 100"],
        ),
        (
            "name = \"small\"",
            "name = \"small\"\nbase = \"fig8\"",
            ["line 3: `base`", "did you mean \"fig7\"?"],
        ),
    ] {
        let text = SMALL.replace(from, to);
        assert_ne!(text, SMALL, "{from}");
        sandbox.write("wrong.toml", &text);
        sandbox.run(&["reproduce", "wrong.toml"]).fails(2, &words);
        assert!(!sandbox.path("results").exists());
    }
}

#[test]
fn a_batch_larger_than_a_members_images_is_refused_by_line_with_the_smallest_count() {
    let sandbox = Sandbox::new();
    let with = |batch: usize| SMALL.replace("batch = 32", &format!("batch = {batch}"));
    sandbox.write("batch.toml", &with(1900));
    let words = ["batch.toml, line 28: `training.batch` is 1900, but member ", "the fewest of all members"];
    let run = sandbox.run(&["reproduce", "batch.toml"]).fails(2, &words);
    assert!(!sandbox.path("results").exists(), "nothing is begun");
    let count = run.stderr.split(" has ").nth(1).and_then(|text| text.split(' ').next());
    let fewest: usize = count.unwrap().parse().unwrap();
    sandbox.write("batch.toml", &with(fewest + 1));
    sandbox.run(&["train", "batch.toml"]).fails(2, &words[1..]);

    sandbox.write("batch.toml", &with(fewest));
    sandbox.run(&["train", "batch.toml"]).succeeds();

    // A rate that is too high is another error.
    let high = with(64).replace("float_rate = 0.005", "float_rate = 1.0").replace("clip = 1.0", "clip = 1e9");
    sandbox.write("high.toml", &high.replace("\"small\"", "\"high\""));
    sandbox.run(&["train", "high.toml"]).fails(1, &["diverged in its Float phase", "lower the rate"]);

    // If the base sets the batch, the error has no line.
    let data = "name = \"synthetic\"\ntrain_images = 200\nvalidation_images = 50\ntest_images = 50\n";
    sandbox.write("mine.toml", &format!("base = \"quick\"\nname = \"mine\"\n[data]\n{data}"));
    sandbox.run(&["train", "mine.toml"]).fails(2, &["mine.toml: `training.batch` is 64, but member "]);
}

#[test]
fn a_mistake_in_the_last_experiment_is_reported_before_the_first_begins() {
    let sandbox = Sandbox::new();
    sandbox.write("bad.toml", &SMALL.replace("members = 2", "members = -2"));
    let run = sandbox.run(&["reproduce", "small.toml", "bad.toml"]).fails(2, &["bad.toml, line 20"]);
    assert!(!run.stderr.contains("training"), "{}", run.stderr);
}

#[test]
fn an_unknown_experiment_is_refused_with_the_known_names() {
    let sandbox = Sandbox::new();
    sandbox.run(&["train", "fig4"]).fails(
        2,
        &["\"fig4\" is neither a file nor a built-in experiment", "did you mean \"fig7\"?", "quick"],
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_before_training() {
    let sandbox = Sandbox::new();
    sandbox.write("occupied", "a file where the folder should be");
    let run = sandbox
        .run(&["reproduce", "small.toml", "--out", "occupied/run"])
        .fails(1, &["cannot write to the run's folder occupied/run", "--out"]);
    assert!(!run.stderr.contains("training"), "{}", run.stderr);
}

#[test]
fn a_report_of_an_empty_folder_names_the_missing_file() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("empty")).unwrap();
    sandbox.run(&["report", "empty"]).fails(1, &["evaluate the run first", "empty/accuracy.csv"]);
}

#[test]
fn arguments_out_of_range_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.run(&["reproduce", "--quick", "--threads", "0"]).fails(2, &["--threads", "1..=1024"]);
    sandbox.run(&["reproduce", "fig5", "--quick"]).fails(2, &["--quick", "cannot be used with"]);
}

#[test]
fn a_closed_standard_output_is_not_an_error() {
    let sandbox = Sandbox::new();
    let mut child = sandbox
        .command(&["data", "info", "small.toml"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let run = super::sandbox::Run::from(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
}

#[test]
fn experiments_with_the_same_name_and_offline_downloads_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.run(&["reproduce", "small.toml", "small.toml"]).fails(1, &["have the name \"small\""]);
    sandbox.run(&["data", "fetch"]).fails(1, &["cannot download with --offline"]);
}

#[test]
fn images_of_another_size_than_the_architecture_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("side.toml", &SMALL.replace("image_side = 28", "image_side = 32"));
    sandbox.run(&["train", "side.toml"]).fails(1, &["28 x 28 pixels", "`architecture.image_side` is 32"]);
    sandbox.write("classes.toml", &SMALL.replace("classes = 10", "classes = 5"));
    sandbox.run(&["train", "classes.toml"]).fails(1, &["has the label 9, but `architecture.classes` is 5"]);
}

#[test]
fn options_of_data_sets_are_offered_only_by_commands_that_read_one() {
    let sandbox = Sandbox::new();
    let options = ["--data-dir", "--orientation", "--offline", "--mirror"];
    for command in
        [&["reproduce"][..], &["data", "info"], &["predict"], &["bench", "latency"], &["bench", "service"]]
    {
        let help = sandbox.run(&[command, &["--help"]].concat()).succeeds().stdout;
        assert!(options.iter().all(|option| help.contains(option)), "{command:?}: {help}");
    }
    let others =
        [&["serve"][..], &["classify"], &["enrol"], &["forget"], &["plan"], &["report"], &["bench", "noise"]];
    let nested = [&["authority", "issue"][..], &["clients", "list"]];
    for command in others.iter().chain(&nested) {
        let help = sandbox.run(&[*command, &["--help"]].concat()).succeeds().stdout;
        let foreign = options.iter().find(|option| help.contains(**option));
        assert_eq!(foreign, None, "{command:?}: {help}");
    }
    sandbox.run(&["serve", "--insecure-local", "--models", "m", "--offline"]).fails(2, &["--offline"]);
}
