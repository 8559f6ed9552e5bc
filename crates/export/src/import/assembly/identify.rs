//! Identifies the layers of a file of weights by the names and shapes of its tensors.
//!
//! A state dict or an archive of arrays holds weights without the network. Frameworks name tensors by their layer
//! (`conv1.weight`, `layers/dense/vars/0`, `params/Dense_0/kernel`). Shapes identify the layers: one tensor is the
//! kernels, and of the two dense layers the second has as many inputs as the first has outputs.

use std::path::Path;

use crate::import::description::fields::Layout;
use crate::import::description::members::{
    BatchNormPosition, BatchNormSource, LayerBias, LayerSource, MemberLayers,
};
use crate::import::error::ImportError;

/// The layers that names and shapes identify in one member.
pub struct IdentifiedLayers {
    /// The tensors of the layers.
    pub layers: MemberLayers,
    /// The framework whose conventions the order of the axes follows.
    pub layout: Layout,
}

/// The name and shape of a tensor.
pub type Named = (String, Vec<usize>);

/// The tensors of one layer, which share a part of their names.
struct Group<'a> {
    name: String,
    weights: Option<&'a Named>,
    bias: Option<&'a Named>,
    norm: Option<BatchNormSource>,
    channels: usize,
}

/// Finds convolution, hidden and output layer among the tensors of the file `path`.
///
/// # Errors
/// If there is another number of convolutions or dense layers, or they do not fit together.
pub fn identify_layers(path: &Path, tensors: &[Named]) -> Result<IdentifiedLayers, ImportError> {
    let unknown = |reason: String| ImportError::Unidentified { path: path.to_owned(), reason };
    let groups = groups(tensors).map_err(&unknown)?;
    let of_rank = |ranks: [usize; 2]| -> Vec<&Group<'_>> {
        let rank = |group: &&Group<'_>| group.weights.is_some_and(|(_, shape)| ranks.contains(&shape.len()));
        groups.iter().filter(rank).collect()
    };
    let named = |groups: &[&Group<'_>]| {
        let names: Vec<String> = groups
            .iter()
            .filter_map(|group| Some(format!("{} {:?}", group.weights?.0, group.weights?.1)))
            .collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let (convolutions, dense) = (of_rank([3, 4]), of_rank([2, 2]));
    let [convolution] = convolutions.as_slice() else {
        return Err(unknown(format!(
            "a network of this family has one convolution, a tensor of 4 axes; found are {}: {}",
            convolutions.len(),
            named(&convolutions)
        )));
    };
    let [one, other] = dense.as_slice() else {
        return Err(unknown(format!(
            "a network of this family has two dense layers, tensors of 2 axes; found are {}: {}",
            dense.len(),
            named(&dense)
        )));
    };
    let (axes, maps) = kernel_axes(convolution).ok_or_else(|| {
        unknown(format!(
            "the convolution {} does not have square kernels on one grey channel for each map, in any order of axes",
            named(&[convolution])
        ))
    })?;
    let keras = axes.starts_with('H');
    let mut fitting = Vec::new();
    for order in if keras { ["IO", "OI"] } else { ["OI", "IO"] } {
        for (hidden, output) in [(one, other), (other, one)] {
            let (Some(inner), Some(last)) = (sizes(hidden, order), sizes(output, order)) else { continue };
            if inner.outputs == last.inputs && inner.inputs.is_multiple_of(maps) && last.outputs >= 2 {
                fitting.push((*hidden, *output, order, inner.outputs));
            }
        }
    }
    // If several fit, the framework's own order of axes and the file's order of layers have priority.
    let Some(&(hidden, output, order, units)) = fitting.first() else {
        return Err(unknown(format!(
            "the dense layers {} cannot follow each other after {maps} maps, in any order of axes",
            named(&dense)
        )));
    };
    let layer = |group: &Group<'_>, axes: &str, channels: Option<usize>| LayerSource {
        weights: group.weights.map_or_else(String::new, |(name, _)| name.clone()),
        bias: Some(group.bias.map_or(LayerBias::None, |(name, _)| LayerBias::Tensor(name.clone()))),
        axes: Some(axes.to_owned()),
        memory: None,
        batch_norm: channels.and_then(|channels| norm_behind(&groups, group, channels)),
    };
    let layers = MemberLayers {
        file: Some(path.display().to_string()),
        convolution: layer(convolution, &axes, Some(maps)),
        hidden: layer(hidden, order, Some(units)),
        output: layer(output, order, None),
    };
    Ok(IdentifiedLayers { layers, layout: if keras { Layout::Keras } else { Layout::Pytorch } })
}

