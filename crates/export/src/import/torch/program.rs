//! The file of `torch.export.save`: an archive with the graph in JSON and the weights beside it.
//!
//! The names are those of PyTorch's own schema (`torch/_export/serde/schema.py`, version 8).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::ImportError;
use super::archive::Archive;
use super::weights::{TensorMeta, Weights};

/// JSON files have at most so many bytes: that of a network of this family has 10 to 100 KiB.
const MOST_JSON: u64 = 16 << 20;

/// Version of the schema that is read.
const SCHEMA: u64 = 8;

/// What the archive calls the program unless it holds several.
const MODEL: &str = "models/model.json";

/// A program with its weights, which are read when they are asked for.
#[derive(Debug)]
pub struct Exported<'a> {
    program: Program,
    weights: Weights<'a>,
}

impl<'a> Exported<'a> {
    /// Whether an archive is one, of whichever version.
    pub fn is_one(archive: &Archive<'_>) -> bool {
        archive.contains("archive_format") || archive.contains("serialized_exported_program.json")
    }

    /// The program in an archive, a file of `file_length` bytes.
    ///
    /// # Errors
    /// If it is of another version, holds several programs or none, or is damaged.
    pub fn open(file: &str, mut archive: Archive<'a>, file_length: usize) -> Result<Self, ImportError> {
        let malformed = |reason: String| ImportError::Malformed { file: file.to_owned(), reason };
        let old = || {
            malformed(format!(
                "it is an exported program of an older PyTorch; PyTorch 2.15 makes one that can be read: \
                 `torch.export.save(torch.export.load({file:?}), \"net.pt2\")`"
            ))
        };
        if !archive.contains(MODEL) {
            if archive.contains("serialized_exported_program.json") {
                return Err(old());
            }
            let programs: Vec<&str> = archive.names().filter(|name| name.starts_with("models/")).collect();
            return Err(malformed(format!(
                "it holds the programs {programs:?}; one called {MODEL:?} is read, as `torch.export.save` writes it"
            )));
        }
        if !archive.contains("data/weights/model_weights_config.json") {
            return Err(old());
        }
        let program: Program = parse_json(file, &mut archive, MODEL)?;
        if program.schema_version.major != SCHEMA {
            return Err(malformed(format!(
                "it has version {} of the schema of exported programs; version {SCHEMA} is read, of PyTorch 2.15",
                program.schema_version.major
            )));
        }
        let weights = Weights::open(file, archive, file_length)?;
        Ok(Self { program, weights })
    }

    /// The tensors by name.
    pub fn weights(&self) -> &Weights<'a> {
        &self.weights
    }

    /// The tensors by name, to be read.
    pub fn weights_mut(&mut self) -> &mut Weights<'a> {
        &mut self.weights
    }

    /// The program and its tensors.
    pub fn into_parts(self) -> (Program, Weights<'a>) {
        (self.program, self.weights)
    }
}

/// An entry of an archive, read as JSON.
///
/// # Errors
/// If it is missing or too large, or is no such JSON.
pub fn parse_json<T: DeserializeOwned>(
    file: &str,
    archive: &mut Archive<'_>,
    name: &str,
) -> Result<T, ImportError> {
    let bytes = archive.read(name, MOST_JSON)?;
    serde_json::from_slice(&bytes).map_err(|error| ImportError::Malformed {
        file: file.to_owned(),
        reason: format!("its entry {name:?} is not as PyTorch writes it ({error})"),
    })
}

/// `ExportedProgram`.
#[derive(Debug, Deserialize)]
pub struct Program {
    /// Graph and signature.
    pub graph_module: GraphModule,
    schema_version: SchemaVersion,
    /// The PyTorch that wrote it.
    #[serde(default)]
    pub torch_version: String,
}

#[derive(Debug, Deserialize)]
struct SchemaVersion {
    major: u64,
}

/// `GraphModule`.
#[derive(Debug, Deserialize)]
pub struct GraphModule {
    /// The operations.
    pub graph: Graph,
    /// What inputs and outputs are.
    pub signature: Signature,
}

/// `Graph`.
#[derive(Debug, Deserialize)]
pub struct Graph {
    /// Operations in an order in which they can be evaluated.
    pub nodes: Vec<Node>,
    /// Shapes of all tensors, for the example that the program was exported with.
    pub tensor_values: BTreeMap<String, TensorMeta>,
}

