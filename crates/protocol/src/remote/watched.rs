//! A stream that remembers why TLS ended it: HTTP/2 keeps no more than a text of that.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::lock::lock;

/// The error of TLS that ended a stream, if one did.
#[derive(Debug, Clone, Default)]
pub struct TlsEnd(Arc<Mutex<Option<rustls::Error>>>);

impl TlsEnd {
    pub fn error(&self) -> Option<rustls::Error> {
        lock(&self.0).clone()
    }

    fn look<T>(&self, result: &Poll<io::Result<T>>) {
        let Poll::Ready(Err(error)) = result else { return };
        if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            *lock(&self.0) = Some(error.clone());
        }
    }
}

/// A stream, watched.
pub struct Watched<S> {
    stream: S,
    end: TlsEnd,
}

impl<S> Watched<S> {
    pub fn new(stream: S, end: &TlsEnd) -> Self {
        Self { stream, end: end.clone() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.end.look(&result);
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
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
