//! Image names.

use sprat_image::Reference;

/// What parses prints and parses again to the same, in all its forms.
///
/// # Panics
/// It does not.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(reference) = text.parse::<Reference>() else { return };
    for printed in [reference.to_string(), reference.familiar()] {
        assert_eq!(printed.parse(), Ok(reference.clone()), "{printed:?}");
    }
    let name = reference.familiar_name();
    assert!(name.parse::<Reference>().is_ok_and(|other| other.same_repository(&reference)), "{name:?}");
    let complete = reference.clone().or_latest();
    assert!(complete.tag().is_some() || complete.digest().is_some());
    assert_eq!(complete.without_digest().digest(), None);
}
