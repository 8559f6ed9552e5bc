//! Names of the tensors in a Keras file.
//!
//! | file | names |
//! | --- | --- |
//! | `.h5` of a model or of weights | the layer's name and the weight's: `dense_9/kernel`; `features/conv2d/kernel` in a nested model `features` |
//! | `.keras` and `.weights.h5` of Keras 3 | the same. These files number weights: weight 0 of a layer is called `kernel` if it has two or four axes, and weight 1 `bias` if it has one number for each output of the kernel and there is no third weight. All others keep their numbers: `batch_normalization/2` |
//! | `.keras` and `.weights.h5` of Keras 2 | the path in the file, `layers/dense_1/vars/0`: these files do not contain the layers' names, and `dense_1` there may be another layer |
//!
//! Every path in a file is a name too. The optimiser's variables are left out.

use std::collections::BTreeMap;

use super::hdf5::Hdf5;
use super::weight_store::without_output;

/// Returns the names of a file's tensors, with the path of each.
pub fn named_paths(file: &Hdf5) -> BTreeMap<String, String> {
    let mut named: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for path in file.datasets() {
        if !is_optimiser(path) {
            named.entry(name(file, path)).or_default().push(path);
        }
    }
    // Layers of the same name are distinguished by their paths.
    let unique = named.into_iter().flat_map(|(name, paths)| match paths.as_slice() {
        [path] => vec![(name, (*path).to_owned())],
        paths => paths.iter().map(|path| ((*path).to_owned(), (*path).to_owned())).collect(),
    });
    unique.collect()
}

fn is_optimiser(path: &str) -> bool {
    matches!(path.split('/').next(), Some("optimizer" | "optimizer_weights"))
}

fn name(file: &Hdf5, path: &str) -> String {
    match path.rsplit_once("/vars/") {
        Some((group, number)) => match own_names(file, group) {
            Some(names) => format!("{names}/{}", weight_name(file, group, number)),
            None => path.to_owned(),
        },
        None => {
            // The path is GROUP/SCOPES/WEIGHT. The last scope is the layer's name, and the group is that of the
            // outermost model or layer.
            let path = path.strip_prefix("model_weights/").unwrap_or(path);
            let parts: Vec<&str> = path.split('/').collect();
            match parts.as_slice() {
                [layer, .., scope, weight] if layer != scope => {
                    format!("{layer}/{scope}/{}", without_output(weight))
                }
                [layer, .., weight] => format!("{layer}/{}", without_output(weight)),
                _ => path.to_owned(),
            }
        }
    }
}

/// Returns the names of the models and the layer that contain a group, without the outermost model; `None` if one has
/// no name.
fn own_names(file: &Hdf5, group: &str) -> Option<String> {
    let mut path = String::new();
    let mut names = Vec::new();
    for part in group.split('/') {
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(part);
        if part != "layers" {
            names.push(file.text(&format!("{path}/vars"), "name")?);
        }
    }
    Some(names.join("/"))
}

/// Returns the name of a numbered weight.
fn weight_name<'a>(file: &Hdf5, group: &str, number: &'a str) -> &'a str {
    let shape = |number: usize| file.shape(&format!("{group}/vars/{number}"));
    let Some(kernel) = shape(0).filter(|shape| matches!(shape.len(), 2 | 4)) else { return number };
    let has_bias = match (shape(1), shape(2)) {
        (None, None) => false,
        (Some(&[size]), None) if kernel.last() == Some(&size) => true,
        _ => return number,
    };
    match number {
        "0" => "kernel",
        "1" if has_bias => "bias",
        _ => number,
    }
}
