//! The wasm front door: binaries and text.

use std::sync::LazyLock;

use sprat_program::{
    Description, Encoding, EngineOptions, ProgramError, Variant, Wasi, describe, engine, is_text, survey, to_binary,
};
use wasmtime::{Engine, Module};

/// The engine that accepts most.
static ENGINE: LazyLock<Result<Engine, ProgramError>> =
    LazyLock::new(|| engine(Variant { interruptible: false, concurrent: true }, EngineOptions::COMPILER));

/// Describes `bytes`, or what they become as text. What is described is what the engine accepts.
///
/// # Panics
/// It is not, or the description contradicts itself.
pub fn check(bytes: &[u8]) {
    look_at(bytes);
    if is_text(bytes)
        && let Ok(binary) = to_binary(bytes)
    {
        assert!(!is_text(&binary));
        look_at(&binary);
    }
}

fn look_at(binary: &[u8]) {
    let surveyed = survey(binary);
    match (describe(binary), surveyed) {
        (Ok(description), Ok(surveyed)) => {
            assert_eq!(description, surveyed);
            assert!(description.imports.iter().all(|import| import.offered));
            accepted(&description, binary);
        }
        (Err(_), Ok(surveyed)) => accepted(&surveyed, binary),
        (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) => panic!("what is described can't be surveyed: {error}"),
    }
}

fn accepted(description: &Description, binary: &[u8]) {
    assert_eq!(description.size, binary.len() as u64);
    assert!(description.code_size + description.data_size <= description.size);
    assert!(description.encoding == Encoding::Component || description.wasi <= Wasi::P1);
    let again = serde_json::to_vec(description).and_then(|text| serde_json::from_slice::<Description>(&text));
    assert!(again.is_ok_and(|again| again == *description), "a description does not read back from the cache");
    if let (Encoding::Core, Ok(engine)) = (description.encoding, &*ENGINE) {
        let validated = Module::validate(engine, binary);
        assert!(validated.is_ok(), "the engine refuses what the front door accepts: {validated:?}");
    }
}
