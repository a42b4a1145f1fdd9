//! Image names: what parses prints and parses again to the same.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(reference) = text.parse::<sprat_image::Reference>() {
        assert_eq!(reference.to_string().parse(), Ok(reference));
    }
});
