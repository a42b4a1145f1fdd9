//! Finding images as docker does: by name, by id, by short id.

use std::sync::Arc;

use super::{Lease, Store, StoreError};
use crate::{Digest, Image, Reference};

impl Store {
    /// The image with this name, id or unique short id (as docker resolves them).
    ///
    /// # Errors
    /// There is none, or more than one.
    pub fn resolve(&self, name: &str) -> Result<Arc<Image>, StoreError> {
        let state = self.state.read();
        let image = |id: &Digest| state.images.get(id).map(|known| Arc::clone(&known.image));
        if let Some(id) = full_id(name) {
            return image(&id).ok_or_else(|| StoreError::NotFound(name.to_owned()));
        }
        let reference = name.parse::<Reference>()?;
        let wanted = match reference.digest() {
            // A digest decides; a tag beside it is for people.
            Some(digest) => reference.at_digest(digest.clone()),
            None => reference.clone().or_latest(),
        };
        if let Some(found) = state.names.get(&wanted).and_then(image) {
            return Ok(found);
        }
        let mut by_short_id = short_id(name).into_iter().flat_map(|digits| ids_with(&state.ids, digits));
        match (by_short_id.next(), by_short_id.next()) {
            (Some(_), Some(_)) => Err(StoreError::Ambiguous(name.to_owned())),
            (Some(id), None) => image(id).ok_or_else(|| StoreError::NotFound(name.to_owned())),
            (None, _) => Err(StoreError::NotFound(reference.or_latest().familiar())),
        }
    }

    /// As [`Store::resolve`], with a lease that keeps the image's content. A removal that was under way is over when this
    /// returns: either it took the image, or the next one sees whoever was noted as a user before this call.
    ///
    /// # Errors
    /// As [`Store::resolve`].
    pub fn lease(&self, name: &str) -> Result<(Arc<Image>, Lease), StoreError> {
        let id = self.resolve(name)?.id.clone();
        let needs = self.state.read().images.get(&id).map(|known| known.record.needs(&id)).unwrap_or_default();
        let lease = self.pins.lease(needs);
        // It may have been removed before the lease was there, or may be just now.
        let _changing = self.changing.lock();
        match self.state.read().images.get(&id) {
            Some(known) => Ok((Arc::clone(&known.image), lease)),
            None => Err(StoreError::NotFound(name.to_owned())),
        }
    }
}

/// A whole image id, with or without `sha256:`.
pub(super) fn full_id(text: &str) -> Option<Digest> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    format!("sha256:{digits}").parse().ok()
}

/// The digits of a short image id.
pub(super) fn short_id(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let fits = (1..64).contains(&digits.len()) && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    fits.then_some(digits)
}

fn ids_with<'a>(ids: &'a std::collections::BTreeSet<Digest>, digits: &'a str) -> impl Iterator<Item = &'a Digest> {
    let first = format!("sha256:{digits:0<64}").parse::<Digest>().ok();
    let from = first.map(|first| ids.range(first..)).into_iter().flatten();
    from.take_while(move |id| id.hex().starts_with(digits))
}
