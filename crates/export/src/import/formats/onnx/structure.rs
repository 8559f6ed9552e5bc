//! Operators that move numbers without changing them.

use super::node::{Batch, Node, keep_batch};
use super::operand::Operand;
use crate::import::error::LayerError;
use crate::import::formats::symbolic::value::{Value, axis_index};

/// Evaluates the sizes of axes from `start` to before `end`. The batch is 1, as it is traced.
pub fn shape(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&["start", "end"])?;
    let shape = node.input(0)?.value.shape();
    let rank = shape.len() as i64;
    // Indices beyond the first or last axis mean the first or last axis.
    let bound = |name: &str, default: i64| -> Result<usize, LayerError> {
        let index = node.integer(name)?.unwrap_or(default);
        let index = if index < 0 { index.saturating_add(rank) } else { index };
        Ok(index.clamp(0, rank) as usize)
    };
    let (start, end) = (bound("start", 0)?, bound("end", rank)?);
    let sizes = shape.get(start..end).unwrap_or(&[]);
    Ok(Operand::integers(&sizes.iter().map(|&size| size as i64).collect::<Vec<_>>()))
}

/// Evaluates another shape of the same numbers: 0 keeps an axis (unless `allowzero`), -1 takes the remaining numbers.
pub fn reshape(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&["allowzero"])?;
    let input = node.input(0)?;
    let own = input.value.shape();
    let keeps_zero = node.flag("allowzero", false)?;
    let mut target = node.input(1)?.to_integers()?;
    take_one_image(node, input, &mut target);
    let target = target;
    let misfit = || LayerError::new(format!("cannot turn the shape {own:?} into {target:?}"));
    let mut open = None;
    let mut shape = Vec::with_capacity(target.len());
    for (index, &size) in target.iter().enumerate() {
        shape.push(match size {
            -1 if open.replace(index).is_some() => return Err(misfit()),
            -1 => 1,
            0 if !keeps_zero => own.get(index).copied().ok_or_else(misfit)?,
            size => usize::try_from(size).map_err(|_| misfit())?,
        });
    }
    if let Some(open) = open {
        let known =
            shape.iter().try_fold(1usize, |all, &size| all.checked_mul(size)).filter(|&known| known > 0);
        let count: usize = own.iter().product();
        let known = known.filter(|known| count.is_multiple_of(*known)).ok_or_else(misfit)?;
        if let Some(slot) = shape.get_mut(open) {
            *slot = count / known;
        }
    }
    if shape.iter().try_fold(1usize, |all, &size| all.checked_mul(size)) != Some(own.iter().product()) {
        return Err(misfit());
    }
    Ok(input.with(input.value.reshape(&shape)?))
}

/// Evaluates two axes: all axes before `axis` joined, and all from `axis` on joined.
pub fn flatten(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&["axis"])?;
    let input = node.input(0)?;
    let rank = input.value.shape().len();
    let from = match node.integer("axis")?.unwrap_or(1) {
        // An index after the last axis is allowed here.
        from if usize::try_from(from) == Ok(rank) => rank,
        from => axis_index(from, rank)?,
    };
    keep_batch(node, from != 0)?;
    Ok(input.with(input.value.flatten(from)?))
}

/// Evaluates another order of axes; reversed if none is given.
pub fn transpose(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&["perm"])?;
    let input = node.input(0)?;
    let rank = input.value.shape().len();
    let order = match node.integers("perm")? {
        Some(order) => order.iter().map(|&index| axis_index(index, rank)).collect::<Result<Vec<_>, _>>()?,
        None => (0..rank).rev().collect(),
    };
    keep_batch(node, order.first() == Some(&0))?;
    Ok(input.with(input.value.transpose(&order)?))
}

/// Evaluates the removal of axes of size 1.
pub fn squeeze(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&["axes"])?;
    let input = node.input(0)?;
    let shape = input.value.shape();
    let axes = match node.axes(1, shape.len())? {
        Some(axes) => axes,
        None => {
            // The batch is only 1 while the network is traced.
            let keeps_first = node.batch != Batch::One && input.is_signal();
            let ones =
                shape.iter().enumerate().filter(|&(axis, &size)| size == 1 && !(keeps_first && axis == 0));
            ones.map(|(axis, _)| axis).collect()
        }
    };
    if let Some(axis) = axes.iter().find(|&&axis| shape.get(axis) != Some(&1)) {
        return Err(LayerError::new(format!(
            "removes axis {axis} of the shape {shape:?}, which is not of size 1"
        )));
    }
    keep_batch(node, !axes.contains(&0))?;
    let kept = shape.iter().enumerate().filter(|(axis, _)| !axes.contains(axis)).map(|(_, &size)| size);
    Ok(input.with(input.value.reshape(&kept.collect::<Vec<_>>())?))
}

