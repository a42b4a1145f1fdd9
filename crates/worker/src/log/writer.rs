//! [`LogWriter`]: cuts what a guest writes into lines and appends them to its log file.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sprat_sandbox::Stream;

use super::open::{OpenLog, Slot};
use super::{LINE_BYTES, LogOptions, OpenLogs, line};

/// How long a log that can't be opened is left alone.
const REOPEN_AFTER: Duration = Duration::from_secs(1);

/// Encoded bytes after which lines go to the file, within one write of the guest.
const BATCH_BYTES: usize = 64 << 10;

/// One guest's log.
#[derive(Debug)]
pub(crate) struct LogWriter {
    options: LogOptions,
    attributes: Arc<str>,
    open: Arc<OpenLogs>,
    slot: Option<Slot>,
    stdout: Partial,
    stderr: Partial,
    /// Lines that could not be written.
    lost: u64,
    retry: Option<Instant>,
}

/// The start of a line whose end has not come yet.
#[derive(Debug, Default)]
struct Partial {
    text: Vec<u8>,
    /// When the line began, if a part of it is already written: docker gives all parts the time of the first.
    began: Option<Timestamp>,
}

impl LogWriter {
    pub(crate) fn new(options: LogOptions, open: Arc<OpenLogs>) -> Self {
        Self {
            attributes: options.attributes.as_str().into(),
            options,
            open,
            slot: None,
            stdout: Partial::default(),
            stderr: Partial::default(),
            lost: 0,
            retry: None,
        }
    }

    /// Takes what the guest wrote; whole lines are in the file afterwards.
    pub(crate) fn write(&mut self, stream: Stream, bytes: &[u8]) {
        let now = Timestamp::now();
        let mut batch = self.batch();
        let mut rest = bytes;
        while !rest.is_empty() {
            let partial = match stream {
                Stream::Stdout => &mut self.stdout,
                Stream::Stderr => &mut self.stderr,
            };
            rest = partial.take(rest, stream, now, &mut batch);
            if batch.bytes.len() >= BATCH_BYTES {
                self.append(&mut batch);
            }
        }
        self.append(&mut batch);
    }

    /// Writes lines whose end will not come.
    pub(crate) fn finish(&mut self) {
        let now = Timestamp::now();
        let mut batch = self.batch();
        self.stdout.flush(Stream::Stdout, now, &mut batch);
        self.stderr.flush(Stream::Stderr, now, &mut batch);
        self.append(&mut batch);
        self.slot = None;
    }

    fn append(&mut self, batch: &mut Batch) {
        if batch.bytes.is_empty() {
            return;
        }
        if let Err(error) = self.try_append(batch) {
            if self.lost == 0 {
                let path = self.options.path.display();
                // Where stderr is gone too there is nobody left to tell.
                let _ = writeln!(io::stderr(), "cannot write the log {path}: {error}; its lines are dropped");
            }
            self.lost += batch.lines;
        }
        *batch = self.batch();
    }

    fn batch(&self) -> Batch {
        Batch { bytes: Vec::new(), lines: 0, attributes: Arc::clone(&self.attributes) }
    }

    fn try_append(&mut self, batch: &Batch) -> io::Result<()> {
        if self.retry.is_some_and(|at| Instant::now() < at) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let slot = Arc::clone(self.slot.get_or_insert_default());
        let mut place = slot.lock();
        let added = u64::try_from(batch.bytes.len()).unwrap_or(u64::MAX);
        if place.is_none() {
            self.reopen(&slot, &mut place)?;
        }
        let full =
            |log: &OpenLog| self.options.max_size > 0 && log.size > 0 && log.size + added > self.options.max_size;
        if place.as_ref().is_some_and(full) {
            *place = None;
            self.rotate()?;
            self.reopen(&slot, &mut place)?;
        }
        let Some(log) = place.as_mut() else { return Ok(()) };
        if let Err(error) = log.file.write_all(&batch.bytes) {
            // A torn line would spoil the next one.
            let _ = log.file.file().set_len(log.size);
            return Err(error);
        }
        log.size += added;
        log.used = true;
        Ok(())
    }

    fn reopen(&mut self, slot: &Slot, place: &mut Option<OpenLog>) -> io::Result<()> {
        match OpenLogs::open(&self.options.path) {
            Ok(log) => {
                *place = Some(log);
                self.retry = None;
                self.open.opened(slot);
                Ok(())
            }
            Err(error) => {
                self.retry = Some(Instant::now() + REOPEN_AFTER);
                Err(error)
            }
        }
    }

