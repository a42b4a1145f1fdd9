//! The file view: what a guest sees as `/`.
//!
//! Image layers below, provided files over them, an upper folder that appears at the first write, mounts over all.
//! No path leaves its mount, whatever links or `..` say.
