//! Other readings of the same files that classify better: suggestions if a network was read without an error but
//! guesses.

use sottovoce_dataset::LabelledImages;
use sottovoce_network::Padding;

use super::reading::usual_normalisations;
use crate::import::assembly::members::{ImportedMembers, read_members};
use crate::import::description::architecture::PaddingMode;
use crate::import::description::axes::AxisOrder;
use crate::import::description::check::check_description;
use crate::import::description::conventions::Conventions;
use crate::import::description::fields::{Description, Flatten};
use crate::import::description::members::{LayerSource, MemberLayers, MemberSource};
use crate::import::description::pixels::{LARGEST_BYTE, PixelMap, PixelNormalisation, PixelPadding};
use crate::import::quantise::accuracy::FloatReference;
use crate::import::quantise::batch_network::BatchNetwork;
use crate::import::real_network::RealNetwork;
use crate::import::weight_files::{WeightFiles, has_memory_order};

/// Accuracies within this many percentage points of the best are equivalent: on a thousand images, chance makes such
/// differences.
const EQUIVALENT_POINTS: f64 = 2.0;

/// Largest number of suggestions.
const MAX_SUGGESTIONS: usize = 3;

/// Number of images in the first trial of a reading. Nearly all readings guess, and are dropped there.
const TRIAL_IMAGES: usize = 200;

/// Percentage points by which chance may make the accuracy on these images lower than on all.
const CHANCE_POINTS: f64 = 10.0;

/// A reading of the same files with its accuracy.
struct MeasuredVariant {
    variant: Variant,
    /// Accuracy in per cent.
    accuracy: f64,
    /// Mean cross-entropy of the labels in nats. It is high for a network that reads pixels on a wrong scale, even if
    /// it classifies well.
    loss: f64,
}

/// Returns other readings of the same files that classify `images` better by at least `points` percentage points:
/// what to write in the description, and the accuracy in per cent; at most three.
///
/// The likeliest reading is the first. Among readings that are nearly as accurate as the best, the usual settings of
/// programs come first, and among these the one with the smallest loss. Shapes do not show some mistakes, such as a
/// wrong order of the hidden layer's inputs.
#[must_use]
pub fn better_readings(
    description: &Description,
    files: &mut WeightFiles,
    images: &LabelledImages,
    points: f64,
) -> Vec<(String, f64)> {
    let mut read = |description: &Description| read_members(description, files, images.side()).ok();
    let Some(ImportedMembers { members, .. }) = read(description) else { return Vec::new() };
    let few = images.take(TRIAL_IMAGES);
    let least = float_accuracy(&members, images) + points;
    let least_of_few = float_accuracy(&members, &few) + points - CHANCE_POINTS;
    let mut reading = |variant: Variant| -> Option<MeasuredVariant> {
        let members = batch_members(&read(&variant.description)?.members);
        if FloatReference::new(&members, &few).float.accuracy() < least_of_few {
            return None;
        }
        let reference = FloatReference::new(&members, images);
        let (accuracy, loss) = (reference.float.accuracy(), reference.loss());
        (accuracy >= least).then_some(MeasuredVariant { variant, accuracy, loss })
    };
    let mut better: Vec<MeasuredVariant> =
        variants(description, members.first()).into_iter().filter_map(&mut reading).collect();
    // At most one of the many orders in memory is right.
    better.extend(memory_orders(description).into_iter().filter_map(&mut reading).min_by(more_accurate));
    sort_by_likelihood(&mut better);
    better.into_iter().take(MAX_SUGGESTIONS).map(|reading| (reading.variant.text, reading.accuracy)).collect()
}

/// Sorts the likeliest first: among those that are nearly as accurate as the best, the usual settings, and among
/// these the one with the smallest loss; then the others by their accuracy.
fn sort_by_likelihood(readings: &mut [MeasuredVariant]) {
    let best = readings.iter().map(|reading| reading.accuracy).fold(f64::NEG_INFINITY, f64::max);
    let far = |reading: &MeasuredVariant| reading.accuracy < best - EQUIVALENT_POINTS;
    readings.sort_by(|a, b| {
        far(a).cmp(&far(b)).then_with(|| match far(a) {
            true => more_accurate(a, b),
            false => b.variant.usual.cmp(&a.variant.usual).then(a.loss.total_cmp(&b.loss)),
        })
    });
}

/// Compares by accuracy, the higher first, then by loss, the smaller first.
fn more_accurate(a: &MeasuredVariant, b: &MeasuredVariant) -> std::cmp::Ordering {
    b.accuracy.total_cmp(&a.accuracy).then(a.loss.total_cmp(&b.loss))
}

