//! Layers: an untrusted tar stream becomes a folder with `index` (names, kinds, owners, modes, links, whiteouts) and
//! `data` (the files' bytes, one after the other); and back.
