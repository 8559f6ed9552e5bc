//! Warnings of images that look unlike training images, with advice.

use sottovoce_dataset::{FAINT_BRIGHTNESS, Pictures};

use crate::output::counted;

/// Largest number of image names in a remark.
const MAX_NAMES: usize = 3;

/// Bright edges are remarked if at least one image in this many has them: single images with bright edges are common.
const BRIGHT_ONE_IN: usize = 10;

/// A remark on everything that looks wrong. `inverted` says if --invert was given.
pub fn remarks(pictures: &Pictures, inverted: bool) -> Vec<String> {
    let inspection = pictures.inspect();
    let all = pictures.len();
    let named = |indices: &[usize]| {
        let names: Vec<&str> = indices
            .iter()
            .take(MAX_NAMES)
            .filter_map(|&index| pictures.names().get(index))
            .map(String::as_str)
            .collect();
        let more = if indices.len() > MAX_NAMES { ", ..." } else { "" };
        format!("{} of {} ({}{more})", indices.len(), counted(all, "image", "images"), names.join(", "))
    };
    let advice = if inverted { "Leave out --invert" } else { "Use --invert" };
    let mut remarks = Vec::new();
    if !inspection.bright_border.is_empty() && BRIGHT_ONE_IN * inspection.bright_border.len() >= all {
        remarks.push(format!(
            "{}: the edges are bright, so these images may be inverted; networks are trained on bright ink on a dark \
             background. {advice} if they are.",
            named(&inspection.bright_border)
        ));
    }
    let (in_alpha, blank): (Vec<usize>, Vec<usize>) =
        inspection.blank.iter().partition(|index| pictures.drawn_in_alpha().contains(index));
    if !in_alpha.is_empty() {
        remarks.push(format!(
            "{}: the ink is only in the alpha channel and has the colour of the background, so it cannot be seen. {advice}.",
            named(&in_alpha)
        ));
    }
    if !blank.is_empty() {
        remarks.push(format!(
            "{}: blank, all pixels are equal; the predicted label has no meaning.",
            named(&blank)
        ));
    }
    if !inspection.faint.is_empty() {
        remarks.push(format!(
            "{}: faint, no pixel is above {FAINT_BRIGHTNESS} of 255. Save pixels as 0 to 255, not as 0 to 1.",
            named(&inspection.faint)
        ));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use std::fs;

    use sottovoce_dataset::{PictureOptions, read_pictures};

    use super::*;

    /// Remarks on images of 3 x 3 pixels.
    fn remarks_on(images: &[[u8; 9]], invert: bool) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let count = u32::try_from(images.len()).unwrap().to_be_bytes();
        let header = [&[0, 0, 8, 3][..], &count, &3_u32.to_be_bytes(), &3_u32.to_be_bytes()].concat();
        fs::write(folder.path().join("x.idx"), [header, images.concat()].concat()).unwrap();
        remarks(&read_pictures(&[folder.path()], PictureOptions { side: 3, invert }).unwrap(), invert)
    }

    const INK: [u8; 9] = [0, 0, 0, 0, 255, 200, 0, 0, 0];
    const DARK_INK: [u8; 9] = [255, 255, 255, 255, 0, 55, 255, 255, 255];

    #[test]
    fn bright_ink_on_a_dark_ground_is_not_remarked() {
        assert_eq!(remarks_on(&[INK; 3], false), Vec::<String>::new());
        assert_eq!(remarks_on(&[DARK_INK; 3], true), Vec::<String>::new());
    }

    #[test]
    fn dark_ink_on_light_paper_is_remarked_with_the_option_that_helps() {
        let remarks = remarks_on(&[DARK_INK; 12], false);
        assert!(remarks.len() == 1 && remarks[0].contains("12 of 12 images"), "{remarks:?}");
        assert!(remarks[0].contains("Use --invert"), "{remarks:?}");
        let remarks = remarks_on(&[INK; 12], true);
        assert!(remarks.len() == 1 && remarks[0].contains("Leave out --invert"), "{remarks:?}");
    }

    #[test]
    fn a_single_bright_image_among_many_is_not_remarked() {
        let mut images = vec![INK; 20];
        images[7] = DARK_INK;
        assert_eq!(remarks_on(&images, false), Vec::<String>::new());
    }

    #[test]
    fn blank_and_faint_images_are_remarked_and_named() {
        let remarks = remarks_on(&[[9; 9], INK, [0, 0, 0, 0, 1, 0, 0, 0, 0]], false);
        assert!(
            remarks[0].starts_with("1 of 3 images (") && remarks[0].contains("x.idx#0): blank"),
            "{remarks:?}"
        );
        assert!(
            remarks[1].starts_with("1 of 3 images (") && remarks[1].contains("x.idx#2): faint"),
            "{remarks:?}"
        );
    }
}
