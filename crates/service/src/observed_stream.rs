//! A stream whose reads are observed: the service counts received bytes, and a client keeps the error with which TLS ended a
//! connection.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that reports every read, with the number of its bytes, to a function.
pub struct ObservedStream<S, F> {
    stream: S,
    observe: F,
}

impl<S, F: Fn(&io::Result<usize>)> ObservedStream<S, F> {
    pub fn new(stream: S, observe: F) -> Self {
        Self { stream, observe }
    }
}

impl<S: AsyncRead + Unpin, F: Fn(&io::Result<usize>) + Unpin> AsyncRead for ObservedStream<S, F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        Pin::new(&mut self.stream).poll_read(context, buffer).map(|read| {
            let read = read.map(|()| buffer.filled().len().saturating_sub(before));
            (self.observe)(&read);
            read.map(|_| ())
        })
    }
}

impl<S: AsyncWrite + Unpin, F: Unpin> AsyncWrite for ObservedStream<S, F> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn every_read_is_reported_with_its_bytes() {
        let (near, mut far) = tokio::io::duplex(100);
        let received = AtomicUsize::new(0);
        let mut stream = ObservedStream::new(near, |read: &io::Result<usize>| {
            received.fetch_add(*read.as_ref().unwrap(), Ordering::Relaxed);
        });
        far.write_all(&[1; 70]).await.unwrap();
        stream.read_exact(&mut [0; 50]).await.unwrap();
        assert_eq!(received.load(Ordering::Relaxed), 50);
        stream.write_all(&[2; 30]).await.unwrap();
        stream.read_exact(&mut [0; 20]).await.unwrap();
        assert_eq!(received.load(Ordering::Relaxed), 70, "what is written does not count");
        far.read_exact(&mut [0; 30]).await.unwrap();
    }
}
