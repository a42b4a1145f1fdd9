//! Writes the seeds of each target into `corpus/TARGET`, where cargo-fuzz looks for them.

use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    for target in sprat_fuzz::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
        std::fs::create_dir_all(&folder)?;
        for (name, bytes) in sprat_fuzz::seeds::of(target)? {
            std::fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}
