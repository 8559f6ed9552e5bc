//! Import of float weights. The network has no useful accuracy: it is only read, rounded and written.

use std::fs;

use super::sandbox::{Run, Sandbox};

/// One map with a kernel of 2 x 2 and 14 x 14 positions, 2 hidden units and 10 classes, in CryptoNets' layout.
const DESCRIPTION: &str = r#"
layout = "cryptonets"
activation = "square"

[[members]]
convolution = "convolution.csv"
hidden = "hidden.csv"
output = "output.csv"

[quantisation]
pixel_levels = 3
scales = [4, 8, 2]

[data]
name = "synthetic"
images = 50
test_images = 40
"#;

fn sandbox(description: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let rows = |rows: usize, columns: usize| -> String {
        let value = |row: usize, column: usize| ((row * 31 + column * 17) % 23) as f64 / 16.0 - 0.7;
        let line =
            |row| (0..=columns).map(|column| value(row, column).to_string()).collect::<Vec<_>>().join(",");
        (0..rows).map(|row| line(row) + "\n").collect()
    };
    sandbox.write("convolution.csv", &rows(1, 4));
    sandbox.write("hidden.csv", &rows(2, 196));
    sandbox.write("output.csv", &rows(10, 2));
    sandbox.write("net.toml", description);
    sandbox
}

/// A network of 28 x 28 pixels that can be imported.
pub fn sandbox_with_weights() -> Sandbox {
    sandbox(&with("[[members]]", "[architecture]\nstride = 2\nmaps = 1\nhidden = 2\n\n[[members]]"))
}

/// `DESCRIPTION` with a change.
fn with(from: &str, to: &str) -> String {
    let text = DESCRIPTION.replacen(from, to, 1);
    assert_ne!(text, DESCRIPTION, "{from}");
    text
}

fn import(sandbox: &Sandbox) -> Run {
    sandbox.run(&["import", "net.toml"])
}

#[test]
fn weights_of_another_framework_become_an_exported_ensemble() {
    let text = with("[[members]]", "[architecture]\nstride = 2\nmaps = 1\nhidden = 2\n\n[[members]]");
    let sandbox = sandbox(&text);
    let run = import(&sandbox).succeeds();
    for words in [
        "Accuracy against bits: net, SYNTHETIC digits",
        "CHOSEN",
        "[4, 8, 2]",
        "The ensemble is in results/import/net. Next:",
        "sottovoce plan results/import/net\n",
        "sottovoce predict results/import/net",
    ] {
        assert!(run.stdout.contains(words), "{words:?} is not in: {}", run.stdout);
    }
    assert!(run.stderr.contains("WARNING: the float network has an accuracy of"), "{}", run.stderr);
    let manifest = sandbox.read("results/import/net/member-1/manifest.json");
    for words in
        ["\"sha256 of hidden.csv\"", "\"scales\": \"[4, 8, 2]\"", "\"stride\": 2", "\"observed_logits\""]
    {
        assert!(manifest.contains(words), "{words} is not in: {manifest}");
    }
    // The last value of each line is its bias.
    assert_eq!(sandbox.read("results/import/net/member-1/convolution.weights.csv"), "-3,1,0,-2\n");

    // The same import to another folder, as JSON.
    let run = sandbox.run(&["import", "net.toml", "--json", "--out", "elsewhere"]).succeeds();
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(json["synthetic"], true);
    assert_eq!(json["rows"][1]["kind"], "chosen");
    assert_eq!(json["rows"][1]["test"]["images"], 40);
    assert!(sandbox.path("elsewhere/ensemble.json").exists());
}

