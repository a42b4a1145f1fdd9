//! Order, ends, room and wake-ups of a pipe.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use proptest::prelude::*;

use super::*;
use crate::network::counters::MAX_BUFFERED;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn idle() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn read(pipe: &Pipe, max: usize) -> Vec<u8> {
    match pipe.poll_read(&idle(), max) {
        Poll::Ready(Ok(bytes)) => bytes.to_vec(),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_in_order_however_it_is_cut(
        pieces in proptest::collection::vec(0_usize..10_000, 0..20),
        reads in proptest::collection::vec(1_usize..20_000, 1..20),
    ) {
        let (pipe, mut written, mut seen) = (Pipe::new(Arc::default()), Vec::new(), Vec::new());
        for (index, len) in pieces.iter().enumerate() {
            let piece = vec![u8::try_from(index).unwrap(); *len];
            written.extend_from_slice(&piece);
            pipe.write(piece.into()).unwrap();
            let max = reads[index % reads.len()];
            if index % 3 == 0 && pipe.poll_readable(&idle()).is_ready() {
                seen.extend(read(&pipe, max));
            } else if index % 3 == 1 {
                let mut buffer = vec![0; max];
                if let Poll::Ready(Ok(filled)) = pipe.poll_read_into(&idle(), &mut buffer) {
                    seen.extend_from_slice(&buffer[..filled]);
                }
            }
        }
        pipe.finish();
        loop {
            let bytes = read(&pipe, reads[0]);
            if bytes.is_empty() {
                break;
            }
            seen.extend(bytes);
        }
        prop_assert_eq!(seen, written);
    }
}

#[test]
fn a_full_pipe_takes_nothing_and_wakes_its_writer_when_half_of_it_is_read() {
    let (pipe, count) = (Pipe::new(Arc::default()), Arc::new(Count::default()));
    let waker = Waker::from(Arc::clone(&count));
    let cx = Context::from_waker(&waker);
    pipe.write(vec![1; CAPACITY - 10].into()).unwrap();
    assert_eq!(pipe.poll_write(&cx, &[2; 100]), Poll::Ready(Ok(10)));
    assert_eq!(pipe.room(), Ok(0));
    assert!(pipe.poll_room(&cx).is_pending());
    read(&pipe, CAPACITY / 2 - 1);
    assert_eq!(count.0.load(Ordering::SeqCst), 0);
    read(&pipe, 1);
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert_eq!(pipe.room(), Ok(CAPACITY / 2));
}

#[test]
fn the_end_comes_after_what_was_written_and_a_reset_too() {
    for (reset, end) in [(false, Ok(Bytes::new())), (true, Err(SocketError::ConnectionReset))] {
        let pipe = Pipe::new(Arc::default());
        pipe.write(Bytes::from_static(b"last")).unwrap();
        if reset {
            pipe.reset()
        } else {
            pipe.finish()
        }
        assert!(pipe.write(Bytes::from_static(b"more")).is_err());
        assert_eq!(read(&pipe, 100), b"last");
        assert_eq!(pipe.poll_read(&idle(), 100), Poll::Ready(end));
    }
}

#[test]
fn writing_to_a_reader_that_is_gone_fails_and_to_one_that_wants_no_more_does_not() {
    let pipe = Pipe::new(Arc::default());
    pipe.write(Bytes::from_static(b"x")).unwrap();
    pipe.shut();
    assert_eq!(pipe.write(Bytes::from_static(b"x")), Ok(()));
    assert_eq!(read(&pipe, 1), b"");
    assert!(!pipe.abandon());
    assert_eq!(pipe.write(Bytes::from_static(b"x")), Err(SocketError::ConnectionReset));
}

#[test]
fn a_container_with_too_much_waiting_has_small_buffers_until_it_is_read() {
    let counters = Arc::<Counters>::default();
    let pipe = || Pipe::new(Arc::clone(&counters));
    let full: Vec<_> = (0..MAX_BUFFERED / CAPACITY).map(|_| pipe()).collect();
    full.iter().for_each(|pipe| pipe.write(vec![0; CAPACITY].into()).unwrap());
    let another = pipe();
    assert_eq!(another.room(), Ok(SMALL_CAPACITY));
    another.write(vec![0; SMALL_CAPACITY].into()).unwrap();
    assert_eq!(another.room(), Ok(0));
    drop(full);
    assert_eq!(another.room(), Ok(CAPACITY - SMALL_CAPACITY));
    another.abandon();
    assert!(!counters.is_full());
}
