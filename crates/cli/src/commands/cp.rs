//! `sprat cp`: files between a container and here.
//!
//! What comes out of a container is not trusted: links in it are made as links, and nothing is written through one.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use clap::Args;
use hyper::Method;
use sprat_docker_api::ContainerPathStat;

use crate::client::{self, Client};
use crate::error::{CliError, Outcome};
use crate::query::{Query, segment};

/// `sprat cp`
#[derive(Debug, Args)]
pub(crate) struct CpArgs {
    /// Keep owners: into a container all belongs to its user, out of it to whom it belongs there
    #[arg(short, long)]
    pub archive: bool,
    /// Follow a link that the source is
    #[arg(short = 'L', long)]
    pub follow_link: bool,
    /// No progress; there is none anyway
    #[arg(short, long)]
    pub quiet: bool,
    /// CONTAINER:PATH, PATH, or - for a tar from standard input
    pub source: String,
    /// CONTAINER:PATH, PATH, or - for a tar to standard output
    pub target: String,
}

/// One side of a copy.
#[derive(Debug, PartialEq, Eq)]
enum Side<'a> {
    Container { name: &'a str, path: &'a str },
    Here(&'a str),
}

/// A path with a slash before the first colon, or `.`, is here, as docker has it.
fn side(text: &str) -> Side<'_> {
    if text.starts_with(['/', '.']) {
        return Side::Here(text);
    }
    match text.split_once(':') {
        Some((name, path)) if !name.is_empty() && !name.contains('/') => Side::Container { name, path },
        _ => Side::Here(text),
    }
}

/// `sprat cp`
pub(crate) async fn run(client: &Client, args: CpArgs) -> Outcome {
    match (side(&args.source), side(&args.target)) {
        (Side::Container { name, path }, Side::Here(to)) => copy_out(client, name, path, to, &args).await,
        (Side::Here(from), Side::Container { name, path }) => copy_in(client, from, name, path, &args).await,
        (Side::Container { .. }, Side::Container { .. }) => {
            Err(CliError::new("copying between containers is not supported").fix("copy to a folder here first"))
        }
        (Side::Here(_), Side::Here(_)) => Err(CliError::new("must specify at least one container source or target")
            .fix("write CONTAINER:PATH for the side that is a container")),
    }
}

fn archive(name: &str, path: &str) -> Query {
    Query::new(format!("/containers/{}/archive", segment(name))).add("path", if path.is_empty() { "/" } else { path })
}

async fn stat(client: &Client, name: &str, path: &str) -> Result<ContainerPathStat, CliError> {
    let Some(response) = client.head(&archive(name, path).path()).await? else {
        // Is it the path or the container that is missing?
        client.get::<serde_json::Value>(&format!("/containers/{}/json", segment(name))).await?;
        let mut error = CliError::new(format!("Could not find the file {path} in container {name}"))
            .fix(format!("look what is there: sprat cp {name}:/ - | tar t"));
        error.missing = true;
        return Err(error);
    };
    let header = response.headers().get(ContainerPathStat::HEADER).and_then(|value| value.to_str().ok());
    header.and_then(ContainerPathStat::from_header).ok_or_else(|| {
        CliError::new("the daemon's answer does not say what is at that path").fix("see `sprat version`").status(125)
    })
}

/// The stat of where a link leads, with its path; of the path itself if it is none.
async fn resolved(client: &Client, name: &str, path: &str) -> Result<(String, ContainerPathStat), CliError> {
    let found = stat(client, name, path).await?;
    if !found.is_symlink() || found.link_target.is_empty() {
        return Ok((path.to_owned(), found));
    }
    let target = found.link_target;
    let found = stat(client, name, &target).await?;
    Ok((target, found))
}

/// The last name of a path; `.` where its content is asked for.
fn last_name(path: &str) -> &str {
    if path == "." || path.ends_with("/.") {
        return ".";
    }
    path.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(".")
}

