use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::pictures::png_writer::{Header, chunks, file, grey_png, png};
use crate::test_files::idx;

const SIDE: usize = 4;

fn form(side: usize) -> ImageRequirements {
    ImageRequirements { side: Some(side), background: 0 }
}

fn read(bytes: &[u8]) -> Result<FileContent, PictureError> {
    read_from(Path::new("some-file"), bytes, form(SIDE))
}

/// The pixels of a file that is sound.
fn pixels(bytes: &[u8]) -> Vec<u8> {
    match read(bytes).unwrap() {
        FileContent::Images(Images::One(grey)) => grey.pixels,
        FileContent::Images(Images::Many(pixels)) => pixels,
        other => panic!("{other:?}"),
    }
}

/// Sound chunks of one image of every colour type, one of them interlaced, one animated.
fn sound() -> Vec<Vec<([u8; 4], Vec<u8>)>> {
    let side = SIDE as u32;
    let rows = |bytes: usize| -> Vec<Vec<u8>> {
        (0..SIDE).map(|row| (0..bytes).map(|byte| (row * bytes + byte) as u8 * 37).collect()).collect()
    };
    let image = |header, before: &[(&[u8; 4], &[u8])], bytes| {
        let rows = rows(bytes);
        chunks(header, before, &rows.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    let (animation, frame) = (
        [0, 0, 0, 1, 0, 0, 0, 0],
        [[0; 4], side.to_be_bytes(), side.to_be_bytes(), [0; 4], [0; 4], [0; 4]].concat(),
    );
    let frame = [frame, vec![0, 0]].concat();
    // Adam7 cuts 4 x 4 pixels into passes of 1, 1 (the fourth), 2 (the fifth), 2 x 2 and 2 x 4 pixels.
    let passes: [&[u8]; 7] = [&[1], &[2], &[3, 4], &[5, 6], &[7, 8], &[9, 10, 11, 12], &[13, 14, 15, 16]];
    vec![
        image(Header::new(0, 8, side, side), &[(b"acTL", &animation), (b"fcTL", &frame)], SIDE),
        image(Header::new(0, 16, side, side), &[(b"tRNS", &[0, 0])], 2 * SIDE),
        image(Header::new(2, 8, side, side), &[(b"tEXt", b"Title\0a"), (b"gAMA", &[0, 0, 1, 0])], 3 * SIDE),
        image(Header::new(3, 2, side, side), &[(b"PLTE", &[7; 12]), (b"tRNS", &[0, 128])], 1),
        image(Header::new(4, 8, side, side), &[], 2 * SIDE),
        image(Header::new(6, 16, side, side), &[], 8 * SIDE),
        chunks(Header { interlaced: true, ..Header::new(0, 8, side, side) }, &[], &passes),
    ]
}

#[test]
fn a_png_header_beyond_all_reason_is_refused_for_its_size() {
    for (width, height) in [(u32::MAX, u32::MAX), (0x7fff_ffff, 0x7fff_ffff), (4, 0x7fff_ffff), (0, 0)] {
        let error = read(&png(Header::new(6, 16, width, height), &[], &[])).unwrap_err();
        let PictureError::WrongSize { width: found, .. } = error else { panic!("{error}") };
        assert_eq!(found, width);
    }
    let error = read(&idx(&[1, u32::MAX, u32::MAX], &[])).unwrap_err();
    assert!(matches!(error, PictureError::WrongSize { .. }), "{error}");
}

#[test]
fn a_model_of_absurd_size_lets_no_file_have_it() {
    let header = Header::new(0, 8, 40_000, 40_000);
    let error =
        read_from(Path::new("some-file"), png(header, &[], &[]).as_slice(), form(40_000)).unwrap_err();
    assert!(matches!(error, PictureError::TooManyPixels { .. }), "{error}");
}

#[test]
fn a_model_without_pixels_lets_no_file_be_empty() {
    for bytes in [png(Header::new(0, 8, 0, 0), &[], &[]), idx(&[3, 0, 0], &[])] {
        assert!(read_from(Path::new("some-file"), bytes.as_slice(), form(0)).is_err());
    }
}

#[test]
fn a_png_file_far_larger_than_its_image_is_not_read_to_its_end() {
    let text = vec![b'a'; max_file_bytes(SIDE) as usize];
    let side = SIDE as u32;
    let error = read(&png(Header::new(0, 8, side, side), &[(b"tEXt", &text)], &[&[0_u8; SIDE][..]; SIDE]))
        .unwrap_err();
    assert!(matches!(error, PictureError::LargeFile { .. }), "{error}");
}

#[test]
fn a_damaged_png_file_is_named() {
    let mut bytes = grey_png(SIDE, &[9; 16]);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let error = read(&bytes).unwrap_err();
    assert!(error.to_string().starts_with("some-file is a damaged PNG file: "), "{error}");
    let error = read(&idx(&[2, 4, 4], &[0; 31])).unwrap_err();
    assert!(error.to_string().starts_with("some-file is cut off"), "{error}");
}

#[test]
fn every_cut_of_a_file_is_noticed() {
    let files = sound().into_iter().map(|chunks| file(&chunks)).chain([idx(&[2, 4, 4], &[1; 32])]);
    for bytes in files {
        pixels(&bytes);
        for length in 0..bytes.len() {
            let cut = read(&bytes[..length]);
            // Too short to be told from any other file, or too short to be sound.
            assert!(
                matches!(cut, Err(_) | Ok(FileContent::Other { .. })),
                "cut to {length} of {}",
                bytes.len()
            );
        }
    }
}

#[test]
fn no_flipped_bit_of_a_png_file_changes_its_image() {
    for bytes in sound().iter().map(|chunks| file(chunks)) {
        let whole = pixels(&bytes);
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            match read(&flipped) {
                Ok(FileContent::Images(Images::One(grey))) => assert_eq!(grey.pixels, whole, "bit {bit}"),
                Ok(FileContent::Images(Images::Many(_)) | FileContent::Labels) => panic!("bit {bit}"),
                Ok(FileContent::Other { .. }) | Err(_) => {}
            }
        }
    }
}

/// Number of hostile files. Increase it for a longer search.
const HOSTILE: usize = 30_000;

#[test]
fn no_hostile_file_makes_the_reader_panic() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let sound = sound();
    let mut accepted = 0;
    for _ in 0..HOSTILE {
        let mut chunks = sound[rng.random_range(0..sound.len())].clone();
        // The chunks change first, so that lengths and checksums are right and the decoder gets to see them.
        for _ in 0..rng.random_range(0..4) {
            let at = rng.random_range(0..chunks.len());
            match rng.random_range(0..7) {
                0 => {
                    chunks.remove(at);
                    if chunks.is_empty() {
                        break;
                    }
                }
                1 => {
                    let others = &sound[rng.random_range(0..sound.len())];
                    chunks.insert(at, others[rng.random_range(0..others.len())].clone());
                }
                2 => {
                    let kind =
                        [*b"fcTL", *b"fdAT", *b"acTL", *b"tRNS", *b"PLTE", *b"sBIT", *b"eXIf", *b"iCCP"];
                    chunks[at].0 = kind[rng.random_range(0..kind.len())];
                }
                3 => {
                    let length = rng.random_range(0..40);
                    chunks[at].1.resize(length, 0);
                }
                4 => {
                    let length = rng.random_range(0..=chunks[at].1.len());
                    let rest = (chunks[at].0, chunks[at].1.split_off(length));
                    chunks.insert(at + 1, rest);
                }
                _ => {
                    let data = &mut chunks[at].1;
                    if !data.is_empty() {
                        let byte = rng.random_range(0..data.len());
                        data[byte] = rng.random();
                    }
                }
            }
        }
        let mut bytes = file(&chunks);
        match rng.random_range(0..8) {
            0 => bytes.truncate(rng.random_range(0..=bytes.len())),
            1 => {
                let byte = rng.random_range(0..bytes.len());
                bytes[byte] = rng.random();
            }
            2 => {
                let keep = rng.random_range(0..bytes.len());
                rng.fill(&mut bytes[keep..]);
            }
            _ => {}
        }
        if let Ok(FileContent::Images(Images::One(grey))) = read(&bytes) {
            assert_eq!(grey.pixels.len(), SIDE * SIDE);
            accepted += 1;
        }
    }
    // The search means little if it breaks every file, or none.
    assert!((HOSTILE / 10..HOSTILE / 2).contains(&accepted), "{accepted}");
}
