//! The messages of an ONNX file that are needed for a network's numbers.
//!
//! Field numbers are those of the published ONNX specification (IR version 3 and later). Decoding skips all other
//! fields. Graphs inside attributes (bodies of `If` and `Loop`) are among them, so no message contains itself and
//! decoding cannot recurse.
//!
//! An empty message takes 2 bytes of a file and at most [`MAX_MESSAGE_BYTES`] in memory. A vector may reserve twice
//! its length and be copied once while it grows, so decoding takes at most 400 times the file's size. A real file,
//! whose bytes are weights, takes its own size once.

use std::mem::size_of;

use prost::Message;

/// Largest size of a message in memory, in bytes.
const MAX_MESSAGE_BYTES: usize = 264;

const _: () = assert!(
    size_of::<Node>() <= MAX_MESSAGE_BYTES
        && size_of::<Attribute>() <= MAX_MESSAGE_BYTES
        && size_of::<Tensor>() <= MAX_MESSAGE_BYTES
        && size_of::<SparseTensor>() <= MAX_MESSAGE_BYTES
        && size_of::<ValueInfo>() <= MAX_MESSAGE_BYTES
        && size_of::<Function>() <= MAX_MESSAGE_BYTES
);

/// A whole file (`ModelProto`).
#[derive(Clone, PartialEq, Message)]
pub struct Model {
    /// The program that wrote the file.
    #[prost(string, tag = "2")]
    pub producer_name: String,
    /// The version of the program.
    #[prost(string, tag = "3")]
    pub producer_version: String,
    /// The network.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<Graph>,
    /// Versions of the operators that the graph uses.
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSet>,
    /// Operators that the file itself defines.
    #[prost(message, repeated, tag = "25")]
    pub functions: Vec<Function>,
}

