//! `find`: the tests and actions of POSIX that WASI's files have an answer to, and GNU's usual ones.

use std::ffi::OsString;
use std::fs::Metadata;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use toolbox_shell::{Shell, matches};

/// How deep expressions and folders may be nested.
const DEEPEST: usize = 200;

enum Test {
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
    Name { pattern: String, ignore_case: bool, whole_path: bool },
    Type(String),
    Empty,
    Size { order: Order, blocks: u64, unit: u64 },
    Age { order: Order, units: u64, seconds: u64 },
    Newer(SystemTime),
    True(bool),
    Print(char),
    Prune,
    Delete,
    Quit,
    Exec { command: Vec<String>, together: bool, index: usize },
}

/// `+n`, `-n` or `n`.
#[derive(Clone, Copy)]
enum Order {
    More,
    Less,
    Same,
}

impl Order {
    fn holds(self, found: u64, wanted: u64) -> bool {
        match self {
            Self::More => found > wanted,
            Self::Less => found < wanted,
            Self::Same => found == wanted,
        }
    }
}

struct Walk {
    shell: Shell,
    least: usize,
    most: usize,
    depth_first: bool,
    follow: bool,
    status: i32,
    quit: bool,
    gathered: Vec<Vec<String>>,
}

pub(super) fn run(args: &[OsString]) -> i32 {
    let args: Vec<String> = args.iter().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    let begins = |arg: &&String| arg.len() > 1 && arg.starts_with('-') || *arg == "(" || *arg == "!";
    let mut rest = args.as_slice();
    let mut follow = false;
    while let Some((first, others)) =
        rest.split_first().filter(|(first, _)| matches!(first.as_str(), "-H" | "-L" | "-P"))
    {
        follow = first == "-L";
        rest = others;
    }
    let end = rest.iter().position(|arg| begins(&arg)).unwrap_or(rest.len());
    let (paths, expression) = rest.split_at_checked(end).unwrap_or((rest, &[]));
    let shell = super::shell("find");
    let walk = Walk {
        shell,
        least: 0,
        most: DEEPEST,
        depth_first: false,
        follow,
        status: 0,
        quit: false,
        gathered: Vec::new(),
    };
    let mut parser = Parser { words: expression, walk, acts: false, depth: 0 };
    let test = parser.or().and_then(|test| match parser.words.first() {
        None => Ok(test),
        Some(word) => Err(format!("unexpected {word}")),
    });
    let test = match test {
        Ok(test) if parser.acts => test,
        Ok(test) => Test::And(vec![test, Test::Print('\n')]),
        Err(why) => {
            eprintln!("find: {why}");
            return 1;
        }
    };
    let mut walk = parser.walk;
    let here = [".".to_owned()];
    for path in if paths.is_empty() { &here } else { paths } {
        walk.visit(Path::new(path), 0, &test);
    }
    walk.run_gathered(&test);
    walk.status
}

