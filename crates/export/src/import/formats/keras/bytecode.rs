//! Arithmetic in the compiled code of a Python lambda, such as `lambda x: x * x`.
//!
//! Keras saves a lambda as its marshalled code object in base64. This module executes no code. It evaluates code that
//! only loads the argument and numbers, and adds, subtracts, multiplies, divides or raises to a power. Other code is
//! not understood. Instructions are those of CPython 3.6 to 3.12 (`Lib/opcode.py`), two bytes each.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::import::error::LayerError;
use crate::import::formats::symbolic::trace::Trace;
use crate::import::formats::symbolic::value::Value;

/// Largest number of instructions of a lambda. Squares have six.
const MAX_INSTRUCTIONS: usize = 32;

/// A binary operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

/// An instruction on a stack of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Argument,
    Constant(usize),
    Binary(Operator),
    Return,
}

/// Evaluates the code on a value; `None` if the code is not understood.
pub fn evaluate(code: &str, trace: &mut Trace, value: &Value) -> Option<Result<Value, LayerError>> {
    let text: String = code.chars().filter(|letter| !letter.is_whitespace()).collect();
    let (steps, constants) = decode(&STANDARD.decode(text).ok()?)?;
    // The stack is checked before the evaluation, so that code that is not understood adds no square to the trace.
    let mut height = 0usize;
    for step in &steps {
        match step {
            Step::Argument => height += 1,
            Step::Constant(index) => {
                constants.get(*index)?.as_ref()?;
                height += 1;
            }
            Step::Binary(_) => height = height.checked_sub(2)? + 1,
            Step::Return => {}
        }
    }
    if height != 1 {
        return None;
    }
    let mut stack = Vec::new();
    for step in steps {
        match step {
            Step::Argument => stack.push(value.clone()),
            Step::Constant(index) => stack.push(Value::scalar((*constants.get(index)?)?)),
            Step::Binary(operator) => {
                let (right, left) = (stack.pop()?, stack.pop()?);
                let result = match operator {
                    Operator::Add => left.add(&right),
                    Operator::Subtract => left.subtract(&right),
                    Operator::Multiply => trace.multiply(&left, &right),
                    Operator::Divide => left.divide(&right),
                    Operator::Power => trace.power(&left, &right),
                };
                match result {
                    Ok(value) => stack.push(value),
                    Err(refusal) => return Some(Err(refusal)),
                }
            }
            Step::Return => {}
        }
    }
    stack.pop().map(Ok)
}

/// Decodes the instructions of a marshalled code object, and those of its constants that are numbers.
fn decode(bytes: &[u8]) -> Option<(Vec<Step>, Vec<Option<f64>>)> {
    /// Flag of objects that may be referred to again.
    const REFERABLE: u8 = 0x80;
    let (&kind, _) = bytes.split_first()?;
    if kind & !REFERABLE != b'c' || bytes.get(1..5)? != [1, 0, 0, 0] {
        return None;
    }
    // The code object begins with five counts before Python 3.8 and from 3.11 on, with six between.
    let start =
        [21, 25].into_iter().find(|&at| bytes.get(at).is_some_and(|kind| kind & !REFERABLE == b's'))?;
    let (code, rest) = sized(bytes.get(start + 1..)?)?;
    let (&kind, rest) = rest.split_first()?;
    let (count, mut rest) = match kind & !REFERABLE {
        b')' => rest.split_first().map(|(&count, rest)| (usize::from(count), rest))?,
        _ => return None,
    };
    let mut constants = Vec::new();
    for _ in 0..count {
        let (&kind, after) = rest.split_first()?;
        let (constant, after) = match kind & !REFERABLE {
            b'N' => (None, after),
            b'i' => {
                let (number, after) = after.split_first_chunk::<4>()?;
                (Some(f64::from(i32::from_le_bytes(*number))), after)
            }
            b'g' => {
                let (number, after) = after.split_first_chunk::<8>()?;
                (Some(f64::from_le_bytes(*number)), after)
            }
            _ => return None,
        };
        constants.push(constant);
        rest = after;
    }
    Some((instructions(code)?, constants))
}

/// Splits off a length in four bytes and as many bytes.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

