//! Pipes in memory.
//!
//! A pipe is one-way and bounded: whoever writes faster than is read waits, and whoever reads more than is written. A write
//! of at most [`ATOMIC`] bytes goes in whole or not at all. The end of a side is the drop of the last clone of its end:
//! readers then get what is left and the end, writers an error. No task belongs to a pipe, and no buffer to an empty one that
//! was never written to.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

use super::table::remember;
use crate::InputChunk;
use crate::files::Place;

/// Bytes that a pipe holds.
pub(crate) const CAPACITY: usize = 64 << 10;

/// Bytes of a write that is never split, as `PIPE_BUF`; also the capacity of pipes past [`LARGE_PIPES`].
pub(crate) const ATOMIC: usize = 4 << 10;

/// Pipes of one container that have the full capacity; later ones hold [`ATOMIC`] bytes.
pub(crate) const LARGE_PIPES: u32 = 256;

struct Pipe {
    state: Mutex<State>,
    /// Pipes of the container, this one included.
    count: Arc<AtomicU32>,
    /// Both ends count as open files.
    _places: [Place; 2],
}

struct State {
    bytes: VecDeque<u8>,
    capacity: usize,
    no_reader: bool,
    no_writer: bool,
    readers: Vec<Waker>,
    writers: Vec<Waker>,
}

/// The end that is read. Cloning shares it.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "generated bindings re-export it")]
pub struct Reader(Arc<ReadEnd>);

/// The end that is written. Cloning shares it.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "generated bindings re-export it")]
pub struct Writer(Arc<WriteEnd>);

struct ReadEnd {
    pipe: Arc<Pipe>,
    /// Reads never wait.
    nonblocking: AtomicBool,
}

struct WriteEnd {
    pipe: Arc<Pipe>,
    /// Writes never wait.
    nonblocking: AtomicBool,
}

