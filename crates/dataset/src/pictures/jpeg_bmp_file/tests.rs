use image::{DynamicImage, GrayImage, ImageFormat, RgbImage, RgbaImage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn grey(side: u32, pixels: Vec<u8>) -> DynamicImage {
    DynamicImage::ImageLuma8(GrayImage::from_raw(side, side, pixels).unwrap())
}

fn colours(side: u32, pixels: Vec<u8>) -> DynamicImage {
    DynamicImage::ImageRgb8(RgbImage::from_raw(side, side, pixels).unwrap())
}

fn decoded(bytes: &[u8]) -> Result<Grey, Refused> {
    let format = Format::of(bytes).unwrap();
    decode_grey(bytes, format, |width, height| (width, height) == (4, 4), 0)
}

#[test]
fn a_bmp_file_gives_its_pixels() {
    let pixels: Vec<u8> = (0..16).map(|pixel| pixel * 17).collect();
    assert_eq!(decoded(&encoded(&grey(4, pixels.clone()), ImageFormat::Bmp)).unwrap().pixels, pixels);
}

#[test]
fn colours_of_a_bmp_file_become_their_rec_601_luma() {
    let row = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]];
    let pixels = row.iter().flatten().copied().cycle().take(48).collect();
    let found = decoded(&encoded(&colours(4, pixels), ImageFormat::Bmp)).unwrap().pixels;
    assert_eq!(found[..4], [76, 150, 29, 18]);
}

#[test]
fn transparent_pixels_of_a_bmp_file_are_paper() {
    let pixels = [[0, 0, 0, 0], [0, 0, 0, 255]].concat().into_iter().cycle().take(64).collect();
    let image = DynamicImage::ImageRgba8(RgbaImage::from_raw(4, 4, pixels).unwrap());
    let bytes = encoded(&image, ImageFormat::Bmp);
    let grey = decode_grey(&bytes, Format::Bmp, |_, _| true, 255).unwrap();
    assert_eq!((grey.pixels[..2].to_vec(), grey.is_drawn_in_alpha), (vec![255, 0], true));
}

#[test]
fn a_jpeg_file_gives_its_pixels_within_what_jpeg_loses() {
    let pixels = vec![200; 16];
    let found = decoded(&encoded(&grey(4, pixels), ImageFormat::Jpeg)).unwrap().pixels;
    assert!(found.iter().all(|&pixel| pixel.abs_diff(200) <= 2), "{found:?}");
    // Red: Rec. 601 gives 76, Rec. 709 would give 54.
    let red = [255, 0, 0].into_iter().cycle().take(48).collect();
    let found = decoded(&encoded(&colours(4, red), ImageFormat::Jpeg)).unwrap().pixels;
    assert!(found.iter().all(|&pixel| pixel.abs_diff(76) <= 2), "{found:?}");
}

#[test]
fn images_of_another_size_are_refused_with_it() {
    for format in [ImageFormat::Jpeg, ImageFormat::Bmp] {
        let refused = decoded(&encoded(&grey(5, vec![0; 25]), format)).unwrap_err();
        assert!(matches!(refused, Refused::Size { width: 5, height: 5 }), "{refused:?}");
    }
}

#[test]
fn a_jpeg_file_that_is_cut_off_is_refused() {
    let whole = encoded(&grey(4, (0..16).map(|pixel| pixel * 17).collect()), ImageFormat::Jpeg);
    assert!(decoded(&whole).is_ok());
    for length in 3..whole.len() {
        assert!(decoded(&whole[..length]).is_err(), "cut to {length}");
    }
}

#[test]
fn the_exif_orientation_of_a_jpeg_file_is_applied() {
    // Bright on the left, dark on the right.
    let pixels: Vec<u8> = [[250, 250, 5, 5]; 4].concat();
    let whole = encoded(&grey(4, pixels), ImageFormat::Jpeg);
    // A segment with one entry, the orientation: turned by 180 degrees.
    let tiff =
        [&b"MM\x00\x2a\x00\x00\x00\x08\x00\x01"[..], &[0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 3, 0, 0], &[0; 4]];
    let payload = [&b"Exif\x00\x00"[..], &tiff.concat()].concat();
    let length = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
    let turned = [&whole[..2], &[0xff, 0xe1], &length, &payload, &whole[2..]].concat();
    let (before, after) = (decoded(&whole).unwrap().pixels, decoded(&turned).unwrap().pixels);
    assert!(before[0] > 200 && before[3] < 50, "{before:?}");
    assert!(after[0] < 50 && after[3] > 200, "{after:?}");
}

/// Number of hostile files of each format. Increase it for a longer search.
const HOSTILE: usize = 15_000;

#[test]
fn no_hostile_file_makes_the_decoders_panic() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let noise = |rng: &mut ChaCha8Rng, bytes: usize| (0..bytes).map(|_| rng.random()).collect::<Vec<u8>>();
    for format in [ImageFormat::Jpeg, ImageFormat::Bmp] {
        let sound = [
            encoded(&grey(4, noise(&mut rng, 16)), format),
            encoded(&colours(4, noise(&mut rng, 48)), format),
        ];
        let mut accepted = 0;
        for _ in 0..HOSTILE {
            let mut bytes = sound[rng.random_range(0..sound.len())].clone();
            let signature = if format == ImageFormat::Jpeg { 3 } else { 2 };
            for _ in 0..rng.random_range(0..5) {
                let at = rng.random_range(signature..bytes.len());
                bytes[at] =
                    if rng.random() { rng.random() } else { [0, 1, 0x7f, 0xff][rng.random_range(0..4)] };
            }
            match rng.random_range(0..8) {
                0 => bytes.truncate(rng.random_range(signature..=bytes.len())),
                1 => {
                    let keep = rng.random_range(signature..bytes.len());
                    rng.fill(&mut bytes[keep..]);
                }
                2 => {
                    let from = rng.random_range(signature..bytes.len());
                    bytes.drain(from..(from + 10).min(bytes.len()));
                }
                _ => {}
            }
            if let Ok(grey) = decoded(&bytes) {
                assert_eq!(grey.pixels.len(), 16);
                accepted += 1;
            }
        }
        // The search means little if it breaks every file, or none.
        assert!((HOSTILE / 10..HOSTILE * 95 / 100).contains(&accepted), "{format:?}: {accepted}");
    }
}
