//! `grep`, `egrep` and `fgrep`, with the options of POSIX and the usual ones of GNU's.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use fancy_regex::Regex;

use super::regex::{Syntax, Whole, compile};

#[derive(Debug, Default)]
struct Options {
    invert: bool,
    ignore_case: bool,
    count: bool,
    with_match: bool,
    without_match: bool,
    numbers: bool,
    quiet: bool,
    silent: bool,
    only_matching: bool,
    recursive: bool,
    names: Option<bool>,
    before: usize,
    after: usize,
    most: Option<usize>,
    include: Vec<String>,
    exclude: Vec<String>,
}

/// Options with a value, by letter and by name.
const WITH_VALUE: [(char, &str); 9] = [
    ('e', "regexp"),
    ('f', "file"),
    ('A', "after-context"),
    ('B', "before-context"),
    ('C', "context"),
    ('m', "max-count"),
    ('1', "include"),
    ('2', "exclude"),
    ('3', "color"),
];

/// Options without.
const PLAIN: [(char, &str); 21] = [
    ('E', "extended-regexp"),
    ('F', "fixed-strings"),
    ('G', "basic-regexp"),
    ('P', "perl-regexp"),
    ('i', "ignore-case"),
    ('y', "ignore-case"),
    ('v', "invert-match"),
    ('w', "word-regexp"),
    ('x', "line-regexp"),
    ('c', "count"),
    ('l', "files-with-matches"),
    ('L', "files-without-match"),
    ('n', "line-number"),
    ('q', "quiet"),
    ('s', "no-messages"),
    ('o', "only-matching"),
    ('r', "recursive"),
    ('R', "dereference-recursive"),
    ('h', "no-filename"),
    ('H', "with-filename"),
    ('a', "text"),
];

pub(super) fn run(name: &str, args: &[OsString]) -> i32 {
    match Search::parse(name, args) {
        Ok(search) => search.run(),
        Err(why) => {
            eprintln!("{name}: {why}");
            2
        }
    }
}

struct Search {
    options: Options,
    regex: Regex,
    paths: Vec<String>,
}