fn instructions(code: &[u8]) -> Option<Vec<Step>> {
    /// The first instruction from Python 3.11 on.
    const RESUME: [u8; 2] = [151, 0];
    let (code, rest) = code.as_chunks::<2>();
    if !rest.is_empty() || code.len() > MAX_INSTRUCTIONS {
        return None;
    }
    let recent = code.first() == Some(&RESUME);
    let mut steps = Vec::new();
    for (index, &[operation, argument]) in code.iter().enumerate() {
        steps.push(match (operation, argument, recent) {
            (151, 0, true) if index == 0 => continue,
            // Space for the interpreter's cache of an operation.
            (0, 0, true) if index > 0 => continue,
            (124, 0, _) => Step::Argument,
            (100, index, _) => Step::Constant(usize::from(index)),
            (23, _, false) | (122, 0, true) => Step::Binary(Operator::Add),
            (24, _, false) | (122, 10, true) => Step::Binary(Operator::Subtract),
            (20, _, false) | (122, 5, true) => Step::Binary(Operator::Multiply),
            (27, _, false) | (122, 11, true) => Step::Binary(Operator::Divide),
            (19, _, false) | (122, 8, true) => Step::Binary(Operator::Power),
            (83, _, _) => Step::Return,
            _ => return None,
        });
    }
    let returns = steps.iter().filter(|step| **step == Step::Return).count();
    (returns == 1 && steps.last() == Some(&Step::Return)).then_some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `lambda x: x * x` of Python 3.11, as Keras 3.15 saved it.
    const SQUARE_3_11: &str = "4wEAAAAAAAAAAAAAAAIAAAATAAAB8wwAAACXAHwAfAB6BQAAUwCpAU6pAKkB2gF4cwEAAAAg+jIv";

    /// A code object with these constants and instructions, in the layout of Python 3.8 to 3.10.
    fn marshalled(code: &[u8], constants: &[u8], count: u8) -> String {
        let mut bytes = vec![0xe3, 1, 0, 0, 0];
        bytes.extend([0; 20]);
        bytes.push(b's');
        bytes.extend((code.len() as u32).to_le_bytes());
        bytes.extend(code);
        bytes.extend([b')', count]);
        bytes.extend(constants);
        STANDARD.encode(bytes)
    }

    /// Number of squares that the code makes, or its error; `None` if it is not understood.
    fn squares(code: &str) -> Option<Result<usize, String>> {
        let mut trace = Trace::default();
        let image = trace.input(&[1, 4, 4, 1]).unwrap();
        let own = trace.square(&image).unwrap();
        let result = evaluate(code, &mut trace, &image)?;
        Some(result.map(|value| usize::from(value == own)).map_err(|refusal| refusal.to_string()))
    }

    #[test]
    fn squares_of_python_3_8_and_3_11_are_read() {
        assert_eq!(squares(SQUARE_3_11), Some(Ok(1)));
        assert_eq!(squares(&marshalled(&[124, 0, 124, 0, 20, 0, 83, 0], b"N", 1)), Some(Ok(1)));
        let two = [b'N', 0xe9, 2, 0, 0, 0];
        assert_eq!(squares(&marshalled(&[124, 0, 100, 1, 19, 0, 83, 0], &two, 2)), Some(Ok(1)));
        assert_eq!(
            squares(&marshalled(&[151, 0, 124, 0, 100, 1, 122, 8, 0, 0, 83, 0], &two, 2)),
            Some(Ok(1))
        );
    }

    #[test]
    fn a_cube_is_refused_and_not_taken_for_a_square() {
        let cube = marshalled(&[124, 0, 124, 0, 20, 0, 124, 0, 20, 0, 83, 0], b"N", 1);
        assert!(
            squares(&cube).unwrap().unwrap_err().contains("multiplies two values that depend on the image")
        );
        let cube = marshalled(&[124, 0, 100, 1, 19, 0, 83, 0], &[b'N', b'i', 3, 0, 0, 0], 2);
        assert!(squares(&cube).unwrap().unwrap_err().contains("a power other than the square"));
    }

    #[test]
    fn code_that_calls_a_function_is_not_understood() {
        // LOAD_GLOBAL 0, LOAD_FAST 0, CALL_FUNCTION 1.
        assert_eq!(squares(&marshalled(&[116, 0, 124, 0, 131, 1, 83, 0], b"N", 1)), None);
        assert_eq!(squares(""), None);
        assert_eq!(squares("AAAA"), None);
        assert_eq!(squares(&marshalled(&[20, 0, 83, 0], b"N", 1)), None);
    }
}
