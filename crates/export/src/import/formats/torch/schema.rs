//! The graph of an exported program, as PyTorch's JSON describes it.
//!
//! The names are those of PyTorch's own schema (`torch/_export/serde/schema.py`, version 8).

use std::collections::BTreeMap;

use serde::Deserialize;

/// `ExportedProgram`.
#[derive(Debug, Deserialize)]
pub struct Program {
    /// Graph and signature.
    pub graph_module: GraphModule,
    /// The version of the schema.
    pub schema_version: SchemaVersion,
    /// The version of PyTorch that wrote the file.
    #[serde(default)]
    pub torch_version: String,
}

/// `SchemaVersion`.
#[derive(Debug, Deserialize)]
pub struct SchemaVersion {
    /// The major version.
    pub major: u64,
}

/// `GraphModule`.
#[derive(Debug, Deserialize)]
pub struct GraphModule {
    /// The operations.
    pub graph: Graph,
    /// The meaning of inputs and outputs.
    pub signature: Signature,
}

/// `Graph`.
#[derive(Debug, Deserialize)]
pub struct Graph {
    /// Operations in an order in which they can be evaluated.
    pub nodes: Vec<Node>,
    /// Shapes of all tensors, for the example of the export.
    pub tensor_values: BTreeMap<String, TensorMeta>,
}

/// `Node`: a call of an operator.
#[derive(Debug, Deserialize)]
pub struct Node {
    /// The operator, such as `torch.ops.aten.conv2d.default`.
    pub target: String,
    /// Arguments by name, without those that have their default values.
    pub inputs: Vec<NamedArgument>,
    /// The names of the results.
    pub outputs: Vec<Argument>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

impl Node {
    /// Returns the name of the module that made the call, as in `state_dict`, with the node's own name.
    pub fn layer(&self) -> String {
        // Each entry has the key, name and class of a module; the innermost module is last.
        let stack = self.metadata.get("nn_module_stack").map(String::as_str).unwrap_or_default();
        let module = stack.rsplit(';').next().and_then(|module| module.split(',').nth(1)).unwrap_or_default();
        let node = self.outputs.first().and_then(Argument::name).unwrap_or(self.operator());
        if module.is_empty() { node.to_owned() } else { format!("{module} ({node})") }
    }

    /// Returns the operator without the namespace of all operators.
    pub fn operator(&self) -> &str {
        self.target.strip_prefix("torch.ops.").unwrap_or(&self.target)
    }
}

/// `NamedArgument`.
#[derive(Debug, Deserialize)]
pub struct NamedArgument {
    /// The argument's name in the operator's schema.
    pub name: String,
    /// The argument's value.
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
    /// Several whole numbers that may depend on the shape of the input.
    AsSymInts(Vec<SymInt>),
    /// Number of a `torch.dtype`.
    AsScalarType(u32),
    /// Anything else.
    #[serde(untagged)]
    Other(serde::de::IgnoredAny),
}

impl Argument {
    /// Returns the name of the tensor or number, if the argument is one.
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
    /// The name of a node's output, or of an input.
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
    /// A size that the program leaves open, such as that of the batch.
    AsExpr(SizeExpression),
}

impl Size {
    /// Returns the size, unless it is open.
    pub fn known(&self) -> Option<i64> {
        match self {
            Self::AsInt(size) => Some(*size),
            Self::AsExpr(_) => None,
        }
    }

    /// Returns the size in the example of the export.
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
    /// The meaning of each input of the graph.
    pub input_specs: Vec<InputSpec>,
    /// The meaning of each output of the graph.
    pub output_specs: Vec<OutputSpec>,
}

/// `InputSpec`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputSpec {
    /// An argument of the network.
    UserInput {
        /// The name, or the value if it is constant.
        arg: Argument,
    },
    /// A parameter.
    Parameter {
        /// The name in the graph.
        arg: Name,
        /// The name in the state dict.
        parameter_name: String,
    },
    /// A buffer.
    Buffer {
        /// The name in the graph.
        arg: Name,
        /// The name in the state dict.
        buffer_name: String,
    },
    /// A tensor that is a constant of the network's code.
    TensorConstant {
        /// The name in the graph.
        arg: Name,
        /// The name among the constants.
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
    /// A result of the network.
    UserOutput {
        /// The result's name.
        arg: Argument,
    },
    /// Anything else.
    #[serde(untagged)]
    Other(serde::de::IgnoredAny),
}

/// `TensorMeta`: a tensor's type, shape and position in its storage.
#[derive(Debug, Clone, Deserialize)]
pub struct TensorMeta {
    /// Number of the `torch.dtype`.
    pub dtype: u32,
    /// Sizes of the axes.
    pub sizes: Vec<Size>,
    /// Elements between neighbours on each axis.
    pub strides: Vec<Size>,
    /// Elements of the storage before the first.
    pub storage_offset: Size,
    /// Number of the `torch.layout`.
    pub layout: u32,
}
