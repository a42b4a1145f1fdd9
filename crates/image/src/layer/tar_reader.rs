//! [`TarReader`]: a tar from a stranger, entry by entry, with bounded memory.
//!
//! The `tar` crate's own reader keeps extended names whole in memory, however long they claim to be, and expands
//! sparse files; this one has limits instead and refuses sparse files. It understands ustar, GNU long names and PAX.

use std::io::{self, Read};

use tar::{EntryType, Header};

use super::{Attributes, LayerError, MAX_PATH_LEN, MAX_PAX_LEN, MAX_TAR_BYTES};

const BLOCK: usize = 512;
const NANOS: i64 = 1_000_000_000;

/// An entry's header.
#[derive(Debug, Clone)]
pub struct TarEntry {
    /// The name as written, with `..` and all.
    pub path: Vec<u8>,
    /// The link's target as written; empty for what is no link.
    pub link: Vec<u8>,
    /// What it is.
    pub kind: EntryType,
    /// Bytes of data behind the header.
    pub size: u64,
    /// Mode, owner and time.
    pub attributes: Attributes,
}

/// Reads a tar. Data of an entry that was not read is skipped at the next one.
#[derive(Debug)]
pub struct TarReader<R> {
    inner: R,
    offset: u64,
    remaining: u64,
    padding: u64,
    ended: bool,
}

/// What GNU and PAX headers say of the entry that follows.
#[derive(Debug, Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
    mtime_ns: Option<i64>,
    sparse: bool,
}

impl<R: Read> TarReader<R> {
    /// Reads from `inner`, which should be buffered.
    pub const fn new(inner: R) -> Self {
        Self { inner, offset: 0, remaining: 0, padding: 0, ended: false }
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    /// The tar is truncated or malformed, or a limit is passed.
    pub fn next_entry(&mut self) -> Result<Option<TarEntry>, LayerError> {
        let mut extensions = Extensions::default();
        loop {
            self.skip_entry()?;
            let Some(header) = self.header()? else { return Ok(None) };
            let stated = || number(&header.as_old().size, header.entry_size());
            self.remaining = extensions.size.map_or_else(stated, Ok).map_err(|e| self.bad(e))?;
            self.padding = self.remaining.wrapping_neg() % BLOCK as u64;
            if self.remaining > u64::MAX / 2 {
                return Err(self.bad("an entry's size is absurd"));
            }
            match header.entry_type() {
                EntryType::GNULongName => extensions.path = Some(self.long_name()?),
                EntryType::GNULongLink => extensions.link = Some(self.long_name()?),
                EntryType::XHeader => self.pax(&mut extensions)?,
                EntryType::XGlobalHeader => {}
                kind => return self.entry(&header, kind, extensions).map(Some),
            }
        }
    }

    /// Gives the reader back.
    pub fn into_inner(self) -> R {
        self.inner
    }

    fn entry(&self, header: &Header, kind: EntryType, ext: Extensions) -> Result<TarEntry, LayerError> {
        let path = ext.path.unwrap_or_else(|| header.path_bytes().into_owned());
        if ext.sparse || kind.is_gnu_sparse() {
            return Err(LayerError::entry(&path, "sparse files are not supported: pack it without --sparse"));
        }
        let link = ext.link.or_else(|| header.link_name_bytes().map(|name| name.into_owned())).unwrap_or_default();
        let id = |number: io::Result<u64>| {
            u32::try_from(number.map_err(|e| self.bad(e))?)
                .map_err(|_| LayerError::entry(&path, "the owner's number needs more than 32 bits"))
        };
        let fields = header.as_old();
        let attributes = Attributes {
            mode: number(&fields.mode, header.mode()).map_err(|e| self.bad(e))? & 0o7777,
            uid: ext.uid.map_or_else(|| id(number(&fields.uid, header.uid())), Ok)?,
            gid: ext.gid.map_or_else(|| id(number(&fields.gid, header.gid())), Ok)?,
            mtime_ns: match ext.mtime_ns {
                Some(time) => time,
                // A time before 1970 is a negative binary number, which the tar crate does not read.
                None => header.mtime().map_or(0, |s| i64::try_from(s).unwrap_or(0).saturating_mul(NANOS)),
            },
        };
        let kind = match kind {
            EntryType::Regular if path.ends_with(b"/") => EntryType::Directory,
            kind => kind,
        };
        Ok(TarEntry { path, link, kind, size: self.remaining, attributes })
    }

    /// One header; `None` at the end mark, or where the bytes end between two entries.
    fn header(&mut self) -> Result<Option<Header>, LayerError> {
        if self.ended {
            return Ok(None);
        }
        let mut block = [0; BLOCK];
        let filled = super::read_fully(&mut self.inner, &mut block).map_err(LayerError::Read)?;
        if filled != 0 && filled != BLOCK {
            return Err(self.bad("it is truncated"));
        }
        self.offset += filled as u64;
        if block.iter().all(|byte| *byte == 0) {
            self.ended = true;
            return Ok(None);
        }
        let header = Header::from_byte_slice(&block).clone();
        let sum = |range: std::ops::Range<usize>| -> u32 {
            block.get(range).unwrap_or_default().iter().copied().map(u32::from).sum()
        };
        // The checksum counts its own field as eight spaces.
        let expected = sum(0..148) + 8 * u32::from(b' ') + sum(156..BLOCK);
        match header.cksum() {
            Ok(found) if found == expected => Ok(Some(header)),
            _ => Err(self.bad("a header's checksum does not match")),
        }
    }

    fn long_name(&mut self) -> Result<Vec<u8>, LayerError> {
        if self.remaining > MAX_PATH_LEN as u64 + 1 {
            return Err(LayerError::Limit { what: "bytes in a name", limit: MAX_PATH_LEN as u64 });
        }
        let mut name = self.whole_entry()?;
        if let Some(end) = name.iter().position(|byte| *byte == 0) {
            name.truncate(end);
        }
        Ok(name)
    }

    fn pax(&mut self, ext: &mut Extensions) -> Result<(), LayerError> {
        if self.remaining > MAX_PAX_LEN {
            return Err(LayerError::Limit { what: "bytes in an extended header", limit: MAX_PAX_LEN });
        }
        let bytes = self.whole_entry()?;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let record = pax_record(rest).ok_or_else(|| self.bad("an extended header is malformed"))?;
            ext.take(record.key, record.value).map_err(|reason| self.bad(reason))?;
            rest = record.rest;
        }
        Ok(())
    }