#[test]
fn an_ensemble_is_replaced_only_after_a_successful_import() {
    let text = with("[[members]]", "architecture = { stride = 2, maps = 1 }\n[[members]]");
    let sandbox = sandbox(&text);
    import(&sandbox).succeeds();
    let before = sandbox.read("results/import/net/ensemble.json");
    sandbox.write("net.toml", &text.replace("[4, 8, 2]", "[4e200, 8, 2]"));
    import(&sandbox).fails(1, &["a weight in the convolution layer of member 1", "use smaller scales"]);
    assert_eq!(sandbox.read("results/import/net/ensemble.json"), before);
    sandbox.write("net.toml", &text.replace("[4, 8, 2]", "[8, 8, 2]"));
    let run = import(&sandbox).succeeds();
    assert!(run.stderr.contains("holds an earlier import of these weights, which is replaced"));
    assert_ne!(sandbox.read("results/import/net/ensemble.json"), before);
    // Other weights with the same name replace the ensemble only with --replace.
    let before = sandbox.read("results/import/net/ensemble.json");
    sandbox.write("output.csv", &sandbox.read("output.csv").replacen("0.", "1.", 1));
    import(&sandbox)
        .fails(1, &["results/import/net holds an ensemble that was made from other weights", "--replace"]);
    assert_eq!(sandbox.read("results/import/net/ensemble.json"), before);
    sandbox.run(&["import", "net.toml", "--replace"]).succeeds();
    assert_ne!(sandbox.read("results/import/net/ensemble.json"), before);
    // A folder that is not an ensemble is never replaced.
    fs::create_dir(sandbox.path("photos")).unwrap();
    sandbox.write("photos/cat.jpg", "");
    sandbox
        .run(&["import", "net.toml", "--out", "photos"])
        .fails(1, &["photos holds cat.jpg, which is not part of an exported ensemble", "--out"]);
    assert!(sandbox.path("photos/cat.jpg").exists());
}

#[test]
fn mistakes_in_a_description_are_refused_with_their_lines() {
    for (from, to, words) in [
        (
            "\"square\"",
            "\"relu\"",
            ["net.toml, line 3: `activation` is \"relu\"", "additions and multiplications"],
        ),
        ("\"cryptonets\"", "\"kerras\"", ["line 2: unknown variant `kerras`", "did you mean `keras`?"]),
        ("hidden = ", "hiden = ", ["line 7: unknown field `hiden`", "did you mean `hidden`?"]),
        ("pixel_levels = 3", "pixel_levels = 1", ["line 11: `quantisation.pixel_levels` is 1", "between 2"]),
        ("[4, 8, 2]", "[4, 8]", ["line 12", "three scales [convolution, hidden, output]"]),
        ("[[members]]", "pixels = { std = 0.0 }\n[[members]]", ["line 5: `pixels.std` is 0", "not 0"]),
    ] {
        let sandbox = sandbox(&with(from, to));
        import(&sandbox).fails(2, &words);
        assert!(!sandbox.path("results").exists());
    }
    let sandbox = sandbox(&with("[[members]]", "name = \"../evil\"\n[[members]]"));
    import(&sandbox).fails(2, &["line 5: `name` is \"../evil\", but may hold only letters, digits"]);
    // One array is not a network, and a file without an ending has no known format.
    sandbox.run(&["import", "hidden.csv", "--data", "synthetic"]).fails(
        1,
        &["hidden.csv holds weights without a network", "one array without a name", "A description can name"],
    );
    fs::write(sandbox.path("net"), [0xff, 0xfe, 0]).unwrap();
    let unknown = ["net has an unknown format", ".keras", ".onnx", ".pt2"];
    sandbox.run(&["import", "net", "--data", "synthetic"]).fails(1, &unknown);
    fs::write(sandbox.path("binary.toml"), [0xff, 0xfe, 0]).unwrap();
    sandbox.run(&["import", "binary.toml"]).fails(2, &["a description is a TOML text"]);
    Sandbox::new().run(&["import", "none.toml"]).fails(2, &["cannot read the configuration none.toml"]);
}

