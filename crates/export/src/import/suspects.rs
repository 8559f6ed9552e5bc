//! Why a network that was read without an error guesses.

use std::path::Path;

use sottovoce_dataset::LabelledImages;
use sottovoce_network::Padding;

use super::judge::Reference;
use super::{
    Description, Flatten, MemberSource, PaddingPlan, PixelMap, PixelPadding, PixelPlan, RealNetwork,
    layout::Conventions, read_members,
};

/// Other readings of the same files that classify `images` better by at least so many `points`: what to write in the description, and the
/// accuracy in per cent that it gives, the best first. Some mistakes no shape can tell, such as the order of the
/// hidden layer's inputs.
#[must_use]
pub fn likelier_readings(
    description: &Description,
    folder: &Path,
    images: &LabelledImages,
    points: f64,
) -> Vec<(String, f64)> {
    let read = |description: &Description| -> Option<Vec<RealNetwork>> {
        Some(read_members(description, folder, images.side()).ok()?.members)
    };
    let accuracy = |members: &[RealNetwork]| float_accuracy(members, images);
    let Some(members) = read(description) else { return Vec::new() };
    let now = accuracy(&members);
    let mut better: Vec<(String, f64)> = variants(description, members.first())
        .into_iter()
        .filter_map(|(text, variant)| Some((text, accuracy(&read(&variant)?))))
        .filter(|(_, accuracy)| *accuracy >= now + points)
        .collect();
    better.sort_by(|a, b| b.1.total_cmp(&a.1));
    better
}

/// The float ensemble's accuracy in per cent.
#[must_use]
pub fn float_accuracy(members: &[RealNetwork], images: &LabelledImages) -> f64 {
    Reference::new(members, images).float.accuracy()
}

/// A description with one mistake undone, and what to write for that.
type Variant = (String, Description);

/// A description with a change.
fn changed(description: &Description, text: String, change: impl Fn(&mut Description)) -> Variant {
    let mut variant = description.clone();
    change(&mut variant);
    (text, variant)
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
            variants.push(changed(description, text, |d| {
                d.architecture.padding = Some(PaddingPlan::Sides(padding));
            }));
        }
    }
    variants.extend(pixels(description));
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
    type Layer = fn(&mut MemberSource) -> &mut Option<String>;
    let layers: [(&str, Layer); 2] =
        [("hidden", |member| &mut member.hidden.axes), ("output", |member| &mut member.output.axes)];
    let other = |axes: &str| axes.chars().rev().collect::<String>();
    let usual = now.dense.to_string();
    for (name, layer) in layers {
        let first = description.members.first().cloned().and_then(|mut member| layer(&mut member).take());
        let axes = other(first.as_ref().unwrap_or(&usual));
        let text = format!("axes = {axes:?}` in the {name} layer of each of the `members");
        let change = |d: &mut Description| {
            d.members.iter_mut().for_each(|member| *layer(member) = Some(axes.clone()));
        };
        variants.push(changed(description, text, change));
    }
    let both = other(&usual);
    let text = format!("axes.dense = {both:?}");
    variants.push(changed(description, text, |d| d.axes.dense = Some(both.clone())));
    variants
}

/// Usual normalisations in place of the one that is given, or of none.
fn pixels(description: &Description) -> Vec<Variant> {
    let mut variants = Vec::new();
    let now = description.pixels.map().ok();
    for (text, plan) in [
        ("scale = 1.0", PixelPlan { scale: Some(1.0), ..PixelPlan::default() }),
        ("scale = 255.0", PixelPlan { scale: Some(255.0), ..PixelPlan::default() }),
        (
            "scale = 2.0, offset = -1.0",
            PixelPlan { scale: Some(2.0), offset: Some(-1.0), ..PixelPlan::default() },
        ),
        (
            "scale = -1.0, offset = 1.0",
            PixelPlan { scale: Some(-1.0), offset: Some(1.0), ..PixelPlan::default() },
        ),
        (
            "mean = 0.1307, std = 0.3081",
            PixelPlan { mean: Some(0.1307), std: Some(0.3081), ..PixelPlan::default() },
        ),
    ] {
        for padding in [PixelPadding::Zero, PixelPadding::Blank] {
            let plan = PixelPlan { padding, ..plan };
            let map = plan.map().ok();
            // Around an image without an offset, blank pixels are zeros.
            let same = map == now || (padding == PixelPadding::Blank && map.is_none_or(is_plain));
            if !same {
                let blank = if padding == PixelPadding::Blank { ", padding = \"blank\"" } else { "" };
                variants
                    .push(changed(description, format!("pixels = {{ {text}{blank} }}"), |d| d.pixels = plan));
            }
        }
    }
    variants
}

/// Whether a blank pixel is zero.
fn is_plain(map: PixelMap) -> bool {
    map.offset == 0.0
}
