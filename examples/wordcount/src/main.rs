//! Counts the words of all `.txt` files of a folder (`/data`, usually a volume) and writes the most frequent ones to a
//! result file beside them.
//!
//! Usage: wordcount [FOLDER [TOP]]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

/// Name of the result within the folder.
const RESULT: &str = "wordcount.tsv";

fn main() -> ExitCode {
    let folder = env::args().nth(1).map_or_else(|| PathBuf::from("/data"), PathBuf::from);
    let top = env::args().nth(2).and_then(|n| n.parse().ok()).unwrap_or(10);
    match count(&folder).and_then(|counts| write(&folder, &counts, top)) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("wordcount: {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

/// How often each word occurs, in lower case.
fn count(folder: &Path) -> io::Result<HashMap<String, u64>> {
    let mut counts = HashMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|e| e != "txt") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        for word in text.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|w| !w.is_empty()) {
            *counts.entry(word.to_lowercase()).or_default() += 1;
        }
    }
    Ok(counts)
}

/// Writes the most frequent words, ties in the order of the alphabet.
fn write(folder: &Path, counts: &HashMap<String, u64>, top: usize) -> io::Result<String> {
    let mut sorted: Vec<_> = counts.iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let mut text = String::new();
    for (word, count) in sorted.iter().take(top) {
        let _ = writeln!(text, "{word}\t{count}");
    }
    let result = folder.join(RESULT);
    fs::write(&result, text)?;
    let words: u64 = counts.values().sum();
    Ok(format!("{words} words, {} different; the top {top} are in {}", counts.len(), result.display()))
}