    /// The current entry's data, whose size was checked.
    fn whole_entry(&mut self) -> Result<Vec<u8>, LayerError> {
        let mut bytes = vec![0; usize::try_from(self.remaining).unwrap_or(0)];
        let filled = super::read_fully(self, &mut bytes).map_err(LayerError::Read)?;
        if filled != bytes.len() {
            return Err(self.bad("it is truncated"));
        }
        Ok(bytes)
    }

    /// Skips what was not read of the entry, and its padding. Docker's CLI ends a context whose Dockerfile lies outside right
    /// behind that file's data, without padding or end mark, and Go reads on over that; so does this.
    fn skip_entry(&mut self) -> Result<(), LayerError> {
        let (data, padding) = (std::mem::take(&mut self.remaining), std::mem::take(&mut self.padding));
        if self.skip(data)? != data {
            return Err(self.bad("it is truncated"));
        }
        self.ended |= self.skip(padding)? != padding;
        Ok(())
    }

    /// Skips so many bytes, or up to the end.
    fn skip(&mut self, bytes: u64) -> Result<u64, LayerError> {
        // What is skipped is in no file, so no other limit counts it: compressed, it costs its sender nothing.
        if self.offset.saturating_add(bytes) > MAX_TAR_BYTES {
            return Err(LayerError::Limit { what: "bytes in a tar", limit: MAX_TAR_BYTES });
        }
        let skipped = io::copy(&mut self.inner.by_ref().take(bytes), &mut io::sink()).map_err(LayerError::Read)?;
        self.offset += skipped;
        Ok(skipped)
    }

    fn bad(&self, reason: impl ToString) -> LayerError {
        LayerError::Malformed { offset: self.offset, reason: reason.to_string() }
    }
}

impl<R: Read> Read for TarReader<R> {
    /// Reads the current entry's data. An end of the tar within it is an error.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
        let read = self.inner.read(buffer.get_mut(..wanted).unwrap_or_default())?;
        if read == 0 && wanted != 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the tar ends within an entry"));
        }
        self.remaining -= read as u64;
        self.offset += read as u64;
        Ok(read)
    }
}

impl Extensions {
    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        let number = || std::str::from_utf8(value).ok().and_then(|text| text.parse::<u64>().ok());
        let id = || number().and_then(|number| u32::try_from(number).ok());
        match key {
            b"path" => self.path = Some(bounded(value)?),
            b"linkpath" => self.link = Some(bounded(value)?),
            b"size" => self.size = Some(number().ok_or("an extended size is no number")?),
            b"uid" => self.uid = Some(id().ok_or("an extended owner is no number of 32 bits")?),
            b"gid" => self.gid = Some(id().ok_or("an extended group is no number of 32 bits")?),
            b"mtime" => self.mtime_ns = Some(pax_time(value).ok_or("an extended time is no number")?),
            _ if key.starts_with(b"GNU.sparse.") => self.sparse = true,
            // Extended attributes and the rest have no meaning in a sandbox.
            _ => {}
        }
        Ok(())
    }
}

