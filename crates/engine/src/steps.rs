//! [`Steps`]: RUN steps of builds under way, and who waits for the exit of each.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use sprat_sandbox::{Exit, FilesSpec};
use tokio::sync::oneshot;

use crate::facts::ImageFacts;

/// RUN steps under way, by the worker's name for their guest.
#[derive(Debug, Default)]
pub(crate) struct Steps(Mutex<HashMap<String, Waiting>>);

#[derive(Debug)]
struct Waiting {
    worker: String,
    place: Arc<StepPlace>,
    exit: oneshot::Sender<Exit>,
}

/// Where a step runs: what its programs see, for those that they start.
#[derive(Debug)]
pub(crate) struct StepPlace {
    pub(crate) files: FilesSpec,
    pub(crate) facts: Arc<ImageFacts>,
}

/// The exit of a step, when it comes. Dropping it forgets the step.
#[derive(Debug)]
pub(crate) struct StepExit {
    steps: Arc<Steps>,
    guest: String,
    exit: oneshot::Receiver<Exit>,
}

impl Steps {
    /// Waits for the exit of a guest that is about to be started.
    pub(crate) fn expect(self: &Arc<Self>, worker: &str, guest: &str, place: Arc<StepPlace>) -> StepExit {
        let (sender, exit) = oneshot::channel();
        self.0.lock().insert(guest.to_owned(), Waiting { worker: worker.to_owned(), place, exit: sender });
        StepExit { steps: Arc::clone(self), guest: guest.to_owned(), exit }
    }

    /// Where a step runs; `None` if the guest is no step.
    pub(crate) fn place_of(&self, guest: &str) -> Option<Arc<StepPlace>> {
        self.0.lock().get(guest).map(|waiting| Arc::clone(&waiting.place))
    }

    /// A guest ended. False: it is no step that anybody waits for.
    pub(crate) fn ended(&self, guest: &str, exit: &Exit) -> bool {
        let Some(waiting) = self.0.lock().remove(guest) else { return false };
        // The build may be given up at this moment.
        let _ = waiting.exit.send(exit.clone());
        true
    }

    /// A worker is gone, and its steps with it.
    pub(crate) fn lost(&self, worker: &str) {
        self.0.lock().retain(|_, waiting| waiting.worker != worker);
    }
}

impl StepExit {
    /// The exit; `None` if the worker was lost.
    pub(crate) async fn get(mut self) -> Option<Exit> {
        (&mut self.exit).await.ok()
    }
}

impl Drop for StepExit {
    fn drop(&mut self) {
        self.steps.0.lock().remove(&self.guest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::ImageData;

    fn place() -> Arc<StepPlace> {
        let data = ImageData {
            id: format!("sha256:{}", "0".repeat(64)).parse().unwrap(),
            architecture: String::new(),
            os: String::new(),
            config: sprat_image::ImageConfig::default(),
            layers: Vec::new(),
            diff_ids: Vec::new(),
        };
        Arc::new(StepPlace { files: FilesSpec::default(), facts: Arc::new(ImageFacts::new(data, None)) })
    }

    #[tokio::test]
    async fn an_exit_reaches_its_step_and_no_other() {
        let steps = Arc::new(Steps::default());
        let (bass, cod) = (steps.expect("w1", "bass", place()), steps.expect("w1", "cod", place()));
        assert!(steps.ended("cod", &Exit::Code(3)));
        assert!(!steps.ended("cod", &Exit::Code(4)), "told once");
        assert_eq!(cod.get().await, Some(Exit::Code(3)));
        assert!(steps.ended("bass", &Exit::Code(0)));
        assert_eq!(bass.get().await, Some(Exit::Code(0)));
    }

    #[tokio::test]
    async fn a_lost_worker_ends_the_wait_of_its_steps_alone() {
        let steps = Arc::new(Steps::default());
        let (lost, kept) = (steps.expect("w1", "bass", place()), steps.expect("w2", "cod", place()));
        steps.lost("w1");
        assert_eq!(lost.get().await, None);
        steps.ended("cod", &Exit::Code(0));
        assert_eq!(kept.get().await, Some(Exit::Code(0)));
    }

    #[test]
    fn a_build_that_is_given_up_leaves_nothing() {
        let steps = Arc::new(Steps::default());
        drop(steps.expect("w1", "bass", place()));
        assert!(steps.0.lock().is_empty());
    }
}
