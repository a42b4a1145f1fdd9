//! Update: what may change about a container that exists.

use std::sync::Arc;

use crate::core::Core;
use crate::record::Record;
use crate::{EngineError, RestartPolicy};

/// What is to change; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// What happens after an exit.
    pub restart: Option<RestartPolicy>,
    /// Memory limit in bytes.
    pub memory_bytes: Option<u64>,
    /// CPU limit in thousandths of one CPU; 0 is none.
    pub cpu_millis: Option<u32>,
    /// What the door wants to see again from now on.
    pub door_data: Option<String>,
}

impl Core {
    /// Changes a container. The restart policy takes effect at once, limits at the next start: a running guest's can't be
    /// changed, so asking for that is refused.
    pub(crate) async fn update(self: Arc<Self>, record: Arc<Record>, update: Update) -> Result<(), EngineError> {
        let _op = record.op.lock().await;
        record.refuse_if_removed()?;
        let old = record.terms();
        let (mut spec, mut limits) = ((*old.spec).clone(), old.limits.clone());
        if let Some(restart) = update.restart {
            if spec.auto_remove && restart != RestartPolicy::No {
                return Err(EngineError::Invalid(format!(
                    "Restart policy cannot be updated because AutoRemove is enabled for the container {}",
                    record.id
                )));
            }
            spec.restart = restart;
        }
        if let Some(memory) = update.memory_bytes {
            spec.memory_bytes = Some(memory);
            limits.memory_bytes = memory;
        }
        if let Some(cpu) = update.cpu_millis {
            spec.cpu_millis = Some(cpu).filter(|cpu| *cpu > 0);
            limits.cpu_millis = cpu;
        }
        if limits != old.limits && record.life().row.state.is_live() {
            return Err(EngineError::State {
                message: format!(
                    "Cannot update container {}: the memory and CPU limits of a running guest are fixed at its start: stop \
                     it, update it, and start it again (its restart policy can be updated at any time)",
                    record.id
                ),
            });
        }
        let mut settled = record.settled.clone();
        settled.limits = limits.clone();
        self.store.update_container(record.id, &spec, &settled, update.door_data.as_deref())?;
        record.agree(spec, limits);
        self.tell(&record, "update", &[]);
        Ok(())
    }
}
