//! The parts of a reference, as the grammar of the distribution project has them.

/// Longest reference in bytes that is looked at.
pub(super) const MAX_REFERENCE_LEN: usize = 1024;
/// Longest repository name in bytes, as docker limits it.
pub(super) const MAX_REPOSITORY_LEN: usize = 255;
/// Longest registry in bytes: a DNS name with a port.
const MAX_REGISTRY_LEN: usize = 260;
/// Longest tag in bytes, as docker limits it.
const MAX_TAG_LEN: usize = 128;
/// Digits of an image id.
const ID_DIGITS: usize = 64;

/// True for 64 lower-case hexadecimal digits, which always mean an image id.
pub(super) fn is_identifier(text: &str) -> bool {
    text.len() == ID_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A DNS name, an IPv4 address or an IPv6 address in brackets, with or without a port.
pub(super) fn is_registry(text: &str) -> bool {
    if text.len() > MAX_REGISTRY_LEN {
        return false;
    }
    let (host, port) = match text.rfind(':') {
        Some(colon) if !text.ends_with(']') => match text.split_at_checked(colon) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => return false,
        },
        _ => (text, None),
    };
    let port_fits = port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    port_fits && is_host(host)
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':'),
        None => host.split('.').all(is_label),
    }
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Lower-case parts joined by `/`.
pub(super) fn is_repository(text: &str) -> bool {
    text.len() <= MAX_REPOSITORY_LEN && text.split('/').all(is_path_part)
}

/// Letters and digits, joined by one `.`, one or two `_`, or any number of `-`.
fn is_path_part(part: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    let ends_fit = bytes.first().copied().is_some_and(is_word) && bytes.last().copied().is_some_and(is_word);
    ends_fit
        && bytes
            .chunk_by(|left, right| is_word(*left) == is_word(*right))
            .all(|run| run.iter().copied().all(is_word) || is_separator(run))
}

fn is_separator(run: &[u8]) -> bool {
    matches!(run, b"." | b"_" | b"__") || run.iter().all(|byte| *byte == b'-')
}

/// A letter, digit or `_`, then up to 127 of these, `.` and `-`.
pub(super) fn is_tag(tag: &str) -> bool {
    tag.len() <= MAX_TAG_LEN
        && !tag.is_empty()
        && !tag.starts_with(['.', '-'])
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}