async fn copy_out(client: &Client, name: &str, path: &str, to: &str, args: &CpArgs) -> Outcome {
    let (from, found) = if args.follow_link {
        resolved(client, name, path).await?
    } else {
        (path.to_owned(), stat(client, name, path).await?)
    };
    if to == "-" {
        let response = client.send(Method::GET, &archive(name, &from).path(), &[], client::empty()).await?;
        client.copy(response, &mut std::io::stdout()).await?;
        return Ok(0);
    }
    let place = place(to, found.is_directory(), last_name(path))?;
    let response = client.send(Method::GET, &archive(name, &from).path(), &[], client::empty()).await?;
    let (read, write) = std::io::pipe()?;
    let owners = args.archive;
    let unpacking = tokio::task::spawn_blocking(move || unpack(File::from(OwnedFd::from(read)), &place, owners));
    // Written by another thread than ours, so that neither waits for the other for ever.
    let mut to = std::io::BufWriter::new(File::from(OwnedFd::from(write)));
    let copied = client.copy(response, &mut to).await;
    drop(to);
    let unpacked = unpacking.await.map_err(|e| CliError::new("the copy broke").why(e))?;
    unpacked.map_err(|e| CliError::new("cannot write what comes out of the container").why(e))?;
    copied?;
    Ok(0)
}

/// Where an archive goes.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// Into this folder, under its own names.
    Into(PathBuf),
    /// Its first entry becomes this path.
    As(PathBuf),
}