/// Returns the float ensemble's accuracy in per cent.
#[must_use]
pub fn float_accuracy(members: &[RealNetwork], images: &LabelledImages) -> f64 {
    FloatReference::new(&batch_members(members), images).float.accuracy()
}

fn batch_members(members: &[RealNetwork]) -> Vec<BatchNetwork> {
    members.iter().map(BatchNetwork::of_real).collect()
}

/// A description with one mistake undone.
struct Variant {
    /// The change, as it is written in the description.
    text: String,
    description: Description,
    /// True for a usual setting of a program or data set.
    usual: bool,
}

/// Returns a description with a change.
fn changed(description: &Description, text: String, change: impl Fn(&mut Description)) -> Variant {
    let mut variant = description.clone();
    change(&mut variant);
    Variant { text, description: variant, usual: true }
}

/// Returns descriptions with one of the usual mistakes undone.
fn variants(description: &Description, member: Option<&RealNetwork>) -> Vec<Variant> {
    let mut variants =
        Conventions::of(description).map_or_else(|_| Vec::new(), |now| axes(description, &now));
    if let Some(Padding { leading, trailing }) = member.map(|member| member.architecture().padding) {
        let all = leading + trailing;
        for leading in (0..=all).filter(|&other| other != leading) {
            let padding = Padding { leading, trailing: all - leading };
            let text = format!(
                "architecture.padding = {{ leading = {}, trailing = {} }}",
                padding.leading, padding.trailing
            );
            let change = |d: &mut Description| d.architecture.padding = Some(PaddingMode::Sides(padding));
            variants.push(changed(description, text, change));
        }
    }
    let padded =
        member.is_none_or(|member| member.architecture().padding != Padding { leading: 0, trailing: 0 });
    variants.extend(pixels(description, padded));
    variants
}

/// Returns other orders of axes that shapes do not exclude: flattened inputs, rows and columns of a kernel, square
/// and flat dense layers.
fn axes(description: &Description, now: &Conventions) -> Vec<Variant> {
    let (word, flatten) = match now.flatten {
        Flatten::ChannelsFirst => ("channels-last", Flatten::ChannelsLast),
        Flatten::ChannelsLast => ("channels-first", Flatten::ChannelsFirst),
    };
    let swap = |letter| match letter {
        'H' => 'W',
        'W' => 'H',
        other => other,
    };
    let swapped: String = now.convolution.letters().map(swap).collect();
    let mut variants = vec![
        changed(description, format!("axes.flatten = {word:?}"), |d| d.axes.flatten = Some(flatten)),
        changed(description, format!("axes.convolution = {swapped:?}"), |d| {
            d.axes.convolution = Some(swapped.clone());
        }),
    ];
    // If a tensor's shape determines its axes, the swapped order does not fit and is dropped later.
    type Layer = fn(&mut MemberLayers) -> &mut Option<String>;
    let layers: [(&str, Layer); 2] =
        [("hidden", |member| &mut member.hidden.axes), ("output", |member| &mut member.output.axes)];
    let other = |axes: &str| axes.chars().rev().collect::<String>();
    let usual = now.dense.to_string();
    for (name, layer) in layers {
        let first =
            description.members.first().and_then(|member| layer(&mut member.layers()?.clone()).take());
        let axes = other(first.as_ref().unwrap_or(&usual));
        let text = format!("axes = {axes:?}` in the {name} layer of each of the `members");
        let change = |d: &mut Description| {
            let members = d.members.iter_mut().filter_map(MemberSource::layers_mut);
            members.for_each(|member| *layer(member) = Some(axes.clone()));
        };
        variants.push(changed(description, text, change));
    }
    let both = other(&usual);
    let text = format!("axes.dense = {both:?}");
    variants.push(changed(description, text, |d| d.axes.dense = Some(both.clone())));
    variants
}

