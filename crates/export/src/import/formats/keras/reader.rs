//! Names, tensors and whole networks of Keras files.

use serde_json::Value as Json;

use super::archive::Archive;
use super::graph::{self, ModelEvaluator};
use super::hdf5::Hdf5;
use super::layer_config::Layer;
use super::layers::LayerEvaluator;
use super::tensor_names;
use super::weight_store::WeightStore;
use crate::import::error::{ImportError, LayerError};
use crate::import::formats::symbolic::recognise::recognise;
use crate::import::formats::symbolic::trace::Trace;
use crate::import::formats::tensor::Tensor;
use crate::import::formats::weights_file::{FileNetwork, WeightsFile};

/// The entry of the weights in an archive.
const WEIGHTS: &str = "model.weights.h5";

/// Largest number of pixels for each byte of a file. A traced pixel takes 72 bytes, so memory stays in proportion to
/// the file. A file has at least 15 kB, and its dense layers have a weight of 4 bytes for each square.
const MAX_PIXELS_PER_BYTE: usize = 16;

/// Returns whether a file holds a whole model, and not only weights.
fn holds_model(bytes: &[u8]) -> bool {
    Archive::recognises(bytes)
        || Hdf5::open("", bytes).is_ok_and(|file| file.text("", "model_config").is_some())
}

/// Reads the network of a file; `None` if the file holds only weights. `side` is the number of rows and columns of images, for
/// models that leave it open.
///
/// # Errors
/// If the file is damaged, or a layer is not supported; the error names the layer.
pub fn network(file: &WeightsFile<'_>, side: usize) -> Result<Option<FileNetwork>, ImportError> {
    if !holds_model(file.bytes) {
        return Ok(None);
    }
    read_network(&file.name(), file.bytes, Some(side)).map(Some)
}

/// Reads the network of a file that holds a whole model. `file` is its name in errors.
///
/// # Errors
/// If the file is damaged or holds no whole model, or a layer is not supported; the error names the layer.
fn read_network(file: &str, bytes: &[u8], side: Option<usize>) -> Result<FileNetwork, ImportError> {
    let Parts { config, framework, weights } = Parts::read(file, bytes)?;
    let model = Layer::new(&config).map_err(|refusal| ImportError::Malformed {
        file: file.to_owned(),
        reason: format!("its configuration {refusal}"),
    })?;
    let store = WeightStore::new(weights, file);
    let context = LayerEvaluator { trace: Trace::default(), store: &store, remarks: Vec::new() };
    let mut evaluator = ModelEvaluator { file, context };
    let refused = |refusal: LayerError| refusal.at(file, model.name);
    if !graph::is_model(&model) {
        return Err(refused(LayerError::new(format!(
            "is a model of the class {}, which is the user's own: the file does not say how its layers follow each other. Use instead: the same \
             layers as keras.Sequential or keras.Model(inputs, outputs), or a description that names the tensors",
            model.class
        ))));
    }
    let shape = input_shape(&model, side, bytes.len()).map_err(refused)?;
    let input = evaluator.context.trace.input(&shape).map_err(refused)?;
    let output = evaluator.model(&model, Some(&store.root()), input)?;
    let last = graph::layers(&model).ok().and_then(|layers| layers.last().map(|layer| layer.name));
    let network = recognise(&evaluator.context.trace, &output);
    let network = network.map_err(|refusal| refusal.at(file, last.unwrap_or(model.name)))?;
    Ok(FileNetwork { network, framework, remarks: evaluator.context.remarks })
}

/// The parts of a file of a whole model.
struct Parts {
    config: Json,
    /// Keras, with its version.
    framework: String,
    weights: Hdf5,
}