/// Docker's rules: an existing folder takes the source in, another name becomes it.
fn place(to: &str, is_folder: bool, name: &str) -> Result<Place, CliError> {
    let path = Path::new(to);
    let exists = path.symlink_metadata().is_ok();
    if path.is_dir() {
        return Ok(Place::Into(path.to_owned()));
    }
    if exists && is_folder {
        return Err(CliError::new("cannot copy a directory to a file").fix("name a folder, or a name that is free"));
    }
    if !exists && to.ends_with('/') && !is_folder {
        return Err(CliError::new("no such directory").why(format!("{to} does not exist")).fix(format!("mkdir {to}")));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if !parent.is_dir() {
        let missing = parent.display();
        return Err(CliError::new("no such directory")
            .why(format!("{missing} does not exist"))
            .fix(format!("mkdir -p {missing}")));
    }
    if name == "." && is_folder {
        std::fs::create_dir(path)?;
        return Ok(Place::Into(path.to_owned()));
    }
    Ok(Place::As(path.to_owned()))
}

fn unpack(from: File, place: &Place, owners: bool) -> std::io::Result<()> {
    match place {
        Place::Into(folder) => unpack_into(from, folder, owners).map(drop),
        Place::As(path) => {
            // Unpacked beside it and renamed, as its name is another one than in the archive.
            let parent =
                path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
            let aside = tempfile::Builder::new().prefix(".sprat-cp-").tempdir_in(parent)?;
            unpack_into(from, aside.path(), owners)?;
            let mut entries = std::fs::read_dir(aside.path())?;
            let first = entries.next().ok_or_else(|| std::io::Error::other("the archive was empty"))??;
            std::fs::rename(first.path(), path)
        }
    }
}

fn unpack_into(from: File, folder: &Path, owners: bool) -> std::io::Result<()> {
    let mut archive = tar::Archive::new(std::io::BufReader::with_capacity(256 << 10, from));
    archive.set_preserve_ownerships(owners);
    archive.set_preserve_permissions(true);
    // Never through a link or out of the folder: each entry's folder is looked at before it is written.
    archive.unpack(folder)
}

async fn copy_in(client: &Client, from: &str, name: &str, path: &str, args: &CpArgs) -> Outcome {
    let put = |folder: &str| {
        archive(name, folder).add("noOverwriteDirNonDir", "true").flag("copyUIDGID", args.archive).path()
    };
    if from == "-" {
        let (folder, found) = resolved(client, name, path).await?;
        if !found.is_directory() {
            return Err(CliError::new(format!("destination \"{name}:{path}\" must be a directory")));
        }
        let stdin = tokio::fs::File::from_std(File::from(
            rustix::io::dup(rustix::stdio::stdin()).map_err(std::io::Error::from)?,
        ));
        client.send(Method::PUT, &put(&folder), &[("Content-Type", "application/x-tar")], client::file(stdin)).await?;
        return Ok(0);
    }
    let source = if args.follow_link { std::fs::canonicalize(from)? } else { PathBuf::from(from) };
    let meta = std::fs::symlink_metadata(&source).map_err(|e| CliError::new(format!("cannot copy {from}")).why(e))?;
    // A path that asks for a folder follows a link.
    let is_folder = meta.is_dir() || ((from.ends_with('/') || last_name(from) == ".") && source.is_dir());
    let content_only = last_name(from) == ".";
    let own_name =
        if content_only && from != "." && !from.ends_with("/.") { ".".to_owned() } else { last_name(from).to_owned() };
    let (folder, entry) = match resolved(client, name, path).await {
        Ok((folder, found)) if found.is_directory() => (folder, own_name),
        Ok((_, _)) if is_folder => {
            return Err(CliError::new("cannot copy a directory to a file").fix("name a folder of the container"));
        }
        Ok((file, _)) => beside(&file),
        // The container is there, the path is not.
        Err(error) if error.missing && error.what.starts_with("Could not find") => {
            if path.ends_with('/') && !is_folder {
                return Err(
                    CliError::new("no such directory").why(format!("{path} does not exist in container {name}"))
                );
            }
            beside(path)
        }
        Err(error) => return Err(error),
    };
    let (read, write) = std::io::pipe()?;
    let packing =
        tokio::task::spawn_blocking(move || pack(File::from(OwnedFd::from(write)), &source, &entry, is_folder));
    let body = client::file(tokio::fs::File::from_std(File::from(OwnedFd::from(read))));
    let sent = client.send(Method::PUT, &put(&folder), &[("Content-Type", "application/x-tar")], body).await;
    let packed = packing.await.map_err(|e| CliError::new("the copy broke").why(e))?;
    // What the daemon says comes first: it may not have read all of it.
    sent?;
    packed.map_err(|e| CliError::new(format!("cannot read {from}")).why(e))?;
    Ok(0)
}

/// The folder and the last name of a path of a container.
fn beside(path: &str) -> (String, String) {
    let path = path.trim_end_matches('/');
    match path.rsplit_once('/') {
        Some(("", name)) => ("/".to_owned(), name.to_owned()),
        Some((folder, name)) => (folder.to_owned(), name.to_owned()),
        None => ("/".to_owned(), path.to_owned()),
    }
}

fn pack(to: File, source: &Path, name: &str, is_folder: bool) -> std::io::Result<()> {
    let mut tar = tar::Builder::new(std::io::BufWriter::with_capacity(256 << 10, to));
    tar.follow_symlinks(false);
    if is_folder {
        // With a dot at its end a link to a folder is that folder.
        tar.append_dir_all(name, source.join("."))?;
    } else {
        tar.append_path_with_name(source, name)?;
    }
    std::io::Write::flush(&mut tar.into_inner()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_told_apart_as_docker_does() {
        assert_eq!(side("web:/etc"), Side::Container { name: "web", path: "/etc" });
        for here in ["-", "./a:b", "/a:b", "a/b:c", "a"] {
            assert_eq!(side(here), Side::Here(here));
        }
        assert_eq!((last_name("/a/b/"), last_name("a/."), last_name("/")), ("b", ".", "."));
        assert_eq!(beside("/a/b"), ("/a".to_owned(), "b".to_owned()));
        assert_eq!(beside("/a"), ("/".to_owned(), "a".to_owned()));
    }

    #[test]
    fn the_place_follows_dockers_rules() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(at("file"), "").unwrap();
        let folder = dir.path().to_str().unwrap();
        assert_eq!(place(folder, true, "x").unwrap(), Place::Into(dir.path().to_owned()));
        assert_eq!(place(&at("file"), false, "x").unwrap(), Place::As(at("file").into()));
        assert_eq!(place(&at("new"), true, "x").unwrap(), Place::As(at("new").into()));
        assert_eq!(place(&at("content"), true, ".").unwrap(), Place::Into(at("content").into()));
        assert!(place(&at("file"), true, "x").unwrap_err().what.contains("directory to a file"));
        assert!(place(&at("none/"), false, "x").is_err() && place(&at("none/x"), false, "x").is_err());
    }

    #[test]
    fn what_comes_out_writes_through_no_link() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut tar = tar::Builder::new(Vec::new());
        let mut link = tar::Header::new_gnu();
        link.set_entry_type(tar::EntryType::Symlink);
        link.set_size(0);
        tar.append_link(&mut link, "x/out", outside.path()).unwrap();
        let mut file = tar::Header::new_gnu();
        file.set_size(1);
        file.set_mode(0o644);
        tar.append_data(&mut file, "x/out/planted", &b"!"[..]).unwrap();
        let mut from = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut from, &tar.into_inner().unwrap()).unwrap();
        std::io::Seek::rewind(&mut from).unwrap();
        assert!(unpack(from, &Place::Into(dir.path().to_owned()), false).is_err());
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}
