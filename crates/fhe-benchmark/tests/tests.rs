//! Plays the benchmark's harness: calls the executables in its order, in its folders, and compares the labels with the integer oracle.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use harness::{Harness, images, labelled_images, oracle_labels};
use sottovoce_network::{Architecture, NetworkSampler, Padding};

/// The stages in the harness's order.
const STAGES: [&str; 7] = [
    "client_key_generation",
    "server_preprocess_model",
    "client_preprocess_input",
    "client_encode_encrypt_input",
    "server_encrypted_compute",
    "client_decrypt_decode",
    "client_postprocess",
];

/// The sizes with a number of images: more than one batch in the last one.
const SIZES: [(&str, usize); 4] = [("0", 1), ("1", 100), ("2", 1000), ("3", 8200)];

fn all_sizes_give_the_oracle_s_labels(submission: &str) {
    let harness = Harness::install(submission, "submissions/mnist");
    for (size, count) in SIZES {
        let is_packed = harness.parameters(size).packed().is_some();
        assert_eq!(is_packed, count == 1, "size {size}");
        harness.start(size);
        harness.succeeds("client_key_generation", &[size]);
        harness.without_secret_key(size, || harness.succeeds("server_preprocess_model", &[]));
        assert!(harness.folder_bytes(size, "public_keys") > 0);
        // The harness repeats these steps with the same keys.
        let repetitions = if count == 1 { 3 } else { 1 };
        for repetition in 0..repetitions {
            let images = images(repetition, count);
            harness.write_images(size, &images);
            harness.succeeds("client_preprocess_input", &[size]);
            harness.succeeds("client_encode_encrypt_input", &[size]);
            assert!(harness.folder_bytes(size, "ciphertexts_upload") > 0);
            harness.without_secret_key(size, || harness.succeeds("server_encrypted_compute", &[size]));
            assert!(harness.folder_bytes(size, "ciphertexts_download") > 0);
            harness.succeeds("client_decrypt_decode", &[size]);
            harness.succeeds("client_postprocess", &[size]);
            let labels = harness.labels(size);
            assert_eq!(labels.len(), count);
            for (index, expected) in oracle_labels(&harness, size, &images) {
                assert_eq!(labels[index], expected, "size {size}, image {index}");
            }
            let steps = harness.read(size, "server_reported_steps.json");
            let steps: serde_json::Value = serde_json::from_str(&steps).unwrap();
            assert!(steps.as_object().unwrap().values().all(serde_json::Value::is_number), "{steps}");
            assert!(steps["Encrypted computation"].as_f64().unwrap() > 0.0, "{steps}");
        }
    }
}

#[test]
fn the_single_network_gives_the_oracle_s_labels_for_all_sizes() {
    all_sizes_give_the_oracle_s_labels("mnist");
}

#[test]
fn the_ensemble_gives_the_oracle_s_labels_for_all_sizes() {
    all_sizes_give_the_oracle_s_labels("mnist-ensemble");
}

#[test]
fn a_single_image_is_batched_if_the_network_cannot_be_packed_and_the_build_says_why() {
    let harness = Harness::install("mnist", "submissions/mnist");
    // 20 hidden units need 16 columns, and one map of 2 x 2 positions has 4.
    let padding = Padding { leading: 0, trailing: 0 };
    let wide =
        Architecture { image_side: 28, kernel: 14, stride: 14, padding, maps: 1, hidden: 20, classes: 10 };
    let wide = NetworkSampler::new(wide, 7).with_largest_weights([2; 3]).ensemble(1).unwrap();
    let warnings = harness.rebuild(&wide, 1 << 20);
    for words in ["a single image is evaluated as a batch, not packed", "columns for the hidden units"] {
        assert!(warnings.contains(words), "{words:?} is not in: {warnings}");
    }
    assert!(harness.parameters("0").packed().is_none());
}

#[test]
fn a_remote_provider_announces_parameters_and_stores_the_client_s_keys() {
    let harness = Harness::install("mnist", "submission_remote/mnist");
    harness.start("1");
    harness.succeeds("server_get_params", &["1"]);
    assert!(harness.folder_bytes("1", "client_data") > 0);
    harness.succeeds("client_key_generation", &["1"]);
    harness.succeeds("server_upload_ek", &["1"]);
    // The provider has its own copy of the keys.
    fs::remove_dir_all(harness.exchange("1").join("public_keys")).unwrap();
    harness.succeeds("server_preprocess_model", &[]);
    let images = images(0, 5);
    harness.write_images("1", &images);
    for stage in [
        "client_preprocess_input",
        "client_encode_encrypt_input",
        "server_encrypted_compute",
        "client_decrypt_decode",
        "client_postprocess",
    ] {
        harness.succeeds(stage, &["1"]);
    }
    let labels = harness.labels("1");
    for (index, expected) in oracle_labels(&harness, "1", &images) {
        assert_eq!(labels[index], expected);
    }
}

