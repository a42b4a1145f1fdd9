//! Inputs to begin with: each is valid, and together they name everything that a target's format has. Made from the
//! project's own examples and writers, so that they follow the code.

use std::io::{self, Write as _};
use std::path::Path;

use bytes::BytesMut;
use sprat_docker_api::{StdStream, encode};
use sprat_image::layer::{Attributes, LayerWriter};
use tar::{EntryType, Header};

/// An input and its name.
pub type Seed = (String, Vec<u8>);

/// The seeds of a target; none for a target that there is not.
///
/// # Errors
/// An example can't be read, or a compressor failed.
pub fn of(target: &str) -> io::Result<Vec<Seed>> {
    match target {
        "api" => Ok([lines(include_str!("../seeds/api.txt")), vec![frames()]].concat()),
        "compose" => Ok(files(include_str!("../seeds/compose.txt"))),
        "dockerfile" => Ok([examples("Dockerfile")?, documents(include_str!("../seeds/dockerfile.txt"))].concat()),
        "dockerignore" => Ok(documents(include_str!("../seeds/dockerignore.txt"))),
        "layer" => layers(),
        "manifest" => Ok(lines(include_str!("../seeds/manifest.txt"))),
        "reference" => Ok(lines(include_str!("../seeds/reference.txt"))),
        #[cfg(feature = "wasm")]
        "wasm" => wasm(),
        _ => Ok(Vec::new()),
    }
}

/// One seed a line.
fn lines(text: &str) -> Vec<Seed> {
    numbered(text.lines().filter(|line| !line.is_empty()).map(str::as_bytes))
}

/// One seed between two lines of `====`.
fn documents(text: &str) -> Vec<Seed> {
    numbered(text.split("====\n").map(str::as_bytes))
}

/// One seed between two lines of `####`.
fn files(text: &str) -> Vec<Seed> {
    numbered(text.split("####\n").map(str::as_bytes))
}

fn numbered<'a>(seeds: impl Iterator<Item = &'a [u8]>) -> Vec<Seed> {
    seeds.enumerate().map(|(number, seed)| (format!("seed-{number}"), seed.to_vec())).collect()
}

/// What a container without a terminal wrote.
fn frames() -> Seed {
    let mut wire = BytesMut::new();
    encode(StdStream::Stdout, b"hello\n", &mut wire);
    encode(StdStream::Stderr, b"oh", &mut wire);
    ("frames".to_owned(), wire.to_vec())
}

/// Files of the examples whose names end so.
fn examples(ending: &str) -> io::Result<Vec<Seed>> {
    let mut seeds = Vec::new();
    for example in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples"))? {
        let example = example?;
        if !example.file_type()?.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(example.path())? {
            let file = file?;
            if file.file_name().to_string_lossy().ends_with(ending) {
                let name = format!("{}-{ending}", example.file_name().to_string_lossy());
                seeds.push((name, std::fs::read(file.path())?));
            }
        }
    }
    Ok(seeds)
}

/// Texts, and the binaries they become.
#[cfg(feature = "wasm")]
fn wasm() -> io::Result<Vec<Seed>> {
    let texts = [examples(".wat")?, documents(include_str!("../seeds/wasm.txt"))].concat();
    let binary = |(name, text): &Seed| {
        let binary = sprat_program::to_binary(text).map_err(io::Error::other)?;
        Ok((format!("{name}.wasm"), binary))
    };
    let binaries = texts.iter().map(binary).collect::<io::Result<Vec<_>>>()?;
    Ok([texts, binaries].concat())
}

/// A layer of Sprat's own with all kinds of entries, one in the words of other tools, and both compressed.
fn layers() -> io::Result<Vec<Seed>> {
    let own = own_layer().map_err(io::Error::other)?;
    let foreign = foreign_layer()?;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&foreign)?;
    Ok(vec![
        ("own.zst".into(), zstd::encode_all(own.as_slice(), 1)?),
        ("own.tar".into(), own),
        ("foreign.gz".into(), gzip.finish()?),
        ("foreign.tar".into(), foreign),
    ])
}

