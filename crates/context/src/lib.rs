//! Build contexts: the patterns of `.dockerignore`, walking a folder, packing it as a tar.
//!
//! Both ends of a build need the same rules: the CLI when it packs a folder, the builder when it reads what a client
//! sent.
