//! Build contexts on standard input: a tar, or a Dockerfile alone, told apart by their first bytes as docker does.

use std::fs::File;
use std::io::{IsTerminal as _, Read as _, Seek as _, Write as _};
use std::path::Path;

use super::context::{self, Context};
use crate::error::CliError;

/// Bytes that tell: a tar's mark is at its end (POSIX ustar, "ustar" at 257).
const HEAD: u64 = 262;

/// Bytes of the largest Dockerfile.
const MAX_DOCKERFILE: u64 = 1 << 20;

/// What the first bytes of standard input are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A tar that the daemon reads.
    Archive,
    /// Compressed in a way that it does not read.
    Foreign(&'static str),
    /// A program: what an image is made of, but no context.
    Wasm,
    /// Text, so a Dockerfile.
    Dockerfile,
    /// Nothing.
    Empty,
}

fn kind(head: &[u8]) -> Kind {
    match head {
        [] => Kind::Empty,
        [0, b'a', b's', b'm', ..] => Kind::Wasm,
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => Kind::Archive,
        [b'B', b'Z', b'h', ..] => Kind::Foreign("bzip2"),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Kind::Foreign("xz"),
        _ if head.get(257..262) == Some(b"ustar".as_slice()) => Kind::Archive,
        // A tar without entries is zeros.
        [0, ..] => Kind::Archive,
        _ => Kind::Dockerfile,
    }
}

/// The context that standard input is.
pub(super) fn read(dockerfile: Option<&Path>) -> Result<Context, CliError> {
    let mut stdin = reader("a build context")?;
    let mut head = Vec::new();
    std::io::Read::by_ref(&mut stdin).take(HEAD).read_to_end(&mut head)?;
    match kind(&head) {
        Kind::Archive => {
            let mut tar = tempfile::tempfile()?;
            tar.write_all(&head)?;
            std::io::copy(&mut stdin, &mut tar)?;
            tar.rewind()?;
            let dockerfile = dockerfile.unwrap_or(Path::new(context::DOCKERFILE)).to_string_lossy().into_owned();
            Ok(Context { tar, dockerfile, name: String::new() })
        }
        Kind::Dockerfile => {
            if let Some(path) = dockerfile {
                return Err(CliError::new(format!("there is no {} in the build context", path.display()))
                    .why("standard input is a Dockerfile, not a tar")
                    .fix("leave out --file, or send a tar"));
            }
            context::of_dockerfile(text(head, stdin)?)
        }
        Kind::Foreign(compression) => Err(CliError::new("cannot read the build context from standard input")
            .why(format!("it is compressed with {compression}"))
            .fix("send a plain tar, or one of gzip or zstd")),
        Kind::Wasm => Err(CliError::new("cannot read the build context from standard input")
            .why("it is a WebAssembly program, not a tar and not a Dockerfile")
            .fix("name the program's file: sprat build -t NAME PROGRAM.wasm")),
        Kind::Empty => Err(CliError::new("cannot read the build context from standard input")
            .why("it is empty")
            .fix("send a tar or a Dockerfile: sprat build - < Dockerfile")),
    }
}

/// A Dockerfile on standard input, as a file for a context of a folder.
pub(crate) fn dockerfile_from_input() -> Result<tempfile::NamedTempFile, CliError> {
    let bytes = text(Vec::new(), reader("a Dockerfile")?)?;
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(&bytes)?;
    Ok(file)
}

fn text(mut head: Vec<u8>, rest: File) -> Result<Vec<u8>, CliError> {
    rest.take(MAX_DOCKERFILE + 1).read_to_end(&mut head)?;
    if head.len() as u64 > MAX_DOCKERFILE {
        return Err(CliError::new("cannot read the Dockerfile from standard input")
            .why(format!("it has more than {} MiB", MAX_DOCKERFILE >> 20))
            .fix("send a Dockerfile, or a tar of the whole context"));
    }
    Ok(head)
}

/// Standard input without a buffer of ours, so that no byte is lost between two readers.
fn reader(what: &str) -> Result<File, CliError> {
    if std::io::stdin().is_terminal() {
        return Err(CliError::new(format!("{what} is not read from a terminal"))
            .why("standard input is one")
            .fix("redirect standard input, or name a folder"));
    }
    let stdin = rustix::io::dup(rustix::stdio::stdin()).map_err(std::io::Error::from)?;
    Ok(File::from(stdin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_told_by_its_first_bytes() {
        let mut tar = vec![b'a'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        for (bytes, expected) in [
            (b"FROM scratch\n".as_slice(), Kind::Dockerfile),
            (&[], Kind::Empty),
            (b"\0asm\x01\0\0\0", Kind::Wasm),
            (&[0x1f, 0x8b, 8], Kind::Archive),
            (&[0x28, 0xb5, 0x2f, 0xfd], Kind::Archive),
            (b"BZh9", Kind::Foreign("bzip2")),
            (&tar, Kind::Archive),
            (&[0; 512], Kind::Archive),
        ] {
            assert_eq!(kind(bytes), expected);
        }
    }
}
