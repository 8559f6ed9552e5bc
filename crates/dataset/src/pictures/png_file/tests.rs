use super::*;
use crate::pictures::png_writer::{Header, png};

/// The pixels of an image with these chunks before its rows.
fn grey(header: Header, before: &[(&[u8; 4], &[u8])], rows: &[&[u8]]) -> Vec<u8> {
    decode_grey(&png(header, before, rows), 0).unwrap().pixels
}

#[test]
fn grey_pixels_of_one_byte_stay_as_they_are() {
    let pixels: Vec<u8> = (0..=u8::MAX).collect();
    let rows: Vec<&[u8]> = pixels.chunks(16).collect();
    assert_eq!(grey(Header::new(0, 8, 16, 16), &[], &rows), pixels);
}

#[test]
fn grey_pixels_of_few_bits_span_the_whole_range() {
    assert_eq!(grey(Header::new(0, 1, 2, 2), &[], &[&[0b1000_0000], &[0b0100_0000]]), [255, 0, 0, 255]);
    assert_eq!(grey(Header::new(0, 2, 2, 2), &[], &[&[0b0001_0000], &[0b1011_0000]]), [0, 85, 170, 255]);
    assert_eq!(grey(Header::new(0, 4, 2, 2), &[], &[&[0x01], &[0x8f]]), [0, 17, 136, 255]);
}

#[test]
fn grey_pixels_of_two_bytes_are_rounded() {
    // 0x0081 / 257 is just above a half; the high byte alone would be 0.
    let rows: [&[u8]; 2] = [&[0x00, 0x80, 0x00, 0x81], &[0x7f, 0xff, 0xff, 0xff]];
    assert_eq!(grey(Header::new(0, 16, 2, 2), &[], &rows), [0, 1, 127, 255]);
}

#[test]
fn colours_become_their_rec_601_luma() {
    let rows: [&[u8]; 2] = [&[255, 0, 0, 0, 255, 0], &[0, 0, 255, 10, 20, 30]];
    assert_eq!(grey(Header::new(2, 8, 2, 2), &[], &rows), [76, 150, 29, 18]);
    let wide: Vec<Vec<u8>> =
        rows.iter().map(|row| row.iter().flat_map(|&sample| [sample, sample]).collect()).collect();
    let wide: Vec<&[u8]> = wide.iter().map(Vec::as_slice).collect();
    assert_eq!(grey(Header::new(2, 16, 2, 2), &[], &wide), [76, 150, 29, 18]);
}

#[test]
fn palettes_of_every_depth_become_the_luma_of_their_colours() {
    let palette: &[u8] = &[0, 0, 0, 255, 0, 0, 0, 255, 0, 255, 255, 255];
    let before: [(&[u8; 4], &[u8]); 1] = [(b"PLTE", palette)];
    assert_eq!(grey(Header::new(3, 1, 2, 2), &before, &[&[0b0100_0000], &[0b1000_0000]]), [0, 76, 76, 0]);
    let all = [0, 76, 150, 255];
    assert_eq!(grey(Header::new(3, 2, 2, 2), &before, &[&[0b0001_0000], &[0b1011_0000]]), all);
    assert_eq!(grey(Header::new(3, 4, 2, 2), &before, &[&[0x01], &[0x23]]), all);
    assert_eq!(grey(Header::new(3, 8, 2, 2), &before, &[&[0, 1], &[2, 3]]), all);
}

#[test]
fn a_palette_with_a_part_of_a_colour_is_refused() {
    for bytes in [4, 5, 7] {
        let file = png(Header::new(3, 8, 1, 1), &[(b"PLTE", &vec![0; bytes])], &[&[0]]);
        let error = decode_grey(&file, 0).unwrap_err();
        assert!(matches!(error, PngError::Palette { bytes: found } if found == bytes), "{error}");
    }
}

#[test]
fn transparent_pixels_lie_on_black() {
    let rows: [&[u8]; 2] = [&[200, 0, 200, 255], &[200, 128, 255, 1]];
    assert_eq!(grey(Header::new(4, 8, 2, 2), &[], &rows), [0, 200, 100, 1]);
    let rows: [&[u8]; 2] = [&[255, 0, 0, 255, 255, 0, 0, 0], &[0, 255, 0, 128, 9, 9, 9, 255]];
    assert_eq!(grey(Header::new(6, 8, 2, 2), &[], &rows), [76, 0, 75, 9]);
    let row: &[u8] = &[0xff, 0xff, 0x80, 0x00, 0xff, 0xff, 0, 0];
    assert_eq!(grey(Header::new(4, 16, 2, 2), &[], &[row, row]), [128, 0, 128, 0]);
    let row: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x80, 0x00];
    assert_eq!(grey(Header::new(6, 16, 1, 1), &[], &[row]), [128]);
}

