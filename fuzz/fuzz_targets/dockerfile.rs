//! Dockerfiles, and the lines that commit and import take.

#![cfg_attr(fuzzing, no_main)]

sprat_fuzz::target!(sprat_fuzz::dockerfile::check);