/// Returns the first BatchNorm of `channels` channels that follows the layer in the file, or else the only one in the
/// file.
fn norm_behind(groups: &[Group<'_>], layer: &Group<'_>, channels: usize) -> Option<BatchNormSource> {
    let at = groups.iter().position(|group| group.name == layer.name)?;
    let fits = |group: &&Group<'_>| group.norm.is_some() && group.channels == channels;
    let mut behind =
        groups.get(at + 1..).unwrap_or_default().iter().take_while(|group| group.weights.is_none());
    let mut fitting = groups.iter().filter(fits);
    let only = match (fitting.next(), fitting.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    };
    behind.find(fits).or(only).and_then(|group| group.norm.clone())
}

/// Returns the order of a kernel tensor's axes, and the number of maps.
fn kernel_axes(group: &Group<'_>) -> Option<(String, usize)> {
    let (name, shape) = group.weights?;
    let bias = group.bias.map(|(_, shape)| shape.iter().product::<usize>());
    let orders: [(&str, Option<usize>); 2] = match *shape.as_slice() {
        [a, b, c, d] => {
            [("OIHW", (b == 1 && c == d).then_some(a)), ("HWIO", (c == 1 && a == b).then_some(d))]
        }
        [a, b, c] => [("OHW", (b == c).then_some(a)), ("HWO", (a == b).then_some(c))],
        _ => return None,
    };
    let fits =
        |(_, maps): &&(&str, Option<usize>)| maps.is_some_and(|maps| bias.is_none_or(|bias| bias == maps));
    let mut fitting: Vec<_> = orders.iter().filter(fits).collect();
    // Both orders fit if the sizes are equal. Then the word for weights decides that Keras and flax use.
    if name.to_ascii_lowercase().contains("kernel") || name.contains("vars") {
        fitting.reverse();
    }
    let (axes, maps) = fitting.first()?;
    Some(((*axes).to_owned(), (*maps)?))
}

/// Numbers of outputs and inputs of a dense layer.
struct Sizes {
    outputs: usize,
    inputs: usize,
}

/// Returns the sizes of a dense layer with this order of axes; `None` if they contradict its biases.
fn sizes(group: &Group<'_>, order: &str) -> Option<Sizes> {
    let &[first, second] = group.weights?.1.as_slice() else { return None };
    let sizes = match order {
        "OI" => Sizes { outputs: first, inputs: second },
        _ => Sizes { outputs: second, inputs: first },
    };
    let bias = group.bias.map(|(_, shape)| shape.iter().product::<usize>());
    bias.is_none_or(|bias| bias == sizes.outputs).then_some(sizes)
}

/// The role of a tensor in its layer, according to the last part of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Weights,
    Bias,
    Gamma,
    Beta,
    Mean,
    Variance,
    /// A number, such as Keras' `vars/0`.
    Numbered(usize),
    Other,
}

/// Returns the part of a name that identifies the layer, and the tensor's role. Dots, slashes and brackets separate
/// the parts of a name. A root that only names a kind of tensors (flax' `params`, `batch_stats`) is not part of the
/// layer.
fn parts(name: &str) -> (String, Role) {
    let name = name.strip_suffix(":0").unwrap_or(name);
    let pieces: Vec<&str> = name
        .split(['/', '.', '[', ']', '\'', '"'])
        .filter(|piece| !["", "params", "batch_stats", "model_weights"].contains(piece))
        .collect();
    let (last, layer) = pieces.split_last().map_or(("", pieces.as_slice()), |(last, layer)| (*last, layer));
    let role = match last.to_ascii_lowercase().as_str() {
        "weight" | "weights" | "kernel" | "w" | "embedding" => Role::Weights,
        "bias" | "biases" | "b" => Role::Bias,
        "gamma" | "scale" => Role::Gamma,
        "beta" => Role::Beta,
        "mean" | "running_mean" | "moving_mean" => Role::Mean,
        "var" | "variance" | "running_var" | "moving_variance" | "moving_var" => Role::Variance,
        number => number.parse().map_or(Role::Other, Role::Numbered),
    };
    (layer.join("/"), role)
}

