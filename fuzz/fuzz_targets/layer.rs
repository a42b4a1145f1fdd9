//! Layers from a registry, compressed or not.

#![cfg_attr(fuzzing, no_main)]

sprat_fuzz::target!(sprat_fuzz::layer::check);
