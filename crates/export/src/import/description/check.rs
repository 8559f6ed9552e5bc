//! Checks of a description's values.

use super::axes::AxisOrder;
use super::conventions::{Conventions, convolution_axes, dense_axes};
use super::error::FieldError;
use super::fields::{BiasLocation, Description};
use super::members::LayerBias;
use super::quantisation::{PixelLevelsChoice, QuantisationOptions, ScalesChoice};

/// Largest number of members. A larger number is probably a mistake: every member adds its share to each encrypted evaluation.
const MAX_MEMBERS: usize = 100;

/// Checks the values of all fields, and fields that depend on each other.
///
/// # Errors
/// If a field has no usable value; the error names the first such field.
pub fn check_description(description: &Description) -> Result<(), FieldError> {
    let require = |holds: bool, path: &[&'static str], message: String| {
        if holds { Ok(()) } else { Err(FieldError::new(path, message)) }
    };
    if let Some(name) = &description.name {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        require(
            !name.is_empty() && name.chars().all(plain) && !name.starts_with('.'),
            &["name"],
            format!(
                "is {name:?}, but may hold only letters, digits, '-', '_' and '.', and not begin with '.': it names a folder"
            ),
        )?;
    }
    let named = description.members.iter().any(|member| member.layers().is_some());
    for (field, missing) in
        [("layout", description.layout.is_none()), ("activation", description.activation.is_none())]
    {
        require(
            !(named && missing),
            &[field],
            "is missing; it is required if members name their tensors".to_owned(),
        )?;
    }
    let activation = description.activation.as_deref().unwrap_or("square");
    require(
        activation == "square",
        &["activation"],
        format!(
            "is {activation:?}, but only \"square\" can be evaluated on ciphertexts, which allow only additions and \
             multiplications. Use instead: the same network trained with x * x in place of {activation:?} after the convolution and \
             after the hidden layer, and nothing after the last (softmax belongs to the loss)",
        ),
    )?;
    require(
        description.architecture.pool.is_none_or(|pool| (1..=64).contains(&pool)),
        &["architecture", "pool"],
        format!("is {}, but must be between 1 (none) and 64", description.architecture.pool.unwrap_or(0)),
    )?;
    Conventions::of(description)?;
    description.pixels.to_map()?;
    require(
        (1..=MAX_MEMBERS).contains(&description.members.len()),
        &["members"],
        format!("are {}, but there must be between 1 and {MAX_MEMBERS}", description.members.len()),
    )?;
    check_layers(description)?;
    check_quantisation(&description.quantisation)?;
    for (field, count) in [("images", description.data.images), ("test_images", description.data.test_images)]
    {
        require(count > 0, &["data", field], "is 0, but must be at least 1".to_owned())?;
    }
    Ok(())
}

fn check_layers(description: &Description) -> Result<(), FieldError> {
    let conventions = Conventions::of(description)?;
    for (member, number) in description.members.iter().zip(1..) {
        let Some(member) = member.layers() else { continue };
        let named = |layer: &str, message: String| layer_error(number, "axes", layer, &message);
        let axes = match &member.convolution.axes {
            Some(axes) => convolution_axes(axes).map_err(|message| named("convolution", message))?,
            None => conventions.convolution.clone(),
        };
        let last = match &member.convolution.bias {
            Some(bias) => *bias == LayerBias::Last,
            None => conventions.bias == BiasLocation::Last,
        };
        if last && axes.outputs_first().is_none() {
            let message = format!(
                "of the convolution are {axes}, where no bias can be the last value of its map: O must be first or last"
            );
            return Err(FieldError::new(&["axes", "convolution"], message));
        }
        check_memory(member.convolution.memory.as_deref(), &axes, last)
            .map_err(|message| layer_error(number, "memory", "convolution", &message))?;
        for (layer, source) in [("hidden", &member.hidden), ("output", &member.output)] {
            let axes = match &source.axes {
                Some(axes) => dense_axes(axes).map_err(|message| named(layer, message))?,
                None => conventions.dense.clone(),
            };
            check_memory(source.memory.as_deref(), &axes, false)
                .map_err(|message| layer_error(number, "memory", layer, &message))?;
        }
    }
    Ok(())
}
/// Returns the error of a layer's field.
fn layer_error(member: usize, field: &str, layer: &str, message: &str) -> FieldError {
    FieldError::new(&["members"], format!("number {member}: the `{field}` of its {layer} layer {message}"))
}

/// Checks that a tensor of `axes` can be stored in the order `memory`.
fn check_memory(memory: Option<&str>, axes: &AxisOrder, bias_last: bool) -> Result<(), String> {
    let Some(memory) = memory else { return Ok(()) };
    match axes.reordered(memory) {
        Some(order) if !bias_last || order.outputs_first().is_some() => Ok(()),
        _ => Err(format!(
            "is {memory:?}, but must be an order of the letters {axes}, the order in which the values lie"
        )),
    }
}

/// Checks the rounding options.
fn check_quantisation(options: &QuantisationOptions) -> Result<(), FieldError> {
    let problem = |field, message: String| Err(FieldError::new(&["quantisation", field], message));
    if let PixelLevelsChoice::Fixed(levels) = options.pixel_levels
        && !(2..=256).contains(&levels)
    {
        let message = format!("is {levels}, but must be between 2 (black and white) and 256 (every byte)");
        return problem("pixel_levels", message);
    }
    if let ScalesChoice::Fixed(scales) = options.scales {
        if !scales.iter().all(|scale| scale.is_finite() && *scale > 0.0) {
            return problem("scales", format!("is {scales:?}, but each must be above 0"));
        }
        if options.pixel_levels == PixelLevelsChoice::Search {
            let message = "is not given, but `quantisation.scales` are; write the number of grey levels of a pixel (17 are the \
                           integers 0 to 16)";
            return problem("pixel_levels", message.to_owned());
        }
    }
    if !(0.0..=100.0).contains(&options.tolerance) {
        let message = format!("is {}, but must be between 0 and 100 points", options.tolerance);
        return problem("tolerance", message);
    }
    Ok(())
}