    fn rotate(&self) -> io::Result<()> {
        if self.options.max_files < 2 {
            return fs_err::remove_file(&self.options.path);
        }
        // Any number of files may be allowed; only as many as there are cost time.
        let oldest = (1..self.options.max_files - 1).find(|age| !self.numbered(*age).exists());
        for age in (1..oldest.unwrap_or(self.options.max_files - 1)).rev() {
            fs_err::rename(self.numbered(age), self.numbered(age + 1))?;
        }
        fs_err::rename(&self.options.path, self.numbered(1))
    }

    fn numbered(&self, age: u32) -> PathBuf {
        let mut name = self.options.path.clone().into_os_string();
        name.push(format!(".{age}"));
        name.into()
    }
}

/// Encoded lines on their way to the file.
#[derive(Debug)]
struct Batch {
    bytes: Vec<u8>,
    lines: u64,
    attributes: Arc<str>,
}

impl Partial {
    /// Takes up to one line from `bytes` and gives the rest.
    fn take<'a>(&mut self, bytes: &'a [u8], stream: Stream, now: Timestamp, batch: &mut Batch) -> &'a [u8] {
        let room = LINE_BYTES.saturating_sub(self.text.len());
        let window = bytes.get(..room.min(bytes.len())).unwrap_or(bytes);
        if let Some(end) = window.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end + 1);
            self.emit(line, stream, now, batch);
            self.began = None;
            return rest;
        }
        if self.text.len() + window.len() < LINE_BYTES {
            self.text.extend_from_slice(window);
            return &[];
        }
        let cut = cut_character(&self.text, window);
        // The character may have begun in an earlier write.
        let held = self.text.split_off(self.text.len() - cut.saturating_sub(window.len()));
        let (part, rest) = bytes.split_at(window.len().saturating_sub(cut));
        self.emit(part, stream, now, batch);
        self.began.get_or_insert(now);
        self.text = held;
        rest
    }

    fn flush(&mut self, stream: Stream, now: Timestamp, batch: &mut Batch) {
        if !self.text.is_empty() {
            self.emit(&[], stream, now, batch);
        }
    }

    fn emit(&mut self, end: &[u8], stream: Stream, now: Timestamp, batch: &mut Batch) {
        let time = self.began.unwrap_or(now);
        if self.text.is_empty() {
            line::encode(&mut batch.bytes, &[end], stream, time, &batch.attributes);
        } else {
            let text = std::mem::take(&mut self.text);
            line::encode(&mut batch.bytes, &[&text, end], stream, time, &batch.attributes);
        }
        batch.lines += 1;
    }
}

