use std::fs;

use super::sandbox::Sandbox;

#[test]
fn label_counts_add_up_to_every_image_once() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["data", "info", "small.toml", "--json"]).succeeds();
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(json["synthetic"], true);
    assert_eq!(json["validation_images"], 100);
    for setting in json["settings"].as_array().unwrap() {
        let counts = setting["label_counts"].as_array().unwrap();
        assert_eq!(counts.len(), 2);
        let all = counts.iter().flat_map(|member| member.as_array().unwrap());
        assert_eq!(all.map(|count| count.as_u64().unwrap()).sum::<u64>(), 1900);
    }
    let table = sandbox.run(&["data", "info", "small.toml"]).succeeds().stdout;
    assert!(table.contains("SYNTHETIC") && table.contains("regular-2-seed7"), "{table}");
}

#[test]
fn a_contact_sheet_is_drawn() {
    let sandbox = Sandbox::new();
    sandbox
        .run(&["data", "show", "synthetic", "--out", "sheet.png", "--columns", "4", "--rows", "2"])
        .succeeds();
    assert!(fs::read(sandbox.path("sheet.png")).unwrap().starts_with(b"\x89PNG"));

    // An existing picture is overwritten only with --replace.
    sandbox.write("contact-sheet.png", "a holiday");
    let words = ["contact-sheet.png exists", "--out", "--replace"];
    sandbox.run(&["data", "show", "synthetic"]).fails(1, &words);
    assert_eq!(sandbox.read("contact-sheet.png"), "a holiday");
    sandbox.run(&["data", "show", "synthetic", "--replace"]).succeeds();
    assert!(fs::read(sandbox.path("contact-sheet.png")).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn without_mnist_and_network_synthetic_digits_are_used_with_a_warning() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["data", "info", "fig5"]).succeeds();
    assert!(run.stderr.contains("built-in SYNTHETIC digits"), "{}", run.stderr);
    assert!(run.stdout.starts_with("synthetic, SYNTHETIC"), "{}", run.stdout);
}

#[test]
fn a_named_folder_without_a_data_set_is_an_error() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("empty")).unwrap();
    sandbox.run(&["data", "info", "fig5", "--data-dir", "empty"]).fails(1, &["empty"]);
    sandbox.run(&["data", "info", "fig5", "--data-dir", "nowhere"]).fails(1, &["nowhere"]);
}

#[test]
fn a_truncated_file_is_refused_by_name() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("mnist")).unwrap();
    // A header that promises two images of 2 x 2 pixels, and one image.
    let images = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2][..], &[1, 2, 3, 4]].concat();
    let labels = [0, 0, 8, 1, 0, 0, 0, 2, 7, 8];
    for part in ["train", "t10k"] {
        fs::write(sandbox.path(&format!("mnist/{part}-images-idx3-ubyte")), &images).unwrap();
        fs::write(sandbox.path(&format!("mnist/{part}-labels-idx1-ubyte")), labels).unwrap();
    }
    sandbox.run(&["data", "info", "fig5", "--data-dir", "mnist"]).fails(1, &["train-images-idx3-ubyte"]);
}

/// Writes a data set of two classes in MNIST's four files, with `ground` around ink of `255 - ground`.
fn write_data_set(sandbox: &Sandbox, folder: &str, names: [&str; 4], ground: u8) {
    fs::create_dir_all(sandbox.path(folder)).unwrap();
    for (half, count) in [(0, 6_u8), (2, 4)] {
        let pixels = (0..count).flat_map(|image| {
            let mut pixels = [ground; 16];
            pixels[5] = 255 - ground;
            pixels[6] = image * 10 + 60 + half as u8;
            pixels
        });
        let header = [0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 4, 0, 0, 0, 4];
        fs::write(
            sandbox.path(folder).join(names[half]),
            header.into_iter().chain(pixels).collect::<Vec<_>>(),
        )
        .unwrap();
        let labels = [0, 0, 8, 1, 0, 0, 0, count].into_iter().chain((0..count).map(|image| image % 2));
        fs::write(sandbox.path(folder).join(names[half + 1]), labels.collect::<Vec<_>>()).unwrap();
    }
}

