//! The gate: the one place through which every start goes. It allows all until trust exists.
//!
//! A guest can only be launched with a [`Permit`], and only [`check`] makes one.

use crate::EngineError;

/// What is about to run.
#[derive(Debug)]
pub(crate) struct Candidate<'a> {
    /// SHA-256 of the program, hexadecimal.
    pub(crate) program: &'a str,
    /// The image it comes from.
    pub(crate) image: &'a sprat_image::Digest,
}

/// Leave to launch one program.
#[derive(Debug)]
pub(crate) struct Permit(());

/// Judges a start.
///
/// # Errors
/// None yet: there is no policy to refuse by.
#[expect(clippy::unnecessary_wraps, reason = "callers are written for the policy to come")]
pub(crate) fn check(candidate: &Candidate<'_>) -> Result<Permit, EngineError> {
    tracing::trace!(program = candidate.program, image = %candidate.image, "allowed");
    Ok(Permit(()))
}
