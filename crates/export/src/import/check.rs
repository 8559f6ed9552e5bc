//! Whether what a description says makes sense.

use super::layout::{Conventions, convolution_axes, dense_axes};
use super::normalise::unlikely;
use super::{
    AxisOrder, BiasPlace, Description, LayerBias, LevelsPlan, PixelMap, PixelPlan, QuantisationPlan,
    ScalesPlan,
};

/// More members than this are a slip: each takes a share of every encrypted evaluation.
const MOST_MEMBERS: usize = 100;

/// A field of a description that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {message}", path.join("."))]
pub struct FieldProblem {
    /// The tables on the way to the field, and the field.
    pub path: Vec<&'static str>,
    /// What is wrong with it.
    pub message: String,
}

impl FieldProblem {
    pub(super) fn new(path: &[&'static str], message: impl Into<String>) -> Self {
        Self { path: path.to_vec(), message: message.into() }
    }
}

impl Description {
    /// Finds the first field that makes no sense, alone or beside the others.
    ///
    /// # Errors
    /// With that field.
    pub fn check(&self) -> Result<(), FieldProblem> {
        let require = |holds: bool, path: &[&'static str], message: String| {
            if holds { Ok(()) } else { Err(FieldProblem::new(path, message)) }
        };
        if let Some(name) = &self.name {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            require(
                !name.is_empty() && name.chars().all(plain) && !name.starts_with('.'),
                &["name"],
                format!(
                    "is {name:?}, but may hold only letters, digits, '-', '_' and '.', and not begin with '.': it names a folder"
                ),
            )?;
        }
        let named = self.members.iter().any(|member| member.layers().is_some());
        for (field, missing) in [("layout", self.layout.is_none()), ("activation", self.activation.is_none())]
        {
            require(
                !(named && missing),
                &[field],
                "is missing; it is needed where members name their tensors, which do not tell it".to_owned(),
            )?;
        }
        let activation = self.activation.as_deref().unwrap_or("square");
        require(
            activation == "square",
            &["activation"],
            format!(
                "is {activation:?}, but only \"square\" can be evaluated on ciphertexts, which allow additions and multiplications \
                 alone. What fits: the same network trained with x * x in place of {activation:?} behind the convolution and \
                 behind the hidden layer, and nothing behind the last (softmax belongs to the loss)",
            ),
        )?;
        require(
            self.architecture.pool.is_none_or(|pool| (1..=64).contains(&pool)),
            &["architecture", "pool"],
            format!("is {}, but must be between 1 (none) and 64", self.architecture.pool.unwrap_or(0)),
        )?;
        Conventions::of(self)?;
        self.pixels.map()?;
        require(
            (1..=MOST_MEMBERS).contains(&self.members.len()),
            &["members"],
            format!("are {}, but there must be between 1 and {MOST_MEMBERS}", self.members.len()),
        )?;
        self.check_layers()?;
        self.quantisation.check()?;
        for (field, count) in [("images", self.data.images), ("test_images", self.data.test_images)] {
            require(count > 0, &["data", field], "is 0, but must be at least 1".to_owned())?;
        }
        Ok(())
    }

