//! What clients send to the daemon: create bodies, filters, credentials, sizes and times; and the streams that the CLI reads.

use bytes::BytesMut;
use sprat_docker_api::{
    CreateRequest, DetachKeys, Filters, FrameDecoder, RegistryAuth, encode, parse_duration, parse_size, parse_time,
};

/// Reads `bytes` as each of them. Filters and credentials print and parse to the same; frames come whole however they
/// arrive.
///
/// # Panics
/// They do not.
pub fn check(bytes: &[u8]) {
    frames(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = serde_json::from_str::<CreateRequest>(text);
    if let Ok(filters) = Filters::parse(text) {
        let _ = filters.get_bool("dangling");
        let map = filters.into_map();
        let printed = serde_json::to_string(&map).unwrap_or_default();
        assert_eq!(Filters::parse(&printed).map(Filters::into_map), Ok(map));
    }
    if let Ok(auth) = RegistryAuth::from_header(text) {
        assert_eq!(RegistryAuth::from_header(&auth.to_header()), Ok(auth));
    }
    let _ = RegistryAuth::map_from_header(text);
    let _ = (parse_size(text), parse_duration(text), parse_time(text, jiff::Timestamp::UNIX_EPOCH));
    if let Ok(mut keys) = DetachKeys::parse(text) {
        let _ = keys.feed(&bytes.to_vec().into());
    }
}

fn frames(bytes: &[u8]) {
    let mut whole = FrameDecoder::default();
    whole.push(bytes);
    let mut slowly = FrameDecoder::default();
    let mut sent = bytes.iter();
    while let Ok(Some(frame)) = whole.next_frame() {
        let mut wire = BytesMut::new();
        encode(frame.stream, &frame.data, &mut wire);
        let mut again = FrameDecoder::default();
        again.push(&wire);
        assert!(frame.data.is_empty() || again.next_frame() == Ok(Some(frame.clone())));
        let seen = loop {
            match slowly.next_frame() {
                Ok(None) => slowly.push(sent.next().map_or(&[], std::slice::from_ref)),
                other => break other,
            }
        };
        assert_eq!(seen, Ok(Some(frame)));
    }
}
