//! What to do about refusals of the daemon that do not say it themselves: docker's own words, most of them.

use hyper::StatusCode;

/// Words of a refusal, and what to do.
const ADVICE: [(&str, &str); 29] = [
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
    let known = ADVICE.iter().find(|(words, _)| message.contains(words)).map(|(_, advice)| *advice);
    known.unwrap_or(if status.is_server_error() {
        "look at the daemon's log, then try again"
    } else {
        "correct the command; its --help shows the flags"
    })
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
        assert!(on(StatusCode::INTERNAL_SERVER_ERROR, "something new").contains("log"));
    }
}
