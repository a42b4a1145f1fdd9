//! `docker import`: a root file system becomes an image.

use std::io::Read;

use jiff::Timestamp;

use crate::dockerfile::apply_changes;
use crate::layer::decompress;
use crate::{Digest, HistoryEntry, ImageConfig, Reference, Store, StoreError};

pub(super) fn import(
    store: &Store,
    from: impl Read,
    tag: Option<Reference>,
    message: &str,
    changes: &[String],
) -> Result<Digest, StoreError> {
    let mut config = ImageConfig::default();
    apply_changes(&mut config, changes).map_err(|error| StoreError::invalid("change", error))?;
    let _held = store.hold_new_layers();
    let mut tar = decompress(from).map_err(|error| StoreError::invalid("archive", error))?;
    let layer = store.add_layer(&mut tar)?;
    let history =
        HistoryEntry { created: Some(Timestamp::now()), comment: message.to_owned(), ..HistoryEntry::default() };
    let tags: Vec<Reference> = tag.into_iter().collect();
    Ok(store.create(&config, &[layer], &[history], &tags)?.id.clone())
}
