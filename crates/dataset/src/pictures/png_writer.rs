//! Writing PNG files chunk by chunk, sound and otherwise, for tests.

use std::io::Write;

use flate2::{Compression, Crc, write::ZlibEncoder};

use crate::pictures::png_file::SIGNATURE;

/// Size and format of the pixels in a header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) depth: u8,
    /// 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA.
    pub(super) color: u8,
    pub(super) interlaced: bool,
}

impl Header {
    /// Not interlaced, `width` pixels to a row of `rows`.
    pub(super) fn new(color: u8, depth: u8, width: u32, height: u32) -> Self {
        Self { width, height, depth, color, interlaced: false }
    }

    pub(super) fn data(self) -> Vec<u8> {
        let mut data = [self.width.to_be_bytes(), self.height.to_be_bytes()].concat();
        data.extend([self.depth, self.color, 0, 0, u8::from(self.interlaced)]);
        data
    }
}

/// A file of these chunks, each with a right length and checksum.
pub(super) fn file(chunks: &[([u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    for (kind, data) in chunks {
        let mut crc = Crc::new();
        crc.update(kind);
        crc.update(data);
        bytes.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        bytes.extend(kind);
        bytes.extend(data);
        bytes.extend(crc.sum().to_be_bytes());
    }
    bytes
}

/// The chunks of an image: `before` the pixels, and rows of packed samples, which are not filtered.
pub(super) fn chunks(
    header: Header,
    before: &[(&[u8; 4], &[u8])],
    rows: &[&[u8]],
) -> Vec<([u8; 4], Vec<u8>)> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    for row in rows {
        encoder.write_all(&[0]).unwrap();
        encoder.write_all(row).unwrap();
    }
    let mut chunks = vec![(*b"IHDR", header.data())];
    chunks.extend(before.iter().map(|&(kind, data)| (*kind, data.to_vec())));
    chunks.push((*b"IDAT", encoder.finish().unwrap()));
    chunks.push((*b"IEND", Vec::new()));
    chunks
}

/// The file of an image, as [`chunks`].
pub(super) fn png(header: Header, before: &[(&[u8; 4], &[u8])], rows: &[&[u8]]) -> Vec<u8> {
    file(&chunks(header, before, rows))
}

/// A grey image of `side` x `side` pixels, 8 bits each.
pub(crate) fn grey_png(side: usize, pixels: &[u8]) -> Vec<u8> {
    let rows: Vec<&[u8]> = pixels.chunks(side).collect();
    let side = u32::try_from(side).unwrap();
    png(Header::new(0, 8, side, side), &[], &rows)
}
