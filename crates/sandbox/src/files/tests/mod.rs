//! Tests of the file view.