/// A number of a header. One that was never filled in is zero, as Go has it: SDKs' users set what they need only.
fn number<N: Default>(field: &[u8], parsed: io::Result<N>) -> io::Result<N> {
    if field.iter().all(|byte| matches!(byte, 0 | b' ')) { Ok(N::default()) } else { parsed }
}

fn bounded(value: &[u8]) -> Result<Vec<u8>, &'static str> {
    match value.len() > MAX_PATH_LEN || value.contains(&0) {
        true => Err("an extended name is too long or has a zero byte"),
        false => Ok(value.to_vec()),
    }
}

struct PaxRecord<'a> {
    key: &'a [u8],
    value: &'a [u8],
    rest: &'a [u8],
}

/// `LENGTH KEY=VALUE\n`, where the length counts itself.
fn pax_record(bytes: &[u8]) -> Option<PaxRecord<'_>> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let len: usize = std::str::from_utf8(bytes.get(..space)?).ok()?.parse().ok()?;
    let (record, rest) = bytes.split_at_checked(len)?;
    let pair = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    Some(PaxRecord { key: pair.get(..equals)?, value: pair.get(equals + 1..)?, rest })
}

/// Seconds with a fraction, maybe negative, as nanoseconds.
fn pax_time(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    let (magnitude, sign) = text.strip_prefix('-').map_or((text, 1), |rest| (rest, -1));
    let (seconds, fraction) = magnitude.split_once('.').unwrap_or((magnitude, ""));
    let seconds: i64 = seconds.parse::<u32>().map(i64::from).or_else(|_| seconds.parse()).ok()?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanos: i64 = digits.parse().ok()?;
    Some(seconds.saturating_mul(NANOS).saturating_add(nanos).saturating_mul(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_fractions_and_signs() {
        assert_eq!(pax_time(b"1.5"), Some(1_500_000_000));
        assert_eq!(pax_time(b"-1.25"), Some(-1_250_000_000));
        assert_eq!(pax_time(b"7"), Some(7_000_000_000));
        assert_eq!(pax_time(b"x"), None);
    }

    #[test]
    fn what_no_file_holds_is_limited_too() {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::XGlobalHeader);
        header.set_size(1 << 30);
        header.set_cksum();
        // One after the other for ever, as a small compressed stream gives them.
        let mut comments = TarReader::new(Forever { header: *header.as_bytes(), at: 0, entry: (1 << 30) + 512 });
        comments.offset = MAX_TAR_BYTES - (1 << 29);
        let refused = comments.next_entry();
        assert!(matches!(refused, Err(LayerError::Limit { what: "bytes in a tar", .. })), "{refused:?}");
    }

    #[test]
    fn an_archive_may_end_behind_the_last_files_data() {
        // What nobody set is zero.
        let mut header = Header::new_ustar();
        header.set_size(3);
        header.set_cksum();
        let bytes = |data: &[u8]| [header.as_bytes(), data].concat();
        // With part of the padding, and with none, as Docker's CLI leaves it.
        for whole in [bytes(b"abc"), bytes(b"abc\0\0")] {
            let mut reader = TarReader::new(whole.as_slice());
            let entry = reader.next_entry().unwrap().unwrap();
            assert_eq!((entry.size, entry.attributes.mode, entry.attributes.uid), (3, 0, 0));
            assert!(reader.next_entry().unwrap().is_none());
            assert!(reader.next_entry().unwrap().is_none());
        }
        let short = bytes(b"ab");
        let mut reader = TarReader::new(short.as_slice());
        reader.next_entry().unwrap();
        assert!(reader.next_entry().unwrap_err().to_string().contains("truncated"));
    }

    struct Forever {
        header: [u8; 512],
        at: usize,
        entry: usize,
    }

    impl Read for Forever {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            for byte in buffer.iter_mut() {
                *byte = self.header.get(self.at % self.entry).copied().unwrap_or(b'x');
                self.at += 1;
            }
            Ok(buffer.len())
        }
    }

    #[test]
    fn a_pax_record_counts_its_own_length() {
        let record = pax_record(b"10 path=a\nrest").expect("valid");
        assert_eq!((record.key, record.value, record.rest), (&b"path"[..], &b"a"[..], &b"rest"[..]));
        for bad in [&b"99 path=a\n"[..], b"path=a\n", b"0 \n", b"10 path-a\n", b"8 path=a\n"] {
            assert!(pax_record(bad).is_none());
        }
    }
}