#[test]
fn transparent_pixels_are_paper_of_any_grey() {
    let rows: [&[u8]; 2] = [&[200, 0, 200, 255], &[0, 128, 255, 1]];
    let file = png(Header::new(4, 8, 2, 2), &[], &rows);
    assert_eq!(decode_grey(&file, 255).unwrap().pixels, [255, 200, 127, 255]);
    let row: &[u8] = &[0, 0, 0x80, 0x00, 0, 0, 0, 0];
    assert_eq!(
        decode_grey(&png(Header::new(4, 16, 2, 2), &[], &[row, row]), 255).unwrap().pixels,
        [127, 255, 127, 255]
    );
}

#[test]
fn a_transparent_colour_is_transparent_in_every_colour_type() {
    let grey_key: [(&[u8; 4], &[u8]); 1] = [(b"tRNS", &[0, 200])];
    assert_eq!(grey(Header::new(0, 8, 2, 1), &grey_key, &[&[200, 201]]), [0, 201]);
    let key: [(&[u8; 4], &[u8]); 1] = [(b"tRNS", &[0xc8, 1])];
    assert_eq!(grey(Header::new(0, 16, 2, 1), &key, &[&[0xc8, 1, 0xc8, 2]]), [0, 199]);
    let key: [(&[u8; 4], &[u8]); 1] = [(b"tRNS", &[0, 9, 0, 9, 0, 9])];
    assert_eq!(grey(Header::new(2, 8, 2, 1), &key, &[&[9, 9, 9, 9, 9, 10]]), [0, 9]);
    let palette: [(&[u8; 4], &[u8]); 2] = [(b"PLTE", &[255; 9]), (b"tRNS", &[0, 128])];
    assert_eq!(grey(Header::new(3, 8, 3, 1), &palette, &[&[0, 1, 2]]), [0, 128, 255]);
}

#[test]
fn an_interlaced_image_is_put_together() {
    // Of four pixels, the first pass has the first, the sixth the second, and the seventh the others.
    let header = Header { interlaced: true, ..Header::new(0, 8, 2, 2) };
    assert_eq!(grey(header, &[], &[&[1], &[2], &[3, 4]]), [1, 2, 3, 4]);
}

#[test]
fn of_an_animation_the_still_image_is_taken() {
    let actl: &[u8] = &[0, 0, 0, 2, 0, 0, 0, 0];
    assert_eq!(grey(Header::new(0, 8, 2, 1), &[(b"acTL", actl)], &[&[3, 4]]), [3, 4]);
}

#[test]
fn a_text_as_long_as_the_file_may_be_does_no_harm() {
    let text = [
        b"Comment\0".as_slice(),
        &vec![b'a'; crate::pictures::image_file::max_file_bytes(1) as usize - 1000],
    ]
    .concat();
    assert_eq!(grey(Header::new(0, 8, 1, 1), &[(b"tEXt", &text)], &[&[5]]), [5]);
}

#[test]
fn the_size_is_read_where_the_decoder_reads_it() {
    let file = png(Header::new(0, 8, 3, 2), &[], &[&[1, 2, 3], &[4, 5, 6]]);
    assert_eq!(size(&file), Some((3, 2)));
    assert_eq!(size(&file[..24]), Some((3, 2)));
    assert!((0..24).all(|length| size(&file[..length]).is_none()));
    assert_eq!(decode_grey(&file, 0).unwrap().pixels, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn the_header_has_to_be_the_first_chunk() {
    use crate::pictures::png_writer::{chunks, file};
    let mut chunks = chunks(Header::new(0, 8, 1, 1), &[], &[&[5]]);
    chunks.insert(0, (*b"gAMA", vec![0, 0, 0, 1]));
    assert_eq!(size(&file(&chunks)), None);
    assert!(decode_grey(&file(&chunks), 0).is_err());
}

#[test]
fn ink_in_the_alpha_channel_alone_is_noticed() {
    let drawn = |rows: [&[u8]; 2]| {
        decode_grey(&png(Header::new(4, 8, 2, 2), &[], &rows), 0).unwrap().is_drawn_in_alpha
    };
    assert!(drawn([&[0, 0, 0, 255], &[0, 128, 0, 0]]));
    // A wholly transparent pixel has no visible colour.
    assert!(drawn([&[77, 0, 0, 255], &[0, 128, 0, 0]]));
    assert!(!drawn([&[0, 255, 0, 255], &[0, 255, 0, 255]]));
    assert!(!drawn([&[0, 255, 9, 255], &[0, 128, 0, 0]]));
}