/// Returns the layers of a file, in the order of their first tensors, without counters and optimiser state.
fn groups(tensors: &[Named]) -> Result<Vec<Group<'_>>, String> {
    let is_weight = |(name, shape): &&Named| {
        let name = name.to_ascii_lowercase();
        !shape.is_empty()
            && !["optimizer", "optimiser", "num_batches_tracked"].iter().any(|word| name.contains(word))
    };
    let mut layers: Vec<(String, Vec<(Role, &Named)>)> = Vec::new();
    for tensor in tensors.iter().filter(is_weight) {
        let (layer, role) = parts(&tensor.0);
        match layers.iter_mut().find(|(name, _)| *name == layer) {
            Some((_, members)) => members.push((role, tensor)),
            None => layers.push((layer, vec![(role, tensor)])),
        }
    }
    layers.into_iter().map(|(name, members)| group(name, &members)).collect()
}

fn group<'a>(name: String, members: &[(Role, &'a Named)]) -> Result<Group<'a>, String> {
    let by_role =
        |roles: &[Role]| members.iter().find(|(role, _)| roles.contains(role)).map(|(_, named)| *named);
    let matrices: Vec<&&Named> =
        members.iter().map(|(_, named)| named).filter(|(_, shape)| shape.len() > 1).collect();
    if let [first, second, ..] = matrices.as_slice() {
        return Err(format!("{} and {} are named as if they belonged to one layer", first.0, second.0));
    }
    if let Some(weights) = matrices.first() {
        let bias = by_role(&[Role::Bias, Role::Numbered(1)]).filter(|bias| bias.0 != weights.0);
        return Ok(Group { name, weights: Some(**weights), bias, norm: None, channels: 0 });
    }
    let named = |roles: &[Role]| by_role(roles).map(|(name, _)| name.clone());
    let numbered = members.iter().any(|(role, _)| matches!(role, Role::Numbered(_)));
    let norm = match (numbered, members.len()) {
        // Keras numbers only the variables that exist: a BatchNorm without scale and offset has two.
        (true, 4) => Some([Some(0), Some(1), Some(2), Some(3)]),
        (true, 2) => Some([None, None, Some(0), Some(1)]),
        (true, 3) => {
            return Err(format!(
                "the BatchNorm {name} has three variables, of which the first may be its scale or its offset; name them in a description"
            ));
        }
        _ => None,
    };
    let (gamma, beta, mean, variance) = match norm {
        Some(numbers) => {
            let [gamma, beta, mean, variance] = numbers
                .map(|number: Option<usize>| number.and_then(|number| named(&[Role::Numbered(number)])));
            (gamma, beta, mean, variance)
        }
        None => (
            named(&[Role::Gamma, Role::Weights]),
            named(&[Role::Beta, Role::Bias]),
            named(&[Role::Mean]),
            named(&[Role::Variance]),
        ),
    };
    let channels = members.first().map_or(0, |(_, (_, shape))| shape.iter().product());
    let norm = match (mean, variance) {
        (Some(mean), Some(variance)) => {
            let place = BatchNormPosition::default();
            Some(BatchNormSource { mean, variance, gamma, beta, epsilon: None, place })
        }
        _ => None,
    };
    Ok(Group { name, weights: None, bias: None, norm, channels })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(tensors: &[(&str, &[usize])]) -> Vec<Named> {
        tensors.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec())).collect()
    }

    fn inferred(tensors: &[(&str, &[usize])]) -> IdentifiedLayers {
        identify_layers(Path::new("net.npz"), &named(tensors)).unwrap()
    }

    fn error(tensors: &[(&str, &[usize])]) -> String {
        identify_layers(Path::new("net.npz"), &named(tensors)).err().unwrap().to_string()
    }

    fn bias(layer: &LayerSource) -> Option<&str> {
        match &layer.bias {
            Some(LayerBias::Tensor(name)) => Some(name),
            _ => None,
        }
    }

    #[test]
    fn a_state_dict_of_pytorch_is_recognised_with_its_batch_norm() {
        let found = inferred(&[
            ("conv.weight", &[5, 1, 5, 5]),
            ("conv.bias", &[5]),
            ("bn.weight", &[5]),
            ("bn.bias", &[5]),
            ("bn.running_mean", &[5]),
            ("bn.running_var", &[5]),
            ("bn.num_batches_tracked", &[]),
            ("fc1.weight", &[100, 845]),
            ("fc1.bias", &[100]),
            ("fc2.weight", &[10, 100]),
        ]);
        assert_eq!(found.layout, Layout::Pytorch);
        let MemberLayers { convolution, hidden, output, .. } = &found.layers;
        assert_eq!((convolution.axes.as_deref(), bias(convolution)), (Some("OIHW"), Some("conv.bias")));
        let norm = convolution.batch_norm.as_ref().unwrap();
        assert_eq!((norm.gamma.as_deref(), norm.mean.as_str()), (Some("bn.weight"), "bn.running_mean"));
        assert_eq!((hidden.weights.as_str(), hidden.axes.as_deref()), ("fc1.weight", Some("OI")));
        assert_eq!((output.weights.as_str(), output.bias.as_ref()), ("fc2.weight", Some(&LayerBias::None)));
    }

    #[test]
    fn weights_of_keras_are_recognised_by_their_numbers_and_in_any_order() {
        let found = inferred(&[
            ("layers/dense_1/vars/0", &[100, 10]),
            ("layers/dense_1/vars/1", &[10]),
            ("layers/dense/vars/0", &[845, 100]),
            ("layers/dense/vars/1", &[100]),
            ("layers/conv2d/vars/0", &[5, 5, 1, 5]),
            ("layers/conv2d/vars/1", &[5]),
            ("optimizer/vars/1", &[5, 5, 1, 5]),
        ]);
        assert_eq!(found.layout, Layout::Keras);
        assert_eq!(found.layers.convolution.axes.as_deref(), Some("HWIO"));
        assert_eq!(found.layers.hidden.weights, "layers/dense/vars/0");
        assert_eq!(bias(&found.layers.output), Some("layers/dense_1/vars/1"));
    }

    #[test]
    fn parameters_and_statistics_of_flax_are_of_one_layer() {
        let found = inferred(&[
            ("batch_stats/BatchNorm_0/mean", &[5]),
            ("batch_stats/BatchNorm_0/var", &[5]),
            ("params/BatchNorm_0/bias", &[5]),
            ("params/BatchNorm_0/scale", &[5]),
            ("params/Conv_0/bias", &[5]),
            ("params/Conv_0/kernel", &[5, 5, 1, 5]),
            ("params/Dense_0/kernel", &[980, 64]),
            ("params/Dense_1/kernel", &[64, 10]),
        ]);
        let norm = found.layers.convolution.batch_norm.unwrap();
        assert_eq!(norm.gamma.as_deref(), Some("params/BatchNorm_0/scale"));
        assert_eq!(norm.beta.as_deref(), Some("params/BatchNorm_0/bias"));
    }

    #[test]
    fn other_networks_are_refused_with_what_was_found() {
        let two = error(&[
            ("a.weight", &[5, 1, 5, 5]),
            ("b.weight", &[8, 5, 3, 3]),
            ("c.weight", &[10, 100]),
            ("d.weight", &[100, 80]),
        ]);
        assert!(two.contains("one convolution") && two.contains("b.weight [8, 5, 3, 3]"), "{two}");
        let three = error(&[("a.weight", &[5, 1, 5, 5]), ("c.weight", &[10, 100])]);
        assert!(three.contains("two dense layers"), "{three}");
        let colour = error(&[("a.weight", &[5, 3, 5, 5]), ("b.weight", &[9, 45]), ("c.weight", &[10, 9])]);
        assert!(colour.contains("one grey channel"), "{colour}");
        let apart = error(&[("a.weight", &[5, 1, 5, 5]), ("b.weight", &[9, 45]), ("c.weight", &[10, 8])]);
        assert!(apart.contains("cannot follow each other"), "{apart}");
    }
}
