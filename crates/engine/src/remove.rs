//! Remove, rename and prune.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::core::{Core, blocking};
use crate::record::Record;
use crate::state::Input;
use crate::volumes::{remove_tree, tree_size};
use crate::{ContainerId, EngineError, EventKind, RemoveOptions, exits, filter, name};

impl Core {
    /// Removes a container.
    pub(crate) async fn remove(
        self: Arc<Self>,
        record: Arc<Record>,
        options: RemoveOptions,
    ) -> Result<(), EngineError> {
        let _op = record.op.lock().await;
        if options.force {
            self.kill_for_removal(&record).await?;
        }
        let stepped = {
            let mut life = record.life();
            life.row.state.step(Input::Remove).map(|(state, _)| {
                life.row.state = state;
                life.row.with_volumes = options.volumes;
                (life.place.take(), record.guest_id(life.row.run + 1))
            })
        };
        // A place is left if somebody attached to a next run.
        if let (Some(place), guest) = stepped.map_err(|refusal| record.refused(refusal))? {
            exits::vacate(place, guest);
        }
        self.persist(&record);
        self.delete(&record, options.volumes).await
    }

    /// Removes what is left of a container in the state `Removing`.
    pub(crate) async fn delete(self: &Arc<Self>, record: &Arc<Record>, volumes: bool) -> Result<(), EngineError> {
        let sole = |name: &String| self.volumes.is_sole_user(name, record.id);
        let gone: Vec<String> = if volumes {
            record.settled.anonymous.iter().filter(|name| sole(name)).cloned().collect()
        } else {
            Vec::new()
        };
        let folder = self.folder(record.id);
        let removed = blocking(move || match fs_err::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(EngineError::Io { action: "remove the container's folder".to_owned(), source: error })
            }
            _ => Ok(()),
        })
        .await
        .and_then(|()| self.store.remove_container(record.id, &gone));
        if let Err(error) = removed {
            let mut life = record.life();
            if let Ok((state, _)) = life.row.state.step(Input::RemoveFailed) {
                life.row.state = state;
            }
            life.row.error = error.to_string();
            drop(life);
            self.persist(record);
            return Err(error);
        }
        for mount in record.settled.mounts.iter().filter(|mount| mount.kind == "volume") {
            self.volumes.release(&mount.name, record.id);
        }
        for name in &gone {
            self.volumes.drop_anonymous(name);
        }
        self.release_endpoints(record);
        self.containers.remove(record);
        self.tell(record, "destroy", &[]);
        let mut life = record.life();
        if let Ok((state, _)) = life.row.state.step(Input::Removed) {
            life.row.state = state;
        }
        life.wake_removed();
        Ok(())
    }

    /// Gives a container another name.
    pub(crate) async fn rename(self: Arc<Self>, record: Arc<Record>, new: String) -> Result<(), EngineError> {
        if new.is_empty() {
            return Err(EngineError::Invalid("Neither old nor new names may be empty".to_owned()));
        }
        let new: Arc<str> = name::check(&new)?.into();
        let _op = record.op.lock().await;
        record.refuse_if_removed()?;
        let old = record.name();
        if old == new {
            let text = "Renaming a container with the same name as its current name".to_owned();
            return Err(EngineError::Invalid(text));
        }
        self.containers.take_name(&new, record.id)?;
        if let Err(error) = self.store.rename(record.id, &new) {
            self.containers.free_name(&new, record.id);
            return Err(error);
        }
        record.life().name = new;
        self.containers.free_name(&old, record.id);
        self.renamed(&record).await;
        self.tell(&record, "rename", &[("oldName", format!("/{old}"))]);
        Ok(())
    }

    /// Removes containers that don't run.
    pub(crate) async fn prune_containers(
        self: Arc<Self>,
        filters: BTreeMap<String, Vec<String>>,
    ) -> Result<(Vec<ContainerId>, u64), EngineError> {
        let wanted = filter::Prune::parse(&filters)?;
        let (mut ids, mut bytes) = (Vec::new(), 0);
        for record in self.containers.all() {
            let over = {
                let state = record.life().row.state;
                !state.is_live() && state != crate::state::State::Restarting
            };
            if !over || !wanted.matches(record.created, &self.labels(&record)) {
                continue;
            }
            let folder = self.folder(record.id);
            let size = blocking(move || Ok::<u64, EngineError>(tree_size(&folder))).await?;
            if Arc::clone(&self).remove(Arc::clone(&record), RemoveOptions::default()).await.is_ok() {
                ids.push(record.id);
                bytes += size;
            }
        }
        self.tell_prune(EventKind::Container, bytes);
        Ok((ids, bytes))
    }

    /// Sweeps folders of containers that are not in the store: creations and removals that were broken off.
    pub(crate) fn sweep_containers(&self) {
        let Ok(entries) = fs_err::read_dir(self.config.root.join("containers")) else { return };
        for entry in entries.flatten() {
            let id = entry.file_name().to_str().and_then(|name| name.parse().ok());
            if id.is_some_and(|id: ContainerId| self.containers.by_id(&id).is_none()) {
                remove_tree(&entry.path());
            }
        }
    }
}
