//! `KEY=VALUE` flags, and files of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::CliError;

/// `KEY=VALUE` flags as a map; a key alone has an empty value.
pub(crate) fn pairs(flag: &str, values: &[String]) -> Result<BTreeMap<String, String>, CliError> {
    let pair = |text: &String| match text.split_once('=') {
        Some(("", _)) => Err(CliError::new(format!("invalid {flag} {text:?}"))
            .why("the key is empty")
            .fix("write KEY=VALUE")
            .status(125)),
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Ok((text.clone(), String::new())),
    };
    values.iter().map(pair).collect()
}

/// Labels of files and flags; flags win.
pub(crate) fn labels(files: &[PathBuf], flags: &[String]) -> Result<BTreeMap<String, String>, CliError> {
    let mut all = lines("--label-file", files)?;
    all.extend(flags.iter().cloned());
    pairs("--label", &all)
}

/// Lines of such files, without empty ones and those that begin with `#`.
pub(crate) fn lines(flag: &str, files: &[PathBuf]) -> Result<Vec<String>, CliError> {
    let mut lines = Vec::new();
    for path in files {
        let text = read(flag, path)?;
        lines.extend(
            text.lines().map(str::trim_start).filter(|l| !l.is_empty() && !l.starts_with('#')).map(str::to_owned),
        );
    }
    Ok(lines)
}

fn read(flag: &str, path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|e| {
        CliError::new(format!("cannot read {} of {flag}", path.display()))
            .why(e)
            .fix("name a text file with a line KEY=VALUE for each")
            .status(125)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_files_whose_comments_and_empty_lines_do_not_count() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "# comment\n\na=1\nb=2\n").unwrap();
        let labels = labels(&[file.path().to_path_buf()], &["b=3".to_owned(), "c".to_owned()]).unwrap();
        let shown: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(shown, ["a=1", "b=3", "c="]);
    }

    #[test]
    fn a_missing_file_and_an_empty_key_are_errors_with_what_to_do() {
        assert!(labels(&["/nowhere/at/all".into()], &[]).unwrap_err().fix.contains("KEY=VALUE"));
        assert!(pairs("--label", &["=x".to_owned()]).unwrap_err().what.contains("--label"));
    }
}
