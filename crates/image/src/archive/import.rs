//! `docker import`: a root file system becomes an image.

use std::io::Read;

use jiff::Timestamp;

use super::changes::apply_line;
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
    for line in changes {
        apply_line(&mut config, line).map_err(|reason| StoreError::invalid(format!("change {line:?}"), reason))?;
    }
    let _held = store.hold_new_layers();
    let mut tar = decompress(from).map_err(|error| StoreError::invalid("archive", error))?;
    let layer = store.add_layer(&mut tar)?;
    let history =
        HistoryEntry { created: Some(Timestamp::now()), comment: message.to_owned(), ..HistoryEntry::default() };
    let tags: Vec<Reference> = tag.into_iter().collect();
    Ok(store.create(&config, &[layer], &[history], &tags)?.id.clone())
}
