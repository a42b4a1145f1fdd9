//! `.dockerignore` files, and the patterns of COPY.

#![cfg_attr(fuzzing, no_main)]

sprat_fuzz::target!(sprat_fuzz::dockerignore::check);
