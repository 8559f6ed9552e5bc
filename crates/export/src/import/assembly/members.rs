//! Members from their files: whole networks, or tensors put into this project's order.

use std::collections::BTreeMap;

use sottovoce_network::{Architecture, Block};

use super::architecture::{MemberTensors, complete_architecture};
use super::batch_norm::BatchNorm;
use super::hidden_inputs::{flattened, pooled, unpooled};
use super::identify::identify_layers;
use super::layer::Layer;
use crate::import::description::conventions::Conventions;
use crate::import::description::error::FieldError;
use crate::import::description::fields::Description;
use crate::import::description::members::{
    BatchNormPosition, LayerBias, LayerSource, MemberLayers, MemberSource,
};
use crate::import::description::pixels::{PixelMap, PixelPadding};
use crate::import::error::ImportError;
use crate::import::real_network::RealNetwork;
use crate::import::weight_files::WeightFiles;

/// Members as they were trained.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedMembers {
    /// The members on pixels in `0..=1`. At least one, all of one architecture.
    pub members: Vec<RealNetwork>,
    /// The same members on the numbers that they were trained on; none where these cannot be told apart from pixels,
    /// because the image was padded before its pixels were normalised.
    pub before_folding: Vec<RealNetwork>,
    /// SHA-256 of every file that was read, by its path in the description.
    pub files: BTreeMap<String, String>,
    /// Tensors of these files that no layer reads, by the file's path: of layers that this family does not have, perhaps.
    pub unread_tensors: BTreeMap<String, Vec<String>>,
    /// The programs that wrote files of whole networks, and what was left out of these.
    pub remarks: Vec<String>,
}

/// The description with the tensors of every member that is a file of weights alone, by their names and shapes. A file that
/// holds a whole network stays as it is. All files are read, so that `files` have their checksums.
///
/// # Errors
/// If a file cannot be read, or does not tell which tensor is which.
pub fn complete_description(
    description: &Description,
    files: &mut WeightFiles,
) -> Result<Description, ImportError> {
    let mut complete = description.clone();
    for member in &mut complete.members {
        let file = match &*member {
            MemberSource::File(file) => file,
            MemberSource::Layers(layers) => {
                load(layers, files)?;
                continue;
            }
        };
        if files.network(file)?.is_some() {
            continue;
        }
        let file = file.clone();
        let tensors = files.tensors(&file)?.into_iter().map(|(name, tensor)| (name, tensor.shape));
        let inferred = identify_layers(file.as_ref(), &tensors.collect::<Vec<_>>())?;
        complete.layout = complete.layout.or(Some(inferred.layout));
        *member = MemberSource::Layers(Box::new(inferred.layers));
    }
    Ok(complete)
}

/// Reads the files of a member's tensors.
fn load(layers: &MemberLayers, files: &mut WeightFiles) -> Result<(), ImportError> {
    let file = layers.file.as_deref();
    for layer in [&layers.convolution, &layers.hidden, &layers.output] {
        files.load(file, &layer.weights)?;
        if let Some(LayerBias::Tensor(bias)) = &layer.bias {
            files.load(file, bias)?;
        }
    }
    Ok(())
}

/// Reads the members of a checked and completed description; `image_side` is the architecture's where the description does
/// not say.
///
/// # Errors
/// If a file cannot be read, a tensor is missing or does not fit, or the pixel normalisation cannot be folded.
pub fn read_members(
    description: &Description,
    files: &mut WeightFiles,
    image_side: usize,
) -> Result<ImportedMembers, ImportError> {
    // A checked description has both; the fields are named all the same where it was not checked.
    let unchecked = |problem: FieldError| ImportError::Malformed {
        file: "the description".to_owned(),
        reason: problem.to_string(),
    };
    let conventions = Conventions::of(description).map_err(unchecked)?;
    let pixels = description.pixels.map().map_err(unchecked)?;
    let mut before_folding: Vec<RealNetwork> = Vec::new();
    let mut remarks = Vec::new();
    for (source, number) in description.members.iter().zip(1..) {
        let known = before_folding.first().map(RealNetwork::architecture).copied();
        let member = match source {
            MemberSource::Layers(layers) => {
                let given = |tensors: &MemberTensors<'_>| match known {
                    Some(architecture) => Ok(architecture),
                    None => complete_architecture(&description.architecture, tensors, image_side),
                };
                assemble(layers, number, files, &conventions, description.architecture.pool(), given)?
            }
            MemberSource::File(file) => {
                let model = files.network(file)?.ok_or_else(|| ImportError::Malformed {
                    file: file.clone(),
                    reason: "it holds no network, and its weights were not looked through".to_owned(),
                })?;
                let read = format!("{file} holds a network of {}", model.framework);
                remarks.extend(
                    [read].into_iter().chain(model.remarks.iter().map(|remark| format!("{file}: {remark}"))),
                );
                model.network.clone()
            }
        };
        if let Some(first) = known
            && first != *member.architecture()
        {
            return Err(ImportError::OtherShape {
                member: number,
                found: Box::new(*member.architecture()),
                first: Box::new(first),
            });
        }
        before_folding.push(member);
    }
    let fold = |member: &RealNetwork| {
        let [convolution, hidden, output] = member.blocks();
        let convolution = fold_pixels(pixels, convolution, member.architecture())?;
        Ok(RealNetwork::new(*member.architecture(), [convolution, hidden.clone(), output.clone()]))
    };
    let members = before_folding.iter().map(fold).collect::<Result<_, ImportError>>()?;
    Ok(ImportedMembers {
        members,
        before_folding,
        files: files.checksums(),
        unread_tensors: files.unread_tensors()?,
        remarks,
    })
}

