//! Members from their files: whole networks, or networks assembled from tensors.

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
use crate::import::real_network::{LayerKind, RealNetwork};
use crate::import::weight_files::WeightFiles;

/// The float members of an import.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedMembers {
    /// The members on pixels in `0..=1`: at least one, all of one architecture.
    pub members: Vec<RealNetwork>,
    /// The members on the numbers that they were trained on, before the pixel normalisation is folded in.
    pub before_folding: Vec<RealNetwork>,
    /// SHA-256 of every file that was read, by its path in the description.
    pub files: BTreeMap<String, String>,
    /// Tensors of these files that no layer uses, by the file's path. They may belong to layers that this family of
    /// networks does not have.
    pub unread_tensors: BTreeMap<String, Vec<String>>,
    /// Sentences for the user: programs that wrote files of whole networks, and layers that were left out.
    pub remarks: Vec<String>,
}

/// Returns the description with the tensors of every member that is a file of weights, identified by names and
/// shapes. Files of whole networks stay as they are. All files are read, so that `files` has their checksums.
///
/// # Errors
/// If a file cannot be read, or names and shapes do not identify its layers.
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

/// Reads the members of a checked and completed description. `image_side` is the number of rows and columns of an
/// image if the description does not give it.
///
/// # Errors
/// If a file cannot be read, a tensor is missing or does not fit, or the pixel normalisation cannot be folded.
pub fn read_members(
    description: &Description,
    files: &mut WeightFiles,
    image_side: usize,
) -> Result<ImportedMembers, ImportError> {
    // A checked description has valid conventions and pixels. The errors are for callers that have not checked it.
    let unchecked = |problem: FieldError| ImportError::Malformed {
        file: "the description".to_owned(),
        reason: problem.to_string(),
    };
    let conventions = Conventions::of(description).map_err(unchecked)?;
    let pixels = description.pixels.to_map().map_err(unchecked)?;
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

/// Returns one member from its tensors, on the numbers that it was trained on.
fn assemble(
    source: &MemberLayers,
    number: usize,
    files: &mut WeightFiles,
    conventions: &Conventions,
    pool: usize,
    architecture: impl FnOnce(&MemberTensors<'_>) -> Result<Architecture, ImportError>,
) -> Result<RealNetwork, ImportError> {
    let file = source.file.as_deref();
    let mut read = |source: &LayerSource, kind| Layer::read(files, file, source, kind, number, conventions);
    let convolution = read(&source.convolution, LayerKind::Convolution)?;
    let hidden = read(&source.hidden, LayerKind::Hidden)?;
    let output = read(&source.output, LayerKind::Output)?;
    let tensors = MemberTensors {
        convolution: convolution.tensors(),
        hidden: hidden.tensors(),
        output: output.tensors(),
    };
    let architecture = architecture(&tensors).map_err(|error| convolution.with_advice(error))?;
    let mut convolution = convolution.block(&architecture)?;
    // The tensor of the hidden layer may have other inputs than the convolution's outputs map by map.
    let behind_pooling = pooled(&architecture, pool);
    let flat = flattened(&hidden.block(&behind_pooling)?, &behind_pooling, conventions.flatten);
    let mut hidden = unpooled(&flat, &architecture, pool);
    let mut output = output.block(&architecture)?;
    if source.output.batch_norm.is_some() {
        return Err(ImportError::Malformed {
            file: "the description".to_owned(),
            reason: format!(
                "the output layer of member {number} has a `batch_norm`; no BatchNorm can follow the last layer"
            ),
        });
    }
    let mut norm = |source: &LayerSource, channels: usize| -> Result<Option<_>, ImportError> {
        let Some(norm) = &source.batch_norm else { return Ok(None) };
        Ok(Some((norm.place, BatchNorm::read(files, file, norm, conventions.epsilon, channels)?)))
    };
    // Each map is one channel, and so are as many neighbouring inputs of the hidden layer as a map has positions.
    match norm(&source.convolution, convolution.rows())? {
        Some((BatchNormPosition::BeforeSquare, norm)) => convolution = norm.before_square(&convolution),
        Some((BatchNormPosition::BehindSquare, norm)) => {
            hidden = norm.behind_square(&hidden, architecture.positions());
        }
        None => {}
    }
    match norm(&source.hidden, hidden.rows())? {
        Some((BatchNormPosition::BeforeSquare, norm)) => hidden = norm.before_square(&hidden),
        Some((BatchNormPosition::BehindSquare, norm)) => output = norm.behind_square(&output, 1),
        None => {}
    }
    Ok(RealNetwork::new(architecture, [convolution, hidden, output]))
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
    let sum = |row: usize| convolution.row(row).iter().sum::<f64>();
    Ok(convolution.map(|_, _, weight| weight * scale, |row, bias| bias + offset * sum(row)))
}
