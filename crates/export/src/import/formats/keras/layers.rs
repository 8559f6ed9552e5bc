//! Evaluation of Keras' layers.

use ndarray::{ArrayD, IxDyn};
use serde_json::Value as Json;

use super::activation::{self, Function};
use super::layer_config::{Layer, constants, integers};
use super::operations::{self, reshape};
use super::weight_store::{Weight, WeightLocation, WeightStore};
use crate::import::error::LayerError;
use crate::import::formats::symbolic::layers::{
    BatchNormStatistics, Windows, average_pool, batch_norm, convolve,
};
use crate::import::formats::symbolic::trace::Trace;
use crate::import::formats::symbolic::value::{Value, axis_index};
use crate::import::formats::tensor::Tensor;

/// The supported layers, for errors.
const SUPPORTED: &str = "Conv2D, Dense, BatchNormalization, Normalization, Rescaling, ZeroPadding2D, AveragePooling2D, \
                         GlobalAveragePooling2D, Flatten, Reshape, Permute, squares, and layers that do nothing after training such as Dropout";

/// The evaluation of layers: the trace, the weights, and remarks for the user.
pub struct LayerEvaluator<'a> {
    pub trace: Trace,
    pub store: &'a WeightStore,
    /// Sentences for the user.
    pub remarks: Vec<String>,
}

