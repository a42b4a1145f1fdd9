//! What to do about refusals and failures of the daemon that do not say it themselves: docker's own words, most of them.

use hyper::StatusCode;

const LOG: &str = "look at the daemon's log, then try again";
const WASM: &str = "compile it for wasm32-wasip1 or wasm32-wasip2; `sprat program inspect` shows what it is";
const NAME: &str = "check name and tag; a name without a registry is one of docker.io";

/// Words of a refusal, and what to do. The first that fits counts.
const ADVICE: [(&str, &str); 51] = [
    ("UnknownIssuer", "name its authority's certificate: sprat daemon --registry-certificate FILE.pem"),
    (
        "CaUsedAsEndEntity",
        "its certificate signs itself: give it one of an authority that --registry-certificate names",
    ),
    ("invalid peer certificate", "the registry's certificate must be of its name and of today; is the clock right?"),
    ("InvalidContentType", "it speaks plain HTTP: sprat daemon --insecure-registry HOST:PORT allows that"),
    ("dns error", "check the registry's name, and the DNS of the daemon's machine"),
    ("lookup address", "check the registry's name, and the DNS of the daemon's machine"),
    ("does not match its digest", "try again; if it stays so, the registry's copy is damaged: push the image anew"),
    ("refused access", "log in with `sprat login`; is the name right?"),
    ("manifest unknown", NAME),
    ("manifest for ", NAME),
    ("cannot be reached or failed", "is the registry reachable? try again: what was fetched is kept"),
    ("not for wasm", "name an image that is built for wasm: docker build --platform wasi/wasm makes them"),
    ("no space left", "make room: `sprat system df` shows what takes it, `sprat system prune` frees it"),
    ("is not UTF-8 text", "save the file as UTF-8"),
    ("precompiled machine code", "name the .wasm that it was compiled from"),
    ("is not sealed by this installation", "remove that file: it is compiled again"),
    ("what nobody offers", "see `sprat program inspect`; compile it for wasm32-wasip1 or wasm32-wasip2"),
    ("what Sprat does not offer", "see `sprat program inspect`; compile it without that"),
    ("executable file not found", "see the image's entry point with `sprat inspect`; --entrypoint names another"),
    ("not a wasm binary", WASM),
    ("exec format error", WASM),
    ("invalid wasm", WASM),
    ("invalid reference format", "write NAME[:TAG] in lower-case letters, digits, '.', '_', '-' and '/'"),
    ("mount path must be absolute", "write the path in the container as /PATH"),
    ("mount type unknown", "use type=bind, volume or tmpfs"),
    ("Sprat's own state", "mount another folder, or a volume"),
    ("shows the processes of the host", "mount another folder, or a volume"),
    ("invalid mount config", "write type=bind|volume|tmpfs,source=…,target=/PATH[,readonly]"),
    ("number of CPUs", "write a number such as 0.5 or 2"),
    ("'AutoRemove'", "leave out --rm or --restart"),
    ("restart policy", "use --restart no, always, unless-stopped or on-failure[:MAX]"),
    ("no log driver", "use --log-driver json-file, local or none"),
    ("log option", "write --log-opt max-size=10m or max-file=3"),
    ("unable to find user", "write numbers, UID[:GID], or a name of the image's /etc/passwd"),
    ("unable to find group", "write a number, or a name of the image's /etc/group"),
    ("working directory", "write it as /PATH"),
    ("invalid signal", "use a name such as TERM or KILL, or a number"),
    ("Invalid container name", "begin with a letter or digit; then letters, digits, '_', '.' and '-'"),
    ("already in use by container", "choose another --name, or remove that container"),
    ("container is running", "stop it first, or add --force"),
    ("is not running", "see `sprat ps -a`; `sprat start` starts it"),
    ("invalid filter", "the command's --help names its filters"),
    ("must force", "remove its containers first, or add --force"),
    ("must be forced", "remove its containers first, or add --force"),
    ("invalid archive", "send what `sprat save` or `docker save` wrote; `sprat import` takes a tar of plain files"),
    ("invalid layer", "send a tar, plain or compressed with gzip or zstd"),
    ("local volume name", "use at least two letters or digits; a folder of the host is written as /PATH"),
    ("volume plugin", "leave out --driver"),
    ("build target", "name a stage of the Dockerfile: FROM … AS NAME"),
    ("Sprat runs wasi/wasm", "leave out --platform, or write wasi/wasm"),
    ("dockerfile parse error", "correct the line named, then build again"),
];