struct Parser<'a> {
    words: &'a [String],
    walk: Walk,
    acts: bool,
    depth: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<String> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first.clone())
    }

    fn value(&mut self, of: &str) -> Result<String, String> {
        self.next().ok_or_else(|| format!("missing argument to {of}"))
    }

    fn or(&mut self) -> Result<Test, String> {
        let mut tests = vec![self.and()?];
        while matches!(self.words.first().map(String::as_str), Some("-o" | "-or")) {
            self.next();
            tests.push(self.and()?);
        }
        Ok(Test::Or(tests))
    }

    fn and(&mut self) -> Result<Test, String> {
        let mut tests = Vec::new();
        loop {
            match self.words.first().map(String::as_str) {
                None | Some("-o" | "-or" | ")") => return Ok(Test::And(tests)),
                Some("-a" | "-and") => {
                    self.next();
                }
                Some(_) => tests.push(self.one()?),
            }
        }
    }

    fn one(&mut self) -> Result<Test, String> {
        let Some(word) = self.next() else { return Err("expression expected".into()) };
        Ok(match word.as_str() {
            "!" | "-not" | "(" => {
                self.depth += 1;
                if self.depth > DEEPEST {
                    return Err("nested too deeply".into());
                }
                let test = if word == "(" {
                    let test = self.or()?;
                    if self.next().as_deref() != Some(")") {
                        return Err("missing )".into());
                    }
                    test
                } else {
                    Test::Not(Box::new(self.one()?))
                };
                self.depth -= 1;
                test
            }
            "-name" | "-iname" | "-path" | "-wholename" | "-ipath" => Test::Name {
                pattern: self.value(&word)?,
                ignore_case: word.starts_with("-i"),
                whole_path: word.contains("path") || word == "-wholename",
            },
            "-type" => Test::Type(self.value(&word)?),
            "-empty" => Test::Empty,
            "-size" => {
                let value = self.value(&word)?;
                let unit = match value.chars().last() {
                    Some('c') => 1,
                    Some('k') => 1024,
                    Some('M') => 1024 * 1024,
                    Some('G') => 1024 * 1024 * 1024,
                    _ => 512,
                };
                let (order, blocks) = amount(value.trim_end_matches(['b', 'c', 'k', 'M', 'G']))?;
                Test::Size { order, blocks, unit }
            }
            "-mtime" | "-mmin" => {
                let (order, units) = amount(&self.value(&word)?)?;
                Test::Age { order, units, seconds: if word == "-mtime" { 86400 } else { 60 } }
            }
            "-newer" => {
                let path = self.value(&word)?;
                let time = std::fs::metadata(&path).and_then(|found| found.modified());
                Test::Newer(time.map_err(|e| format!("{path}: {e}"))?)
            }
            "-true" => Test::True(true),
            "-false" => Test::True(false),
            "-maxdepth" | "-mindepth" => {
                let value = self.value(&word)?;
                let depth = value.parse().map_err(|_| format!("{word} {value}: no number"))?;
                match word.as_str() {
                    "-maxdepth" => self.walk.most = depth,
                    _ => self.walk.least = depth,
                }
                Test::True(true)
            }
            "-depth" => {
                self.walk.depth_first = true;
                Test::True(true)
            }
            "-follow" => {
                self.walk.follow = true;
                Test::True(true)
            }
            "-xdev" | "-mount" | "-noleaf" => Test::True(true),
            "-prune" => Test::Prune,
            "-print" | "-print0" => self.act(Test::Print(if word == "-print" { '\n' } else { '\0' })),
            "-quit" => self.act(Test::Quit),
            "-delete" => {
                self.walk.depth_first = true;
                self.act(Test::Delete)
            }
            "-exec" => {
                let mut command = Vec::new();
                let together = loop {
                    match self.value("-exec")?.as_str() {
                        ";" => break false,
                        "+" if command.last().is_some_and(|last| last == "{}") => break true,
                        word => command.push(word.to_owned()),
                    }
                };
                if command.is_empty() {
                    return Err("-exec needs a command".into());
                }
                self.walk.gathered.push(Vec::new());
                let index = self.walk.gathered.len() - 1;
                self.act(Test::Exec { command, together, index })
            }
            other => return Err(format!("unknown predicate {other}")),
        })
    }

    fn act(&mut self, test: Test) -> Test {
        self.acts = true;
        test
    }
}

fn amount(text: &str) -> Result<(Order, u64), String> {
    let (order, digits) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(digits), _) => (Order::More, digits),
        (_, Some(digits)) => (Order::Less, digits),
        _ => (Order::Same, text),
    };
    digits.parse().map(|number| (order, number)).map_err(|_| format!("{text}: no number"))
}

/// A path that is being judged.
struct Entry<'a> {
    path: &'a Path,
    found: Metadata,
    pruned: bool,
}

impl Walk {
    fn visit(&mut self, path: &Path, depth: usize, test: &Test) {
        if self.quit {
            return;
        }
        let found =
            if self.follow { path.metadata().or_else(|_| path.symlink_metadata()) } else { path.symlink_metadata() };
        let found = match found {
            Ok(found) => found,
            Err(e) => return self.fail(path, &e),
        };
        let folder = found.is_dir();
        let mut entry = Entry { path, found, pruned: false };
        if !self.depth_first && depth >= self.least {
            self.judge(test, &mut entry);
        }
        if folder && depth < self.most && !entry.pruned {
            match std::fs::read_dir(path) {
                Ok(entries) => {
                    let mut names: Vec<PathBuf> = entries.flatten().map(|entry| path.join(entry.file_name())).collect();
                    names.sort();
                    names.iter().for_each(|name| self.visit(name, depth + 1, test));
                }
                Err(e) => self.fail(path, &e),
            }
        }
        if self.depth_first && depth >= self.least && !self.quit {
            self.judge(test, &mut entry);
        }
    }

