//! [`Containers`]: all containers by id, short id and name. No operation on one container scans the others.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::RwLock;
use sprat_image::Digest;

use crate::record::Record;
use crate::{ContainerId, EngineError};

/// All containers by id, short id and name.
#[derive(Debug, Default)]
pub(crate) struct Containers(RwLock<Maps>);

#[derive(Debug, Default)]
struct Maps {
    ids: BTreeMap<ContainerId, Arc<Record>>,
    /// Names, also of containers that are being made.
    names: HashMap<Arc<str>, ContainerId>,
    /// Images of containers that are being made.
    making: HashMap<ContainerId, Digest>,
}

/// Notes that a container is being made of an image, while it lives.
#[derive(Debug)]
pub(crate) struct Making<'a>(&'a Containers, ContainerId);

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.0.0.write().making.remove(&self.1);
    }
}

impl Containers {
    /// Takes a name for a container.
    ///
    /// # Errors
    /// Another has it.
    pub(crate) fn take_name(&self, name: &Arc<str>, id: ContainerId) -> Result<(), EngineError> {
        let mut maps = self.0.write();
        if let Some(holder) = maps.names.get(name) {
            return Err(EngineError::NameTaken { name: name.to_string(), holder: holder.to_string() });
        }
        maps.names.insert(Arc::clone(name), id);
        Ok(())
    }

    /// Gives a name back, if it is this container's.
    pub(crate) fn free_name(&self, name: &str, id: ContainerId) {
        let mut maps = self.0.write();
        if maps.names.get(name) == Some(&id) {
            maps.names.remove(name);
        }
    }

    /// Notes that a container is being made of an image.
    pub(crate) fn making(&self, id: ContainerId, image: Digest) -> Making<'_> {
        self.0.write().making.insert(id, image);
        Making(self, id)
    }

    /// Containers of an image with their records, which those that are being made don't have yet.
    pub(crate) fn of_image(&self, image: &Digest) -> Vec<(ContainerId, Option<Arc<Record>>)> {
        let maps = self.0.read();
        let made = maps.ids.values().filter(|record| record.facts.data.id == *image);
        let made = made.map(|record| (record.id, Some(Arc::clone(record))));
        let making = maps.making.iter().filter(|(id, of)| *of == image && !maps.ids.contains_key(*id));
        made.chain(making.map(|(id, _)| (*id, None))).collect()
    }

    /// Adds a container whose name was taken.
    pub(crate) fn add(&self, record: Arc<Record>) {
        self.0.write().ids.insert(record.id, record);
    }

    /// Takes a container out, with its name.
    pub(crate) fn remove(&self, record: &Record) {
        let name = record.name();
        self.0.write().ids.remove(&record.id);
        self.free_name(&name, record.id);
    }

    /// The container with this id.
    pub(crate) fn by_id(&self, id: &ContainerId) -> Option<Arc<Record>> {
        self.0.read().ids.get(id).cloned()
    }

    /// The container with this id, name (with or without `/`) or unique short id, in docker's order.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub(crate) fn find(&self, name: &str) -> Result<Arc<Record>, EngineError> {
        let maps = self.0.read();
        let none = || EngineError::NoSuchContainer(name.to_owned());
        if let Some(record) = name.parse().ok().and_then(|id: ContainerId| maps.ids.get(&id)) {
            return Ok(Arc::clone(record));
        }
        let plain = name.strip_prefix('/').unwrap_or(name);
        if let Some(record) = maps.names.get(plain).and_then(|id| maps.ids.get(id)) {
            return Ok(Arc::clone(record));
        }
        let mut found = maps.ids.range(ContainerId::range(name).ok_or_else(none)?);
        let (_, first) = found.next().ok_or_else(none)?;
        match found.next() {
            Some(_) => Err(EngineError::AmbiguousContainer(name.to_owned())),
            None => Ok(Arc::clone(first)),
        }
    }

    /// All of them, in the order of their ids.
    pub(crate) fn all(&self) -> Vec<Arc<Record>> {
        self.0.read().ids.values().cloned().collect()
    }
}
