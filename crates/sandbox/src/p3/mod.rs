//! WASI 0.3: likewise.
