//! [`conversions`]: between the file view's types and those that are generated for each version of `wasi:filesystem`.

/// Defines, for the generated types in scope, what reads the same for WASI 0.2 and 0.3. The module itself defines
/// `Timestamp`, `seconds`, `timestamp` and `OTHER_TYPE`, in which they differ.
macro_rules! conversions {
    () => {
        /// An error code, or a trap.
        pub(super) type FsError = TrappableError<ErrorCode>;

        type FsResult<T> = Result<T, FsError>;

        impl From<Errno> for ErrorCode {
            fn from(errno: Errno) -> Self {
                match errno {
                    Errno::Access => Self::Access,
                    Errno::BadDescriptor => Self::BadDescriptor,
                    Errno::Busy => Self::Busy,
                    Errno::CrossDevice => Self::CrossDevice,
                    Errno::Exist => Self::Exist,
                    Errno::FileTooLarge => Self::FileTooLarge,
                    Errno::IllegalByteSequence => Self::IllegalByteSequence,
                    Errno::Invalid => Self::Invalid,
                    Errno::Io => Self::Io,
                    Errno::IsDirectory => Self::IsDirectory,
                    Errno::Loop => Self::Loop,
                    // There is no code for too many open files. The nearest says that a limit is reached.
                    Errno::Quota | Errno::TooManyFiles => Self::Quota,
                    Errno::TooManyLinks => Self::TooManyLinks,
                    Errno::NameTooLong => Self::NameTooLong,
                    Errno::NoEntry => Self::NoEntry,
                    Errno::NoSpace => Self::InsufficientSpace,
                    Errno::NotDirectory => Self::NotDirectory,
                    Errno::NotEmpty => Self::NotEmpty,
                    Errno::NotSupported => Self::Unsupported,
                    Errno::NotPermitted => Self::NotPermitted,
                    Errno::ReadOnly => Self::ReadOnly,
                }
            }
        }

        impl From<Errno> for FsError {
            fn from(errno: Errno) -> Self {
                ErrorCode::from(errno).into()
            }
        }

        fn descriptor_type(kind: Kind) -> DescriptorType {
            match kind {
                Kind::Directory => DescriptorType::Directory,
                Kind::File => DescriptorType::RegularFile,
                Kind::Symlink => DescriptorType::SymbolicLink,
                Kind::CharacterDevice => DescriptorType::CharacterDevice,
                Kind::Other => OTHER_TYPE,
            }
        }

        fn directory_entry(entry: DirEntry) -> DirectoryEntry {
            DirectoryEntry { type_: descriptor_type(entry.kind), name: entry.name }
        }

        fn descriptor_stat(stat: &Stat) -> DescriptorStat {
            DescriptorStat {
                type_: descriptor_type(stat.kind),
                link_count: stat.links,
                size: stat.size,
                data_access_timestamp: timestamp(stat.accessed_ns),
                data_modification_timestamp: timestamp(stat.modified_ns),
                status_change_timestamp: timestamp(stat.changed_ns),
            }
        }

        fn hash_value(stat: &Stat) -> MetadataHashValue {
            let (lower, upper) = FilesHost::hash(stat);
            MetadataHashValue { lower, upper }
        }

        fn nanoseconds(wanted: NewTimestamp) -> Result<Option<i64>, ErrorCode> {
            match wanted {
                NewTimestamp::NoChange => Ok(None),
                NewTimestamp::Now => Ok(Some(now_ns())),
                NewTimestamp::Timestamp(time) => seconds(&time)
                    .and_then(|seconds| seconds.checked_mul(1_000_000_000))
                    .and_then(|ns| ns.checked_add(i64::from(time.nanoseconds)))
                    .map(Some)
                    .ok_or(ErrorCode::Overflow),
            }
        }

        fn times(accessed: NewTimestamp, modified: NewTimestamp) -> Result<Times, ErrorCode> {
            Ok(Times { accessed_ns: nanoseconds(accessed)?, modified_ns: nanoseconds(modified)? })
        }

        fn follow(flags: PathFlags) -> Follow {
            if flags.contains(PathFlags::SYMLINK_FOLLOW) { Follow::Yes } else { Follow::No }
        }

        fn open(path: PathFlags, open: OpenFlags, flags: DescriptorFlags) -> Open {
            Open {
                follow: follow(path),
                create: Create {
                    create: open.contains(OpenFlags::CREATE),
                    exclusive: open.contains(OpenFlags::EXCLUSIVE),
                    truncate: open.contains(OpenFlags::TRUNCATE),
                    directory: open.contains(OpenFlags::DIRECTORY),
                },
                read: flags.contains(DescriptorFlags::READ),
                write: flags.contains(DescriptorFlags::WRITE),
                mutate_directory: flags.contains(DescriptorFlags::MUTATE_DIRECTORY),
            }
        }

        fn descriptor_flags(node: &Node) -> DescriptorFlags {
            let access = node.descriptor().access();
            let directory = node.descriptor().kind() == Kind::Directory;
            let when = |holds, flag| if holds { flag } else { DescriptorFlags::empty() };
            when(access.read, DescriptorFlags::READ)
                | when(access.write && !directory, DescriptorFlags::WRITE)
                | when(node.mutate_directory && directory, DescriptorFlags::MUTATE_DIRECTORY)
        }
    };
}

pub(crate) use conversions;