impl Search {
    fn parse(name: &str, args: &[OsString]) -> Result<Self, String> {
        let mut syntax = match name {
            "egrep" => Syntax::Extended,
            "fgrep" => Syntax::Fixed,
            _ => Syntax::Basic,
        };
        let (mut options, mut whole) = (Options::default(), Whole::No);
        let (mut patterns, mut operands) = (None::<Vec<String>>, Vec::new());
        let mut args = args.iter().skip(1).map(|arg| arg.to_string_lossy().into_owned());
        let mut only_operands = false;
        while let Some(arg) = args.next() {
            if only_operands || arg == "-" || !arg.starts_with('-') {
                operands.push(arg);
                continue;
            }
            let mut found: Vec<(char, Option<String>)> = Vec::new();
            if arg == "--" {
                only_operands = true;
            } else if let Some(long) = arg.strip_prefix("--") {
                let (long, value) = long.split_once('=').map_or((long, None), |(l, v)| (l, Some(v.to_owned())));
                let (letter, takes) = letter(long.trim_end_matches("our").trim_end_matches("or"))
                    .or_else(|| letter(long))
                    .ok_or_else(|| format!("unknown option --{long}"))?;
                let value = if takes && value.is_none() && letter != '3' { args.next() } else { value };
                found.push((letter, value));
            } else if let Ok(lines) = arg.trim_start_matches('-').parse::<usize>() {
                found.push(('C', Some(lines.to_string())));
            } else {
                let mut letters = arg.chars().skip(1);
                while let Some(letter) = letters.next() {
                    if WITH_VALUE.iter().any(|(known, _)| *known == letter && letter.is_alphabetic()) {
                        let attached: String = letters.by_ref().collect();
                        found.push((letter, if attached.is_empty() { args.next() } else { Some(attached) }));
                    } else {
                        found.push((letter, None));
                    }
                }
            }
            for (letter, value) in found {
                let needed = || value.clone().ok_or_else(|| format!("option -{letter} needs a value"));
                let number = || needed()?.parse::<usize>().map_err(|_| format!("-{letter}: invalid number"));
                match letter {
                    'E' => syntax = Syntax::Extended,
                    'F' => syntax = Syntax::Fixed,
                    'G' => syntax = Syntax::Basic,
                    'P' => syntax = Syntax::Perl,
                    'i' | 'y' => options.ignore_case = true,
                    'v' => options.invert = true,
                    'w' => whole = Whole::Word,
                    'x' => whole = Whole::Line,
                    'c' => options.count = true,
                    'l' => options.with_match = true,
                    'L' => options.without_match = true,
                    'n' => options.numbers = true,
                    'q' => options.quiet = true,
                    's' => options.silent = true,
                    'o' => options.only_matching = true,
                    'r' | 'R' => options.recursive = true,
                    'h' => options.names = Some(false),
                    'H' => options.names = Some(true),
                    'a' | '3' => {}
                    'e' => patterns.get_or_insert_default().extend(needed()?.split('\n').map(str::to_owned)),
                    'f' => {
                        let path = needed()?;
                        let text = std::fs::read_to_string(&path).map_err(|e| format!("{path}: {}", plain(&e)))?;
                        patterns.get_or_insert_default().extend(text.lines().map(str::to_owned));
                    }
                    'A' => options.after = number()?,
                    'B' => options.before = number()?,
                    'C' => (options.before, options.after) = (number()?, number()?),
                    'm' => options.most = Some(number()?),
                    '1' => options.include.push(needed()?),
                    '2' => options.exclude.push(needed()?),
                    other => return Err(format!("unknown option -{other}")),
                }
            }
        }
        let patterns = match patterns {
            Some(patterns) => patterns,
            None if operands.is_empty() => return Err("Usage: grep [OPTION]... PATTERN [FILE]...".into()),
            None => operands.remove(0).split('\n').map(str::to_owned).collect(),
        };
        let regex = match patterns.is_empty() {
            // No pattern matches nothing; an empty one everything.
            true => compile(&["(?!)".to_owned()], Syntax::Perl, Whole::No, false)?,
            false => compile(&patterns, syntax, whole, options.ignore_case)?,
        };
        if operands.is_empty() {
            operands.push(if options.recursive { "." } else { "-" }.to_owned());
        }
        Ok(Self { options, regex, paths: operands })
    }

    fn run(&self) -> i32 {
        let names = self.options.names.unwrap_or(self.paths.len() > 1 || self.options.recursive);
        let mut out = BufWriter::new(io::stdout().lock());
        let (mut found, mut failed) = (false, false);
        let mut paths: VecDeque<(String, bool)> = self.paths.iter().map(|path| (path.clone(), true)).collect();
        while let Some((path, named)) = paths.pop_front() {
            let result = if path == "-" && named {
                self.file(io::stdin().lock(), "(standard input)", names, &mut out)
            } else if Path::new(&path).is_dir() {
                if !self.options.recursive {
                    self.complain(&path, "Is a directory");
                    continue;
                }
                match entries(&path) {
                    Ok(entries) => entries.into_iter().rev().for_each(|entry| paths.push_front((entry, false))),
                    Err(e) => {
                        self.complain(&path, &plain(&e));
                        failed = true;
                    }
                }
                continue;
            } else if !named && !self.wanted(&path) {
                continue;
            } else {
                File::open(&path).and_then(|file| self.file(BufReader::new(file), &path, names, &mut out))
            };
            match result {
                Ok(matched) => found |= matched,
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return 2,
                Err(e) => {
                    self.complain(&path, &plain(&e));
                    failed = true;
                }
            }
            if found && self.options.quiet {
                return 0;
            }
        }
        failed |= out.flush().is_err();
        match (failed, found) {
            (true, _) => 2,
            (false, true) => 0,
            (false, false) => 1,
        }
    }