#[test]
fn weights_that_do_not_fit_are_refused_by_file_and_shape() {
    let sizes = "architecture = { stride = 2, maps = 1, hidden = 2, classes = 10 }\n[[members]]";
    let base = with("[[members]]", sizes);
    let sandbox = sandbox(&base);
    // If the files are valid, the mistake is in the description, and the error has its line.
    for (from, to, words) in [
        (
            "\"hidden.csv\"",
            "\"hiden.csv\"",
            &["net.toml, line 6: `members` cannot be used: cannot read the weights hiden.csv"][..],
        ),
        (
            "\"hidden.csv\"",
            "\"output.csv\"",
            &["output.csv has the shape [10, 3], but the hidden layer", "[2, 197]"],
        ),
        ("[[members]]", "bias = \"none\"\n[[members]]", &["convolution.csv has the shape [5]"]),
        ("stride = 2,", "stride = 2, image_side = 32,", &["[2, 257]"]),
        (
            "stride = 2, maps = 1,",
            "maps = 3,",
            &["line 5: `architecture.kernel` is not given and the weights do not determine it"],
        ),
        (
            "[[members]]",
            "bias = \"separate\"\n[[members]]",
            &[
                "the convolution layer of member 1 names no `bias`",
                "convolution = { weights = ..., bias = \"none\" }",
            ],
        ),
    ] {
        sandbox.write("net.toml", &base.replacen(from, to, 1));
        import(&sandbox).fails(2, words);
    }
    sandbox.write("net.toml", &base.replace("\"synthetic\"", "\"fashion\""));
    import(&sandbox).fails(1, &["fashion"]);
    sandbox.write("net.toml", &base);
    sandbox.write("output.csv", "1,2,3\n1,two,3\n");
    import(&sandbox).fails(1, &["output.csv, line 2, value 2: \"two\" is not a number"]);
    sandbox.write("output.csv", "1,2,3\n1,2\n1,2,3\n");
    import(&sandbox).fails(1, &["output.csv, line 2: 2 values, but the lines before it have 3"]);
    assert!(!sandbox.path("results").exists());
}

#[test]
fn a_network_for_images_or_labels_of_another_kind_is_refused() {
    let text = with("[[members]]", "architecture = { stride = 2, maps = 1, image_side = 29 }\n[[members]]");
    let sandbox = sandbox(&text);
    // A side of 29 pixels gives 14 positions as well.
    import(&sandbox).fails(1, &["images of 28 x 28 pixels, but the network reads 29 x 29"]);
    sandbox.write("net.toml", &text.replace("image_side = 29", "classes = 4"));
    sandbox.write("output.csv", "1,2,3\n4,5,6\n7,8,9\n1,2,3\n");
    import(&sandbox).fails(1, &["has the label 9, but the network has 4 classes, 0 to 3"]);
}

#[test]
fn without_the_data_set_nothing_is_measured_on_other_images() {
    let text = with("[[members]]", "architecture = { stride = 2, maps = 1 }\n[[members]]");
    let sandbox = sandbox(&text.replace("name = \"synthetic\"", "name = \"mnist\""));
    let run = import(&sandbox).fails(1, &["MNIST is not available", "--data-dir", "`--data synthetic`"]);
    assert!(!run.stderr.contains("instead"), "{}", run.stderr);
    assert!(!sandbox.path("results").exists());
}

#[test]
fn scales_of_equalised_weights_are_marked() {
    let text = with("[[members]]", "architecture = { stride = 2, maps = 1 }\n[[members]]");
    let sandbox = sandbox(&text);
    assert!(!import(&sandbox).succeeds().stdout.contains("equalise"));
    sandbox.write(
        "net.toml",
        &text.replace("scales = [4, 8, 2]", "tolerance = 90.0\npixel_levels = 5").replacen(
            "pixel_levels = 3\n",
            "",
            1,
        ),
    );
    let run = import(&sandbox).succeeds();
    for words in [
        "Scales refer to equalised weights",
        "`equalise = true` in [quantisation]",
        "at most 90 percentage points",
    ] {
        assert!(run.stdout.contains(words), "{words:?} is not in: {}", run.stdout);
    }
    assert!(sandbox.read("results/import/net/member-1/manifest.json").contains("\"equalised\": \"true\""));
}
