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

/// What the file view's own functions give.
pub(super) type Result<T, E = Errno> = std::result::Result<T, E>;

impl From<rustix::io::Errno> for Errno {
    fn from(host: rustix::io::Errno) -> Self {
        use rustix::io::Errno as Host;
        match host {
            Host::ACCESS => Self::Access,
            Host::PERM => Self::NotPermitted,
            Host::BADF => Self::BadDescriptor,
            Host::BUSY | Host::TXTBSY => Self::Busy,
            Host::XDEV => Self::CrossDevice,
            Host::DQUOT => Self::Quota,
            Host::EXIST => Self::Exist,
            Host::FBIG => Self::FileTooLarge,
            Host::ILSEQ => Self::IllegalByteSequence,
            Host::INVAL => Self::Invalid,
            Host::ISDIR => Self::IsDirectory,
            Host::LOOP => Self::Loop,
            Host::MFILE | Host::NFILE => Self::TooManyFiles,
            Host::MLINK => Self::TooManyLinks,
            Host::NAMETOOLONG => Self::NameTooLong,
            Host::NOENT => Self::NoEntry,
            Host::NOSPC => Self::NoSpace,
            Host::NOTDIR => Self::NotDirectory,
            Host::NOTEMPTY => Self::NotEmpty,
            Host::NOTSUP | Host::NOSYS | Host::NXIO | Host::NODEV => Self::NotSupported,
            Host::ROFS => Self::ReadOnly,
            _ => Self::Io,
        }
    }
}

impl From<std::io::Error> for Errno {
    fn from(error: std::io::Error) -> Self {
        rustix::io::Errno::from_io_error(&error).map_or(Self::Io, Self::from)
    }
}
