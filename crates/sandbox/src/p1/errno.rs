//! [`Errno`]: the error numbers of WASI 0.1.

use crate::files;

/// An error number as the guest sees it (`witx` type `errno`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Errno(u16);

impl Errno {
    pub(super) const SUCCESS: Self = Self(0);
    pub(super) const TOO_BIG: Self = Self(1);
    pub(super) const ACCESS: Self = Self(2);
    pub(super) const AGAIN: Self = Self(6);
    pub(super) const BAD_DESCRIPTOR: Self = Self(8);
    pub(super) const BUSY: Self = Self(10);
    pub(super) const NO_CHILD: Self = Self(12);
    pub(super) const QUOTA: Self = Self(19);
    pub(super) const EXIST: Self = Self(20);
    pub(super) const FAULT: Self = Self(21);
    pub(super) const FILE_TOO_LARGE: Self = Self(22);
    pub(super) const ILLEGAL_BYTE_SEQUENCE: Self = Self(25);
    pub(super) const INVALID: Self = Self(28);
    pub(super) const IO: Self = Self(29);
    pub(super) const IS_DIRECTORY: Self = Self(31);
    pub(super) const LOOP: Self = Self(32);
    pub(super) const TOO_MANY_FILES: Self = Self(33);
    pub(super) const TOO_MANY_LINKS: Self = Self(34);
    pub(super) const NAME_TOO_LONG: Self = Self(37);
    pub(super) const NO_ENTRY: Self = Self(44);
    pub(super) const NOT_A_PROGRAM: Self = Self(45);
    pub(super) const NO_MEMORY: Self = Self(48);
    pub(super) const NO_SPACE: Self = Self(51);
    pub(super) const NOT_DIRECTORY: Self = Self(54);
    pub(super) const NOT_EMPTY: Self = Self(55);
    pub(super) const NOT_SOCKET: Self = Self(57);
    pub(super) const NOT_SUPPORTED: Self = Self(58);
    pub(super) const OVERFLOW: Self = Self(61);
    pub(super) const NOT_PERMITTED: Self = Self(63);
    pub(super) const PIPE: Self = Self(64);
    pub(super) const READ_ONLY: Self = Self(69);
    pub(super) const SEEK_PIPE: Self = Self(70);
    pub(super) const NO_PROCESS: Self = Self(71);
    pub(super) const CROSS_DEVICE: Self = Self(75);

    /// The number.
    pub(super) const fn raw(self) -> u16 {
        self.0
    }

    /// What a function returns for `result`.
    pub(super) fn code(result: Result<(), Self>) -> i32 {
        i32::from(result.err().unwrap_or(Self::SUCCESS).0)
    }
}

impl From<files::Errno> for Errno {
    fn from(errno: files::Errno) -> Self {
        match errno {
            files::Errno::Access => Self::ACCESS,
            files::Errno::BadDescriptor => Self::BAD_DESCRIPTOR,
            files::Errno::Busy => Self::BUSY,
            files::Errno::CrossDevice => Self::CROSS_DEVICE,
            files::Errno::Quota => Self::QUOTA,
            files::Errno::Exist => Self::EXIST,
            files::Errno::FileTooLarge => Self::FILE_TOO_LARGE,
            files::Errno::IllegalByteSequence => Self::ILLEGAL_BYTE_SEQUENCE,
            files::Errno::Invalid => Self::INVALID,
            files::Errno::Io => Self::IO,
            files::Errno::IsDirectory => Self::IS_DIRECTORY,
            files::Errno::Loop => Self::LOOP,
            files::Errno::TooManyFiles => Self::TOO_MANY_FILES,
            files::Errno::TooManyLinks => Self::TOO_MANY_LINKS,
            files::Errno::NameTooLong => Self::NAME_TOO_LONG,
            files::Errno::NoEntry => Self::NO_ENTRY,
            files::Errno::NoSpace => Self::NO_SPACE,
            files::Errno::NotDirectory => Self::NOT_DIRECTORY,
            files::Errno::NotEmpty => Self::NOT_EMPTY,
            files::Errno::NotSupported => Self::NOT_SUPPORTED,
            files::Errno::NotPermitted => Self::NOT_PERMITTED,
            files::Errno::ReadOnly => Self::READ_ONLY,
        }
    }
}
