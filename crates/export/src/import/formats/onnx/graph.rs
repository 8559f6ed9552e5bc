//! Evaluation of a graph node by node.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::node::{Batch, Node};
use super::operand::Operand;
use super::tensor::Storage;
use super::{constants, message, operators};
use crate::import::error::{ImportError, LayerError};
use crate::import::formats::symbolic::trace::Trace;

/// Largest number of nodes that are evaluated or skipped. Nodes of functions count for each call.
const MAX_NODES: usize = 1 << 17;

/// Largest depth of function calls.
const MAX_CALLS: usize = 16;

/// Largest size of all tensors that are still needed (see `Value::size`): 1 GiB.
const MAX_HELD: usize = 1 << 26;

/// The oldest supported version of the standard operator set. Older versions broadcast sums and products differently.
const OLDEST_OPSET: i64 = 7;

/// The evaluation of a graph.
pub struct Evaluator<'a> {
    file: &'a str,
    trace: Trace,
    batch: Batch,
    storage: Storage<'a>,
    functions: HashMap<[&'a str; 3], &'a message::Function>,
    remarks: Vec<String>,
    nodes_left: usize,
    held: usize,
}

/// The nodes of a graph, or of a function that a node calls.
#[derive(Clone, Copy)]
struct Scope<'a, 's> {
    nodes: &'a [message::Node],
    /// The version of the standard operator set.
    opset: i64,
    /// The constants of the graph; functions have none.
    initialisers: &'s HashMap<&'a str, &'a message::Tensor>,
    /// The values of the function's attributes.
    attributes: &'s [(&'a str, &'a message::Attribute)],
    /// The names of the calling nodes, each followed by a slash.
    caller: &'s str,
    calls: usize,
}

impl<'a> Evaluator<'a> {
    /// Creates the evaluation of the graph of `model`, whose input is already traced.
    ///
    /// # Errors
    /// If two functions have one name.
    pub fn new(
        file: &'a str,
        model: &'a message::Model,
        trace: Trace,
        batch: Batch,
        storage: Storage<'a>,
    ) -> Result<Self, ImportError> {
        let mut functions = HashMap::new();
        for function in &model.functions {
            let key = [standard(&function.domain), &*function.name, &*function.overload];
            if functions.insert(key, function).is_some() {
                let reason = format!("it has two functions {:?}", function.name);
                return Err(ImportError::Malformed { file: file.to_owned(), reason });
            }
        }
        Ok(Self {
            file,
            trace,
            batch,
            storage,
            functions,
            remarks: Vec::new(),
            nodes_left: MAX_NODES,
            held: 0,
        })
    }

