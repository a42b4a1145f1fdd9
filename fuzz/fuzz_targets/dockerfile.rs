//! Dockerfiles, and the lines that commit and import take.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = sprat_image::dockerfile::Dockerfile::parse(text);
    let _ = sprat_image::dockerfile::apply_change(&mut sprat_image::ImageConfig::default(), text);
});
