//! Layers: from a stranger's tar to a folder that can be read safely, and back.
//!
//! An unpacked layer is a folder of two files: `index` ([`index`]: names, attributes, links, whiteouts, with a
//! checksum) and `data` (the bytes of all files, one after the other). Nothing of a layer becomes a path of the host,
//! so no name and no link in it can reach one.
//!
//! What is refused, with the entry's name: `..` in names and hard links, names under a file or a link, hard links to
//! what the layer does not hold, device nodes and pipes (outside `/dev`, where they are skipped: sandboxes get their
//! own `/dev`), sparse files, and everything beyond the limits below. Absolute targets of symbolic links are legal and
//! count from the root. Names are bytes; those that differ only in case are different files.
//!
//! This module reads and writes uncompressed tars; [`decompress`] stands before it.

mod attributes;
mod decompress;
mod error;
mod export;
mod index;
mod name;
mod tar_reader;
mod tar_writer;
mod unpack;
mod upper;
mod writer;

pub use attributes::Attributes;
pub use decompress::{Compression, decompress};
pub use error::LayerError;
pub use export::export;
pub use index::{Body, Index, Record};
pub use unpack::{check, unpack};
pub use upper::{Owner, from_upper};
pub use writer::LayerWriter;

pub(crate) use name::components;
pub use tar_reader::{TarEntry, TarReader};
pub use tar_writer::TarWriter;
pub(crate) use unpack::read_fully;

/// File of an unpacked layer with its names and attributes.
pub const INDEX_FILE: &str = "index";
/// File of an unpacked layer with the bytes of its files.
pub const DATA_FILE: &str = "data";

/// Most entries of one layer.
pub const MAX_ENTRIES: usize = 1_000_000;
/// Most bytes of all files of one layer.
pub const MAX_LAYER_BYTES: u64 = 8 << 30;
/// Most bytes of one layer's tar: its files, with headers and padding of [`MAX_ENTRIES`] entries.
pub const MAX_TAR_BYTES: u64 = MAX_LAYER_BYTES + (MAX_ENTRIES as u64) * 2048;
/// Most bytes of one path or link target.
pub const MAX_PATH_LEN: usize = 4096;
/// Most bytes of one name within a path.
pub const MAX_NAME_LEN: usize = 255;
/// Most names in one path.
pub const MAX_PATH_DEPTH: usize = 255;
/// Most bytes of an entry's extended (PAX) header.
pub const MAX_PAX_LEN: u64 = 1 << 20;
/// Most bytes of all names and link targets of one layer.
pub const MAX_NAMES_LEN: u64 = 256 << 20;
/// Most bytes of an index file: names, and fixed fields of entries and whiteouts.
pub const MAX_INDEX_LEN: u64 = MAX_NAMES_LEN + (MAX_ENTRIES as u64) * 256;

/// Prefix of a file that hides one of the lower layers (OCI image specification, "Whiteouts").
pub const WHITEOUT_PREFIX: &[u8] = b".wh.";
/// Name of a file that hides all that lower layers have in its folder.
pub const OPAQUE_MARK: &[u8] = b".wh..wh..opq";
/// Prefix of other marks that aufs left in layers; they mean nothing today.
pub(crate) const AUFS_PREFIX: &[u8] = b".wh..wh.";
