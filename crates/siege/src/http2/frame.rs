//! Single frames of HTTP/2 (RFC 9113), right or wrong.

use http::Method;

/// Bytes that a client sends before its first frame.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames.
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// Flags of frames.
pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;

/// Error code of a cancelled stream.
pub const CANCEL: u32 = 8;

/// Length of a frame's header in bytes.
pub const HEADER_BYTES: usize = 9;

/// Returns a frame with a length that fits.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    frame_announcing(payload.len() as u32, kind, flags, stream, payload)
}

/// Returns a frame that announces `length` bytes.
pub fn frame_announcing(length: u32, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, high, middle, low] = length.to_be_bytes();
    let mut bytes = vec![high, middle, low, kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Returns a SETTINGS frame.
pub fn settings(entries: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> = entries
        .iter()
        .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
        .collect();
    frame(SETTINGS, 0, 0, &payload)
}

/// Returns a RST_STREAM frame.
pub fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &code.to_be_bytes())
}

/// Returns the block of a request's headers, as literals without an index and without Huffman's code.
pub fn request_block(method: &Method, path: &str, length: Option<u64>) -> Vec<u8> {
    let mut block = Vec::new();
    literal(&mut block, b":method", method.as_str().as_bytes());
    literal(&mut block, b":scheme", b"https");
    literal(&mut block, b":authority", b"provider");
    literal(&mut block, b":path", path.as_bytes());
    if let Some(length) = length {
        literal(&mut block, b"content-length", length.to_string().as_bytes());
    }
    block
}

/// Adds a header to a block.
pub fn literal(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    block.push(0);
    string(block, name);
    string(block, value);
}

fn string(block: &mut Vec<u8>, text: &[u8]) {
    // An integer with a prefix of seven bits (RFC 7541, section 5.1).
    match text.len() {
        short @ 0..127 => block.push(short as u8),
        long => {
            block.push(127);
            let mut rest = long - 127;
            while rest >= 128 {
                block.push((rest % 128) as u8 | 128);
                rest /= 128;
            }
            block.push(rest as u8);
        }
    }
    block.extend(text);
}

/// Returns the HEADERS frame of a request.
pub fn request(stream: u32, method: &Method, path: &str, length: Option<u64>, is_last: bool) -> Vec<u8> {
    let flags = END_HEADERS | if is_last { END_STREAM } else { 0 };
    frame(HEADERS, flags, stream, &request_block(method, path, length))
}