/// `Node`: a call of an operator.
#[derive(Debug, Deserialize)]
pub struct Node {
    /// The operator, such as `torch.ops.aten.conv2d.default`.
    pub target: String,
    /// Arguments by name; those with their default values are left out.
    pub inputs: Vec<NamedArgument>,
    /// What the results are called.
    pub outputs: Vec<Argument>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

impl Node {
    /// The name of the module that made the call, as `state_dict` has it, with the node's own name.
    pub fn layer(&self) -> String {
        // Key, name and class of each module on the way, the innermost last.
        let stack = self.metadata.get("nn_module_stack").map(String::as_str).unwrap_or_default();
        let module = stack.rsplit(';').next().and_then(|module| module.split(',').nth(1)).unwrap_or_default();
        let node = self.outputs.first().and_then(Argument::name).unwrap_or(self.operator());
        if module.is_empty() { node.to_owned() } else { format!("{module} ({node})") }
    }

    /// The operator without the namespace that all have.
    pub fn operator(&self) -> &str {
        self.target.strip_prefix("torch.ops.").unwrap_or(&self.target)
    }
}

/// `NamedArgument`.
#[derive(Debug, Deserialize)]
pub struct NamedArgument {
    /// Its name in the operator's schema.
    pub name: String,
    /// Its value.
    pub arg: Argument,
}

/// `Argument`: a value, or the name of one.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Argument {
    /// `None`.
    AsNone(bool),
    /// A tensor.
    AsTensor(Name),
    /// Several tensors.
    AsTensors(Vec<Name>),
    /// A whole number.
    AsInt(i64),
    /// Several whole numbers.
    AsInts(Vec<i64>),
    /// A number.
    AsFloat(f64),
    /// Yes or no.
    AsBool(bool),
    /// A word.
    AsString(String),
    /// A whole number that may depend on the shape of the input.
    AsSymInt(SymInt),
    /// Several of them.
    AsSymInts(Vec<SymInt>),
    /// Number of a `torch.dtype`.
    AsScalarType(u32),
    /// Anything else.
    #[serde(untagged)]
    Other(serde::de::IgnoredAny),
}

impl Argument {
    /// The name of the tensor or number that it is.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::AsTensor(tensor) => Some(&tensor.name),
            Self::AsSymInt(SymInt::AsName(name)) => Some(name),
            _ => None,
        }
    }
}

/// `TensorArgument`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Name {
    /// The name that a node's output, or an input, has.
    pub name: String,
}

/// `SymIntArgument`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SymInt {
    /// The result of a node.
    AsName(String),
    /// A number.
    AsInt(i64),
}

/// `SymInt`: the size of an axis.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// A number.
    AsInt(i64),
    /// A size that the program leaves open, such as the batch's.
    AsExpr(SizeExpression),
}

impl Size {
    /// The size, unless it is left open.
    pub fn known(&self) -> Option<i64> {
        match self {
            Self::AsInt(size) => Some(*size),
            Self::AsExpr(_) => None,
        }
    }

    /// The size in the example that the program was exported with.
    pub fn example(&self) -> Option<i64> {
        match self {
            Self::AsInt(size) => Some(*size),
            Self::AsExpr(SizeExpression { hint: Some(SizeHint::AsInt(size)) }) => Some(*size),
            Self::AsExpr(_) => None,
        }
    }
}

/// `SymExpr`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SizeExpression {
    hint: Option<SizeHint>,
}

/// `SymExprHint`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SizeHint {
    /// A number.
    AsInt(i64),
    /// Anything else.
    #[serde(untagged)]
    Other(serde::de::IgnoredAny),
}

/// `GraphSignature`.
#[derive(Debug, Deserialize)]
pub struct Signature {
    /// What each input of the graph is.
    pub input_specs: Vec<InputSpec>,
    /// What each output of the graph is.
    pub output_specs: Vec<OutputSpec>,
}

/// `InputSpec`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputSpec {
    /// An argument of the network.
    UserInput {
        /// Its name, or its value where it is constant.
        arg: Argument,
    },
    /// A parameter.
    Parameter {
        /// Its name in the graph.
        arg: Name,
        /// Its name in the state dict.
        parameter_name: String,
    },
    /// A buffer.
    Buffer {
        /// Its name in the graph.
        arg: Name,
        /// Its name in the state dict.
        buffer_name: String,
    },
    /// A tensor that the network's code makes.
    TensorConstant {
        /// Its name in the graph.
        arg: Name,
        /// Its name among the constants.
        tensor_constant_name: String,
    },
    /// Anything else.
    #[serde(untagged)]
    Other(serde::de::IgnoredAny),
}

/// `OutputSpec`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputSpec {
    /// What the network returns.
    UserOutput {
        /// Its name.
        arg: Argument,
    },
    /// Anything else.
    #[serde(untagged)]
    Other(serde::de::IgnoredAny),
}
