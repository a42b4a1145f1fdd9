//! Manifests and indexes from a registry.

#![cfg_attr(fuzzing, no_main)]

sprat_fuzz::target!(sprat_fuzz::manifest::check);