/// One member from its tensors, on the numbers that it was trained on.
fn assemble(
    source: &MemberLayers,
    number: usize,
    files: &mut WeightFiles,
    conventions: &Conventions,
    pool: usize,
    architecture: impl FnOnce(&MemberTensors<'_>) -> Result<Architecture, ImportError>,
) -> Result<RealNetwork, ImportError> {
    let file = source.file.as_deref();
    let sourced = [&source.convolution, &source.hidden, &source.output];
    let mut layer = |index: usize| Layer::read(files, file, sourced[index], index, number, conventions);
    let layers = [layer(0)?, layer(1)?, layer(2)?];
    let tensors = MemberTensors {
        weights: [0, 1, 2].map(|i| (&layers[i].weights, &layers[i].axes, layers[i].bias_last())),
        biases: [0, 1, 2].map(|i| layers[i].bias.as_ref()),
    };
    let architecture = architecture(&tensors).map_err(|error| layers[0].advised(error))?;
    let [convolution, hidden, output] = &layers;
    let mut blocks = [
        convolution.block(&architecture)?,
        {
            let behind = pooled(&architecture, pool);
            let block = flattened(&hidden.block(&behind)?, &behind, conventions.flatten);
            unpooled(&block, &architecture, pool)
        },
        output.block(&architecture)?,
    ];
    // Neighbouring inputs of the next layer that are one channel of this one.
    let columns = [architecture.positions(), 1];
    let mut norm = |source: &LayerSource, channels: usize| -> Result<Option<_>, ImportError> {
        let Some(norm) = &source.batch_norm else { return Ok(None) };
        Ok(Some((norm.place, BatchNorm::read(files, file, norm, conventions.epsilon, channels)?)))
    };
    if source.output.batch_norm.is_some() {
        return Err(ImportError::Malformed {
            file: "the description".to_owned(),
            reason: format!(
                "the output layer of member {number} has a `batch_norm`; behind the last layer there is none"
            ),
        });
    }
    for (index, layer) in [&source.convolution, &source.hidden].into_iter().enumerate() {
        match norm(layer, blocks[index].rows())? {
            Some((BatchNormPosition::BeforeSquare, norm)) => {
                blocks[index] = norm.before_square(&blocks[index])
            }
            Some((BatchNormPosition::BehindSquare, norm)) => {
                blocks[index + 1] = norm.behind_square(&blocks[index + 1], columns[index]);
            }
            None => {}
        }
    }
    Ok(RealNetwork::new(architecture, blocks))
}

/// Returns the convolution that has the same outputs on pixels in `0..=1` as `convolution` has on mapped pixels:
/// `w (s x + o) + b = (w s) x + (b + o sum w)`. A blank pixel of the padding is `x = 0` like any other, so the sum includes
/// all taps at the image's edge too.
///
/// # Errors
/// If there is an offset, and windows read padding of zeros, where the sum assumes `offset`.
fn fold_pixels(
    pixels: PixelMap,
    convolution: &Block<f64>,
    architecture: &Architecture,
) -> Result<Block<f64>, ImportError> {
    let PixelMap { scale, offset, padding } = pixels;
    let padded = (0..architecture.positions()).any(|p| architecture.window(p).count() < architecture.taps());
    if offset != 0.0 && padded && padding == PixelPadding::Zero {
        let padding = architecture.padding;
        return Err(ImportError::PaddedOffset {
            offset,
            leading: padding.leading,
            trailing: padding.trailing,
        });
    }
    let sums: Vec<f64> = convolution.row_iter().map(|row| row.iter().sum()).collect();
    Ok(convolution.map(|_, _, weight| weight * scale, |row, bias| bias + offset * sums[row]))
}