impl LayerEvaluator<'_> {
    /// Evaluates a layer or an operation on its inputs.
    ///
    /// # Errors
    /// If it is neither affine nor a square, its weights are not in the file, or they do not fit.
    pub fn apply(
        &mut self,
        layer: &Layer<'_>,
        location: Option<&WeightLocation>,
        inputs: &[Value],
    ) -> Result<Value, LayerError> {
        if layer.is_custom() {
            return Err(LayerError::new(format!(
                "is of the class {}, which is the user's own: the file only holds its name. Use instead: the same weights \
                 in a model of Keras' own layers, or a description that names the tensors",
                layer.class
            )));
        }
        if let Some(result) = operations::apply(&mut self.trace, layer, inputs) {
            return result;
        }
        let [input] = inputs else {
            return Err(LayerError::new(format!(
                "is a {} of {} inputs; it can have one",
                layer.class,
                inputs.len()
            )));
        };
        let output = self.layer(layer, location, input)?;
        match layer.argument("activation") {
            Some(function) => self.activate(layer, function, &output),
            None => Ok(output),
        }
    }

    /// Evaluates a layer of one input, before its activation.
    fn layer(
        &mut self,
        layer: &Layer<'_>,
        location: Option<&WeightLocation>,
        input: &Value,
    ) -> Result<Value, LayerError> {
        match layer.class {
            "InputLayer" | "Identity" | "Activation" => Ok(input.clone()),
            "Dropout"
            | "SpatialDropout1D"
            | "SpatialDropout2D"
            | "AlphaDropout"
            | "GaussianDropout"
            | "GaussianNoise"
            | "ActivityRegularization"
            | "RandomBrightness"
            | "RandomContrast"
            | "RandomFlip"
            | "RandomRotation"
            | "RandomTranslation"
            | "RandomZoom" => {
                self.remark(layer, "is left out: it does nothing after training");
                Ok(input.clone())
            }
            "Conv2D" | "Convolution2D" => self.convolution(layer, location, input),
            "Dense" => self.dense(layer, location, input),
            "BatchNormalization" => self.batch_norm(layer, location, input),
            "Normalization" => self.normalization(layer, location, input),
            "Rescaling" => {
                self.remark(layer, "is folded into the convolution");
                let numbers = |name: &str, default: f64| match layer.argument(name) {
                    None => Ok(Value::scalar(default)),
                    Some(value) => {
                        constants(value).map(Value::Constant).ok_or_else(|| layer.unreadable(name, value))
                    }
                };
                input.scale(&numbers("scale", 1.0)?)?.add(&numbers("offset", 0.0)?)
            }
            "ZeroPadding2D" => {
                let sides = layer.sides("padding")?;
                images(layer, input, |image| {
                    let own = image.shape().iter().skip(2);
                    // With more zeros than this, windows would read only zeros.
                    if own.zip(&sides).any(|(&size, &(before, behind))| before > size || behind > size) {
                        return Err(LayerError::new(format!(
                            "pads {sides:?} zeros, more than its image has rows or columns"
                        )));
                    }
                    image.pad(&[(0, 0), (0, 0), sides[0], sides[1]], 0.0)
                })
            }
            "AveragePooling2D" | "AvgPool2D" => {
                self.remark(layer, "is folded into the next layer");
                let size = layer.pair("pool_size")?.unwrap_or([2, 2]);
                let stride = layer.pair("strides")?.unwrap_or(size);
                images(layer, input, |image| {
                    // TensorFlow's mean does not count padding.
                    average_pool(image, size, windows(layer, image, size, stride)?, false)
                })
            }
            "GlobalAveragePooling2D" | "GlobalAvgPool2D" => {
                self.remark(layer, "is folded into the next layer");
                let axes = if layer.channels_first() { [2, 3] } else { [1, 2] };
                check_image(input)?;
                let mean = input.mean(&axes)?;
                let channels = mean.shape().iter().product();
                if layer.flag("keepdims", false) { Ok(mean) } else { mean.reshape(&[1, channels]) }
            }
            "Flatten" => {
                let axes = input.shape().len();
                if layer.channels_first() && axes > 1 {
                    // Keras moves the channels to the end before it flattens.
                    let order: Vec<usize> = [0].into_iter().chain(2..axes).chain([1]).collect();
                    return input.transpose(&order)?.flatten(1);
                }
                input.flatten(1)
            }
            "Reshape" => {
                let target = layer.argument("target_shape").unwrap_or(&Json::Null);
                let sizes = integers(target).ok_or_else(|| layer.unreadable("target_shape", target))?;
                reshape(input, &[&[1], sizes.as_slice()].concat())
            }
            "Permute" => {
                let dims = layer.argument("dims").unwrap_or(&Json::Null);
                let axes = integers(dims).ok_or_else(|| layer.unreadable("dims", dims))?;
                let order: Option<Vec<usize>> =
                    [0].into_iter().chain(axes).map(|axis| usize::try_from(axis).ok()).collect();
                input.transpose(&order.ok_or_else(|| layer.unreadable("dims", dims))?)
            }
            "Softmax" => self.activate(layer, &Json::from("softmax"), input),
            "Lambda" => match layer.argument("function") {
                Some(function) => self.activate(layer, function, input),
                None => Err(LayerError::new("is a lambda without a function")),
            },
            "ReLU" | "LeakyReLU" | "PReLU" | "ELU" | "ThresholdedReLU" => {
                Err(LayerError::not_a_square(&format!("a {} activation", layer.class)))
            }
            "MaxPooling2D" | "MaxPool2D" | "GlobalMaxPooling2D" | "GlobalMaxPool2D" => {
                Err(LayerError::not_a_square("a maximum over windows"))
            }
            class => Err(LayerError::new(format!(
                "is a {class} layer, which is not supported. Supported are {SUPPORTED}"
            ))),
        }
    }

    /// Applies the activation of a layer, which Keras may save as a separate layer.
    fn activate(&mut self, layer: &Layer<'_>, function: &Json, value: &Value) -> Result<Value, LayerError> {
        match Function::new(function) {
            Some(Function::Layer(inner)) => {
                let inner = Layer::new(inner)?.named(layer.name);
                self.apply(&inner, None, std::slice::from_ref(value))
            }
            Some(function) => {
                activation::apply(&mut self.trace, value, &function, layer.name, &mut self.remarks)
            }
            None => Err(layer.unreadable("activation", function)),
        }
    }

    fn convolution(
        &self,
        layer: &Layer<'_>,
        location: Option<&WeightLocation>,
        input: &Value,
    ) -> Result<Value, LayerError> {
        self.check_plain(layer)?;
        let dilation = layer.pair("dilation_rate")?.unwrap_or([1, 1]);
        if dilation != [1, 1] {
            return Err(LayerError::new(format!("has a dilation of {dilation:?}; 1 is supported")));
        }
        let groups = layer.number("groups", 1.0);
        if groups != 1.0 {
            return Err(LayerError::new(format!("has {groups} groups of channels; 1 is supported")));
        }
        let stride = layer.pair("strides")?.unwrap_or([1, 1]);
        if stride[0] != stride[1] {
            return Err(LayerError::new(format!(
                "has strides of {stride:?}; the same in both directions are supported"
            )));
        }
        let kernels = array(self.store.weight(location, Weight { name: "kernel", number: 0 })?)?;
        let &[rows, columns, _, _] = kernels.shape() else {
            return Err(LayerError::new(format!(
                "has kernels of the shape {:?}; rows, columns, channels and maps are needed",
                kernels.shape()
            )));
        };
        let kernels = kernels.permuted_axes(IxDyn(&[3, 2, 0, 1]));
        let bias = self.bias(layer, location)?;
        images(layer, input, |image| {
            let maps =
                convolve(image, &kernels, bias.as_ref(), windows(layer, image, [rows, columns], stride)?)?;
            match *maps.shape() {
                [_, _, rows, columns] if rows != columns => Err(LayerError::new(format!(
                    "makes maps of {rows} x {columns}; square ones are supported"
                ))),
                _ => Ok(maps),
            }
        })
    }

    fn dense(
        &mut self,
        layer: &Layer<'_>,
        location: Option<&WeightLocation>,
        input: &Value,
    ) -> Result<Value, LayerError> {
        let mut kernel = array(self.store.weight(location, Weight { name: "kernel", number: 0 })?)?;
        if layer.quantisation() == Some("int8") {
            let number = if layer.flag("use_bias", true) { 2 } else { 1 };
            let scale = array(self.store.weight(location, Weight { name: "kernel_scale", number })?)?;
            if kernel.ndim() != 2
                || Some(&scale.len()) != kernel.shape().last()
                || scale.iter().any(|&scale| scale == 0.0)
            {
                return Err(LayerError::new(format!(
                    "has int8 weights of the shape {:?} with scales of the shape {:?}",
                    kernel.shape(),
                    scale.shape()
                )));
            }
            kernel = kernel / scale.flatten();
            self.remark(
                layer,
                "is quantised: its int8 weights are read with their scales. Keras also rounds its inputs, which is left out",
            );
        } else {
            self.check_plain(layer)?;
        }
        let output = input.matmul(&Value::Constant(kernel))?;
        match self.bias(layer, location)? {
            Some(bias) => output.add(&Value::Constant(bias)),
            None => Ok(output),
        }
    }

    fn bias(
        &self,
        layer: &Layer<'_>,
        location: Option<&WeightLocation>,
    ) -> Result<Option<ArrayD<f64>>, LayerError> {
        if !layer.flag("use_bias", true) {
            return Ok(None);
        }
        array(self.store.weight(location, Weight { name: "bias", number: 1 })?).map(Some)
    }

    /// Refuses quantised weights.
    fn check_plain(&self, layer: &Layer<'_>) -> Result<(), LayerError> {
        match layer.quantisation() {
            None => Ok(()),
            Some(mode) => Err(LayerError::new(format!(
                "is quantised as {mode}; of quantised layers Dense in int8 can be read. Use instead: the model saved before `model.quantize`"
            ))),
        }
    }

    fn batch_norm(
        &mut self,
        layer: &Layer<'_>,
        location: Option<&WeightLocation>,
        input: &Value,
    ) -> Result<Value, LayerError> {
        if layer.flag("renorm", false) {
            return Err(LayerError::new("is a BatchNormalization with renorm, which is not supported"));
        }
        let axes = layer.argument("axis").map_or(Some(vec![-1]), integers);
        let Some(&[own]) = axes.as_deref() else {
            return Err(LayerError::new("is a BatchNormalization of several axes; one is supported"));
        };
        // If there is no scale or centre, the following weights have lower numbers.
        let mut number = 0usize;
        let mut next = |name: &'static str| {
            let weight = Weight { name, number };
            number += 1;
            array(self.store.weight(location, weight)?)
        };
        let gamma = layer.flag("scale", true).then(|| next("gamma")).transpose()?;
        let beta = layer.flag("center", true).then(|| next("beta")).transpose()?;
        let (mean, variance) = (next("moving_mean")?, next("moving_variance")?);
        let statistics = BatchNormStatistics {
            gamma: gamma.as_ref(),
            beta: beta.as_ref(),
            mean: &mean,
            variance: &variance,
            epsilon: layer.number("epsilon", 1e-3),
        };
        self.remark(layer, "is folded into the layer before it");
        batch_norm(input, axis_index(own, input.shape().len())?, &statistics)
    }

    fn normalization(
        &mut self,
        layer: &Layer<'_>,
        location: Option<&WeightLocation>,
        input: &Value,
    ) -> Result<Value, LayerError> {
        /// `keras.config.epsilon()`, the smallest standard deviation.
        const EPSILON: f64 = 1e-7;
        let axes = match layer.argument("axis") {
            None if layer.config.get("axis").is_some() => Some(Vec::new()),
            None => Some(vec![-1]),
            Some(axes) => integers(axes),
        };
        let axes = axes.ok_or_else(|| layer.unreadable("axis", layer.config))?;
        let rank = input.shape().len();
        let mut shape = vec![1; rank];
        for own in axes {
            let own = axis_index(own, rank)?;
            if let (Some(size), Some(&of_input)) = (shape.get_mut(own), input.shape().get(own)) {
                *size = of_input;
            }
        }
        let statistic = |name: &'static str, number: usize| {
            let numbers = match layer.argument(name) {
                Some(value) => constants(value).ok_or_else(|| layer.unreadable(name, value))?,
                None => array(self.store.weight(location, Weight { name, number })?)?,
            };
            let value = Value::Constant(numbers);
            // The numbers have the shape of the axes, or are broadcast to it.
            value.reshape(&shape).or_else(|_| value.broadcast(&shape))
        };
        let (mean, variance) = (statistic("mean", 0)?, statistic("variance", 1)?);
        let deviation =
            Value::Constant(variance.as_constant()?.mapv(|variance| variance.sqrt().max(EPSILON)));
        self.remark(layer, "is folded into the convolution");
        if layer.flag("invert", false) {
            input.scale(&deviation)?.add(&mean)
        } else {
            input.subtract(&mean)?.divide(&deviation)
        }
    }

    fn remark(&mut self, layer: &Layer<'_>, what: &str) {
        self.remarks.push(format!("the {} layer {:?} {what}", layer.class, layer.name));
    }
}