    fn wanted(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let any = |patterns: &[String]| patterns.iter().any(|pattern| toolbox_shell::matches(pattern, name));
        (self.options.include.is_empty() || any(&self.options.include)) && !any(&self.options.exclude)
    }

    fn complain(&self, path: &str, why: &str) {
        if !self.options.silent {
            eprintln!("grep: {path}: {why}");
        }
    }

    /// Searches one file; true if a line was selected.
    fn file(&self, mut input: impl BufRead, name: &str, names: bool, out: &mut impl Write) -> io::Result<bool> {
        let options = &self.options;
        let context = options.before + options.after > 0;
        let listing = options.count || options.with_match || options.without_match || options.quiet;
        let (mut bytes, mut number, mut selected, mut left) = (Vec::new(), 0_usize, 0_usize, 0_usize);
        let mut before: VecDeque<(usize, Vec<u8>)> = VecDeque::new();
        let mut last_shown = 0;
        let prefix = |number: usize, sign: char| {
            let name = if names { format!("{name}{sign}") } else { String::new() };
            if options.numbers { format!("{name}{number}{sign}") } else { name }
        };
        loop {
            bytes.clear();
            let most = options.most.is_some_and(|most| selected >= most);
            if (most && left == 0) || input.read_until(b'\n', &mut bytes)? == 0 {
                break;
            }
            number += 1;
            if bytes.last() == Some(&b'\n') {
                bytes.pop();
            }
            let line = String::from_utf8_lossy(&bytes);
            let matches = !most && self.regex.is_match(&line).unwrap_or(false) != options.invert;
            if !matches {
                if left > 0 && !listing {
                    left -= 1;
                    last_shown = number;
                    write!(out, "{}", prefix(number, '-'))?;
                    out.write_all(&bytes)?;
                    out.write_all(b"\n")?;
                } else if options.before > 0 {
                    if before.len() == options.before {
                        before.pop_front();
                    }
                    before.push_back((number, bytes.clone()));
                }
                continue;
            }
            selected += 1;
            if options.quiet || options.with_match || options.without_match {
                break;
            }
            if listing {
                continue;
            }
            let first = before.front().map_or(number, |(number, _)| *number);
            if context && last_shown > 0 && first > last_shown + 1 {
                out.write_all(b"--\n")?;
            }
            for (number, line) in before.drain(..) {
                write!(out, "{}", prefix(number, '-'))?;
                out.write_all(&line)?;
                out.write_all(b"\n")?;
            }
            last_shown = number;
            left = options.after;
            if options.only_matching {
                for found in self.regex.find_iter(&line).flatten().filter(|found| !found.as_str().is_empty()) {
                    writeln!(out, "{}{}", prefix(number, ':'), found.as_str())?;
                }
                continue;
            }
            write!(out, "{}", prefix(number, ':'))?;
            out.write_all(&bytes)?;
            out.write_all(b"\n")?;
        }
        if options.with_match && selected > 0 || options.without_match && selected == 0 {
            writeln!(out, "{name}")?;
        } else if options.count && !options.quiet {
            writeln!(out, "{}{selected}", if names { format!("{name}:") } else { String::new() })?;
        }
        Ok(selected > 0)
    }
}

/// A long option's letter, and whether it takes a value.
fn letter(long: &str) -> Option<(char, bool)> {
    let plain = PLAIN.iter().find(|(_, name)| *name == long).map(|(letter, _)| (*letter, false));
    let with_value = || WITH_VALUE.iter().find(|(_, name)| *name == long).map(|(letter, _)| (*letter, true));
    plain
        .or_else(with_value)
        .or_else(|| (long == "silent").then_some(('q', false)))
        .or_else(|| (long == "col").then_some(('3', true)))
}

fn entries(folder: &str) -> io::Result<Vec<String>> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder)?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names.iter().map(|name| format!("{}/{name}", folder.trim_end_matches('/'))).collect())
}

/// An error without the number of the standard library.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}