/// Evaluates the addition of axes of size 1.
pub fn unsqueeze(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&["axes"])?;
    let input = node.input(0)?;
    let own = input.value.shape();
    let count = node.integers_or_input("axes", 1)?.map_or(0, |axes| axes.len());
    let axes = node.axes(1, own.len() + count)?.ok_or_else(|| LayerError::new("names no axes to add"))?;
    keep_batch(node, !axes.contains(&0))?;
    let mut sizes = own.iter().copied();
    let shape =
        (0..own.len() + count).map(|axis| if axes.contains(&axis) { 1 } else { sizes.next().unwrap_or(1) });
    Ok(input.with(input.value.reshape(&shape.collect::<Vec<_>>())?))
}

/// Evaluates the repetition of axes of size 1; a target of 1 keeps an axis.
pub fn expand(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&[])?;
    let input = node.input(0)?;
    let own = input.value.shape();
    let mut target = node.input(1)?.to_integers()?;
    keep_batch(node, target.len() <= own.len())?;
    if target.len() == own.len() {
        take_one_image(node, input, &mut target);
    }
    let rank = own.len().max(target.len());
    let shape = (0..rank).map(|axis| {
        let size = |own: Option<usize>| own.unwrap_or(1);
        let old = size((axis + own.len()).checked_sub(rank).and_then(|index| own.get(index).copied()));
        let new =
            (axis + target.len()).checked_sub(rank).and_then(|index| target.get(index).copied()).unwrap_or(1);
        match usize::try_from(new) {
            Ok(1) => Ok(old),
            Ok(new) => Ok(new),
            Err(_) => Err(LayerError::new(format!("repeats the shape {own:?} to {target:?}"))),
        }
    });
    let shape = shape.collect::<Result<Vec<_>, _>>()?;
    Ok(input.with(input.value.broadcast(&shape)?))
}

/// Evaluates the join of tensors along an axis.
pub fn concat(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&["axis"])?;
    let parts = node.inputs()?;
    let first = *parts.first().ok_or_else(|| LayerError::new("joins no tensors"))?;
    let along = node.integer("axis")?.ok_or_else(|| LayerError::new("names no axis to join along"))?;
    let along = axis_index(along, first.value.shape().len())?;
    keep_batch(node, along != 0)?;
    let element = parts.iter().map(|part| part.element).find(|&element| element != first.element);
    if element.is_some() {
        return Err(LayerError::new("joins tensors of different types"));
    }
    let values: Vec<Value> = parts.iter().map(|part| part.value.clone()).collect();
    Ok(first.with(Value::concatenate(along, &values)?))
}

/// Evaluates the numbers at given indices of an axis.
pub fn gather(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&["axis"])?;
    let input = node.input(0)?;
    let own = input.value.shape();
    let along = axis_index(node.integer("axis")?.unwrap_or(0), own.len())?;
    keep_batch(node, along != 0)?;
    let indices = node.input(1)?;
    let size = own.get(along).copied().unwrap_or(0);
    let places = indices
        .to_integers()?
        .into_iter()
        .map(|index| axis_index(index, size))
        .collect::<Result<Vec<_>, _>>();
    let places = places.map_err(|_| {
        LayerError::new(format!("takes an index that is not in axis {along} of the shape {own:?}"))
    })?;
    let picked = input.value.select(along, &places)?;
    let (before, behind) = (own.get(..along).unwrap_or(&[]), own.get(along + 1..).unwrap_or(&[]));
    Ok(input.with(picked.reshape(&[before, indices.value.shape(), behind].concat())?))
}

