use proptest::prelude::*;

use super::*;

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

#[test]
fn names_are_normalised_as_docker_does() {
    for (text, canonical, familiar) in [
        ("hello", "docker.io/library/hello", "hello"),
        ("hello:1.0", "docker.io/library/hello:1.0", "hello:1.0"),
        ("library/hello", "docker.io/library/hello", "hello"),
        ("docker.io/hello", "docker.io/library/hello", "hello"),
        ("index.docker.io/hello", "docker.io/library/hello", "hello"),
        ("me/hello", "docker.io/me/hello", "me/hello"),
        ("localhost/hello", "localhost/hello", "localhost/hello"),
        ("localhost:5000/a/b__c--d.e:T_1", "localhost:5000/a/b__c--d.e:T_1", "localhost:5000/a/b__c--d.e:T_1"),
        ("[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x"),
        ("[2001:db8::1]/x", "[2001:db8::1]/x", "[2001:db8::1]/x"),
        ("HOST/x", "HOST/x", "HOST/x"),
        ("docker.io/a.b/c", "docker.io/a.b/c", "docker.io/a.b/c"),
    ] {
        let reference: Reference = text.parse().expect(text);
        assert_eq!(reference.to_string(), canonical, "{text}");
        assert_eq!(reference.familiar(), familiar, "{text}");
    }
}

#[test]
fn a_tag_and_a_digest_may_stand_together() {
    let reference: Reference = format!("x:1@{DIGEST}").parse().expect("valid");
    assert_eq!(reference.tag(), Some("1"));
    assert_eq!(reference.digest().map(ToString::to_string).as_deref(), Some(DIGEST));
    assert_eq!(reference.clone().or_latest(), reference);
    assert_eq!(reference.familiar_name(), "x");
}

#[test]
fn latest_is_added_only_to_a_bare_name() {
    let latest = |text: &str| text.parse::<Reference>().expect(text).or_latest().familiar();
    assert_eq!(latest("x"), "x:latest");
    assert_eq!(latest("x:1"), "x:1");
    assert_eq!(latest(&format!("x@{DIGEST}")), format!("x@{DIGEST}"));
}

#[test]
fn what_is_outside_the_grammar_is_refused() {
    let long = "a".repeat(256);
    let long_tag = format!("x:{}", "a".repeat(129));
    for text in [
        "",
        "/",
        "x/",
        "/x",
        "a//b",
        "x:",
        ":x",
        "x@",
        "x@sha256:12",
        "x y",
        "x\0",
        "-x",
        "x-",
        "x..y",
        "x___y",
        "x._y",
        "a:b:c",
        "x:-1",
        "x:.1",
        "localhost:/x",
        "localhost:5a/x",
        "[::1/x",
        "[]/x",
        "[g::1]/x",
        "-a.b/x",
        "a..b/x",
        "é",
        "x:é",
        "http://x/y",
        &long,
        &long_tag,
    ] {
        assert!(text.parse::<Reference>().is_err(), "{text:?}");
    }
}

#[test]
fn upper_case_and_image_ids_have_their_own_messages() {
    let message = |text: &str| text.parse::<Reference>().expect_err(text).to_string();
    assert_eq!(message("Hello"), "invalid reference format: repository name (library/Hello) must be lowercase");
    let id = "a".repeat(64);
    assert_eq!(message(&id), format!("invalid repository name ({id}), cannot specify 64-byte hexadecimal strings"));
}

#[test]
fn the_limits_of_length_are_exact() {
    assert!(format!("h.io/{}", "a".repeat(255)).parse::<Reference>().is_ok());
    assert!(format!("h.io/{}", "a".repeat(256)).parse::<Reference>().is_err());
    assert!(format!("x:{}", "a".repeat(128)).parse::<Reference>().is_ok());
}

proptest! {
    #[test]
    fn any_text_is_refused_or_reads_back_as_itself(text in "\\PC{0,80}") {
        if let Ok(reference) = text.parse::<Reference>() {
            prop_assert_eq!(reference.to_string().parse(), Ok(reference.clone()));
            prop_assert_eq!(reference.familiar().parse(), Ok(reference));
        }
    }

    #[test]
    fn likely_names_read_back_as_themselves(
        text in "([a-zA-Z0-9.\\-]{1,6}(:[0-9]{1,4})?/)?([a-z0-9]{1,4}[_.\\-/]{0,2}){1,4}[a-f0-9]{0,64}(:[A-Za-z0-9_.\\-]{1,8})?"
    ) {
        if let Ok(reference) = text.parse::<Reference>() {
            prop_assert_eq!(reference.to_string().parse(), Ok(reference.clone()));
            prop_assert_eq!(reference.familiar().parse(), Ok(reference));
        }
    }
}
