//! `cargo xtask bench`: figures measured side by side in one run.

use anyhow::Result;

pub(crate) fn run(_names: &[&str]) -> Result<()> {
    Ok(())
}
