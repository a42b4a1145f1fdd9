//! Dockerfiles, and the lines that commit and import take.

use sprat_image::ImageConfig;
use sprat_image::dockerfile::{Dockerfile, Instruction, MAX_STAGES, MAX_STEPS, apply_change, apply_changes};

/// Parses `bytes` as a Dockerfile; each of its instructions is applied to a configuration. Instructions that print on
/// one line mean the same when they are read again.
///
/// # Panics
/// They do not, or a limit was passed.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut config = ImageConfig::default();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let _ = apply_changes(&mut config, &lines);
    let Ok(file) = Dockerfile::parse(text) else { return };
    assert!((1..=MAX_STAGES).contains(&file.stages.len()));
    assert!(file.stages.iter().map(|stage| stage.steps.len()).sum::<usize>() <= MAX_STEPS);
    for step in file.stages.iter().flat_map(|stage| &stage.steps) {
        let _ = apply_change(&mut config, &step.text);
        prints(&step.instruction);
    }
    let _ = config.check();
}

/// Instructions whose parts print as JSON or as single words read back as they were.
fn prints(instruction: &Instruction) {
    let printed = instruction.to_string();
    if let Instruction::Volume(_) | Instruction::Shell(_) | Instruction::Expose(_) = instruction {
        let again = Dockerfile::parse(&format!("FROM scratch\n{printed}\n"));
        let first = again.as_ref().ok().and_then(|file| file.stages.first()?.steps.first());
        assert_eq!(first.map(|step| &step.instruction), Some(instruction), "{printed:?}");
    }
}