    fn fail(&mut self, path: &Path, error: &std::io::Error) {
        eprintln!("find: {}: {error}", path.display());
        self.status = 1;
    }

    fn judge(&mut self, test: &Test, entry: &mut Entry<'_>) -> bool {
        match test {
            Test::And(tests) => tests.iter().all(|test| self.judge(test, entry)),
            Test::Or(tests) => tests.iter().any(|test| self.judge(test, entry)),
            Test::Not(test) => !self.judge(test, entry),
            Test::Name { pattern, ignore_case, whole_path } => {
                let path = entry.path.to_string_lossy();
                let trimmed = path.trim_end_matches('/');
                let name = if *whole_path { &*path } else { trimmed.rsplit('/').next().unwrap_or(trimmed) };
                let name = if name.is_empty() { "/" } else { name };
                match ignore_case {
                    true => matches(&pattern.to_lowercase(), &name.to_lowercase()),
                    false => matches(pattern, name),
                }
            }
            Test::Type(letters) => letters.split(',').any(|letter| match letter {
                "f" => entry.found.is_file(),
                "d" => entry.found.is_dir(),
                "l" => entry.found.is_symlink(),
                _ => false,
            }),
            Test::Empty if entry.found.is_dir() => {
                std::fs::read_dir(entry.path).is_ok_and(|mut entries| entries.next().is_none())
            }
            Test::Empty => entry.found.is_file() && entry.found.len() == 0,
            Test::Size { order, blocks, unit } => order.holds(entry.found.len().div_ceil(*unit), *blocks),
            Test::Age { order, units, seconds } => {
                let modified = entry.found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                let age = SystemTime::now().duration_since(modified).unwrap_or(Duration::ZERO);
                order.holds(age.as_secs() / seconds, *units)
            }
            Test::Newer(time) => entry.found.modified().is_ok_and(|modified| modified > *time),
            Test::True(value) => *value,
            Test::Print(end) => {
                let mut line = entry.path.as_os_str().as_encoded_bytes().to_vec();
                line.extend(end.to_string().bytes());
                if std::io::stdout().write_all(&line).is_err() {
                    self.status = 1;
                    self.quit = true;
                }
                true
            }
            Test::Prune => {
                entry.pruned = true;
                true
            }
            Test::Quit => {
                self.quit = true;
                true
            }
            Test::Delete => {
                let removed = if entry.found.is_dir() {
                    std::fs::remove_dir(entry.path)
                } else {
                    std::fs::remove_file(entry.path)
                };
                if let Err(e) = &removed {
                    self.fail(entry.path, e);
                }
                removed.is_ok()
            }
            Test::Exec { command, together: false, .. } => {
                let path = entry.path.to_string_lossy();
                let command: Vec<String> = command.iter().map(|word| word.replace("{}", &path)).collect();
                // What was printed comes before what the program prints.
                let _ = std::io::stdout().flush();
                self.shell.run_program(&command) == 0
            }
            Test::Exec { index, .. } => {
                if let Some(paths) = self.gathered.get_mut(*index) {
                    paths.push(entry.path.to_string_lossy().into_owned());
                }
                true
            }
        }
    }

    /// Runs the commands of `-exec … +`.
    fn run_gathered(&mut self, test: &Test) {
        match test {
            Test::And(tests) | Test::Or(tests) => tests.iter().for_each(|test| self.run_gathered(test)),
            Test::Not(test) => self.run_gathered(test),
            Test::Exec { command, together: true, index } => {
                let paths = self.gathered.get_mut(*index).map(std::mem::take).unwrap_or_default();
                let fixed = command.get(..command.len() - 1).unwrap_or_default();
                let _ = std::io::stdout().flush();
                for paths in paths.chunks(1000) {
                    let command: Vec<&String> = fixed.iter().chain(paths).collect();
                    self.status |= i32::from(self.shell.run_program(&command) != 0);
                }
            }
            _ => {}
        }
    }
}
