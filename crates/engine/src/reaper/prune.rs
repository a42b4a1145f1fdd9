//! Removes what a reaper was told, when its program has ended by itself.
//!
//! What it noted lies in its container until all is removed, so that a daemon that was killed meanwhile goes on with it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::filter::{self, Filter, LINE_LIMIT, LINES_LIMIT};
use crate::bus::has_label;
use crate::core::{Core, blocking};
use crate::record::Record;
use crate::state::State;
use crate::{EngineError, RemoveOptions};

/// File that the program notes filters in, in the top folder of what its container wrote.
const NOTES: &str = "sessions";
/// Most bytes of it.
const NOTES_LIMIT: u64 = (LINES_LIMIT * (LINE_LIMIT + 1)) as u64;

/// How often it is tried: what an earlier daemon's worker runs can't be removed before that worker is found again, and a network
/// not while somebody else is on it.
const TRIES: u32 = 10;
/// Time between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// What is to be removed.
struct Doomed {
    sessions: Vec<Filter>,
    /// When the reaper was made. Who merely guesses a name reaches nothing that was there before.
    since: Timestamp,
}

impl Doomed {
    fn has(&self, labels: &BTreeMap<String, String>, created: Timestamp) -> bool {
        let all = |session: &Filter| session.labels.iter().all(|label| has_label(labels, label));
        self.sessions.iter().any(|session| (!session.guessable || created >= self.since) && all(session))
    }
}

impl Core {
    /// Whether a container is a reaper whose program ended by itself.
    pub(crate) fn is_to_reap(&self, record: &Record) -> bool {
        let life = record.life();
        let ended = life.row.state == State::Exited && life.row.exit.as_ref().is_some_and(|exit| exit.code == 0);
        record.settled.reaper && self.config.reaper && ended
    }

