use super::super::layers::BUILT_IN;
use super::*;

/// The experiment that `text` gives in a file `origin`, on top of the built-in experiment that it names.
fn parse(origin: &str, text: &str) -> Result<Experiment, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(origin);
    std::fs::write(&path, text).unwrap();
    let mut layers = layers::read(path.to_str().unwrap(), &[])?;
    layers.last_mut().unwrap().origin = origin.to_owned();
    Ok(read_experiment(&layers)?)
}

#[test]
fn every_built_in_experiment_is_valid_and_bears_its_name() {
    for (name, _) in BUILT_IN {
        assert_eq!(Configuration::load(name, &[]).unwrap().experiment.name, name);
    }
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest_one() {
    let error = Configuration::load("fig55", &[]).unwrap_err().to_string();
    assert!(
        error.contains("did you mean \"fig5\"?") && error.contains("paper, fig5, fig6, fig7, quick"),
        "{error}"
    );
}

fn error_after(from: &str, to: &str) -> String {
    let text = BUILT_IN[0].1;
    assert!(text.contains(from), "{from}");
    parse("my.toml", &text.replacen(from, to, 1)).unwrap_err().to_string()
}

/// The number of the line that holds `needle`.
fn line_of(needle: &str) -> usize {
    BUILT_IN[0].1.lines().position(|line| line.starts_with(needle)).unwrap() + 1
}

#[test]
fn an_unknown_field_is_refused_with_its_line_and_the_nearest_name() {
    let error = error_after("\nseeds = ", "\nsedes = ");
    assert!(
        error.starts_with(&format!("my.toml, line {}: unknown field `sedes`", line_of("seeds"))),
        "{error}"
    );
    assert!(error.contains("did you mean `seeds`?") && error.contains("| sedes = [1, 2, 3]"), "{error}");
}

#[test]
fn a_missing_field_is_named() {
    let error = error_after("\nhidden = 100\n", "\n");
    assert!(error.contains("missing field `hidden`"), "{error}");
}

#[test]
fn values_out_of_range_are_refused_with_their_line() {
    for (from, to, field, message) in [
        ("members = 3", "members = 0", "ensemble.members", "is 0, but must be between 1 and 100"),
        ("\nbatch = 64", "\nbatch = 0", "training.batch", "is 0, but must be at least 1"),
        ("\nfloat_rate = 0.002", "\nfloat_rate = -1.0", "training.float_rate", "is -1, but must be above 0"),
        (
            "logit_bits = 30",
            "logit_bits = 101",
            "training.logit_bits",
            "is 101, but must be between 8 and 100",
        ),
        ("seeds = [1, 2, 3]", "seeds = [1, 1]", "ensemble.seeds", "a seed may occur once only"),
        ("name = \"paper\"", "name = \"../paper\"", "name", "names a folder"),
        ("\"likewise\", \"random\"", "\"regular\"", "ensemble.splits", "holds regular twice"),
        ("[\"regular\", \"likewise\", \"random\"]", "[]", "ensemble.splits", "is empty"),
        (
            "validation_images = 5000",
            "validation_images = 60000",
            "data.validation_images",
            "is 60000, but must be less than the 60000 training images",
        ),
        (
            "\nimages = [5000",
            "\nimages = [60001",
            "elapsed.images",
            "holds 60001, but must be between 1 and the 60000 of `data.train_images`",
        ),
        ("\nimages = [5000", "\nimages = [10000", "elapsed.images", "holds 10000 twice"),
        ("logit_bits = [24", "logit_bits = [7", "bits.logit_bits", "is 7, but must be between 8 and 100"),
        ("logit_bits = [24", "logit_bits = [26", "bits.logit_bits", "holds 26 twice"),
        (
            "validation_images = 5000",
            "validation_images = 5000\nfirst_label = 2",
            "data.first_label",
            "is 2, but must be 0 or 1",
        ),
        ("degree = 8192", "degree = 5000", "encryption.degree", "the ring degree is 5000, but must be"),
        (
            "degree = 8192\n",
            "degree = 8192\nciphertext_prime_bits = [50, 50, 50, 50, 50]\n",
            "encryption.ciphertext_prime_bits",
            "a ciphertext modulus of 274 bits, 24 of them for public-key encryption, at ring degree 8192 is not 128-bit secure: at most 214 bits are",
        ),
        (
            "degree = 8192\n",
            "degree = 8192\nplaintext_moduli = [65539]\n",
            "encryption.plaintext_moduli",
            "65539 is no plaintext modulus at ring degree 8192",
        ),
        ("\nkernel = 5", "\nkernel = 50", "architecture", "kernel is 50, but must be between 1 and 29"),
    ] {
        let error = error_after(from, to);
        assert!(error.contains(&format!("`{field}` ")) && error.contains(message), "{error}");
        assert!(error.starts_with("my.toml, line "), "{error}");
    }
}

#[test]
fn contradictory_fields_are_refused() {
    let splits = "[\"regular\", \"likewise\", \"random\"]";
    let error = error_after(splits, "[\"regular\", [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]]");
    assert!(error.contains("there are 2 groups of labels, but 3 members"), "{error}");
    assert!(error.contains("holds 0.1.2.3.4-5.6.7.8.9, which does not fit"), "{error}");
    let error = error_after("[0.60, 0.70]", "[0.70, 0.60]");
    assert!(error.contains("0.7 to 0.6 are not a range"), "{error}");
    let error = error_after("pixel_levels = 4", "pixel_levels = 1");
    assert!(error.contains("1 pixel levels: must be between 2"), "{error}");
    let error = error_after("\"likewise\", ", "\"likely\", ");
    assert!(error.contains("`likely`"), "{error}");
    assert!(error.contains(&format!("my.toml, line {}:", line_of("splits"))), "{error}");
    let error = error_after("validation_images = 5000", "validation_images = 5000\norientation = \"turned\"");
    assert!(error.contains("unknown variant `turned`, expected `upright` or `transposed`"), "{error}");
    let error = error_after("averaging = \"sum\"", "averaging = \"median\"");
    assert!(error.contains("unknown variant `median`, expected `sum` or `weighted`"), "{error}");
    let error = error_after("members = 3", "members = 1");
    assert!(error.contains("`ensemble.baselines` is true, but `ensemble.members` is 1"), "{error}");
    let text = BUILT_IN[0].1.replace("averaging = \"sum\"", "averaging = \"weighted\"");
    let text = text.replace("validation_images = 5000", "validation_images = 0");
    let error = parse("my.toml", &text).unwrap_err().to_string();
    assert!(error.contains("votes are chosen on validation images"), "{error}");
}

#[test]
fn missing_fields_are_taken_from_the_base() {
    let paper = parse("x", BUILT_IN[0].1).unwrap();
    let text = "base = \"paper\"\nname = \"mine\"\n[training]\naugmentation = { scale = 0.1 }\n";
    let mine = parse("my.toml", text).unwrap();
    let mut expected = Experiment { name: "mine".into(), ..paper };
    expected.training.augmentation.scale = 0.1;
    assert_eq!(mine, expected);
}

#[test]
fn mistakes_in_a_file_with_a_base_are_reported_with_their_line() {
    // Without the folder, which is another one each time.
    let error = |text: &str| {
        let error = parse("my.toml", text).unwrap_err().to_string();
        error[error.find("my.toml").unwrap()..].to_owned()
    };
    let found = error("name = \"x\"\nbase = \"papers\"\n");
    assert!(found.starts_with("my.toml, line 2: `base` must be a built-in experiment (paper,"), "{found}");
    assert!(found.contains("did you mean \"paper\"?"), "{found}");
    let found = error("base = 3\nname = \"x\"\n");
    assert!(found.starts_with("my.toml, line 1: `base` must be a built-in experiment"), "{found}");
    let base = "base = \"paper\"\nname = \"x\"\n";
    let found = error(&format!("{base}[ensemble]\nmembres = 3\n"));
    assert!(found.starts_with("my.toml, line 4: unknown field `membres`"), "{found}");
    assert!(found.contains("did you mean `members`?"), "{found}");
    let found = error(&format!("{base}[training]\n\nbatch = \"many\"\n"));
    assert!(found.starts_with("my.toml, line 5: invalid type: string"), "{found}");
    let found = error(&format!("{base}[training]\nbatch = 0\n"));
    assert!(found.starts_with("my.toml, line 4: `training.batch` is 0"), "{found}");
    // The field at fault is the base's; the table that made it wrong is named.
    let found = error(&format!("{base}[ensemble]\nmembers = 1\n"));
    assert!(found.starts_with("my.toml, line 3: `ensemble.baselines` is true"), "{found}");
}

#[test]
fn the_merged_configuration_reads_back_as_the_same() {
    let experiment = parse("x", BUILT_IN[0].1).unwrap();
    let written = toml::to_string(&experiment).unwrap();
    assert_eq!(parse("y", &written).unwrap(), experiment);
}