/// Evaluates ranges of axes.
pub fn slice(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&["axes", "starts", "ends"])?;
    let input = node.input(0)?;
    let rank = input.value.shape().len();
    let bounds = |name: &str, index: usize| {
        node.integers_or_input(name, index)?
            .ok_or_else(|| LayerError::new(format!("has no {name} of its ranges")))
    };
    let (starts, ends) = (bounds("starts", 1)?, bounds("ends", 2)?);
    let axes = match node.axes(3, rank)? {
        Some(axes) => axes,
        None => (0..starts.len().min(rank)).collect(),
    };
    let steps = match node.optional(4) {
        Some(steps) => steps.to_integers()?,
        None => vec![1; starts.len()],
    };
    if [ends.len(), axes.len(), steps.len()].iter().any(|&count| count != starts.len()) {
        return Err(LayerError::new("has other numbers of starts, ends, axes and steps"));
    }
    let mut value = input.value.clone();
    for ((axis, step), (start, end)) in axes.into_iter().zip(steps).zip(starts.into_iter().zip(ends)) {
        let places = places(value.shape().get(axis).copied().unwrap_or(0), start, end, step)?;
        keep_batch(node, axis != 0 || places == [0])?;
        value = value.select(axis, &places)?;
    }
    Ok(input.with(value))
}

/// Returns the indices of an axis of `size` from `start` to before `end`, which count from the end if they are
/// negative.
fn places(size: usize, start: i64, end: i64, step: i64) -> Result<Vec<usize>, LayerError> {
    // Sizes are below 2^24.
    let size = size as i64;
    let from_behind = |index: i64| if index < 0 { index.saturating_add(size) } else { index };
    let (start, end) = (from_behind(start), from_behind(end));
    let mut places = Vec::new();
    let mut place = match step {
        0 => return Err(LayerError::new("takes a range in steps of 0")),
        1.. => start.clamp(0, size),
        _ => start.clamp(-1, size - 1),
    };
    let end = if step > 0 { end.clamp(0, size) } else { end.clamp(-1, size - 1) };
    while (step > 0 && place < end) || (step < 0 && place > end) {
        places.extend(usize::try_from(place));
        place = place.saturating_add(step);
    }
    Ok(places)
}

/// Evaluates constants around the numbers.
pub fn pad(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&["mode", "pads", "value"])?;
    let input = node.input(0)?;
    let mode = node.text("mode")?.unwrap_or_else(|| "constant".to_owned());
    if mode != "constant" {
        return Err(LayerError::new(format!(
            "pads in the mode {mode:?}, which repeats numbers of the image and is not supported. Use instead: zeros"
        )));
    }
    let rank = input.value.shape().len();
    let sizes =
        node.integers_or_input("pads", 1)?.ok_or_else(|| LayerError::new("has no sizes of its padding"))?;
    let constant = match (node.float("value")?, node.optional(2)) {
        (Some(value), _) => value,
        (None, Some(value)) => value.to_scalar()?,
        (None, None) => 0.0,
    };
    let axes = match node.optional(3) {
        Some(_) => node.axes(3, rank)?.unwrap_or_default(),
        None => (0..rank).collect(),
    };
    if sizes.len() != 2 * axes.len() {
        return Err(LayerError::new(format!("has {} paddings for {} axes", sizes.len(), axes.len())));
    }
    let mut sides = vec![(0, 0); rank];
    let (before, behind) = sizes.split_at(axes.len());
    for (axis, (&before, &behind)) in axes.into_iter().zip(before.iter().zip(behind)) {
        let (Ok(before), Ok(behind)) = (usize::try_from(before), usize::try_from(behind)) else {
            return Err(LayerError::new(format!(
                "cuts the image with the negative paddings {sizes:?}, which is not supported"
            )));
        };
        if let Some(side) = sides.get_mut(axis) {
            *side = (before, behind);
        }
    }
    Ok(input.with(input.value.pad(&sides, constant)?))
}

/// Replaces the fixed batch in a shape by one image.
///
/// A network with a fixed batch of N is traced with one image. Axis 0 of everything that depends on the image is the
/// batch, of size N in the file and 1 here, and the rows of a reshaped tensor keep their order. A shape that begins
/// with N therefore has one image per row, and begins with 1 here.
fn take_one_image(node: &Node<'_>, input: &Operand, target: &mut [i64]) {
    if let (Batch::Fixed(images), Some(first)) = (node.batch, target.first_mut())
        && input.is_signal()
        && usize::try_from(*first) == Ok(images)
    {
        *first = 1;
    }
}