    /// Removes what a reaper was told. False: the engine ended before all was removed, and the next one goes on with it.
    pub(crate) async fn reap(self: &Arc<Self>, record: &Record) -> bool {
        // It neither starts again meanwhile nor is it removed.
        let _op = record.op.lock().await;
        if !self.is_to_reap(record) {
            return true;
        }
        let upper = self.upper(record.id);
        let read = {
            let upper = upper.clone();
            blocking(move || read(&upper).map_err(EngineError::io("read what the reaper noted"))).await
        };
        let sessions = match read {
            Ok(sessions) => sessions,
            Err(error) => {
                tracing::warn!(reaper = %record.id, %error, "nothing is reaped");
                return true;
            }
        };
        let doomed = Doomed { sessions, since: record.created };
        for _ in 0..TRIES {
            if doomed.sessions.is_empty() || self.remove_doomed(&doomed).await {
                break;
            }
            tokio::select! {
                () = self.ending.cancelled() => return false,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        let done = blocking(move || forget(&upper).map_err(EngineError::io("remove what the reaper noted"))).await;
        if let Err(error) = done {
            tracing::warn!(reaper = %record.id, %error, "it will be reaped again");
        }
        true
    }

    /// Containers first: networks, volumes and images are in use until they are gone. True: nothing is left.
    async fn remove_doomed(self: &Arc<Self>, doomed: &Doomed) -> bool {
        let (mut removed, mut left) = (0_usize, 0_usize);
        let mut count = |what: &str, name: &str, result: Result<(), EngineError>| match result {
            Ok(()) => removed += 1,
            // Somebody else removed it meanwhile.
            Err(error) if error.kind() == crate::ErrorKind::NotFound => {}
            Err(error) => {
                left += 1;
                tracing::warn!(what, name, %error, "not reaped");
            }
        };
        for target in self.containers.all() {
            if !target.settled.reaper && doomed.has(&self.labels(&target), target.created) {
                let name = target.id.to_string();
                let options = RemoveOptions { force: true, volumes: true };
                count("container", &name, Arc::clone(self).remove(target, options).await);
            }
        }
        for (network, _) in self.networks.all() {
            if !network.predefined && doomed.has(&network.labels, network.created) {
                count("network", &network.name, self.remove_network(&network.id));
            }
        }
        for (volume, _) in self.volumes.all() {
            if doomed.has(&volume.labels, volume.created) {
                count("volume", &volume.name, self.remove_volume(&volume.name, false));
            }
        }
        for image in self.images.images().unwrap_or_default() {
            if doomed.has(&image.config.labels, image.created.unwrap_or(Timestamp::UNIX_EPOCH)) {
                let name = image.id.to_string();
                let result = Arc::clone(self).remove_image(name.clone(), false).await;
                count("image", &name, result.map(drop));
            }
        }
        tracing::info!(removed, left, sessions = doomed.sessions.len(), "reaped");
        left == 0
    }
}

/// The file below the folder of what a container wrote; no link is followed.
fn open(upper: &Path) -> Result<Option<std::fs::File>, Errno> {
    let file = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = folder(upper).and_then(|folder| rustix::fs::openat(folder, NOTES, file, Mode::empty()));
    match opened {
        Ok(file) => Ok(Some(file.into())),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

fn folder(upper: &Path) -> Result<std::os::fd::OwnedFd, Errno> {
    rustix::fs::open(upper, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// What was noted. What is no filter of a session is left out here too.
fn read(upper: &Path) -> std::io::Result<Vec<Filter>> {
    let Some(file) = open(upper)? else { return Ok(Vec::new()) };
    if !file.metadata()?.is_file() {
        return Ok(Vec::new());
    }
    let mut bytes = Vec::new();
    file.take(NOTES_LIMIT).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let whole = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    Ok(whole.take(LINES_LIMIT).filter_map(|line| filter::parse(line).ok()).collect())
}

/// Notes that all is done.
fn forget(upper: &Path) -> std::io::Result<()> {
    match folder(upper).and_then(|folder| rustix::fs::unlinkat(folder, NOTES, AtFlags::empty())) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "label=org.testcontainers.session-id=x\n";

    #[test]
    fn what_was_noted_is_read_once() {
        let upper = tempfile::tempdir().unwrap();
        assert!(read(upper.path()).unwrap().is_empty());
        // A line that was broken off may name more than was meant.
        let text = format!("{LINE}nonsense\n{}", LINE.trim());
        std::fs::write(upper.path().join(NOTES), text).unwrap();
        let noted = read(upper.path()).unwrap();
        assert_eq!(
            noted.iter().map(|filter| &filter.labels[..]).collect::<Vec<_>>(),
            [["org.testcontainers.session-id=x"]]
        );
        forget(upper.path()).unwrap();
        assert!(read(upper.path()).unwrap().is_empty());
        forget(upper.path()).unwrap();
        assert!(read(&upper.path().join("nowhere")).unwrap().is_empty());
    }

    #[test]
    fn at_most_1024_lines_are_read_and_no_link_is_followed() {
        let upper = tempfile::tempdir().unwrap();
        let notes = upper.path().join(NOTES);
        std::fs::write(&notes, LINE.repeat(LINES_LIMIT + 1)).unwrap();
        assert_eq!(read(upper.path()).unwrap().len(), LINES_LIMIT);
        std::fs::rename(&notes, upper.path().join("aside")).unwrap();
        std::os::unix::fs::symlink("aside", &notes).unwrap();
        assert!(read(upper.path()).is_err());
        std::fs::remove_file(&notes).unwrap();
        std::fs::create_dir(&notes).unwrap();
        assert!(read(upper.path()).unwrap().is_empty());
    }

    #[test]
    fn what_has_all_labels_of_a_session_is_doomed() {
        let session = |labels: &[&str], guessable| Filter {
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            guessable,
        };
        let since = Timestamp::from_second(100).unwrap();
        let doomed = Doomed { sessions: vec![session(&["a=1", "b"], false), session(&["c=2"], true)], since };
        let has = |pairs: &[(&str, &str)], second: i64| {
            let labels = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            doomed.has(&labels, Timestamp::from_second(second).unwrap())
        };
        assert!(has(&[("a", "1"), ("b", "")], 99) && has(&[("c", "2"), ("a", "9")], 100));
        assert!(!has(&[("a", "1")], 100) && !has(&[("c", "3")], 100) && !has(&[], 100));
        // What anybody could name is safe if it was there before.
        assert!(!has(&[("c", "2")], 99));
    }
}
