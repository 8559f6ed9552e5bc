//! A stream that remembers the error with which TLS ended it. HTTP/2 keeps only the text of that error.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The error with which TLS ended a stream, if any.
#[derive(Debug, Clone, Default)]
pub struct TlsErrorCell(Arc<Mutex<Option<rustls::Error>>>);

impl TlsErrorCell {
    pub fn get(&self) -> Option<rustls::Error> {
        self.0.lock().clone()
    }

    fn note<T>(&self, result: &Poll<io::Result<T>>) {
        let Poll::Ready(Err(error)) = result else { return };
        if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            *self.0.lock() = Some(error.clone());
        }
    }
}

/// A stream that notes errors of TLS.
pub struct ObservedStream<S> {
    stream: S,
    tls_error: TlsErrorCell,
}

impl<S> ObservedStream<S> {
    pub fn new(stream: S, tls_error: &TlsErrorCell) -> Self {
        Self { stream, tls_error: tls_error.clone() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ObservedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.tls_error.note(&result);
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ObservedStream<S> {
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
