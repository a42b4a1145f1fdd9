//! COPY and ADD.

use super::lines::marker;
use super::words::json_array;
use super::{Copy, Heredoc, Instruction, Problem, Source, flags};

pub(super) fn parse(word: &str, rest: &str, heredocs: &[Heredoc]) -> Result<Instruction, Problem> {
    let add = word == "ADD";
    let known: &[&str] = if add {
        &["chown", "chmod", "link", "checksum", "keep-git-dir", "unpack", "exclude"]
    } else {
        &["from", "chown", "chmod", "link", "parents", "exclude"]
    };
    let (mut flags, rest) = flags::take(word, rest, known)?;
    flags.refuse(word, &["checksum", "keep-git-dir"], "ADD takes local files only; download before the build")?;
    flags.refuse(word, &["exclude"], "name what is not wanted in .dockerignore")?;
    flags.refuse(word, &["parents"], "write one COPY a folder")?;
    flags.refuse(word, &["unpack"], "use COPY for archives that are to stay archives")?;
    // Layers of Sprat are independent of each other anyway.
    flags.switch("link")?;
    let from = flags.value("from")?;
    if from.as_ref().is_some_and(|from| from.contains('$')) {
        let reason =
            "variables are not replaced here; name a stage with FROM $IMAGE AS name and use its name".to_owned();
        return Err(Problem::FlagValue { flag: "from".to_owned(), reason });
    }
    let chown = flags.value("chown")?;
    let chmod = flags.value("chmod")?;
    let (sources, dest) = paths(word, rest, heredocs)?;
    Ok(Instruction::Copy(Copy { add, sources, dest, from, chown, chmod }))
}

fn paths(word: &str, rest: &str, heredocs: &[Heredoc]) -> Result<(Vec<Source>, String), Problem> {
    let words = match json_array(rest) {
        Some(words) => words,
        None if rest.starts_with('[') => return Err(Problem::Json(word.to_owned())),
        None => rest.split_whitespace().map(str::to_owned).collect(),
    };
    let Some((dest, sources)) = words.split_last().filter(|(_, sources)| !sources.is_empty()) else {
        let needs = "at least two arguments: what to copy and where to";
        return Err(Problem::Arguments { word: word.to_owned(), needs });
    };
    if sources.iter().chain([dest]).any(String::is_empty) {
        return Err(Problem::Arguments { word: word.to_owned(), needs: "arguments that are not empty" });
    }
    let mut inline = heredocs.iter();
    let sources: Vec<Source> = sources.iter().map(|path| source(word, path, &mut inline)).collect::<Result<_, _>>()?;
    if sources.len() > 1 && !is_folder(dest) && !dest.contains('$') {
        return Err(Problem::ManySources(word.to_owned()));
    }
    Ok((sources, dest.clone()))
}

fn source<'a>(word: &str, path: &str, inline: &mut impl Iterator<Item = &'a Heredoc>) -> Result<Source, Problem> {
    if marker(path).is_none() {
        refuse_remote(word, path)?;
        return Ok(Source::Path(path.to_owned()));
    }
    match inline.next() {
        Some(heredoc) if heredoc.name.contains('/') || matches!(heredoc.name.as_str(), "." | "..") => {
            Err(Problem::HeredocName(heredoc.name.clone()))
        }
        Some(heredoc) => Ok(Source::Inline(heredoc.clone())),
        None => Ok(Source::Path(path.to_owned())),
    }
}

/// Whether a target can only be a folder by its text.
pub(super) fn is_folder(dest: &str) -> bool {
    dest.ends_with('/') || dest == "." || dest.ends_with("/.")
}

/// Fails for URLs and git repositories.
pub(crate) fn refuse_remote(word: &str, path: &str) -> Result<(), Problem> {
    let remote =
        ["http://", "https://", "git@", "git://", "ssh://", "ftp://"].iter().any(|start| path.starts_with(start));
    if !remote {
        return Ok(());
    }
    let what = format!("{word} of a URL or git repository ({path})");
    Err(Problem::Unsupported { what, instead: "download it into the build context and COPY it" })
}