    fn check_layers(&self) -> Result<(), FieldProblem> {
        let conventions = Conventions::of(self)?;
        for (member, number) in self.members.iter().zip(1..) {
            let Some(member) = member.layers() else { continue };
            let named = |layer: &str, message: String| of_layer(number, "axes", layer, &message);
            let axes = match &member.convolution.axes {
                Some(axes) => convolution_axes(axes).map_err(|message| named("convolution", message))?,
                None => conventions.convolution.clone(),
            };
            let last = match &member.convolution.bias {
                Some(bias) => *bias == LayerBias::Last,
                None => conventions.bias == BiasPlace::Last,
            };
            if last && axes.outputs_first().is_none() {
                let message = format!(
                    "of the convolution are {axes}, where no bias can be the last value of its map: O must be first or last"
                );
                return Err(FieldProblem::new(&["axes", "convolution"], message));
            }
            check_memory(member.convolution.memory.as_deref(), &axes, last)
                .map_err(|message| of_layer(number, "memory", "convolution", &message))?;
            for (layer, source) in [("hidden", &member.hidden), ("output", &member.output)] {
                let axes = match &source.axes {
                    Some(axes) => dense_axes(axes).map_err(|message| named(layer, message))?,
                    None => conventions.dense.clone(),
                };
                check_memory(source.memory.as_deref(), &axes, false)
                    .map_err(|message| of_layer(number, "memory", layer, &message))?;
            }
        }
        Ok(())
    }
}

/// The problem of a layer's field.
fn of_layer(member: usize, field: &str, layer: &str, message: &str) -> FieldProblem {
    FieldProblem::new(&["members"], format!("number {member}: the `{field}` of its {layer} layer {message}"))
}

/// Whether values can lie in the order `memory` in a tensor of `axes`.
fn check_memory(memory: Option<&str>, axes: &AxisOrder, bias_last: bool) -> Result<(), String> {
    let Some(memory) = memory else { return Ok(()) };
    match axes.reordered(memory) {
        Some(order) if !bias_last || order.outputs_first().is_some() => Ok(()),
        _ => Err(format!(
            "is {memory:?}, but must be an order of the letters {axes}, the order in which the values lie"
        )),
    }
}

impl PixelPlan {
    /// The map from `0..=1`.
    ///
    /// # Errors
    /// If both forms are mixed, or a number makes no map.
    pub fn map(&self) -> Result<PixelMap, FieldProblem> {
        let Self { mean, std, scale, offset, padding } = *self;
        if (mean.is_some() || std.is_some()) && (scale.is_some() || offset.is_some()) {
            let message = "says both `mean` or `std` and `scale` or `offset`; one of the two is enough: (p - mean) / std, or scale * p + \
                 offset, with p in 0..=1";
            return Err(FieldProblem::new(&["pixels"], message));
        }
        for (name, value) in [("mean", mean), ("std", std), ("scale", scale), ("offset", offset)] {
            let value = value.unwrap_or(1.0);
            if !value.is_finite() || (value == 0.0 && ["std", "scale"].contains(&name)) {
                let message = format!("is {value}, but must be a finite number, and `std` and `scale` not 0");
                return Err(FieldProblem::new(&["pixels", name], message));
            }
        }
        let std = std.unwrap_or(1.0);
        // One of the two forms is absent and then changes nothing. A mean of 0 gives the offset 0, not -0.
        let offset = offset.unwrap_or(0.0) + 0.0 - mean.unwrap_or(0.0) / std;
        Ok(PixelMap { scale: scale.unwrap_or(1.0) / std, offset, padding })
    }
}

impl PixelPlan {
    /// What is unlikely about a mean and a standard deviation, where something is: a slip that only accuracy shows
    /// otherwise.
    #[must_use]
    pub fn remark(&self) -> Option<String> {
        unlikely(self.mean?, self.std?)
    }
}

impl QuantisationPlan {
    fn check(&self) -> Result<(), FieldProblem> {
        let problem = |field, message: String| Err(FieldProblem::new(&["quantisation", field], message));
        if let LevelsPlan::Fixed(levels) = self.pixel_levels
            && !(2..=256).contains(&levels)
        {
            let message =
                format!("is {levels}, but must be between 2 (black and white) and 256 (every byte)");
            return problem("pixel_levels", message);
        }
        if let ScalesPlan::Fixed(scales) = self.scales {
            if !scales.iter().all(|scale| scale.is_finite() && *scale > 0.0) {
                return problem("scales", format!("is {scales:?}, but each must be above 0"));
            }
            if self.pixel_levels == LevelsPlan::Search {
                let message = "is not given, but `quantisation.scales` are; say how many grey levels a pixel keeps (17 are the \
                               integers 0 to 16)";
                return problem("pixel_levels", message.to_owned());
            }
        }
        if !(0.0..=100.0).contains(&self.tolerance) {
            let message = format!("is {}, but must be between 0 and 100 points", self.tolerance);
            return problem("tolerance", message);
        }
        Ok(())
    }
}
