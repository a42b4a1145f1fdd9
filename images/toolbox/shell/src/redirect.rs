//! Redirections (POSIX.1-2017, XCU 2.7): entries of the shell's own table.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, Write as _};

use crate::shell::{Flow, Shell};
use crate::stream::{DESCRIPTORS, PIPE_HOLDS, Stream};
use crate::syntax::{Redirect, Target};
use crate::text;

impl Shell {
    /// Applies redirections to the table. `Ok(false)` if one failed, which was told.
    pub(crate) fn redirect(&mut self, redirects: &[Redirect]) -> Result<bool, Flow> {
        for redirect in redirects {
            if let Err(why) = self.redirect_one(redirect)? {
                self.complain(&why);
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn redirect_one(&mut self, redirect: &Redirect) -> Result<Result<(), String>, Flow> {
        let default = match redirect.target {
            Target::Read(_) | Target::ReadWrite(_) | Target::DuplicateInput(_) | Target::Document(_) => 0,
            Target::Write { .. } | Target::Append(_) | Target::DuplicateOutput(_) => 1,
        };
        let descriptor = redirect.descriptor.map_or(default, |number| number as usize);
        let opened = match &redirect.target {
            Target::Read(word) => {
                let path = self.text(word)?;
                File::open(self.path(&path)).map_err(|e| cannot("open", &path, &e)).map(|file| Some(Stream::file(file)))
            }
            Target::Write { path, clobber } => {
                let path = self.text(path)?;
                self.create(&path, *clobber).map(|file| Some(Stream::file(file)))
            }
            Target::Append(word) => {
                let path = self.text(word)?;
                let file = OpenOptions::new().append(true).create(true).open(self.path(&path));
                file.map_err(|e| cannot("create", &path, &e)).map(|file| Some(Stream::file(file)))
            }
            Target::ReadWrite(word) => {
                let path = self.text(word)?;
                let file =
                    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(self.path(&path));
                file.map_err(|e| cannot("create", &path, &e)).map(|file| Some(Stream::file(file)))
            }
            Target::DuplicateInput(word) | Target::DuplicateOutput(word) => {
                let from = self.text(word)?;
                self.duplicate(&from)
            }
            Target::Document(word) => {
                let document = self.text(word)?;
                self.document(&document).map(Some)
            }
        };
        Ok(opened.and_then(|stream| {
            let entry = self.table.get_mut(descriptor).ok_or_else(|| format!("{descriptor}: Bad file descriptor"))?;
            *entry = stream;
            Ok(())
        }))
    }

    fn create(&self, name: &str, clobber: bool) -> Result<File, String> {
        let path = self.path(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true);
        // `set -C` refuses regular files that exist, and no others.
        if self.state.options.no_clobber && !clobber {
            if path.is_file() {
                return Err(format!("cannot create {name}: File exists"));
            }
        } else {
            options.truncate(true);
        }
        options.open(path).map_err(|e| cannot("create", name, &e))
    }

    fn duplicate(&self, from: &str) -> Result<Option<Stream>, String> {
        if from == "-" {
            return Ok(None);
        }
        let bad = || format!("{from}: Bad file descriptor");
        let number: usize = match from.parse() {
            Ok(number) if number < DESCRIPTORS => number,
            Ok(_) => return Err(bad()),
            Err(_) => return Err("Syntax error: Bad fd number".into()),
        };
        self.table.get(number).and_then(Clone::clone).map(Some).ok_or_else(bad)
    }

    /// A stream that a text can be read from: a pipe as long as it fits, so that nobody has to write while another reads.
    pub(crate) fn document(&self, document: &str) -> Result<Stream, String> {
        let bytes = text::encode(document);
        let failed = |e: io::Error| format!("here-document: {e}");
        if bytes.len() <= PIPE_HOLDS {
            let (reader, mut writer) = self.system.pipe().map_err(failed)?;
            writer.write_all(&bytes).map_err(failed)?;
            return Ok(Stream::file(reader));
        }
        self.temporary(&bytes).map(Stream::file).map_err(failed)
    }

    /// A file without a name that has these bytes.
    pub(crate) fn temporary(&self, bytes: &[u8]) -> io::Result<File> {
        let (mut file, path) = self.create_temporary()?;
        // It stays open; that its name stays too would only be untidy.
        let _ = std::fs::remove_file(&path);
        file.write_all(bytes)?;
        file.rewind()?;
        Ok(file)
    }

    /// The name of a new file that has these bytes.
    pub(crate) fn temporary_path(&self, bytes: &[u8]) -> io::Result<String> {
        let (mut file, path) = self.create_temporary()?;
        file.write_all(bytes)?;
        Ok(text::decode(path.as_os_str().as_encoded_bytes()))
    }

    fn create_temporary(&self) -> io::Result<(File, std::path::PathBuf)> {
        let folder = self.state.get("TMPDIR").filter(|folder| !folder.is_empty()).unwrap_or("/tmp");
        let (process, _) = self.system.identity();
        for number in 0..MOST_TEMPORARY {
            let path = self.path(folder).join(format!(".sh-{process}-{number}"));
            let opened = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
            match opened {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                other => return other.map(|file| (file, path)),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

/// Temporary files of one shell at a time.
const MOST_TEMPORARY: u32 = 1000;

/// dash's words for a file that can't be opened.
fn cannot(what: &str, path: &str, error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::NotFound if what == "open" => "No such file".to_owned(),
        io::ErrorKind::NotFound => "Directory nonexistent".to_owned(),
        _ => crate::describe(error),
    };
    format!("cannot {what} {path}: {why}")
}
