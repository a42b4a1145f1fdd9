//! Packs a source as a build context in a temporary file.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use sprat_context::{Extra, ExtraContent, PackOptions};

use super::repository;
use crate::error::CliError;

/// A packed build context.
#[derive(Debug)]
pub(crate) struct Context {
    /// The tar, at its beginning. It has no name: nothing is left behind.
    pub tar: File,
    /// Path of the Dockerfile within it.
    pub dockerfile: String,
    /// The image's name where the user gives none; empty for what has none of its own.
    pub name: String,
}

/// Digits of a program's digest in its image's tag.
const DIGEST: usize = 12;

/// Name of the implied Dockerfile.
pub(super) const DOCKERFILE: &str = "Dockerfile";

impl Context {
    /// The context on standard input; `dockerfile` is the path of the Dockerfile within it.
    pub(crate) fn from_input(dockerfile: Option<&Path>) -> Result<Self, CliError> {
        super::input::read(dockerfile)
    }
}

/// The context of a Dockerfile alone.
pub(super) fn of_dockerfile(text: Vec<u8>) -> Result<Context, CliError> {
    let extra = Extra { path: DOCKERFILE.into(), content: ExtraContent::Bytes(text) };
    let empty = tempfile::tempdir()?;
    let options = PackOptions { dockerfile: DOCKERFILE.into(), extras: vec![extra] };
    pack(empty.path(), &options, DOCKERFILE.into(), String::new())
}

/// The context of one program: itself and an implied Dockerfile.
pub(super) fn of_program(path: &Path) -> Result<Context, CliError> {
    let name = path.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let bytes = binary(path)?;
    // Files of one name in two folders must not take the name from each other.
    let digest = hex::encode(Sha256::digest(&bytes));
    let image = format!("{}:{}", repository(&path.with_extension("")), digest.get(..DIGEST).unwrap_or(&digest));
    implied(vec![Extra { path: format!("{name}.wasm"), content: ExtraContent::Bytes(bytes) }], image)
}

/// The context of a folder with the programs compiled from it, and an implied Dockerfile if it has none.
pub(super) fn of_folder(folder: &Path, programs: Vec<PathBuf>, dockerfile: Option<&Path>) -> Result<Context, CliError> {
    let extras = programs
        .iter()
        .map(|path| {
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            program(path, &name)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let name = dockerfile.unwrap_or(Path::new(DOCKERFILE));
    let within = if dockerfile.is_some() { name.to_path_buf() } else { folder.join(name) };
    if !within.is_file() {
        if dockerfile.is_some() {
            return Err(CliError::new(format!("cannot read the Dockerfile {}", within.display()))
                .why("no such file")
                .fix("name one with --file"));
        }
        return implied(extras, name_of(folder)?);
    }
    let (dockerfile, outside) = place(folder, &within)?;
    let extras = extras.into_iter().chain(outside).collect();
    pack(folder, &PackOptions { dockerfile: dockerfile.clone(), extras }, dockerfile, name_of(folder)?)
}

/// A folder's image is named after it.
fn name_of(folder: &Path) -> Result<String, CliError> {
    Ok(repository(&folder.canonicalize()?))
}

/// A Dockerfile in the folder keeps its path; one from elsewhere is added under a name that no folder has.
fn place(folder: &Path, dockerfile: &Path) -> Result<(String, Option<Extra>), CliError> {
    let (folder, file) = (folder.canonicalize()?, dockerfile.canonicalize()?);
    if let Ok(relative) = file.strip_prefix(&folder) {
        return Ok((relative.to_string_lossy().into_owned(), None));
    }
    let path = ".dockerfile.outside".to_owned();
    Ok((path.clone(), Some(Extra { path, content: ExtraContent::File(file) })))
}

/// A context without a folder: the programs, and a Dockerfile that starts the first one.
fn implied(mut extras: Vec<Extra>, name: String) -> Result<Context, CliError> {
    let mut text = String::from("FROM scratch\n");
    for extra in &extras {
        text.push_str(&format!("COPY [{:?}, {:?}]\n", extra.path, format!("/{}", extra.path)));
    }
    if let Some(first) = extras.first() {
        text.push_str(&format!("ENTRYPOINT [{:?}]\n", format!("/{}", first.path)));
    }
    extras.push(Extra { path: DOCKERFILE.into(), content: ExtraContent::Bytes(text.into_bytes()) });
    let empty = tempfile::tempdir()?;
    pack(empty.path(), &PackOptions { dockerfile: DOCKERFILE.into(), extras }, DOCKERFILE.into(), name)
}

/// A program as an extra file.
fn program(path: &Path, name: &str) -> Result<Extra, CliError> {
    let text = path.extension().is_some_and(|e| e == "wat");
    let content = if text { ExtraContent::Bytes(binary(path)?) } else { ExtraContent::File(path.to_path_buf()) };
    Ok(Extra { path: name.to_owned(), content })
}

/// A program's bytes. Text is turned to a binary here, so that its errors show at once.
fn binary(path: &Path) -> Result<Vec<u8>, CliError> {
    let unread = |e: std::io::Error| {
        CliError::new(format!("cannot read {}", path.display())).why(e).fix("name a .wasm or .wat file of yours")
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unread)?;
    file.take(sprat_program::MAX_SIZE + 1).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > sprat_program::MAX_SIZE {
        return Err(CliError::new(format!("{} cannot be used", path.display()))
            .why(format!("it has more than {} MiB", sprat_program::MAX_SIZE >> 20))
            .fix("build it without debugging information, or put its data in other files")
            .status(126));
    }
    if path.extension().is_none_or(|e| e != "wat") {
        return Ok(bytes);
    }
    sprat_program::to_binary(&bytes)
        .map_err(|e| CliError::new(format!("{} is no valid wasm text", path.display())).why(e).fix("correct it"))
}

/// Packs a folder and extra files.
fn pack(folder: &Path, options: &PackOptions, dockerfile: String, name: String) -> Result<Context, CliError> {
    let mut tar = tempfile::tempfile()?;
    sprat_context::pack(folder, options, std::io::BufWriter::with_capacity(1 << 18, &mut tar), &mut |_| ()).map_err(
        |e| {
            let why = std::error::Error::source(&e).map(ToString::to_string).unwrap_or_default();
            CliError::new(e.to_string()).why(why).fix("exclude what does not belong there in .dockerignore")
        },
    )?;
    tar.flush()?;
    tar.rewind()?;
    Ok(Context { tar, dockerfile, name })
}