impl Parts {
    fn read(file: &str, bytes: &[u8]) -> Result<Self, ImportError> {
        let malformed = |reason: String| ImportError::Malformed { file: file.to_owned(), reason };
        let (config, version, weights) = if Archive::recognises(bytes) {
            let mut archive = Archive::open(file, bytes)?;
            let metadata = archive.entry("metadata.json").ok();
            let metadata: Option<Json> = metadata.and_then(|metadata| serde_json::from_slice(&metadata).ok());
            let version = metadata.as_ref().and_then(|metadata| metadata.get("keras_version")?.as_str());
            let version = version.map(str::to_owned);
            (archive.entry("config.json")?, version, Hdf5::open(file, &archive.entry(WEIGHTS)?)?)
        } else {
            let weights = Hdf5::open(file, bytes)?;
            let config = weights.text("", "model_config").ok_or_else(|| {
                malformed(
                    "it holds only weights, and does not say how the layers follow each other. Use instead: the whole model, \
                     saved by `model.save(\"NAME.keras\")`, or a description that names its tensors"
                        .to_owned(),
                )
            })?;
            let version =
                weights.text("", "keras_version").or_else(|| weights.text("model_weights", "keras_version"));
            (config.into_bytes(), version, weights)
        };
        let config = serde_json::from_slice(&config).map_err(|error| {
            malformed(format!("its configuration is not JSON that can be read ({error})"))
        })?;
        let framework = version.map_or_else(|| "Keras".to_owned(), |version| format!("Keras {version}"));
        Ok(Self { config, framework, weights })
    }
}

/// Returns the shape of a batch of one image. A file of `bytes` bytes can only hold a network on a limited number of
/// pixels.
fn input_shape(model: &Layer<'_>, side: Option<usize>, bytes: usize) -> Result<Vec<usize>, LayerError> {
    let shape = graph::input_shape(model)?.ok_or_else(|| {
        LayerError::new("is a model without the shape of its input. Use instead: the model saved after it was called on images, or with keras.Input as its first layer")
    })?;
    let open = shape.iter().filter(|size| size.is_none()).count();
    let sizes = shape.iter().map(|size| match (size, side, open) {
        (Some(size), ..) => Ok(*size),
        (None, Some(side), 2) => Ok(side),
        _ => Err(LayerError::new(format!(
            "is a model that leaves sizes of its images open, and they are needed: {}",
            shape
                .iter()
                .map(|size| size.map_or_else(|| "?".to_owned(), |size| size.to_string()))
                .collect::<Vec<_>>()
                .join(" x ")
        ))),
    });
    let shape = [Ok(1)].into_iter().chain(sizes).collect::<Result<Vec<_>, _>>()?;
    let pixels = shape.iter().fold(1usize, |product, &size| product.saturating_mul(size));
    if pixels > bytes.saturating_mul(MAX_PIXELS_PER_BYTE) {
        let sizes = shape.iter().skip(1).map(usize::to_string).collect::<Vec<_>>().join(" x ");
        return Err(LayerError::new(format!(
            "is a model of images of {sizes}, more than its file of {bytes} bytes can hold weights for"
        )));
    }
    Ok(shape)
}

/// Returns the names of the tensors in a file, as `tensor_names` describes them.
///
/// # Errors
/// If it is no Keras file.
pub fn names(file: &WeightsFile<'_>) -> Result<Vec<String>, ImportError> {
    Ok(tensor_names::named_paths(&weights(&file.name(), file.bytes)?).into_keys().collect())
}

/// Reads the tensor `name` of a file.
///
/// # Errors
/// If there is no such tensor, it is damaged, or its numbers have an unknown type.
pub fn tensor(file: &WeightsFile<'_>, name: &str, origin: &str) -> Result<Tensor, ImportError> {
    let weights = weights(&file.name(), file.bytes)?;
    let named = tensor_names::named_paths(&weights);
    weights.tensor(named.get(name).map_or(name, String::as_str), origin)
}

fn weights(file: &str, bytes: &[u8]) -> Result<Hdf5, ImportError> {
    if Archive::recognises(bytes) {
        return Hdf5::open(file, &Archive::open(file, bytes)?.entry(WEIGHTS)?);
    }
    Hdf5::open(file, bytes)
}

#[cfg(test)]
mod tests;
