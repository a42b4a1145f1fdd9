//! Removing images by docker's rules: a name goes, or with the last name the image.

use super::resolve::{full_id, short_id};
use super::{Store, StoreError, durable};
use crate::{Digest, Image, Reference};

/// A container that uses an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUse {
    /// The container's short id.
    pub container: String,
    /// It is running, so that not even force removes its image.
    pub running: bool,
}

/// What a removal did, in docker's words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoveReport {
    /// Familiar names that are gone.
    pub untagged: Vec<String>,
    /// Images and layers that are gone.
    pub deleted: Vec<Digest>,
}

/// What a prune freed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneReport {
    /// What was removed.
    pub removed: RemoveReport,
    /// Bytes freed.
    pub reclaimed: u64,
}

impl Store {
    /// Removes a name, or the image with its last name. `used_by` tells which containers use an image id; `force` is
    /// docker's: it takes all names of an image that stopped containers use, or by its id of one with several names. An
    /// image that containers use stays without a name until [`Store::prune`] finds it unused. `used_by` must not call
    /// what changes the store.
    ///
    /// # Errors
    /// There is no such image, or it is in use.
    pub fn remove(
        &self,
        name: &str,
        force: bool,
        used_by: &dyn Fn(&Digest) -> Vec<ImageUse>,
    ) -> Result<RemoveReport, StoreError> {
        let changing = self.changing.lock();
        let image = self.resolve(name)?;
        let uses = used_by(&image.id);
        let mut report = RemoveReport::default();
        let by_name = !is_id_of(name, &image);
        if by_name {
            if !force
                && single_name(&image)
                && let Some(user) = uses.first()
            {
                let (container, image) = (user.container.clone(), image.id.short());
                return Err(StoreError::NameInUse { name: name.to_owned(), container, image });
            }
            self.untag(name, &image, &mut report)?;
        } else {
            check_removal_by_id(name, &image, force, &uses)?;
            self.untag_all(&image.id, &mut report)?;
        }
        if !self.state.read().names_of(&image.id).is_empty() {
            return Ok(report);
        }
        match conflict(name, force, &uses) {
            // The name is gone as asked; the image stays for its containers.
            Some(_) if by_name => return Ok(report),
            Some(conflict) => return Err(conflict),
            // Forced while stopped containers use it: without a name now, but their files stay.
            None if !uses.is_empty() => return Ok(report),
            None => {}
        }
        self.delete(&image.id)?;
        drop(changing);
        report.deleted.push(image.id.clone());
        report.deleted.extend(self.collect()?.layers);
        Ok(report)
    }

    /// Removes those dangling images (or all unused ones) that are `wanted` gone, and collects content nothing refers
    /// to. `wanted` and `used` must not call what changes the store.
    ///
    /// # Errors
    /// The host's file system fails.
    pub fn prune(
        &self,
        all: bool,
        wanted: &dyn Fn(&Image) -> bool,
        used: &dyn Fn(&Digest) -> bool,
    ) -> Result<PruneReport, StoreError> {
        let mut removed = RemoveReport::default();
        {
            let _changing = self.changing.lock();
            for image in self.images()?.into_iter().filter(|image| wanted(image)) {
                let dangling = image.tags.is_empty() && image.repo_digests.is_empty();
                if (dangling || all) && !used(&image.id) && !self.pins.lock().holds(&image.id) {
                    self.untag_all(&image.id, &mut removed)?;
                    self.delete(&image.id)?;
                    removed.deleted.push(image.id.clone());
                }
            }
        }
        let collected = self.collect()?;
        removed.deleted.extend(collected.layers);
        Ok(PruneReport { removed, reclaimed: collected.bytes })
    }

    /// Removes the name that was given, and with a repository's last tag its digests.
    fn untag(&self, name: &str, image: &Image, report: &mut RemoveReport) -> Result<(), StoreError> {
        let given = name.parse::<Reference>()?;
        let given = match given.digest().cloned() {
            Some(digest) => given.at_digest(digest),
            None => given.or_latest(),
        };
        self.remove_name(&given, report)?;
        let left = self.state.read().names_of(&image.id);
        let same_repository = |name: &&Reference| name.same_repository(&given);
        if given.digest().is_none() && !left.iter().filter(same_repository).any(|name| name.digest().is_none()) {
            for name in left.iter().filter(same_repository) {
                self.remove_name(name, report)?;
            }
        }
        Ok(())
    }

    fn untag_all(&self, id: &Digest, report: &mut RemoveReport) -> Result<(), StoreError> {
        let names = self.state.read().names_of(id);
        names.iter().try_for_each(|name| self.remove_name(name, report))
    }

    fn remove_name(&self, name: &Reference, report: &mut RemoveReport) -> Result<(), StoreError> {
        let path = self.paths.name(name);
        durable::remove_file(&path).map_err(|error| StoreError::io("remove", &path, error))?;
        self.state.write().remove_name(name);
        report.untagged.push(name.familiar());
        Ok(())
    }

    pub(super) fn delete(&self, id: &Digest) -> Result<(), StoreError> {
        let path = self.paths.image(id);
        durable::remove_file(&path).map_err(|error| StoreError::io("remove", &path, error))?;
        self.state.write().remove_image(id);
        Ok(())
    }
}

/// True if the caller named the image by its id, short or not. A name of it that looks like one comes first.
fn is_id_of(name: &str, image: &Image) -> bool {
    let named = name.parse::<Reference>().is_ok_and(|name| image.tags.contains(&name.or_latest()));
    let is_id = full_id(name).is_some() || short_id(name).is_some_and(|digits| image.id.hex().starts_with(digits));
    is_id && !named
}

/// Docker counts digests of the same repository with its one tag.
fn single_name(image: &Image) -> bool {
    match (image.tags.as_slice(), image.repo_digests.as_slice()) {
        ([], digests) => digests.len() <= 1,
        ([tag], digests) => digests.iter().all(|digest| digest.same_repository(tag)),
        _ => false,
    }
}

fn check_removal_by_id(name: &str, image: &Image, force: bool, uses: &[ImageUse]) -> Result<(), StoreError> {
    if let Some(conflict) = conflict(name, force, uses) {
        return Err(conflict);
    }
    match force || single_name(image) {
        true => Ok(()),
        false => Err(StoreError::InUse {
            name: name.to_owned(),
            why: "(must be forced) - image is referenced in multiple repositories".to_owned(),
        }),
    }
}

/// What forbids to delete an image with these users.
fn conflict(name: &str, force: bool, uses: &[ImageUse]) -> Option<StoreError> {
    let why = match (uses.iter().find(|user| user.running), uses.first()) {
        (Some(user), _) => {
            format!("(cannot be forced) - image is being used by running container {}", user.container)
        }
        (None, Some(user)) if !force => {
            format!("(must be forced) - image is being used by stopped container {}", user.container)
        }
        _ => return None,
    };
    Some(StoreError::InUse { name: name.to_owned(), why })
}
