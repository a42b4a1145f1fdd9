//! Compose files.

#![cfg_attr(fuzzing, no_main)]

sprat_fuzz::target!(sprat_fuzz::compose::check);