/// Bytes at the end of `before` and `window` together that begin a character whose rest has not come: at most 3.
fn cut_character(before: &[u8], window: &[u8]) -> usize {
    let backwards = window.iter().rev().chain(before.iter().rev());
    for (there, byte) in (1..=3).zip(backwards) {
        let needed = match byte {
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            0x80..=0xBF => continue,
            _ => return 0,
        };
        return if there < needed { there } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LogLine;

    fn writer(path: PathBuf, max_size: u64, max_files: u32) -> LogWriter {
        LogWriter::new(LogOptions { path, max_size, max_files, attributes: String::new() }, Arc::new(OpenLogs::new(2)))
    }

    fn lines(path: &std::path::Path) -> Vec<LogLine> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn texts(path: &std::path::Path) -> Vec<(String, String)> {
        lines(path).into_iter().map(|line| (line.stream, line.log)).collect()
    }

    #[test]
    fn the_file_appears_with_the_first_whole_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = writer(path.clone(), 0, 1);
        log.write(Stream::Stdout, b"hel");
        assert!(!path.exists());
        log.write(Stream::Stderr, b"oops\n");
        log.write(Stream::Stdout, b"lo\nrest");
        log.finish();
        let expected = [("stderr", "oops\n"), ("stdout", "hello\n"), ("stdout", "rest")];
        assert_eq!(texts(&path), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    proptest::proptest! {
        // Each case has some hundred kilobytes.
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
        #[test]
        fn however_it_is_written_no_text_is_lost_or_joined(
            chunks in proptest::collection::vec((proptest::bool::ANY, "[a\u{1f41f}<\n]{0,9}", 1..3000_usize), 0..20),
            piece in proptest::sample::select(&[3, 4096, 1 << 20][..]),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("log");
            let mut log = writer(path.clone(), 0, 1);
            let mut expected = [String::new(), String::new()];
            for (stdout, text, times) in &chunks {
                let text = text.repeat(*times);
                let stream = if *stdout { Stream::Stdout } else { Stream::Stderr };
                for piece in text.as_bytes().chunks(piece) {
                    log.write(stream, piece);
                }
                expected[usize::from(!stdout)].push_str(&text);
            }
            log.finish();
            let lines = if path.exists() { lines(&path) } else { Vec::new() };
            for (name, expected) in ["stdout", "stderr"].iter().zip(&expected) {
                let of: Vec<&str> = lines.iter().filter(|line| line.stream == *name).map(|line| line.log.as_str()).collect();
                proptest::prop_assert_eq!(&of.concat(), expected);
                for line in of {
                    proptest::prop_assert!(line.len() <= LINE_BYTES);
                    proptest::prop_assert!(!line.strip_suffix('\n').unwrap_or(line).contains('\n') && !line.is_empty());
                }
            }
        }
    }

    #[test]
    fn a_long_line_is_split_and_its_parts_share_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = writer(path.clone(), 0, 1);
        let text = "x".repeat(2 * LINE_BYTES + 5);
        for piece in text.as_bytes().chunks(1000) {
            log.write(Stream::Stdout, piece);
        }
        log.write(Stream::Stdout, b"\nnext\n");
        let lines = lines(&path);
        let sizes: Vec<usize> = lines.iter().map(|line| line.log.len()).collect();
        assert_eq!(sizes, [LINE_BYTES, LINE_BYTES, 6, 5]);
        assert_eq!(lines[0].time, lines[2].time);
    }

    #[test]
    fn a_split_does_not_cut_a_character() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = writer(path.clone(), 0, 1);
        let text = format!("a{}", "\u{1f41f}".repeat(LINE_BYTES / 2));
        log.write(Stream::Stdout, text.as_bytes());
        log.finish();
        let joined: String = lines(&path).into_iter().map(|line| line.log).collect();
        assert_eq!(joined, text);
    }

    #[test]
    fn a_flood_of_broken_bytes_is_logged_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = writer(path.clone(), 0, 1);
        log.write(Stream::Stdout, &vec![0xF0; 3 * LINE_BYTES]);
        log.finish();
        let replaced: usize = lines(&path).iter().map(|line| line.log.chars().count()).sum();
        assert_eq!(replaced, 3 * LINE_BYTES);
    }

    #[test]
    fn rotation_keeps_so_many_files_and_loses_only_the_oldest_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = writer(path.clone(), 300, 3);
        for number in 0..20 {
            log.write(Stream::Stdout, format!("line {number}\n").as_bytes());
        }
        let mut all = Vec::new();
        for name in ["log.2", "log.1", "log"] {
            let file = dir.path().join(name);
            assert!(file.metadata().unwrap().len() <= 300);
            all.extend(lines(&file).into_iter().map(|line| line.log));
        }
        assert!(!dir.path().join("log.3").exists());
        let kept = all.len();
        let expected: Vec<String> = (20 - kept..20).map(|number| format!("line {number}\n")).collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn any_number_of_files_may_be_kept() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = writer(dir.path().join("log"), 1, u32::MAX);
        for number in 0..5 {
            log.write(Stream::Stdout, format!("line {number}\n").as_bytes());
        }
        assert_eq!(lines(&dir.path().join("log.4"))[0].log, "line 0\n");
        assert_eq!(lines(&dir.path().join("log"))[0].log, "line 4\n");
    }

    #[test]
    fn one_file_only_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = writer(path.clone(), 150, 1);
        for _ in 0..10 {
            log.write(Stream::Stdout, b"some text\n");
        }
        assert!(path.metadata().unwrap().len() <= 150);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_log_that_cannot_be_written_is_counted_and_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("missing").join("log");
        let mut log = writer(path.clone(), 0, 1);
        log.write(Stream::Stdout, b"one\ntwo\n");
        assert_eq!(log.lost, 2);
        std::fs::create_dir(dir.path().join("missing")).unwrap();
        log.retry = None;
        log.write(Stream::Stdout, b"three\n");
        assert_eq!(texts(&path), [("stdout".to_owned(), "three\n".to_owned())]);
    }

    #[test]
    fn a_full_disk_is_never_fatal() {
        let mut log = writer("/dev/full".into(), 0, 1);
        log.write(Stream::Stdout, b"one\n");
        log.write(Stream::Stdout, b"two\n");
        assert_eq!(log.lost, 2);
    }

    #[test]
    fn only_so_many_files_are_open_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let open = Arc::new(OpenLogs::new(2));
        let attributes = String::new;
        let options = |number: u32| LogOptions {
            path: dir.path().join(number.to_string()),
            max_size: 0,
            max_files: 1,
            attributes: attributes(),
        };
        let mut logs: Vec<LogWriter> = (0..5).map(|n| LogWriter::new(options(n), Arc::clone(&open))).collect();
        for _ in 0..2 {
            for log in &mut logs {
                log.write(Stream::Stdout, b"line\n");
            }
            let held = logs.iter().filter(|log| log.slot.as_ref().is_some_and(|slot| slot.lock().is_some())).count();
            assert!(held <= 2, "{held} files are open");
        }
        for number in 0..5 {
            assert_eq!(lines(&dir.path().join(number.to_string())).len(), 2);
        }
    }
}
