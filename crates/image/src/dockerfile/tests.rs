//! The language, instruction by instruction and error by error.

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Dockerfile {
    Dockerfile::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn error(text: &str) -> String {
    Dockerfile::parse(text).map(|file| panic!("accepted: {file:?}")).unwrap_err().to_string()
}

/// The only instruction behind FROM scratch.
fn one(text: &str) -> Instruction {
    let file = parse(&format!("FROM scratch\n{text}\n"));
    assert_eq!(file.stages[0].steps.len(), 1, "{file:?}");
    file.stages[0].steps[0].instruction.clone()
}

/// The error of the only instruction behind FROM scratch, without its place.
fn problem(text: &str) -> String {
    let text = error(&format!("FROM scratch\n{text}\n"));
    text.strip_prefix("dockerfile parse error on line 2: ").unwrap_or_else(|| panic!("{text}")).to_owned()
}

fn pair(name: &str, value: &str) -> Pair {
    Pair { name: name.into(), value: value.into() }
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

#[test]
fn stages_have_bases_names_and_platforms() {
    let file = parse("ARG V=1\nFROM a:$V AS Build\nRUN [\"x\"]\nfrom --platform=wasi/wasm build as b-2\n");
    assert_eq!(file.args.len(), 1);
    let seen: Vec<_> =
        file.stages.iter().map(|s| (s.line, &*s.base, s.name.as_deref(), s.platform.as_deref())).collect();
    assert_eq!(seen, [(2, "a:$V", Some("build"), None), (4, "build", Some("b-2"), Some("wasi/wasm"))]);
}

#[test]
fn continuation_lines_may_hold_comments_and_blank_lines() {
    let file = parse("FROM scratch\nENV a=1 \\\n# no\n\n   b=2 \\  \n c=3\nUSER x\n");
    let steps = &file.stages[0].steps;
    assert_eq!(steps[0].instruction, Instruction::Env(vec![pair("a", "1"), pair("b", "2"), pair("c", "3")]));
    assert_eq!((steps[0].line, steps[1].line), (2, 7));
}

#[test]
fn the_escape_directive_changes_the_continuation_mark() {
    let file = parse("# syntax=docker/dockerfile:1\n# escape=`\n\nFROM scratch\nLABEL a=b `\n c=d\nWORKDIR C:\\\n");
    assert_eq!(file.escape, '`');
    assert_eq!(file.stages[0].steps[0].instruction, Instruction::Label(vec![pair("a", "b"), pair("c", "d")]));
    assert_eq!(file.stages[0].steps[1].instruction, Instruction::Workdir("C:\\".into()));
}

#[test]
fn a_directive_behind_a_comment_is_a_comment() {
    assert_eq!(parse("# hello\n# escape=x\nFROM scratch\n").escape, '\\');
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_accepted() {
    let file = parse("\u{feff}FROM scratch\r\nENV a=1 \\\r\n b=2\r\n");
    assert_eq!(file.stages[0].steps[0].instruction, Instruction::Env(vec![pair("a", "1"), pair("b", "2")]));
}

#[test]
fn copy_and_add_take_flags_and_both_forms() {
    let Instruction::Copy(copy) = one("COPY --from=build --chown=1:2 --chmod=755 --link a b /c/") else { panic!() };
    assert_eq!(copy.sources, [Source::Path("a".into()), Source::Path("b".into())]);
    assert_eq!((copy.dest.as_str(), copy.add), ("/c/", false));
    assert_eq!(
        (copy.from.as_deref(), copy.chown.as_deref(), copy.chmod.as_deref()),
        (Some("build"), Some("1:2"), Some("755"))
    );
    let Instruction::Copy(add) = one(r#"add ["a b", "c d"]"#) else { panic!() };
    assert_eq!((add.add, add.sources, add.dest.as_str()), (true, vec![Source::Path("a b".into())], "c d"));
}

#[test]
fn copy_takes_files_in_heredocs() {
    let file = parse("FROM scratch\nCOPY <<one <<-\"two\" /etc/\na $X\none\n\t\tb\n\ttwo\nUSER x\n");
    let Instruction::Copy(copy) = &file.stages[0].steps[0].instruction else { panic!() };
    let heredoc = |name: &str, content: &str, expand| {
        Source::Inline(Heredoc { name: name.into(), content: content.into(), expand })
    };
    assert_eq!(copy.sources, [heredoc("one", "a $X\n", true), heredoc("two", "b\n", false)]);
    assert_eq!(file.stages[0].steps[1].line, 7);
}

#[test]
fn commands_have_an_exec_form() {
    assert_eq!(one(r#"RUN ["a.wasm", "b c"]"#), Instruction::Run(Command::Exec(strings(&["a.wasm", "b c"]))));
    assert_eq!(one("CMD []"), Instruction::Cmd(Command::Exec(vec![])));
    assert_eq!(one(r#"ENTRYPOINT ["/x"]"#), Instruction::Entrypoint(Command::Exec(strings(&["/x"]))));
    assert_eq!(one(r#"SHELL ["/sh.wasm", "-c"]"#), Instruction::Shell(strings(&["/sh.wasm", "-c"])));
}

#[test]
fn a_shell_form_is_accepted_behind_shell() {
    let file = parse("FROM scratch\nSHELL [\"/sh\"]\nRUN echo hi\n");
    assert_eq!(file.stages[0].steps[1].instruction, Instruction::Run(Command::Shell("echo hi".into())));
}

#[test]
fn env_and_label_have_two_forms_and_keep_their_quotes() {
    assert_eq!(one("ENV a some thing"), Instruction::Env(vec![pair("a", "some thing")]));
    assert_eq!(
        one(r#"ENV a="x y" b=c\ d e="#),
        Instruction::Env(vec![pair("a", "\"x y\""), pair("b", "c\\ d"), pair("e", "")])
    );
    assert_eq!(one(r#"LABEL "a.b"='c d'"#), Instruction::Label(vec![pair("\"a.b\"", "'c d'")]));
}

#[test]
fn arg_takes_names_with_and_without_defaults() {
    let arg = |name: &str, default: Option<&str>| ArgName { name: name.into(), default: default.map(Into::into) };
    assert_eq!(one("ARG a b=1 c="), Instruction::Arg(vec![arg("a", None), arg("b", Some("1")), arg("c", Some(""))]));
}

#[test]
fn volume_takes_words_or_json() {
    assert_eq!(one("VOLUME /a /b"), Instruction::Volume(strings(&["/a", "/b"])));
    assert_eq!(one(r#"VOLUME ["/a b"]"#), Instruction::Volume(strings(&["/a b"])));
}

#[test]
fn healthcheck_has_options_and_none() {
    let Instruction::Healthcheck(check) = one(r#"HEALTHCHECK --interval=5s --retries=3 CMD ["/x", "-v"]"#) else {
        panic!()
    };
    assert_eq!((check.interval, check.retries, check.test), (5_000_000_000, 3, strings(&["CMD", "/x", "-v"])));
    let Instruction::Healthcheck(check) = one("HEALTHCHECK none") else { panic!() };
    assert_eq!(check.test, ["NONE"]);
}

#[test]
fn instructions_with_one_argument_keep_its_white_space() {
    assert_eq!(one("WORKDIR /a b"), Instruction::Workdir("/a b".into()));
    assert_eq!(one("USER nobody:nogroup"), Instruction::User("nobody:nogroup".into()));
    assert_eq!(one("STOPSIGNAL SIGINT"), Instruction::StopSignal("SIGINT".into()));
    assert_eq!(one("MAINTAINER A <a@b.c>"), Instruction::Maintainer("A <a@b.c>".into()));
    assert_eq!(one("EXPOSE 80 53/udp 8000-8010"), Instruction::Expose(strings(&["80", "53/udp", "8000-8010"])));
    assert_eq!(one("ONBUILD COPY . /src/"), Instruction::OnBuild("COPY . /src/".into()));
}

#[test]
fn errors_name_the_line_and_what_to_do() {
    for (text, expected) in [
        ("", "line 1: file with no instructions: begin with FROM scratch or FROM and an image"),
        ("# only\n", "line 1: file with no instructions: begin with FROM scratch or FROM and an image"),
        ("\n\nFORM scratch\n", "line 3: unknown instruction: FORM (did you mean FROM?)"),
        ("FROM scratch\nxyzzy a\n", "line 2: unknown instruction: XYZZY"),
        (
            "USER x\nFROM a\n",
            "line 1: no build stage in current context: only ARG may stand before the first FROM, not USER",
        ),
        ("FROM\n", "line 1: FROM requires either one argument, or three: FROM <image> [AS <name>]"),
        (
            "FROM a AS 1\n",
            "line 1: invalid name for build stage: \"1\", name can't start with a number or contain symbols",
        ),
        ("FROM a b c\n", "line 1: FROM requires either one argument, or three: FROM <image> [AS <name>]"),
        ("# escape=x\nFROM a\n", "line 1: invalid escape directive \"x\": only ` and \\ are known"),
        ("# escape=`\n# escape=`\nFROM a\n", "line 2: only one escape parser directive can be used"),
    ] {
        assert_eq!(error(text), format!("dockerfile parse error on {expected}"));
    }
}

#[test]
fn what_needs_a_shell_is_refused_with_its_exec_form() {
    for (text, expected) in [
        ("CMD hello.wasm", r#"CMD in shell form needs a shell; write CMD ["hello.wasm"]"#),
        ("ENTRYPOINT /x", r#"ENTRYPOINT in shell form needs a shell; write ENTRYPOINT ["/x"]"#),
        (
            "CMD ['x']",
            "CMD starts with [ but is no JSON array of strings: write each string in double quotes, with commas between",
        ),
        (
            "RUN <<E\nx\nE",
            "RUN with a heredoc, which is a shell script, is not supported: write one RUN [\"program.wasm\", \"arg\"] a command",
        ),
    ] {
        assert_eq!(problem(text), expected, "{text}");
    }
}

#[test]
fn what_is_not_supported_is_refused_with_another_way() {
    for text in [
        "ADD https://example.com/x /x",
        "ADD git@example.com:x.git /x",
        "COPY http://example.com/x /x",
        "ADD --checksum=sha256:00 x /x",
        "COPY --parents a/b /x/",
        "COPY --exclude=*.md . /x/",
        "RUN --mount=type=cache,target=/x [\"a\"]",
        "RUN --security=insecure [\"a\"]",
    ] {
        assert!(problem(text).contains("is not supported: "), "{text}: {}", problem(text));
    }
}

#[test]
fn malformed_instructions_are_refused() {
    for (text, expected) in [
        ("COPY a", "COPY requires at least two arguments: what to copy and where to"),
        (
            "COPY a b c",
            "when using COPY with more than one source file, the destination must be a directory and end with a /",
        ),
        (
            "COPY --form=x a b",
            "unknown flag: --form (COPY knows --from, --chown, --chmod, --link, --parents, --exclude)",
        ),
        ("COPY --from a b", "invalid value for flag --from: write --from=VALUE"),
        ("COPY --from=a --from=b a b", "duplicate flag specified: --from"),
        (
            "COPY --from=$X a b",
            "invalid value for flag --from: variables are not replaced here; name a stage with FROM $IMAGE AS name and use its name",
        ),
        (
            "COPY [\"a\", b]",
            "COPY starts with [ but is no JSON array of strings: write each string in double quotes, with commas between",
        ),
        ("COPY <<E /x\ntext", "unterminated heredoc: no line is \"E\""),
        ("COPY <<../E /x\ntext\n../E", "heredoc name \"../E\" is not a file name"),
        ("ENV a=1 b", "syntax error - can't find = in \"b\". Must be of the form: name=value"),
        ("ENV a", "ENV requires a name and a value: write name=value"),
        ("ENV", "ENV requires at least one argument"),
        ("ENV =x", "ENV names can not be blank"),
        ("ARG", "ARG requires at least one argument"),
        ("EXPOSE 0", "invalid port \"0\": write 80, 80/tcp, 53/udp or 8000-8010"),
        ("EXPOSE 9-8", "invalid port \"9-8\": write 80, 80/tcp, 53/udp or 8000-8010"),
        ("VOLUME", "VOLUME requires at least one path that is not empty"),
        ("SHELL x", "SHELL requires the arguments to be in JSON form: [\"program\", \"arg\"]"),
        ("USER", "USER requires exactly one argument"),
        ("RUN []", "RUN requires at least one argument"),
        (
            "HEALTHCHECK --interval=5 CMD [\"x\"]",
            "invalid duration \"5\": write a number with a unit, such as 30s, 1m30s or 500ms, at least 1ms",
        ),
        ("HEALTHCHECK --retries=-1 CMD [\"x\"]", "invalid value for flag --retries: -1 is not a whole number from 0"),
        ("HEALTHCHECK sometimes", "HEALTHCHECK requires NONE, or CMD and a command"),
        ("ONBUILD ONBUILD USER x", "ONBUILD isn't allowed as an ONBUILD trigger"),
        ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
        ("ONBUILD CPOY a b", "unknown instruction: CPOY (did you mean COPY?)"),
        ("ONBUILD", "ONBUILD requires at least one argument"),
    ] {
        assert_eq!(problem(text), expected, "{text}");
    }
}

#[test]
fn limits_hold() {
    for (text, expected) in [
        (" ".repeat(MAX_DOCKERFILE_BYTES + 1), Problem::TooLarge),
        ("\n".repeat(MAX_LINES + 1), Problem::TooManyLines),
        (format!("FROM scratch\nUSER {}", "x".repeat(MAX_LINE_BYTES)), Problem::LineTooLong),
        ("FROM scratch\n".repeat(MAX_STAGES + 1), Problem::TooManyStages),
        (format!("FROM scratch\n{}", "USER x\n".repeat(MAX_STEPS + 1)), Problem::TooManySteps),
    ] {
        assert_eq!(Dockerfile::parse(&text).unwrap_err().problem, expected);
    }
    parse(&"FROM scratch\n".repeat(MAX_STAGES));
}

fn lookup(name: &str) -> Option<String> {
    match name {
        "X" => Some("value".into()),
        "TWO" => Some("one two".into()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

#[test]
fn variables_quotes_and_escapes_are_replaced_as_docker_does() {
    for (word, expected) in [
        ("$X/${X}", "value/value"),
        ("$NO.", "."),
        ("${NO:-d}${EMPTY:-d}${EMPTY-d}", "dd"),
        ("${X:+s}${EMPTY:+s}${EMPTY+s}", "ss"),
        ("${NO:-${X}s}", "values"),
        ("\\$X \\\\", "$X \\"),
        ("'$X' \"$X\"", "$X value"),
        ("\"a\\\"b\\n\"", "a\"b\\n"),
        ("$", "$"),
        ("a$", "a$"),
        ("$$X", "$value"),
        ("${X}y", "valuey"),
    ] {
        assert_eq!(expand(word, '\\', &lookup).as_deref(), Ok(expected), "{word}");
    }
}

#[test]
fn malformed_variables_are_errors() {
    for word in ["${", "${}", "${X", "${X:", "${X:-a", "'a", "\"a", "${X^}", "${NO:?}", "${X:@}"] {
        assert!(expand(word, '\\', &lookup).is_err(), "{word}");
    }
    assert_eq!(expand("${NO:?set it}", '\\', &lookup).unwrap_err().to_string(), "NO: set it");
}

#[test]
fn words_split_where_a_variable_has_white_space_unless_quoted() {
    assert_eq!(expand_words("$TWO", '\\', &lookup).unwrap(), ["one", "two"]);
    assert_eq!(expand_words("\"$TWO\"", '\\', &lookup).unwrap(), ["one two"]);
    assert_eq!(expand_words("a${TWO}b", '\\', &lookup).unwrap(), ["aone", "twob"]);
    assert!(expand_words("$EMPTY", '\\', &lookup).unwrap().is_empty());
}

#[test]
fn expansion_has_limits() {
    let long = "x".repeat(MAX_EXPANDED_BYTES / 2);
    let lookup = |_: &str| Some(long.clone());
    assert!(expand("$a$b", '\\', &lookup).is_ok());
    assert_eq!(expand("$a$b$c", '\\', &lookup), Err(ExpandError::TooLong));
    let deep = format!("{}{}", "${N:-".repeat(MAX_NESTING + 1), "}".repeat(MAX_NESTING + 1));
    assert_eq!(expand(&deep, '\\', &|_| None), Err(ExpandError::TooDeep));
}

#[test]
fn changes_alter_a_configuration() {
    let mut config = crate::ImageConfig { cmd: Some(strings(&["old"])), ..Default::default() };
    let changes = [
        "ENV A=1",
        "env B=$A",
        "CMD [\"x\"]",
        "ENTRYPOINT [\"/e\"]",
        "WORKDIR a",
        "WORKDIR b",
        "EXPOSE 1-2",
        "LABEL k=v",
    ];
    apply_changes(&mut config, &strings(&changes)).unwrap();
    assert_eq!(config.env, ["A=1", "B=1"]);
    assert_eq!((config.cmd, config.entrypoint), (Some(strings(&["x"])), Some(strings(&["/e"]))));
    assert_eq!(config.working_dir, "/a/b");
    assert_eq!(config.exposed_ports, ["1/tcp", "2/tcp"].map(String::from).into());
}

#[test]
fn an_entry_point_resets_the_command_of_the_base() {
    let mut config = crate::ImageConfig { cmd: Some(strings(&["old"])), ..Default::default() };
    apply_change(&mut config, "ENTRYPOINT [\"/e\"]").unwrap();
    assert_eq!(config.cmd, None);
}

#[test]
fn changes_that_make_files_or_are_malformed_are_refused() {
    let mut config = crate::ImageConfig::default();
    for change in ["RUN [\"x\"]", "COPY a b", "FROM x", "SHELL [\"x\"]", "", "nonsense"] {
        assert!(matches!(apply_change(&mut config, change), Err(ChangeError::NotAllowed(_))), "{change}");
    }
    for change in ["STOPSIGNAL SIGNO", "EXPOSE x", "CMD x", "VOLUME $NO", "ENV a=${"] {
        assert!(matches!(apply_change(&mut config, change), Err(ChangeError::Invalid { .. })), "{change}");
    }
    assert_eq!(config, crate::ImageConfig::default());
}

#[test]
fn instructions_print_as_one_plain_line() {
    for text in [
        "COPY --from=a --chown=1 x y /z/",
        "ENTRYPOINT [\"/x\",\"a b\"]",
        "ENV A=1 B=2",
        "HEALTHCHECK --interval=5000ms --retries=2 CMD [\"x\"]",
        "VOLUME [\"/a\"]",
        "ARG a b=1",
        "ONBUILD USER x",
    ] {
        assert_eq!(one(text).to_string(), text);
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _ = Dockerfile::parse(&text);
    }

    #[test]
    fn no_instruction_makes_the_parser_panic(
        word in prop::sample::select(vec!["ADD", "ARG", "CMD", "COPY", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "ONBUILD", "RUN", "VOLUME"]),
        rest in "[ a-z0-9\\[\\]\"'\\\\$={}:/<>\n#-]{0,40}",
    ) {
        if let Ok(file) = Dockerfile::parse(&format!("FROM scratch\n{word} {rest}")) {
            for step in file.stages.iter().flat_map(|stage| &stage.steps) {
                let mut config = crate::ImageConfig::default();
                if let Ok(expanded) = step.instruction.expanded('\\', &lookup) {
                    let _ = apply(&mut config, &expanded, &mut false);
                }
            }
        }
    }

    #[test]
    fn quoted_text_expands_to_itself(text in "[^']{0,20}") {
        prop_assert_eq!(expand(&format!("'{text}'"), '\\', &lookup), Ok(text));
    }
}
