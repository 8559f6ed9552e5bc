//! Why a network that was read without an error guesses.

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

/// Readings within so many points of the best are told apart by more than accuracy: on a thousand images, chance
/// alone makes so much.
const NEAR: f64 = 2.0;

/// Readings that are told: of many that do equally well, the likeliest are enough.
const MOST_TOLD: usize = 3;

/// Images that a reading is tried on first: nearly all readings guess, and are dropped there.
const FEW: usize = 200;

/// Points by which few images may be worse than many by chance.
const CHANCE: f64 = 10.0;

/// A reading of the same files, and how it does.
struct Reading {
    variant: Variant,
    /// In per cent.
    accuracy: f64,
    /// Mean cross-entropy of the labels in nats, which training made small: a network that sees pixels on a wrong scale
    /// may classify well, but is far too sure of itself.
    loss: f64,
}

/// Other readings of the same files that classify `images` better by at least so many `points`: what to write in the description, and the
/// accuracy in per cent that it gives, the three likeliest at most. The likeliest is the first: of those that are nearly as accurate as the best, the usual
/// settings of programs come first, and among these the one with the smallest loss. Some mistakes no shape can tell, such as
/// the order of the hidden layer's inputs.
#[must_use]
pub fn better_readings(
    description: &Description,
    files: &mut WeightFiles,
    images: &LabelledImages,
    points: f64,
) -> Vec<(String, f64)> {
    let mut read = |description: &Description| read_members(description, files, images.side()).ok();
    let Some(ImportedMembers { members, .. }) = read(description) else { return Vec::new() };
    let few = images.take(FEW);
    let least = float_accuracy(&members, images) + points;
    let least_of_few = float_accuracy(&members, &few) + points - CHANCE;
    let mut reading = |variant: Variant| -> Option<Reading> {
        let members = batch_members(&read(&variant.description)?.members);
        if FloatReference::new(&members, &few).float.accuracy() < least_of_few {
            return None;
        }
        let reference = FloatReference::new(&members, images);
        let (accuracy, loss) = (reference.float.accuracy(), reference.loss());
        (accuracy >= least).then_some(Reading { variant, accuracy, loss })
    };
    let mut better: Vec<Reading> =
        variants(description, members.first()).into_iter().filter_map(&mut reading).collect();
    // Of the many orders in memory, one is meant.
    better.extend(memory_orders(description).into_iter().filter_map(&mut reading).min_by(more_accurate));
    sort_by_likelihood(&mut better);
    better.into_iter().take(MOST_TOLD).map(|reading| (reading.variant.text, reading.accuracy)).collect()
}

/// The likeliest first: of those that are nearly as accurate as the best, the usual settings, and among these the one with the
/// smallest loss; then the others by their accuracy.
fn sort_by_likelihood(readings: &mut [Reading]) {
    let best = readings.iter().map(|reading| reading.accuracy).fold(f64::NEG_INFINITY, f64::max);
    let far = |reading: &Reading| reading.accuracy < best - NEAR;
    readings.sort_by(|a, b| {
        far(a).cmp(&far(b)).then_with(|| match far(a) {
            true => more_accurate(a, b),
            false => b.variant.usual.cmp(&a.variant.usual).then(a.loss.total_cmp(&b.loss)),
        })
    });
}

/// The more accurate first, and of equals the one with the smaller loss.
fn more_accurate(a: &Reading, b: &Reading) -> std::cmp::Ordering {
    b.accuracy.total_cmp(&a.accuracy).then(a.loss.total_cmp(&b.loss))
}

/// The float ensemble's accuracy in per cent.
#[must_use]
pub fn float_accuracy(members: &[RealNetwork], images: &LabelledImages) -> f64 {
    FloatReference::new(&batch_members(members), images).float.accuracy()
}

fn batch_members(members: &[RealNetwork]) -> Vec<BatchNetwork> {
    members.iter().map(BatchNetwork::of_real).collect()
}

/// A description with one mistake undone.
struct Variant {
    /// What to write for that.
    text: String,
    description: Description,
    /// Whether it is a program's or data set's usual setting.
    usual: bool,
}

/// A description with a change.
fn changed(description: &Description, text: String, change: impl Fn(&mut Description)) -> Variant {
    let mut variant = description.clone();
    change(&mut variant);
    Variant { text, description: variant, usual: true }
}

/// The usual mistakes, undone one at a time.
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

/// Axes that no shape tells: flattened inputs, rows and columns of a kernel, square and flat dense layers.
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
    // A tensor that tells its axes does not fit when they are swapped.
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

/// Values that lie in memory in another order than their shape says, as some writers of arrays have it: `safetensors.numpy`
/// writes a transposed array's memory under its transposed shape.
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

/// Usual normalisations in place of the one that is given, or of none, and the given one with a slip undone; `padded`
/// where there is something around the image.
fn pixels(description: &Description, padded: bool) -> Vec<Variant> {
    let standard =
        |mean, std| PixelNormalisation { mean: Some(mean), std: Some(std), ..PixelNormalisation::default() };
    // Inverted ink is no program's own setting.
    let plans = usual_normalisations().into_iter().map(|plan| (plan, plan.scale != Some(-1.0)));
    let mut plans: Vec<(PixelNormalisation, bool)> = plans.collect();
    if let PixelNormalisation { mean: Some(mean), std: Some(std), .. } = description.pixels {
        plans.push((standard(std, mean), false));
        plans.push((standard(mean / LARGEST_BYTE, std / LARGEST_BYTE), false));
    }
    let mut known: Vec<PixelMap> = description.pixels.map().into_iter().collect();
    let mut variants = Vec::new();
    for (plan, usual) in plans {
        for padding in [PixelPadding::Zero, PixelPadding::Blank] {
            let plan = PixelNormalisation { padding, ..plan };
            let Ok(map) = plan.map() else { continue };
            // Around an image without an offset, blank pixels are zeros, and around most there is nothing.
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

/// Whether a blank pixel is zero.
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
            Reading { variant: Variant { usual, ..variant }, accuracy, loss }
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