/// A version of a set of operators (`OperatorSetIdProto`).
#[derive(Clone, PartialEq, Eq, Message)]
pub struct OperatorSet {
    /// The name of the set: empty or "ai.onnx" for the standard one.
    #[prost(string, tag = "1")]
    pub domain: String,
    /// The version of the set.
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// Nodes and the tensors between them (`GraphProto`).
#[derive(Clone, PartialEq, Message)]
pub struct Graph {
    /// The operations, each after those whose results it reads.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<Node>,
    /// Constants by name: the weights.
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<Tensor>,
    /// Inputs; before IR version 4 also the initialisers.
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfo>,
    /// Outputs.
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfo>,
    /// Constants that are mostly zero.
    #[prost(message, repeated, tag = "15")]
    pub sparse_initializer: Vec<SparseTensor>,
}

/// An operation (`NodeProto`).
#[derive(Clone, PartialEq, Message)]
pub struct Node {
    /// Names of the inputs; an omitted optional input has an empty name.
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    /// Names of the outputs.
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    /// The node's name, which may be empty.
    #[prost(string, tag = "3")]
    pub name: String,
    /// The operator.
    #[prost(string, tag = "4")]
    pub op_type: String,
    /// Constants that are part of the graph.
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<Attribute>,
    /// The set of operators.
    #[prost(string, tag = "7")]
    pub domain: String,
    /// The name that distinguishes functions of one name.
    #[prost(string, tag = "8")]
    pub overload: String,
}

/// A named constant of a node (`AttributeProto`).
#[derive(Clone, PartialEq, Message)]
pub struct Attribute {
    /// The attribute's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// A number.
    #[prost(float, tag = "2")]
    pub f: f32,
    /// A whole number.
    #[prost(int64, tag = "3")]
    pub i: i64,
    /// Text in UTF-8.
    #[prost(bytes = "vec", tag = "4")]
    pub s: Vec<u8>,
    /// A tensor.
    #[prost(message, optional, boxed, tag = "5")]
    pub t: Option<Box<Tensor>>,
    /// Numbers.
    #[prost(float, repeated, tag = "7")]
    pub floats: Vec<f32>,
    /// Whole numbers.
    #[prost(int64, repeated, tag = "8")]
    pub ints: Vec<i64>,
    /// The type of the value, which says in which field it is; 0 in the oldest files.
    #[prost(int32, tag = "20")]
    pub r#type: i32,
    /// In a function: the attribute of the calling node that provides the value.
    #[prost(string, tag = "21")]
    pub ref_attr_name: String,
}

/// A constant (`TensorProto`).
#[derive(Clone, PartialEq, Message)]
pub struct Tensor {
    /// Sizes of the axes.
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    /// The type of its numbers.
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    /// Present if this is a part of a larger tensor.
    #[prost(message, optional, tag = "3")]
    pub segment: Option<Segment>,
    /// Numbers of 32 bits.
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    /// Integers of up to 32 bits, truth values, and the bits of 16-bit floating-point numbers.
    #[prost(int32, repeated, tag = "5")]
    pub int32_data: Vec<i32>,
    /// Integers of 64 bits.
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    /// The tensor's name.
    #[prost(string, tag = "8")]
    pub name: String,
    /// The numbers' bytes, little-endian, instead of the lists.
    #[prost(bytes = "vec", optional, tag = "9")]
    pub raw_data: Option<Vec<u8>>,
    /// Numbers of 64 bits.
    #[prost(double, repeated, tag = "10")]
    pub double_data: Vec<f64>,
    /// Unsigned integers of 32 and 64 bits.
    #[prost(uint64, repeated, tag = "11")]
    pub uint64_data: Vec<u64>,
    /// The location, offset and length of bytes in another file.
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<Entry>,
    /// 1 if the bytes are in another file.
    #[prost(int32, tag = "14")]
    pub data_location: i32,
}

/// A part of a tensor (`TensorProto.Segment`).
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Segment {}

/// A key with a value (`StringStringEntryProto`).
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Entry {
    /// The key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// The value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A constant that is mostly zero (`SparseTensorProto`), of which only the name is read.
#[derive(Clone, PartialEq, Message)]
pub struct SparseTensor {
    /// The values, under the tensor's name.
    #[prost(message, optional, boxed, tag = "1")]
    pub values: Option<Box<Tensor>>,
}

/// An input or output (`ValueInfoProto`).
#[derive(Clone, PartialEq, Message)]
pub struct ValueInfo {
    /// The input's or output's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The input's or output's type.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<Type>,
}

/// A type (`TypeProto`), of which only tensors are read.
#[derive(Clone, PartialEq, Message)]
pub struct Type {
    /// The type of a tensor.
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorType>,
}

/// A tensor's type (`TypeProto.Tensor`).
#[derive(Clone, PartialEq, Message)]
pub struct TensorType {
    /// The type of its numbers.
    #[prost(int32, tag = "1")]
    pub elem_type: i32,
    /// Sizes of its axes, if the file has them.
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
}

/// Sizes of axes (`TensorShapeProto`).
#[derive(Clone, PartialEq, Message)]
pub struct Shape {
    /// One for each axis.
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<Dimension>,
}

/// The size of an axis (`TensorShapeProto.Dimension`): a number, or a name if it is open.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Dimension {
    /// The size, if it is fixed.
    #[prost(int64, optional, tag = "1")]
    pub dim_value: Option<i64>,
}

/// An operator that the file defines (`FunctionProto`).
#[derive(Clone, PartialEq, Message)]
pub struct Function {
    /// The operator's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Names of the inputs.
    #[prost(string, repeated, tag = "4")]
    pub input: Vec<String>,
    /// Names of the outputs.
    #[prost(string, repeated, tag = "5")]
    pub output: Vec<String>,
    /// The function's nodes.
    #[prost(message, repeated, tag = "7")]
    pub node: Vec<Node>,
    /// Versions of the operator sets that the nodes use.
    #[prost(message, repeated, tag = "9")]
    pub opset_import: Vec<OperatorSet>,
    /// The operator set of the function.
    #[prost(string, tag = "10")]
    pub domain: String,
    /// Attributes with their defaults.
    #[prost(message, repeated, tag = "11")]
    pub attribute_proto: Vec<Attribute>,
    /// The name that distinguishes functions of one name.
    #[prost(string, tag = "13")]
    pub overload: String,
}
