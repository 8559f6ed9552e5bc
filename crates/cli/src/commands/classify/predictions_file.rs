//! The CSV file of predictions.

use anyhow::{Context, Result};
use sottovoce_network::predict;
use sottovoce_protocol::Fingerprint;

/// Column of images.
pub const IMAGE: &str = "image";
/// Column of predicted classes.
const PREDICTION: &str = "prediction";
/// Column of the fingerprint of the model that answered.
pub const MODEL: &str = "model";
/// Column of the fingerprint of the encryption's parameters.
const PARAMETERS: &str = "parameters";

/// Name of the column of a class's logits.
pub fn logit_column(class: usize) -> String {
    format!("logit-{class}")
}

/// The cell of an image's name. A name that a spreadsheet would evaluate as a formula gets `./` in front, which names the same
/// file.
pub fn cell_of_name(name: &str) -> String {
    let is_formula = name.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if is_formula { format!("./{name}") } else { name.to_owned() }
}

/// Encodes predictions: for each image its name, the predicted class, the exact logits, and the fingerprints of the model and
/// the parameters.
pub fn encode(
    names: &[String],
    logits: &[Vec<i128>],
    model: Fingerprint,
    parameters: Fingerprint,
) -> Result<Vec<u8>> {
    let classes = logits.first().map_or(0, Vec::len);
    let (model, parameters) = (model.to_string(), parameters.to_string());
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = [IMAGE, PREDICTION].map(str::to_owned).into_iter().chain((0..classes).map(logit_column));
    let header = header.chain([MODEL, PARAMETERS].map(str::to_owned));
    let unwritable = "cannot write predictions as CSV";
    writer.write_record(header).context(unwritable)?;
    for (name, logits) in names.iter().zip(logits) {
        let row = [cell_of_name(name), predict(logits).to_string()].into_iter();
        let row = row.chain(logits.iter().map(ToString::to_string));
        writer.write_record(row.chain([model.clone(), parameters.clone()])).context(unwritable)?;
    }
    writer.into_inner().context(unwritable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact_and_no_name_is_a_formula() {
        let fingerprint = |byte| Fingerprint::from_bytes([byte; 32]);
        let names = ["a,b.png".to_owned(), "=1+1.png".to_owned()];
        let logits = vec![vec![-3, 7], vec![i128::MAX, 0]];
        let bytes = encode(&names, &logits, fingerprint(1), fingerprint(2)).unwrap();
        let (one, two) = ("01".repeat(32), "02".repeat(32));
        let expected = format!(
            "image,prediction,logit-0,logit-1,model,parameters\n\"a,b.png\",1,-3,7,{one},{two}\n./=1+1.png,0,{},0,{one},{two}\n",
            i128::MAX
        );
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }
}