/// A pipe of a container that has `count` of them.
pub(crate) fn pipe(places: [Place; 2], count: &Arc<AtomicU32>) -> (Reader, Writer) {
    let earlier = count.fetch_add(1, Ordering::Relaxed);
    let state = State {
        bytes: VecDeque::new(),
        capacity: if earlier < LARGE_PIPES { CAPACITY } else { ATOMIC },
        no_reader: false,
        no_writer: false,
        readers: Vec::new(),
        writers: Vec::new(),
    };
    let pipe = Arc::new(Pipe { state: Mutex::new(state), count: Arc::clone(count), _places: places });
    let reader = ReadEnd { pipe: Arc::clone(&pipe), nonblocking: AtomicBool::new(false) };
    (Reader(Arc::new(reader)), Writer(Arc::new(WriteEnd { pipe, nonblocking: AtomicBool::new(false) })))
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for ReadEnd {
    fn drop(&mut self) {
        let writers = {
            let mut state = self.pipe.state.lock();
            state.no_reader = true;
            state.bytes = VecDeque::new();
            std::mem::take(&mut state.writers)
        };
        writers.into_iter().for_each(Waker::wake);
    }
}

impl Drop for WriteEnd {
    fn drop(&mut self) {
        let readers = {
            let mut state = self.pipe.state.lock();
            state.no_writer = true;
            std::mem::take(&mut state.readers)
        };
        readers.into_iter().for_each(Waker::wake);
    }
}

impl Reader {
    /// Takes at most `max` bytes.
    pub(crate) fn read(&self, max: usize) -> InputChunk {
        let (bytes, writers) = {
            let mut state = self.0.pipe.state.lock();
            if state.bytes.is_empty() {
                return if state.no_writer { InputChunk::End } else { InputChunk::Empty };
            }
            let taken = max.min(state.bytes.len());
            let bytes: Bytes = if taken == state.bytes.len() {
                Vec::from(std::mem::take(&mut state.bytes)).into()
            } else {
                state.bytes.drain(..taken).collect::<Vec<_>>().into()
            };
            (bytes, std::mem::take(&mut state.writers))
        };
        writers.into_iter().for_each(Waker::wake);
        InputChunk::Bytes(bytes)
    }

    /// Ready when [`Self::read`] gives bytes or the end.
    pub(crate) fn poll_ready(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.0.pipe.state.lock();
        if !state.bytes.is_empty() || state.no_writer {
            return Poll::Ready(());
        }
        remember(&mut state.readers, cx.waker());
        Poll::Pending
    }

    /// Bytes to be read, and whether nobody will write more.
    pub(crate) fn available(&self) -> (usize, bool) {
        let state = self.0.pipe.state.lock();
        (state.bytes.len(), state.no_writer)
    }

    pub(crate) fn nonblocking(&self) -> &AtomicBool {
        &self.0.nonblocking
    }
}

impl Writer {
    /// Takes as many of `bytes` as there is room for and says how many; 0 is "wait for room". `None`: nobody reads.
    pub(crate) fn write(&self, bytes: &[u8]) -> Option<usize> {
        let (taken, readers) = {
            let mut state = self.0.pipe.state.lock();
            if state.no_reader {
                return None;
            }
            let room = state.capacity.saturating_sub(state.bytes.len());
            if room < bytes.len().min(ATOMIC) {
                return Some(0);
            }
            let taken = bytes.get(..room.min(bytes.len())).unwrap_or(bytes);
            state.bytes.extend(taken);
            (taken.len(), std::mem::take(&mut state.readers))
        };
        readers.into_iter().for_each(Waker::wake);
        Some(taken)
    }

    /// Ready when [`Self::write`] takes something, or nobody reads.
    pub(crate) fn poll_ready(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.0.pipe.state.lock();
        if state.no_reader || state.capacity.saturating_sub(state.bytes.len()) >= ATOMIC {
            return Poll::Ready(());
        }
        remember(&mut state.writers, cx.waker());
        Poll::Pending
    }

    /// Whether nobody reads.
    pub(crate) fn is_broken(&self) -> bool {
        self.0.pipe.state.lock().no_reader
    }

    pub(crate) fn nonblocking(&self) -> &AtomicBool {
        &self.0.nonblocking
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::poll_fn;

    use proptest::prelude::*;
    use sprat_image::Tree;

    use super::*;
    use crate::files::FileView;
    use crate::{FilesSpec, Limits, User};

    fn view(open_files: u32) -> FileView {
        let limits = Limits { open_files, ..Limits::default() };
        let tree = Arc::new(Tree::open(&[]).expect("an empty tree"));
        FileView::new(&FilesSpec::default(), tree, &User::default(), &limits).expect("nothing to mount")
    }

    fn ends(view: &FileView, count: &Arc<AtomicU32>) -> (Reader, Writer) {
        pipe([view.place().expect("a place"), view.place().expect("a place")], count)
    }

    fn is_ready(poll: impl FnOnce(&Context<'_>) -> Poll<()>) -> bool {
        poll(&Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn a_pipe_holds_its_capacity_and_small_writes_are_never_split() {
        let view = view(10);
        let (reader, writer) = ends(&view, &Arc::default());
        assert_eq!(writer.write(&[1; CAPACITY - 10]), Some(CAPACITY - 10));
        assert_eq!(writer.write(&[2; 11]), Some(0));
        assert!(!is_ready(|cx| writer.poll_ready(cx)));
        assert_eq!(writer.write(&[2; 10]), Some(10));
        assert!(matches!(reader.read(ATOMIC), InputChunk::Bytes(bytes) if bytes.len() == ATOMIC));
        assert!(is_ready(|cx| writer.poll_ready(cx)));
        assert_eq!(writer.write(&[3; CAPACITY]), Some(ATOMIC));
    }

    #[test]
    fn the_end_comes_with_the_last_writer_and_the_error_with_the_last_reader() {
        let view = view(10);
        let (reader, writer) = ends(&view, &Arc::default());
        let other = writer.clone();
        assert_eq!(writer.write(b"x"), Some(1));
        drop(writer);
        assert!(matches!(reader.read(9), InputChunk::Bytes(_)));
        assert_eq!(reader.read(9), InputChunk::Empty);
        drop(other);
        assert_eq!(reader.read(9), InputChunk::End);
        let (reader, writer) = ends(&view, &Arc::default());
        drop(reader);
        assert!(is_ready(|cx| writer.poll_ready(cx)));
        assert_eq!(writer.write(b"x"), None);
    }

    #[test]
    fn pipes_count_as_open_files_and_later_ones_are_smaller() {
        let view = view(4);
        let count = Arc::default();
        let (reader, writer) = ends(&view, &count);
        let second = ends(&view, &count);
        assert!(view.place().is_err());
        drop((reader, writer));
        assert_eq!(view.open_files(), 2);
        drop(second);
        count.store(LARGE_PIPES, Ordering::Relaxed);
        let (_reader, writer) = ends(&view, &count);
        assert_eq!(writer.write(&[0; CAPACITY]), Some(ATOMIC));
    }

    #[tokio::test]
    async fn a_fast_writer_and_a_slow_reader_meet() {
        let view = view(10);
        let (reader, writer) = ends(&view, &Arc::default());
        let total = 10 * CAPACITY;
        let writing = tokio::spawn(async move {
            let mut left = total;
            while left > 0 {
                match writer.write(&vec![7; left.min(9999)]) {
                    Some(0) => poll_fn(|cx| writer.poll_ready(cx)).await,
                    Some(taken) => left -= taken,
                    None => panic!("there is a reader"),
                }
            }
        });
        let mut seen = 0;
        loop {
            match reader.read(1000) {
                InputChunk::Bytes(bytes) => seen += bytes.len(),
                InputChunk::Empty => poll_fn(|cx| reader.poll_ready(cx)).await,
                InputChunk::End => break,
            }
        }
        writing.await.expect("no panic");
        assert_eq!(seen, total);
    }

    proptest! {
        #[test]
        fn bytes_come_out_as_they_went_in(steps in proptest::collection::vec((any::<bool>(), 0_usize..20_000), 0..60)) {
            let view = view(10);
            let (reader, writer) = ends(&view, &Arc::default());
            let (mut model, mut next) = (VecDeque::new(), 0_u8);
            for (write, size) in steps {
                if write {
                    let bytes: Vec<u8> = (0..size).map(|i| next.wrapping_add((i % 251) as u8)).collect();
                    let ready = is_ready(|cx| writer.poll_ready(cx));
                    let taken = writer.write(&bytes).expect("there is a reader");
                    prop_assert!(taken == size || size > ATOMIC || taken == 0);
                    prop_assert!(!ready || taken > 0 || size == 0);
                    prop_assert!(model.len() + taken <= CAPACITY);
                    model.extend(&bytes[..taken]);
                    next = next.wrapping_add(1);
                } else {
                    let ready = is_ready(|cx| reader.poll_ready(cx));
                    prop_assert_eq!(ready, !model.is_empty());
                    match reader.read(size.max(1)) {
                        InputChunk::Bytes(bytes) => {
                            let expected: Vec<u8> = model.drain(..bytes.len()).collect();
                            prop_assert_eq!(&bytes[..], &expected[..]);
                        }
                        InputChunk::Empty => prop_assert!(model.is_empty()),
                        InputChunk::End => prop_assert!(false, "there is a writer"),
                    }
                }
                prop_assert_eq!(reader.available().0, model.len());
            }
        }
    }
}