    /// Evaluates `output` from the input. Returns the trace, the value and the remarks.
    ///
    /// # Errors
    /// If a node cannot be evaluated; the error names it.
    pub fn run(
        mut self,
        model: &'a message::Model,
        graph: &'a message::Graph,
        input: (&'a str, Operand),
        output: &'a str,
    ) -> Result<(Trace, Operand, Vec<String>), ImportError> {
        let mut initialisers = HashMap::new();
        for tensor in &graph.initializer {
            if initialisers.insert(&*tensor.name, tensor).is_some() {
                return Err(self.malformed(format!("it has two constants {:?}", tensor.name)));
            }
        }
        let sparse = graph.sparse_initializer.iter().filter_map(|tensor| tensor.values.as_ref());
        let sparse: HashSet<&str> = sparse.map(|values| &*values.name).collect();
        let reads = graph.node.iter().flat_map(|node| &node.input);
        if let Some(name) = reads.map(String::as_str).find(|name| sparse.contains(name)) {
            return Err(self.malformed(format!(
                "its constant {name:?} is stored as a sparse tensor; save the model with dense ones"
            )));
        }
        let scope = Scope {
            nodes: &graph.node,
            opset: self.opset(&model.opset_import)?,
            initialisers: &initialisers,
            attributes: &[],
            caller: "",
            calls: 0,
        };
        let bound = HashMap::from([(input.0, Rc::new(input.1))]);
        let outputs = self.evaluate(scope, bound, &[output])?;
        let value = outputs.into_iter().next().flatten();
        let value = value.ok_or_else(|| self.malformed(format!("no node makes its output {output:?}")))?;
        Ok((self.trace, Operand::clone(&value), self.remarks))
    }

    /// Evaluates `outputs`; a value is `None` if no node makes it.
    fn evaluate(
        &mut self,
        scope: Scope<'a, '_>,
        mut values: HashMap<&'a str, Rc<Operand>>,
        outputs: &[&'a str],
    ) -> Result<Vec<Option<Rc<Operand>>>, ImportError> {
        self.nodes_left = self.nodes_left.checked_sub(scope.nodes.len()).ok_or_else(|| {
            self.malformed(format!(
                "it has more than {MAX_NODES} nodes, with those of the functions that they call"
            ))
        })?;
        let (needed, mut uses) = needed(scope.nodes, outputs);
        for node in scope.nodes.iter().zip(needed).filter_map(|(node, needed)| needed.then_some(node)) {
            let name = label(scope.caller, node);
            let mut inputs = Vec::with_capacity(node.input.len());
            for input in &node.input {
                inputs.push(match &**input {
                    "" => None,
                    input => Some(self.lookup(scope, &mut values, input, &name)?),
                });
            }
            let results = self.apply(scope, node, inputs, &name)?;
            for (output, value) in node.output.iter().zip(results) {
                let Some(value) = value.filter(|_| uses.contains_key(&**output)) else { continue };
                self.hold(&value, &name)?;
                if values.insert(output, value).is_some() || scope.initialisers.contains_key(&**output) {
                    return Err(LayerError::new(format!("makes {output:?}, which another node makes too"))
                        .at(self.file, &name));
                }
            }
            for input in &node.input {
                if let Some(left) = uses.get_mut(&**input) {
                    *left -= 1;
                    if *left == 0
                        && let Some(value) = values.remove(&**input)
                    {
                        self.held = self.held.saturating_sub(value.value.size());
                    }
                }
            }
        }
        let mut found = Vec::with_capacity(outputs.len());
        for output in outputs {
            let value = match (values.get(output), scope.initialisers.get(output)) {
                (Some(value), _) => Some(Rc::clone(value)),
                (None, Some(tensor)) => Some(Rc::new(self.storage.operand(tensor, output)?)),
                (None, None) => None,
            };
            found.push(value);
        }
        for value in values.values() {
            self.held = self.held.saturating_sub(value.value.size());
        }
        Ok(found)
    }

    /// Returns the value of an input: the output of another node, or a constant of the file.
    fn lookup(
        &mut self,
        scope: Scope<'a, '_>,
        values: &mut HashMap<&'a str, Rc<Operand>>,
        input: &'a str,
        node: &str,
    ) -> Result<Rc<Operand>, ImportError> {
        if let Some(value) = values.get(input) {
            return Ok(Rc::clone(value));
        }
        let Some(tensor) = scope.initialisers.get(input) else {
            return Err(
                LayerError::new(format!("reads {input:?}, which no earlier node makes")).at(self.file, node)
            );
        };
        let value = Rc::new(self.storage.operand(tensor, input)?);
        self.hold(&value, node)?;
        values.insert(input, Rc::clone(&value));
        Ok(value)
    }

    /// Evaluates a node: returns the outputs of a function, or the only output of an operator.
    fn apply(
        &mut self,
        scope: Scope<'a, '_>,
        node: &'a message::Node,
        inputs: Vec<Option<Rc<Operand>>>,
        name: &str,
    ) -> Result<Vec<Option<Rc<Operand>>>, ImportError> {
        let domain = standard(&node.domain);
        let attributes = resolved(node, scope.attributes);
        if let Some(function) = self.functions.get(&[domain, &*node.op_type, &*node.overload]).copied() {
            return self.call(function, &attributes, inputs, name, scope.calls);
        }
        if !domain.is_empty() {
            let refusal = LayerError::new(format!(
                "is the operator {} of {domain:?}, which is not supported. Use instead: a model of standard ONNX operators",
                node.op_type
            ));
            return Err(refusal.at(self.file, name));
        }
        let looked_up = Node::new(&node.op_type, scope.opset, self.batch, inputs, attributes);
        let output = match &*node.op_type {
            "Constant" => constants::constant(&looked_up, name, self.file, &mut self.storage)?,
            "ConstantOfShape" => constants::filled(&looked_up, name, self.file, &mut self.storage)?,
            _ => operators::evaluate(&mut self.trace, &looked_up)
                .map_err(|refusal| refusal.at(self.file, name))?,
        };
        if matches!(&*node.op_type, "Softmax" | "LogSoftmax") {
            self.remarks.push(format!("the softmax {name:?} is left out: it changes no prediction"));
        }
        Ok(vec![Some(Rc::new(output))])
    }

    /// Evaluates the function that a node calls.
    fn call(
        &mut self,
        function: &'a message::Function,
        attributes: &[(&'a str, &'a message::Attribute)],
        inputs: Vec<Option<Rc<Operand>>>,
        name: &str,
        calls: usize,
    ) -> Result<Vec<Option<Rc<Operand>>>, ImportError> {
        if calls >= MAX_CALLS {
            return Err(
                LayerError::new(format!("calls functions more than {MAX_CALLS} deep")).at(self.file, name)
            );
        }
        let mut attributes = attributes.to_vec();
        for default in &function.attribute_proto {
            if !attributes.iter().any(|(name, _)| *name == default.name) {
                attributes.push((&default.name, default));
            }
        }
        let mut bound = HashMap::new();
        for (input, value) in function.input.iter().zip(inputs) {
            if let Some(value) = value {
                self.hold(&value, name)?;
                bound.insert(&**input, value);
            }
        }
        let caller = format!("{name}/");
        let scope = Scope {
            nodes: &function.node,
            opset: self.opset(&function.opset_import)?,
            initialisers: &HashMap::new(),
            attributes: &attributes,
            caller: &caller,
            calls: calls + 1,
        };
        let outputs: Vec<&str> = function.output.iter().map(String::as_str).collect();
        self.evaluate(scope, bound, &outputs)
    }

    /// Adds the size of a tensor to the total.
    fn hold(&mut self, value: &Operand, node: &str) -> Result<(), ImportError> {
        self.held = self.held.saturating_add(value.value.size());
        if self.held > MAX_HELD {
            return Err(LayerError::new("needs more than 1 GiB for tensors of the graph").at(self.file, node));
        }
        Ok(())
    }

    /// Returns the version of the standard operator set among the imported sets.
    fn opset(&self, imports: &[message::OperatorSet]) -> Result<i64, ImportError> {
        let versions = imports.iter().filter(|set| standard(&set.domain).is_empty()).map(|set| set.version);
        let version = versions.max().unwrap_or(1);
        if version < OLDEST_OPSET {
            return Err(self.malformed(format!(
                "it uses version {version} of the ONNX operator set; {OLDEST_OPSET} and later are supported. Export the model again, for \
                 example with `torch.onnx.export(..., opset_version=18)`"
            )));
        }
        Ok(version)
    }

    fn malformed(&self, reason: String) -> ImportError {
        ImportError::Malformed { file: self.file.to_owned(), reason }
    }
}

/// Returns the empty name for the standard operator set, which has two names.
fn standard(domain: &str) -> &str {
    if domain == "ai.onnx" { "" } else { domain }
}

/// Returns for each node whether the outputs depend on it, and for each name how often nodes read it or it is an
/// output.
pub fn needed<'a>(nodes: &'a [message::Node], outputs: &[&'a str]) -> (Vec<bool>, HashMap<&'a str, usize>) {
    let mut uses: HashMap<&str, usize> = HashMap::new();
    for &output in outputs {
        *uses.entry(output).or_default() += 1;
    }
    let mut needed: Vec<bool> = nodes
        .iter()
        .rev()
        .map(|node| {
            let needed = node.output.iter().any(|output| !output.is_empty() && uses.contains_key(&**output));
            if needed {
                for input in node.input.iter().filter(|input| !input.is_empty()) {
                    *uses.entry(input).or_default() += 1;
                }
            }
            needed
        })
        .collect();
    needed.reverse();
    (needed, uses)
}

/// Returns the names of the calling nodes, then the node's own name, or else that of its output.
fn label(caller: &str, node: &message::Node) -> String {
    let own = [Some(&node.name), node.output.first(), Some(&node.op_type)];
    let own = own.into_iter().flatten().find(|name| !name.is_empty());
    format!("{caller}{}", own.map_or("", String::as_str))
}

/// Returns a node's attributes. Those that refer to an attribute of the enclosing function get its value.
fn resolved<'a>(
    node: &'a message::Node,
    of_function: &[(&'a str, &'a message::Attribute)],
) -> Vec<(&'a str, &'a message::Attribute)> {
    let value = |attribute: &'a message::Attribute| {
        if attribute.ref_attr_name.is_empty() {
            return Some(attribute);
        }
        of_function.iter().find(|(name, _)| *name == attribute.ref_attr_name).map(|&(_, value)| value)
    };
    // An attribute without a value counts as absent.
    node.attribute.iter().filter_map(|attribute| Some((&*attribute.name, value(attribute)?))).collect()
}
