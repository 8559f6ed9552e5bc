//! Images whose exact logits are known from a trusted run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use sottovoce_dataset::{PictureOptions, read_pictures};
use sottovoce_protocol::ModelDescription;

use super::predictions_file::{IMAGE, MODEL, cell_of_name, logit_column};

/// Images with their exact logits.
#[derive(Debug, Clone, Default)]
pub struct KnownImages {
    names: Vec<String>,
    pixels: Vec<u8>,
    logits: Vec<Vec<i128>>,
}

impl KnownImages {
    /// Reads images, and their logits from a CSV file as `classify` and `predict` write it. Rows are found by the name of the
    /// image, or by its number, from 0, in a file that numbers images.
    ///
    /// # Errors
    /// If a file cannot be read, an image has no row or several, or the logits are of another model.
    pub fn read(
        images: &[PathBuf],
        answers: &Path,
        options: PictureOptions,
        model: &ModelDescription,
    ) -> Result<Self> {
        let pictures = read_pictures(images, options)?;
        let mut rows = read_answers(answers, model)
            .with_context(|| format!("--check-answers {}: the file cannot be used", answers.display()))?;
        let logits = pictures.names().iter().enumerate().map(|(number, name)| {
            let row = rows.remove(&cell_of_name(name)).or_else(|| rows.remove(&number.to_string()));
            row.with_context(|| {
                format!(
                    "--check-answers {}: there is no row for the image {name}; the column {IMAGE} must have its name or its \
                     number, {number}",
                    answers.display()
                )
            })
        });
        let logits = logits.collect::<Result<_>>()?;
        Ok(Self { logits, names: pictures.names().to_vec(), pixels: pictures.pixels().to_vec() })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Pixels of all images, one byte for each.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The name and the exact logits of an image.
    pub fn get(&self, index: usize) -> Option<(&str, &[i128])> {
        Some((self.names.get(index)?, self.logits.get(index)?))
    }
}

/// Reads the logits of every row, by the text in the column of images.
fn read_answers(path: &Path, model: &ModelDescription) -> Result<HashMap<String, Vec<i128>>> {
    let mut reader = csv::Reader::from_path(path)?;
    let header = reader.headers()?.clone();
    let column = |name: &str| header.iter().position(|found| found == name);
    let needed = |name: String| column(&name).with_context(|| format!("it has no column {name}"));
    let image = needed(IMAGE.to_owned())?;
    let logits = (0..model.classes()).map(|class| needed(logit_column(class))).collect::<Result<Vec<_>>>()?;
    ensure!(
        column(&logit_column(model.classes())).is_none(),
        "it has more than {} logits, the number of the model's classes",
        model.classes()
    );
    let fingerprint = column(MODEL);
    let mut rows = HashMap::new();
    for (index, record) in reader.records().enumerate() {
        let (record, line) = (record?, index + 2);
        let field = |index: usize| record.get(index).unwrap_or_default();
        if let Some(found) = fingerprint.map(field)
            && found.parse() != Ok(model.fingerprint())
        {
            bail!(
                "line {line} is an answer of the model {found}, but the provider's model is {}",
                model.fingerprint()
            );
        }
        let parse = |&index: &usize| {
            let text = field(index);
            text.parse::<i128>().with_context(|| format!("line {line}: {text:?} is not an integer"))
        };
        let values = logits.iter().map(parse).collect::<Result<Vec<_>>>()?;
        let name = field(image).to_owned();
        ensure!(rows.insert(name.clone(), values).is_none(), "line {line}: {name} has several rows");
    }
    Ok(rows)
}
