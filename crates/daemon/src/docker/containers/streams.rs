//! How a container's output goes over the wire: framed without a terminal, raw with one.

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use sprat_docker_api::{ApiVersion, StdStream, encode};
use sprat_engine::Stream;

/// Which streams a client wants, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) stdout: bool,
    pub(super) stderr: bool,
    /// A terminal's output is raw.
    pub(super) raw: bool,
}

impl Wanted {
    /// Output as it is sent; empty if the client does not want its stream.
    pub(super) fn wrap(self, stream: Stream, data: Bytes) -> Bytes {
        let (wanted, std) = match stream {
            Stream::Stdout => (self.stdout, StdStream::Stdout),
            Stream::Stderr => (self.stderr, StdStream::Stderr),
        };
        if self.raw {
            // A terminal has one stream only.
            return data;
        }
        if !wanted {
            return Bytes::new();
        }
        let mut frame = BytesMut::with_capacity(data.len() + sprat_docker_api::HEADER_LEN);
        encode(std, &data, &mut frame);
        frame.freeze()
    }

    /// The content type: since 1.42 framed output has one of its own.
    pub(super) fn content_type(self, version: ApiVersion) -> HeaderValue {
        HeaderValue::from_static(if !self.raw && version.at_least(42) {
            "application/vnd.docker.multiplexed-stream"
        } else {
            "application/vnd.docker.raw-stream"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_framed_without_a_terminal() {
        let wanted = Wanted { stdout: true, stderr: false, raw: false };
        assert_eq!(wanted.wrap(Stream::Stdout, "hi".into()), &b"\x01\0\0\0\0\0\0\x02hi"[..]);
        assert!(wanted.wrap(Stream::Stderr, "hi".into()).is_empty());
        let raw = Wanted { raw: true, ..wanted };
        assert_eq!(raw.wrap(Stream::Stdout, "hi".into()), "hi");
    }

    #[test]
    fn the_content_type_depends_on_the_version() {
        let wanted = Wanted { stdout: true, stderr: true, raw: false };
        assert_eq!(wanted.content_type(ApiVersion::new(1, 41)), "application/vnd.docker.raw-stream");
        assert_eq!(wanted.content_type(ApiVersion::new(1, 42)), "application/vnd.docker.multiplexed-stream");
        assert_eq!(Wanted { raw: true, ..wanted }.content_type(ApiVersion::MAX), "application/vnd.docker.raw-stream");
    }
}
