//! What users read: tables, templates, progress. Standard output is data, standard error is for people.

pub(crate) mod build;
pub(crate) mod progress;
pub(crate) mod rows;
pub(crate) mod template;