/// Returns descriptions with values stored in another order than their shape says. Some writers of arrays do this:
/// `safetensors.numpy` writes a transposed array's memory under its transposed shape.
fn memory_orders(description: &Description) -> Vec<Variant> {
    let (Ok(now), Some(member)) =
        (Conventions::of(description), description.members.iter().find_map(MemberSource::layers))
    else {
        return Vec::new();
    };
    let orders = |source: &LayerSource, usual: &AxisOrder, others: &[&str]| -> Vec<Option<String>> {
        let axes =
            source.axes.as_deref().and_then(|axes| usual.reordered(axes)).unwrap_or_else(|| usual.clone());
        let reversed: String = axes.letters().rev().collect();
        let current = source.memory.clone().unwrap_or_else(|| axes.to_string());
        let orders = [axes.to_string(), reversed].into_iter().chain(others.iter().map(ToString::to_string));
        let mut known = vec![None];
        for order in orders.filter(|order| *order != current && axes.reordered(order).is_some()) {
            if !known.contains(&Some(order.clone())) {
                known.push(Some(order));
            }
        }
        known
    };
    let weights = [&member.convolution, &member.hidden, &member.output].map(|layer| layer.weights.as_str());
    if !weights.into_iter().all(|weights| has_memory_order(member.file.as_deref(), weights)) {
        return Vec::new();
    }
    let mut variants = Vec::new();
    for convolution in orders(&member.convolution, &now.convolution, &["HWIO", "OIHW"]) {
        for hidden in orders(&member.hidden, &now.dense, &[]) {
            for output in orders(&member.output, &now.dense, &[]) {
                let layers =
                    [("convolution", &convolution), ("hidden layer", &hidden), ("output layer", &output)];
                let changes: Vec<String> = layers
                    .iter()
                    .filter_map(|(layer, order)| {
                        Some(format!("memory = {:?}` in the {layer}", order.as_ref()?))
                    })
                    .collect();
                if changes.is_empty() {
                    continue;
                }
                let text = format!("{} of each of the `members", changes.join(" and `"));
                let change = |d: &mut Description| {
                    for member in d.members.iter_mut().filter_map(MemberSource::layers_mut) {
                        for (source, order) in [
                            (&mut member.convolution, &convolution),
                            (&mut member.hidden, &hidden),
                            (&mut member.output, &output),
                        ] {
                            if order.is_some() {
                                source.memory.clone_from(order);
                            }
                        }
                    }
                };
                variants.push(Variant { usual: false, ..changed(description, text, change) });
            }
        }
    }
    variants.retain(|variant| check_description(&variant.description).is_ok());
    variants
}

/// Returns descriptions with another normalisation: the usual ones, and the given one with a slip undone. `padded`
/// says whether there is padding around the image.
fn pixels(description: &Description, padded: bool) -> Vec<Variant> {
    let standard =
        |mean, std| PixelNormalisation { mean: Some(mean), std: Some(std), ..PixelNormalisation::default() };
    // Inverted ink is not a usual setting of any program.
    let plans = usual_normalisations().into_iter().map(|plan| (plan, plan.scale != Some(-1.0)));
    let mut plans: Vec<(PixelNormalisation, bool)> = plans.collect();
    if let PixelNormalisation { mean: Some(mean), std: Some(std), .. } = description.pixels {
        plans.push((standard(std, mean), false));
        plans.push((standard(mean / LARGEST_BYTE, std / LARGEST_BYTE), false));
    }
    let mut known: Vec<PixelMap> = description.pixels.to_map().into_iter().collect();
    let mut variants = Vec::new();
    for (plan, usual) in plans {
        for padding in [PixelPadding::Zero, PixelPadding::Blank] {
            let plan = PixelNormalisation { padding, ..plan };
            let Ok(map) = plan.to_map() else { continue };
            // Blank padding equals zero padding if there is no offset or no padding.
            let same = padding == PixelPadding::Blank && (is_plain(map) || !padded);
            if same || known.contains(&map) {
                continue;
            }
            known.push(map);
            let text = plan.to_string();
            let variant = changed(description, text, |d| d.pixels = plan);
            variants.push(Variant { usual, ..variant });
        }
    }
    variants
}

/// Returns whether a blank pixel is zero.
fn is_plain(map: PixelMap) -> bool {
    map.offset == 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::fixtures::small_network::toml;

    #[test]
    fn of_nearly_equal_readings_the_usual_one_with_the_smallest_loss_is_the_likeliest() {
        let description: Description = toml::from_str(&toml("pytorch", "")).unwrap();
        let reading = |text: &str, usual, accuracy, loss| {
            let variant = changed(&description, text.to_owned(), |_| {});
            MeasuredVariant { variant: Variant { usual, ..variant }, accuracy, loss }
        };
        let mut readings = [
            reading("far", true, 90.0, 0.3),
            reading("raw bytes", true, 97.4, 1e7),
            reading("no data set's", false, 97.6, 0.09),
            reading("MNIST's", true, 97.3, 0.1),
            reading("farther", true, 80.0, 0.2),
        ];
        sort_by_likelihood(&mut readings);
        let texts = readings.map(|reading| reading.variant.text);
        assert_eq!(texts, ["MNIST's", "raw bytes", "no data set's", "far", "farther"]);
    }
}
