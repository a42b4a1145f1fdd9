//! What clients send to the daemon: create bodies, filters, credentials; and the streams that the CLI reads.

#![cfg_attr(fuzzing, no_main)]

sprat_fuzz::target!(sprat_fuzz::api::check);
