//! Why a network that was read without an error guesses.

use std::path::Path;

use sottovoce_dataset::LabelledImages;
use sottovoce_network::Padding;

use super::judge::Reference;
use super::{Description, Flatten, PaddingPlan, PixelPlan, RealNetwork, layout::Conventions, read_members};

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

/// The usual mistakes, undone one at a time.
fn variants(description: &Description, member: Option<&RealNetwork>) -> Vec<(String, Description)> {
    let mut variants = Vec::new();
    let mut add = |text: String, change: &dyn Fn(&mut Description)| {
        let mut variant = description.clone();
        change(&mut variant);
        variants.push((text, variant));
    };
    if let Ok(conventions) = Conventions::of(description) {
        let (word, flatten) = match conventions.flatten {
            Flatten::ChannelsFirst => ("channels-last", Flatten::ChannelsLast),
            Flatten::ChannelsLast => ("channels-first", Flatten::ChannelsFirst),
        };
        add(format!("axes.flatten = {word:?}"), &|d| d.axes.flatten = Some(flatten));
        let swapped: String = conventions
            .convolution
            .letters()
            .map(|letter| match letter {
                'H' => 'W',
                'W' => 'H',
                other => other,
            })
            .collect();
        add(format!("axes.convolution = {swapped:?}"), &|d| d.axes.convolution = Some(swapped.clone()));
    }
    if let Some(Padding { leading, trailing }) = member.map(|member| member.architecture().padding) {
        let all = leading + trailing;
        for leading in (0..=all).filter(|&other| other != leading) {
            let padding = Padding { leading, trailing: all - leading };
            let text = format!(
                "architecture.padding = {{ leading = {}, trailing = {} }}",
                padding.leading, padding.trailing
            );
            add(text, &|d| d.architecture.padding = Some(PaddingPlan::Sides(padding)));
        }
    }
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
        if plan.map().ok() != now {
            add(format!("pixels = {{ {text} }}"), &|d| d.pixels = plan);
        }
    }
    variants
}