const DOTTED: [&str; 4] = [
    "train-images.idx3-ubyte",
    "train-labels.idx1-ubyte",
    "t10k-images.idx3-ubyte",
    "t10k-labels.idx1-ubyte",
];

const EMNIST: [&str; 4] = [
    "emnist-digits-train-images-idx3-ubyte",
    "emnist-digits-train-labels-idx1-ubyte",
    "emnist-digits-test-images-idx3-ubyte",
    "emnist-digits-test-labels-idx1-ubyte",
];

#[test]
fn a_data_set_is_described_and_its_contact_sheet_named() {
    let sandbox = Sandbox::new();
    write_data_set(&sandbox, "mine", DOTTED, 0);
    let run = sandbox.run(&["data", "info", "mine"]).succeeds();
    assert!(
        run.stdout.starts_with("mine, from mine: 6 training and 4 test images of 4 x 4 pixels, 2 classes"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("Nothing is unusual"), "{}", run.stdout);
    assert!(run.stdout.contains("contact sheet is contact-sheet-mine.png"), "{}", run.stdout);
    assert!(fs::read(sandbox.path("contact-sheet-mine.png")).unwrap().starts_with(b"\x89PNG"));
    let run = sandbox.run(&["data", "info", "mine", "--json", "--sheet", "x.png"]).succeeds();
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&json["classes"], &json["orientation"]), (&2.into(), &"upright".into()));
    assert_eq!(json["label_counts"]["train"], serde_json::json!([3, 3]));
    assert_eq!(json["contact_sheet"], "x.png");
}

#[test]
fn dark_ink_on_light_paper_is_reported_with_the_field_to_set() {
    let sandbox = Sandbox::new();
    write_data_set(&sandbox, "mine", DOTTED, 255);
    let run = sandbox.run(&["data", "info", "mine"]).succeeds();
    assert!(run.stdout.contains("`data.invert = true`"), "{}", run.stdout);
}

#[test]
fn emnist_is_turned_upright_unless_an_option_keeps_it() {
    let sandbox = Sandbox::new();
    write_data_set(&sandbox, "mine", EMNIST, 0);
    let run = sandbox.run(&["data", "info", "mine"]).succeeds();
    assert!(run.stdout.contains("turned upright"), "{}", run.stdout);
    assert!(run.stderr.contains("--orientation upright"), "{}", run.stderr);
    let run = sandbox.run(&["data", "info", "mine", "--orientation", "upright"]).succeeds();
    assert!(!run.stdout.contains("turned upright") && run.stderr.is_empty(), "{}", run.stderr);
}

#[test]
fn other_data_in_the_folder_of_mnist_is_an_error() {
    let sandbox = Sandbox::new();
    write_data_set(&sandbox, "data/mnist", DOTTED, 0);
    sandbox.run(&["data", "info", "fig5"]).fails(1, &["train-images.idx3-ubyte is not the file of MNIST"]);
    let sandbox = Sandbox::new();
    write_data_set(&sandbox, "data/mnist", ["a-ubyte", "b-ubyte", "c-ubyte", "d-ubyte"], 0);
    sandbox.run(&["data", "info", "fig5"]).fails(1, &["not MNIST's four files", "a-ubyte", "--data-dir"]);
}

#[test]
fn an_empty_environment_variable_counts_as_unset() {
    let sandbox = Sandbox::new();
    let output = sandbox.command(&["data", "info", "small.toml"]).env("SOTTOVOCE_DATA", "").output().unwrap();
    super::sandbox::Run::from(output).succeeds();
    write_data_set(&sandbox, "mine", DOTTED, 0);
    let output = sandbox.command(&["data", "info", "digits"]).env("SOTTOVOCE_DATA", "mine").output().unwrap();
    let run = super::sandbox::Run::from(output).succeeds();
    assert!(run.stdout.starts_with("digits, from mine"), "{}", run.stdout);
}

#[test]
fn a_name_similar_to_an_experiments_is_not_taken_for_a_data_set() {
    let sandbox = Sandbox::new();
    write_data_set(&sandbox, "mine", DOTTED, 0);
    sandbox.run(&["data", "info", "fig55", "--data-dir", "mine"]).fails(2, &["did you mean \"fig5\"?"]);
}
