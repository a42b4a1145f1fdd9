//! No text makes the shell's parser panic.

use proptest::prelude::*;

/// Pieces that scripts are made of, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "if ",
        "then ",
        "else ",
        "fi ",
        "for ",
        "in ",
        "do ",
        "done ",
        "while ",
        "case ",
        "esac ",
        "x ",
        "a=b ",
        ";",
        ";;",
        "&",
        "&&",
        "||",
        "|",
        "(",
        ")",
        "{ ",
        "}",
        "\n",
        "<<E",
        "<<-'E'",
        "E\n",
        ">",
        "<&",
        "2>&1",
        "$",
        "${",
        "${x:-",
        "$((",
        "))",
        "$(",
        "`",
        "\"",
        "'",
        "\\",
        "#",
        "*",
        "[",
        "]",
        "~",
        "!",
        "=",
        "ü",
        "$@",
        "${#",
        "%",
        "\t",
        "f()",
        "\0",
        "𝄞",
        "99999999999",
        "~+99999999999999999999",
        "<<E\n",
        "EOF",
        "<<\\E\n",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_characters_are_a_script_or_an_error(text in any::<String>()) {
        let _ = toolbox_shell::check(&text);
    }

    #[test]
    fn any_pieces_of_scripts_are_a_script_or_an_error(text in pieces()) {
        let _ = toolbox_shell::check(&text);
    }
}
