//! Packs a source as a build context in a temporary file.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};

use sprat_context::{Extra, ExtraContent, PackOptions};

use crate::error::CliError;

/// A packed build context.
#[derive(Debug)]
pub(crate) struct Context {
    /// The tar, at its beginning. It has no name: nothing is left behind.
    pub tar: File,
    /// Path of the Dockerfile within it.
    pub dockerfile: String,
}

/// Name of the implied Dockerfile.
const DOCKERFILE: &str = "Dockerfile";

/// The context of one program: itself and an implied Dockerfile.
pub(super) fn of_program(path: &Path) -> Result<Context, CliError> {
    let name = path.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let extra = program(path, &format!("{name}.wasm"))?;
    implied(vec![extra])
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
        return implied(extras);
    }
    let (dockerfile, outside) = place(folder, &within)?;
    let extras = extras.into_iter().chain(outside).collect();
    pack(folder, &PackOptions { dockerfile: dockerfile.clone(), extras }, dockerfile)
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
fn implied(mut extras: Vec<Extra>) -> Result<Context, CliError> {
    let mut text = String::from("FROM scratch\n");
    for extra in &extras {
        text.push_str(&format!("COPY [{:?}, {:?}]\n", extra.path, format!("/{}", extra.path)));
    }
    if let Some(first) = extras.first() {
        text.push_str(&format!("ENTRYPOINT [{:?}]\n", format!("/{}", first.path)));
    }
    extras.push(Extra { path: DOCKERFILE.into(), content: ExtraContent::Bytes(text.into_bytes()) });
    let empty = tempfile::tempdir()?;
    pack(empty.path(), &PackOptions { dockerfile: DOCKERFILE.into(), extras }, DOCKERFILE.into())
}

/// A program as an extra file. Text is turned to a binary here, so that its errors show at once.
fn program(path: &Path, name: &str) -> Result<Extra, CliError> {
    let content = if path.extension().is_some_and(|e| e == "wat") {
        let text = fs_err::read(path)?;
        let binary = sprat_program::to_binary(&text)
            .map_err(|e| CliError::new(format!("{} is no valid wasm text", path.display())).why(e).fix("correct it"))?;
        ExtraContent::Bytes(binary)
    } else {
        ExtraContent::File(path.to_path_buf())
    };
    Ok(Extra { path: name.to_owned(), content })
}

/// Packs a folder and extra files.
fn pack(folder: &Path, options: &PackOptions, dockerfile: String) -> Result<Context, CliError> {
    let mut tar = tempfile::tempfile()?;
    sprat_context::pack(folder, options, std::io::BufWriter::with_capacity(1 << 18, &mut tar), &mut |_| ()).map_err(
        |e| {
            let why = std::error::Error::source(&e).map(ToString::to_string).unwrap_or_default();
            CliError::new(e.to_string()).why(why).fix("exclude what does not belong there in .dockerignore")
        },
    )?;
    tar.flush()?;
    tar.rewind()?;
    Ok(Context { tar, dockerfile })
}
