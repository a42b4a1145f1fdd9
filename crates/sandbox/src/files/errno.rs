//! [`Errno`]: why a file operation failed, in POSIX's terms.

/// Why a file operation failed. The WASI hosts map these one to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the names are POSIX's")]
pub enum Errno {
    #[error("permission denied")]
    Access,
    #[error("bad file descriptor")]
    BadDescriptor,
    #[error("device or resource busy")]
    Busy,
    #[error("cross-device link")]
    CrossDevice,
    #[error("disk quota exceeded")]
    Quota,
    #[error("file exists")]
    Exist,
    #[error("file too large")]
    FileTooLarge,
    #[error("illegal byte sequence")]
    IllegalByteSequence,
    #[error("invalid argument")]
    Invalid,
    #[error("input/output error")]
    Io,
    #[error("is a directory")]
    IsDirectory,
    #[error("too many levels of symbolic links")]
    Loop,
    #[error("too many open files")]
    TooManyFiles,
    #[error("too many links")]
    TooManyLinks,
    #[error("file name too long")]
    NameTooLong,
    #[error("no such file or directory")]
    NoEntry,
    #[error("no space left on device")]
    NoSpace,
    #[error("not a directory")]
    NotDirectory,
    #[error("directory not empty")]
    NotEmpty,
    #[error("not supported")]
    NotSupported,
    #[error("operation not permitted")]
    NotPermitted,
    #[error("read-only file system")]
    ReadOnly,
}
