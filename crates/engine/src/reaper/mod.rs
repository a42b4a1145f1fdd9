//! The reaper of Testcontainers: what its clients start as `testcontainers/ryuk` is built in here.
//!
//! Testcontainers labels what a test makes with a session, and expects a container of that image to remove it all when the test's
//! process is gone. The real one does so through Docker's socket, which no guest is given. So that image's name means an image
//! that is made here ([`image`]). Its program (`guest/`), a guest as any other, notes which labels it was told ([`filter`]) and
//! ends when nobody is connected any more; the engine removes then what has them ([`prune`]).
//!
//! What its program can't do is not there to be misused: it reaches no socket of the daemon, it is given no mounts, other
//! containers don't reach it, and it decides nothing but when. Strangers who reach its published port can have removed what has the
//! label of a session, which is random; or of a Compose project, if it was made after the reaper.

mod filter;
mod image;
mod prune;

#[cfg(test)]
#[path = "guest/duration.rs"]
mod duration;
#[cfg(test)]
#[path = "guest/lines.rs"]
mod lines;

pub(crate) use image::{is_image, is_meant, is_reaper, make};