#[test]
fn stages_refuse_wrong_arguments_and_missing_files() {
    let harness = Harness::install("mnist", "submissions/mnist");
    harness.start("0");
    harness.fails("client_key_generation", &["4"], &["the size is \"4\"", "0 (single)"]);
    harness.fails("client_key_generation", &[], &["0 arguments", "takes one argument"]);
    harness.fails("server_preprocess_model", &["0"], &["1 arguments", "takes no argument"]);
    harness.fails("client_preprocess_input", &["0"], &["test_pixels.txt", "the harness"]);
    harness.fails("client_encode_encrypt_input", &["0"], &["secret_key/keys", "client_key_generation"]);
    harness.succeeds("client_key_generation", &["0"]);
    harness.fails("client_key_generation", &["0"], &["secret_key/keys", "exists and is not replaced"]);
    harness.fails("client_encode_encrypt_input", &["0"], &["pixels", "client_preprocess_input"]);
    harness.fails("server_encrypted_compute", &["0"], &["ciphertexts_upload", "client_encode_encrypt_input"]);
    harness.fails("client_decrypt_decode", &["0"], &["batches", "client_encode_encrypt_input"]);
    harness.fails("client_postprocess", &["0"], &["logits.txt", "client_decrypt_decode"]);
    assert!(!harness.exchange("0").join("encrypted_model_predictions.txt").exists());
}

#[test]
fn stages_refuse_damaged_files() {
    let harness = Harness::install("mnist", "submissions/mnist");
    harness.start("0");
    harness.succeeds("client_key_generation", &["0"]);
    harness.write_images("0", &images(0, 1));
    let pixels = harness.root().join("datasets/single/intermediate/test_pixels.txt");
    let line = vec!["0.000000"; 784].join(" ");
    fs::write(&pixels, format!("{line}\n{} 1.5\n", &line[..783 * 9 - 1])).unwrap();
    harness.fails("client_preprocess_input", &["0"], &["test_pixels.txt: line 2, column 7048: \"1.5\""]);
    fs::write(&pixels, format!("{line} 0\n")).unwrap();
    harness.fails("client_preprocess_input", &["0"], &["line 1 has 785 numbers, but an image has 784"]);
    fs::write(&pixels, "").unwrap();
    harness.fails("client_preprocess_input", &["0"], &["the file has no images"]);
    harness.write_images("0", &images(0, 1));
    harness.succeeds("client_preprocess_input", &["0"]);
    harness.succeeds("client_encode_encrypt_input", &["0"]);

    // A batch with a bit that was changed, one that is cut off, and one under other keys.
    let path = harness.exchange("0").join("ciphertexts_upload/batch-1");
    let batch = fs::read(&path).unwrap();
    let mut damaged = batch.clone();
    damaged[batch.len() / 2] ^= 1;
    fs::write(&path, &damaged).unwrap();
    harness.fails("server_encrypted_compute", &["0"], &["batch-1"]);
    fs::write(&path, &batch[..batch.len() - 1]).unwrap();
    harness.fails("server_encrypted_compute", &["0"], &["batch-1", "ends within"]);
    assert!(!harness.exchange("0").join("ciphertexts_download/answer-1").exists());
    fs::write(&path, &batch).unwrap();
    let registration = harness.exchange("0").join("public_keys/registration");
    let good = fs::read(&registration).unwrap();
    fs::write(&registration, &good[1..]).unwrap();
    harness.fails("server_encrypted_compute", &["0"], &["registration"]);
    fs::write(&registration, &good).unwrap();
    harness.succeeds("server_encrypted_compute", &["0"]);

    // The answer to an earlier batch.
    harness.succeeds("client_encode_encrypt_input", &["0"]);
    harness.fails("client_decrypt_decode", &["0"], &["answer-1", "batch"]);
    harness.succeeds("server_encrypted_compute", &["0"]);
    harness.succeeds("client_decrypt_decode", &["0"]);
    fs::write(harness.exchange("0").join("intermediate/logits.txt"), "1 2\n1 x\n").unwrap();
    harness.fails("client_postprocess", &["0"], &["logits.txt, line 2"]);

    // Weights that are not those of the announcement.
    let weights = harness.submission().join("weights/member-1/output.biases.csv");
    let text = fs::read_to_string(&weights).unwrap();
    fs::write(&weights, format!("1{text}")).unwrap();
    harness.fails("server_preprocess_model", &[], &["output.biases.csv"]);
}

/// Prints the times of all stages, as the harness takes them, and the accuracy.
#[test]
#[ignore = "a measurement, which takes a minute and needs MNIST"]
fn full_size_runs_of_both_submissions() {
    const REPETITIONS: usize = 3;
    for submission in ["mnist", "mnist-ensemble"] {
        let harness = Harness::install(submission, "submissions/mnist");
        for (size, count) in [("0", 1), ("1", 100), ("2", 1000), ("3", 10_000)] {
            let (images, labels) = labelled_images(count);
            harness.write_images(size, &images);
            let mut seconds = BTreeMap::<_, Vec<f64>>::new();
            for _ in 0..REPETITIONS {
                harness.start(size);
                for (order, stage) in STAGES.into_iter().enumerate() {
                    let arguments = if stage == "server_preprocess_model" { vec![] } else { vec![size] };
                    let start = Instant::now();
                    harness.succeeds(stage, &arguments);
                    seconds.entry((order, stage)).or_default().push(start.elapsed().as_secs_f64());
                }
            }
            let correct = harness.labels(size).iter().zip(&labels).filter(|(a, b)| a == b).count();
            println!("{submission}, {count} images: {correct} correct");
            for ((_, stage), mut times) in seconds {
                times.sort_by(f64::total_cmp);
                println!("  {stage:28} {:.3} s", times[REPETITIONS / 2]);
            }
            for folder in ["public_keys", "ciphertexts_upload", "ciphertexts_download"] {
                println!("  {folder:28} {} bytes", harness.folder_bytes(size, folder));
            }
            println!("{}", harness.read(size, "server_reported_steps.json"));
        }
    }
}