fn own_layer() -> Result<Vec<u8>, sprat_image::layer::LayerError> {
    let mut layer = LayerWriter::new();
    layer.folder(b"etc", Attributes::FOLDER)?;
    layer.bytes(b"etc/motd", Attributes::FILE, b"hello\n".to_vec())?;
    layer.hard_link(b"etc/motd.2", b"etc/motd")?;
    layer.symlink(b"etc/link", Attributes::FILE, b"../etc/motd")?;
    layer.bytes("long/".repeat(40).as_bytes(), Attributes { mtime_ns: -1, ..Attributes::FILE }, vec![0; 700])?;
    layer.whiteout(b"gone")?;
    layer.opaque(b"etc")?;
    let mut tar = Vec::new();
    layer.write(&mut tar)?;
    Ok(tar)
}

/// GNU long names, PAX headers, marks of aufs, devices in `/dev`, names that repeat.
fn foreign_layer() -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    let long = "n".repeat(120);
    let entries: [(EntryType, &str, &str, &[u8]); 10] = [
        (EntryType::Directory, "./", "", b""),
        (EntryType::XHeader, "pax", "", b"19 path=pax/a/name\n15 mtime=-1.25\n"),
        (EntryType::Regular, "short", "", b"one"),
        (EntryType::GNULongName, "././@LongLink", "", long.as_bytes()),
        (EntryType::Regular, "cut", "", b"two"),
        (EntryType::Symlink, "l", "/etc", b""),
        (EntryType::Link, "h", "l", b""),
        (EntryType::Char, "dev/null", "", b""),
        (EntryType::Regular, "d/.wh..wh.plnk", "", b""),
        (EntryType::Regular, "pax/a/name", "", b"three"),
    ];
    for (kind, name, link, data) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1);
        header.set_size(data.len() as u64);
        header.set_path(name)?;
        if !link.is_empty() {
            header.set_link_name(link)?;
        }
        header.set_cksum();
        tar.append(&header, data)?;
    }
    tar.into_inner()
}

#[cfg(all(test, feature = "wasm"))]
mod tests {
    use super::*;

    fn texts(target: &str) -> Vec<String> {
        let seeds = of(target).expect("seeds");
        seeds.into_iter().map(|(_, bytes)| String::from_utf8(bytes).expect("text")).collect()
    }

    #[test]
    fn every_target_passes_its_own_seeds() {
        type Check = fn(&[u8]);
        let checks: [(&str, Check); 8] = [
            ("api", crate::api::check),
            ("compose", crate::compose::check),
            ("dockerfile", crate::dockerfile::check),
            ("dockerignore", crate::dockerignore::check),
            ("layer", crate::layer::check),
            ("manifest", crate::manifest::check),
            ("reference", crate::reference::check),
            ("wasm", crate::wasm::check),
        ];
        assert_eq!(checks.map(|(target, _)| target), crate::TARGETS);
        for (target, check) in checks {
            let seeds = of(target).expect("seeds");
            assert!(!seeds.is_empty(), "{target}");
            seeds.iter().for_each(|(_, bytes)| check(bytes));
        }
    }

    #[test]
    fn seeds_are_valid_so_that_fuzzing_begins_deep() {
        for text in texts("manifest") {
            assert!(sprat_image::check_manifest(text.as_bytes()).is_ok(), "{text}");
        }
        // The last one is an image's id, which is refused on purpose.
        let refused = texts("reference").iter().filter(|text| text.parse::<sprat_image::Reference>().is_err()).count();
        assert_eq!(refused, 1);
        for text in texts("dockerfile").iter().filter(|text| text.contains("FROM")) {
            sprat_image::dockerfile::Dockerfile::parse(text).expect(text);
        }
        for (name, binary) in of("wasm").expect("seeds").iter().filter(|(name, _)| name.ends_with(".wasm")) {
            sprat_program::describe(binary).expect(name);
        }
        for (name, layer) in of("layer").expect("seeds") {
            let mut tar = Vec::new();
            let mut from = sprat_image::layer::decompress(layer.as_slice()).expect("readable");
            io::Read::read_to_end(&mut from, &mut tar).expect("whole");
            assert!(sprat_image::layer::check(&tar).expect(&name) > 5, "{name}");
        }
    }
}
