//! The body of a response that carries an answer.
//!
//! The batches hold all answers, and a body holds none: it looks for its answer whenever HTTP/2 has room for another piece. So an
//! answer that is deleted or forgotten is gone although clients have asked for it and never read it, and their responses are reset.
//! Pieces are copies: a slice in the buffers of a connection would keep the whole answer in memory.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use prometheus::IntCounter;

/// Longest piece in bytes: a frame of HTTP/2. A connection on which no piece is sent for long is idle.
const PIECE_BYTES: usize = 16 << 10;

/// An answer that is sent piece by piece.
pub struct AnswerBody {
    answer: Weak<Vec<u8>>,
    length: usize,
    sent: usize,
    sent_bytes: IntCounter,
}

/// The answer was deleted or forgotten before its last piece was sent.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the answer is gone")]
pub struct AnswerGone;

impl AnswerBody {
    /// Counts the bytes that are sent in `sent_bytes`.
    pub fn new(answer: &Arc<Vec<u8>>, sent_bytes: IntCounter) -> Self {
        Self { answer: Arc::downgrade(answer), length: answer.len(), sent: 0, sent_bytes }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = AnswerGone;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerGone>>> {
        if self.is_end_stream() {
            return Poll::Ready(None);
        }
        let Some(answer) = self.answer.upgrade() else {
            return Poll::Ready(Some(Err(AnswerGone)));
        };
        let piece = answer.chunks(PIECE_BYTES).nth(self.sent / PIECE_BYTES).unwrap_or_default();
        self.sent += piece.len();
        self.sent_bytes.inc_by(piece.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.sent == self.length
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact((self.length - self.sent) as u64)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn counter() -> IntCounter {
        IntCounter::new("sent", "Bytes.").unwrap()
    }

    #[tokio::test]
    async fn an_answer_is_sent_in_pieces() {
        let answer: Arc<Vec<u8>> = Arc::new((0..2 * PIECE_BYTES + 5).map(|index| index as u8).collect());
        let sent_bytes = counter();
        let mut body = AnswerBody::new(&answer, sent_bytes.clone());
        assert_eq!(body.size_hint().exact(), Some(answer.len() as u64));
        let (mut lengths, mut bytes) = (Vec::new(), Vec::new());
        while let Some(frame) = body.frame().await {
            let piece = frame.unwrap().into_data().unwrap();
            lengths.push(piece.len());
            bytes.extend_from_slice(&piece);
        }
        assert_eq!(lengths, [PIECE_BYTES, PIECE_BYTES, 5]);
        assert!(bytes == *answer && body.is_end_stream());
        assert_eq!((body.size_hint().exact(), sent_bytes.get()), (Some(0), answer.len() as u64));
    }

    #[tokio::test]
    async fn an_answer_that_is_forgotten_is_not_kept_for_its_response() {
        let answer = Arc::new(vec![7; 2 * PIECE_BYTES]);
        let mut body = AnswerBody::new(&answer, counter());
        let first = body.frame().await.unwrap().unwrap();
        assert_eq!(Arc::strong_count(&answer), 1);
        drop(answer);
        assert!(body.frame().await.unwrap().is_err());
        assert_eq!(first.into_data().unwrap(), vec![7; PIECE_BYTES]);
    }
}