/// What to do about a refusal.
pub(super) fn on(status: StatusCode, message: &str) -> &'static str {
    known(message).unwrap_or(if status.is_server_error() {
        LOG
    } else {
        "correct the command; its --help shows the flags"
    })
}

/// What to do about an error within a streamed answer, which has no status.
pub(crate) fn on_stream(message: &str) -> &'static str {
    known(message).unwrap_or(LOG)
}

/// What to do about a failed build.
pub(crate) fn on_build(message: &str) -> &'static str {
    if message.starts_with("The command '") && message.contains("returned a non-zero code") {
        return "see what it wrote above; correct the program, or its RUN line";
    }
    known(message).unwrap_or(if message.starts_with("line ") {
        "correct the line named, then build again"
    } else if message.starts_with("invalid build context") {
        "correct the context; what does not belong there is named in .dockerignore"
    } else {
        LOG
    })
}

fn known(message: &str) -> Option<&'static str> {
    ADVICE.iter().find(|(words, _)| message.contains(words)).map(|(_, advice)| *advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_gets_something_to_do_and_the_narrower_words_win() {
        let ask = |message| on(StatusCode::BAD_REQUEST, message);
        assert!(ask("can't create 'AutoRemove' container with restart policy").contains("--rm or"));
        assert!(ask("invalid mount config for type \"volume\": mount path must be absolute").contains("/PATH"));
        assert!(ask("something new").contains("--help"));
        assert!(ask("exec: \"/a\": exec format error: invalid wasm at byte 8: x").contains("wasm32-wasip1"));
        assert!(ask("invalid build context: Dockerfile is not UTF-8 text").contains("UTF-8"));
        assert!(on(StatusCode::INTERNAL_SERVER_ERROR, "something new").contains("log"));
    }

    #[test]
    fn failures_of_registries_are_told_apart() {
        let unreached =
            |reason: &str| format!("r.example cannot be reached or failed: error sending request: {reason}");
        for (message, words) in [
            (unreached("client error (Connect): tcp connect error: Connection refused"), "reachable?"),
            (unreached("client error (Connect): invalid peer certificate: UnknownIssuer"), "--registry-certificate"),
            (unreached("invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))"), "signs itself"),
            (unreached("client error (Connect): invalid peer certificate: Expired"), "certificate must be"),
            (unreached("client error (Connect): dns error: failed to lookup address information"), "DNS"),
            (unreached("received corrupt message of type InvalidContentType"), "--insecure-registry"),
            ("layer does not match its digest sha256:aa: got sha256:bb".to_owned(), "damaged"),
            ("manifest for r.example/a:1 not found".to_owned(), "name and tag"),
            ("r.example/a:1 is built for linux/amd64, not for wasm".to_owned(), "built for wasm"),
            ("something new".to_owned(), "log"),
        ] {
            assert!(on_stream(&message).contains(words), "{message}: {}", on_stream(&message));
        }
    }

    #[test]
    fn failed_builds_say_what_to_correct() {
        assert!(on_build("The command '/a.wasm' returned a non-zero code: 3").contains("RUN line"));
        assert!(on_build("dockerfile parse error on line 2: unknown instruction: X").contains("line named"));
        assert!(on_build("line 3: COPY failed: stat x: file does not exist").contains("line named"));
        assert!(on_build("line 1: r.example cannot be reached or failed: x").contains("reachable?"));
    }
}
