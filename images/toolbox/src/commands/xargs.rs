//! `xargs` (POSIX.1-2017): arguments from standard input.

use std::ffi::OsString;
use std::io::Read as _;

use toolbox_shell::Shell;

/// Bytes of arguments that one program is given at most.
const MOST_BYTES: usize = 128 * 1024;

#[derive(Debug, Default)]
struct Options {
    null: bool,
    delimiter: Option<u8>,
    replace: Option<String>,
    most: Option<usize>,
    lines: Option<usize>,
    not_empty: bool,
    trace: bool,
}

pub(super) fn run(shell: &mut Shell, args: &[OsString]) -> i32 {
    let (options, program) = match parse(args) {
        Ok(parsed) => parsed,
        Err(why) => {
            eprintln!("xargs: {why}\nUsage: xargs [-0rt] [-d C] [-I TEXT] [-L LINES] [-n ARGS] [COMMAND [ARG]...]");
            return 1;
        }
    };
    let mut input = Vec::new();
    if let Err(e) = std::io::stdin().read_to_end(&mut input) {
        eprintln!("xargs: standard input: {e}");
        return 1;
    }
    shell.close_input();
    let input = String::from_utf8_lossy(&input).into_owned();
    let groups = match groups(&input, &options, &program) {
        Ok(groups) => groups,
        Err(why) => {
            eprintln!("xargs: {why}");
            return 1;
        }
    };
    let mut status = 0;
    for group in groups {
        let command: Vec<String> = match &options.replace {
            Some(mark) => program.iter().map(|word| word.replace(mark, &group.concat())).collect(),
            None => program.iter().cloned().chain(group).collect(),
        };
        if options.trace {
            eprintln!("{}", command.join(" "));
        }
        match shell.run_program(&command) {
            0 => {}
            255 => {
                eprintln!("xargs: {}: exited with status 255; aborting", program.first().map_or("", String::as_str));
                return 124;
            }
            failed @ (126 | 127) => return failed,
            128.. => return 125,
            _ => status = 123,
        }
    }
    status
}

fn parse(args: &[OsString]) -> Result<(Options, Vec<String>), String> {
    let args: Vec<String> = args.iter().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    let (mut options, mut at) = (Options::default(), 0);
    while let Some(arg) = args.get(at).filter(|arg| arg.len() > 1 && arg.starts_with('-')) {
        at += 1;
        if arg == "--" {
            break;
        }
        let mut letters = arg.chars().skip(1);
        while let Some(letter) = letters.next() {
            match letter {
                '0' => options.null = true,
                'r' => options.not_empty = true,
                't' => options.trace = true,
                'x' => {}
                'I' | 'n' | 'L' | 'd' | 'P' | 's' => {
                    let attached: String = letters.by_ref().collect();
                    let value = if attached.is_empty() { args.get(at).cloned() } else { Some(attached.clone()) };
                    at += usize::from(attached.is_empty());
                    let value = value.ok_or_else(|| format!("-{letter} needs a value"))?;
                    let number =
                        || value.parse().ok().filter(|n| *n > 0).ok_or_else(|| format!("-{letter} {value}: no number"));
                    match letter {
                        'I' => options.replace = Some(value),
                        'n' => options.most = Some(number()?),
                        'L' => options.lines = Some(number()?),
                        'd' => {
                            options.delimiter = match value.as_str() {
                                "\\n" => Some(b'\n'),
                                "\\t" => Some(b'\t'),
                                "\\0" => Some(0),
                                other => other.bytes().next(),
                            };
                        }
                        // One at a time is what it does anyway, and it has its own limit.
                        _ => {}
                    }
                }
                other => return Err(format!("unknown option -{other}")),
            }
        }
    }
    let program = args.get(at..).unwrap_or_default().to_vec();
    Ok((options, if program.is_empty() { vec!["echo".to_owned()] } else { program }))
}

/// The arguments of each run.
fn groups(input: &str, options: &Options, program: &[String]) -> Result<Vec<Vec<String>>, String> {
    let delimiter = if options.null { Some(0) } else { options.delimiter };
    let mut lines: Vec<Vec<String>> = match delimiter {
        Some(delimiter) => {
            let delimiter = char::from(delimiter);
            let input = input.strip_suffix(delimiter).unwrap_or(input);
            let words = input.split(delimiter).filter(|_| !input.is_empty());
            words.map(|word| vec![word.to_owned()]).collect()
        }
        None if options.replace.is_some() => {
            let words = input.lines().map(str::trim_start).filter(|line| !line.is_empty());
            words.map(|line| words_of(line).map(|words| vec![words.join(" ")])).collect::<Result<_, _>>()?
        }
        None => input.lines().map(words_of).collect::<Result<_, _>>()?,
    };
    if options.replace.is_some() {
        return Ok(lines);
    }
    if let Some(most) = options.lines {
        lines.retain(|line| !line.is_empty());
        return Ok(lines.chunks(most).map(<[Vec<String>]>::concat).collect());
    }
    let fixed: usize = program.iter().map(|word| word.len() + 1).sum();
    let (mut groups, mut group, mut bytes) = (Vec::new(), Vec::new(), fixed);
    for word in lines.into_iter().flatten() {
        let full = options.most.is_some_and(|most| group.len() >= most) || bytes + word.len() + 1 > MOST_BYTES;
        if full && !group.is_empty() {
            groups.push(std::mem::take(&mut group));
            bytes = fixed;
        }
        bytes += word.len() + 1;
        group.push(word);
    }
    if !group.is_empty() || (groups.is_empty() && !options.not_empty) {
        groups.push(group);
    }
    Ok(groups)
}

/// The words of a line, with quotes and backslashes.
fn words_of(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut chars) = (Vec::new(), None::<String>, line.chars());
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' => words.extend(word.take()),
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some(end) if end == c => break,
                        Some(inner) => word.push(inner),
                        None => return Err(format!("unmatched quote: {c}")),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}
