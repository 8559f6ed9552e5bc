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
}

#[test]
fn without_mnist_and_network_the_synthetic_digits_take_over_and_it_is_said() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["data", "info", "fig5"]).succeeds();
    assert!(run.stderr.contains("built-in SYNTHETIC digits"), "{}", run.stderr);
    assert!(run.stdout.starts_with("synthetic, SYNTHETIC"), "{}", run.stdout);
}

#[test]
fn a_named_folder_without_a_data_set_is_an_error_and_never_passed_over() {
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
