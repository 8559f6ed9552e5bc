//! Networks of other shapes, set only by configurations, from data to records.

use super::sandbox::{SMALL, Sandbox, rows};

/// `SMALL` with one setting, very short training, and another network.
fn experiment(name: &str, data: &str, architecture: &str, members: usize) -> String {
    let start = SMALL.find("[architecture]").unwrap();
    let end = SMALL.find("[ensemble]").unwrap();
    let text = format!("{}[architecture]\n{architecture}\n\n{}", &SMALL[..start], &SMALL[end..]);
    let mut text = text;
    for (from, to) in [
        ("name = \"small\"", format!("name = \"{name}\"")),
        ("name = \"synthetic\"", format!("name = \"{data}\"")),
        ("train_images = 2000", "train_images = 700".to_owned()),
        ("members = 2", format!("members = {members}")),
        ("shares = [[0.5, 0.6], [0.8, 0.9]]", "shares = [[0.5, 0.6]]".to_owned()),
        ("float_epochs = 4", "float_epochs = 2".to_owned()),
        ("quantised_epochs = 3", "quantised_epochs = 1".to_owned()),
        ("logit_bits = 32", "logit_bits = 40".to_owned()),
        // No test image leaves the proven range, even if the network is badly trained.
        ("range_margin = 0.25", "range = \"proven\"\nrange_margin = 0.0\nkey = \"auto\"".to_owned()),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, &to, 1);
    }
    text
}

fn runs_exactly(sandbox: &Sandbox, name: &str, members: usize) {
    let run = sandbox.run(&["evaluate", &format!("{name}.toml")]).succeeds();
    assert!(!run.stderr.contains("OBSERVED"), "{}", run.stderr);
    let accuracy = rows(&sandbox.path(&format!("results/{name}/accuracy.csv")));
    let encrypted: Vec<_> = accuracy.iter().filter(|row| row["domain"] == "encrypted").collect();
    assert_eq!(encrypted.len(), members + 1);
    assert!(encrypted.iter().all(|row| row["mismatches"] == "0"));
}

#[test]
fn networks_of_other_shapes_need_only_a_configuration() {
    let sandbox = Sandbox::new();
    for (name, architecture, members) in [
        (
            "overlapping",
            "image_side = 28\nkernel = 3\nstride = 2\npadding = { leading = 1, trailing = 1 }\nmaps = 3\nhidden = 8\nclasses = 10",
            3,
        ),
        (
            "coarse",
            "image_side = 28\nkernel = 7\nstride = 7\npadding = { leading = 0, trailing = 0 }\nmaps = 1\nhidden = 20\nclasses = 12",
            1,
        ),
    ] {
        sandbox.write(&format!("{name}.toml"), &experiment(name, "synthetic", architecture, members));
        runs_exactly(&sandbox, name, members);
    }
}

/// Images of 10 x 10 pixels with a bar whose row tells their label.
fn idx_files(sandbox: &Sandbox) {
    for (part, count) in [("train", 700u32), ("t10k", 120)] {
        let mut images = [2051u32, count, 10, 10].map(u32::to_be_bytes).concat();
        let mut labels = [2049u32, count].map(u32::to_be_bytes).concat();
        for index in 0..count {
            let label = index % 10;
            images
                .extend((0..100).map(|pixel| if pixel / 10 == label { 200 + (index % 50) as u8 } else { 0 }));
            labels.push(label as u8);
        }
        for (kind, bytes) in [("images-idx3", images), ("labels-idx1", labels)] {
            std::fs::write(sandbox.path(&format!("bars/{part}-{kind}-ubyte")), bytes).unwrap();
        }
    }
}

#[test]
fn images_of_another_size_need_only_a_configuration() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("bars")).unwrap();
    idx_files(&sandbox);
    let architecture = "image_side = 10\nkernel = 4\nstride = 2\npadding = { leading = 0, trailing = 1 }\nmaps = 2\n\
                        hidden = 6\nclasses = 10";
    sandbox.write("bars.toml", &experiment("bars", "bars", architecture, 2));
    let arguments = ["evaluate", "bars.toml", "--data-dir", "bars"];
    sandbox.run(&arguments).succeeds();
    let accuracy = rows(&sandbox.path("results/bars/accuracy.csv"));
    assert!(accuracy.iter().filter(|row| row["domain"] == "encrypted").all(|row| row["mismatches"] == "0"));
}