/// Converts a tensor to an array.
fn array(tensor: Tensor) -> Result<ArrayD<f64>, LayerError> {
    let shape = tensor.shape;
    ArrayD::from_shape_vec(IxDyn(&shape), tensor.values)
        .map_err(|_| LayerError::new(format!("has weights of the impossible shape {shape:?}")))
}

/// Applies an operation on `[1, channels, rows, columns]` to an image whose channels are where the layer says.
fn images(
    layer: &Layer<'_>,
    input: &Value,
    operation: impl FnOnce(&Value) -> Result<Value, LayerError>,
) -> Result<Value, LayerError> {
    check_image(input)?;
    if layer.channels_first() {
        return operation(input);
    }
    operation(&input.transpose(&[0, 3, 1, 2])?)?.transpose(&[0, 2, 3, 1])
}

fn check_image(input: &Value) -> Result<(), LayerError> {
    if input.shape().len() != 4 {
        return Err(LayerError::new(format!(
            "reads an image, but its input has the shape {:?}",
            input.shape()
        )));
    }
    Ok(())
}

/// Returns the windows of a layer on an image `[1, channels, rows, columns]`.
fn windows(
    layer: &Layer<'_>,
    image: &Value,
    size: [usize; 2],
    stride: [usize; 2],
) -> Result<Windows, LayerError> {
    let &[_, _, rows, columns] = image.shape() else {
        return Err(LayerError::new(format!(
            "reads an image, but its input has the shape {:?}",
            image.shape()
        )));
    };
    match layer.argument("padding").and_then(Json::as_str) {
        None | Some("valid") => Ok(Windows::valid(stride)),
        Some("same") => Ok(Windows::same([rows, columns], size, stride)),
        Some(other) => {
            Err(LayerError::new(format!("has the padding {other:?}; \"valid\" and \"same\" are supported")))
        }
    }
}
