//! A guest that does what its arguments say. Several steps are separated by `;`.

#[cfg(target_env = "p1")]
mod processes;

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::process::exit;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    for step in args.split(|arg| arg == ";") {
        if let Err(error) = run(step) {
            // Standard error may be closed.
            let _ = writeln!(io::stderr(), "{}: {error}", step.join(" "));
            exit(1);
        }
    }
}

fn run(step: &[String]) -> io::Result<()> {
    let words: Vec<&str> = step.iter().map(String::as_str).collect();
    match words[..] {
        [] => Ok(()),
        ["args", ..] => print(env::args().collect::<Vec<_>>().join("|")),
        ["env"] => print(env::vars().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("|")),
        ["cwd"] => print(env::current_dir()?.display().to_string()),
        // What a program that knows of `PWD` can do.
        ["go-to-pwd"] => env::set_current_dir(env::var("PWD").map_err(io::Error::other)?),
        ["say", text] => print(text.to_owned()),
        ["warn", text] => {
            eprintln!("{text}");
            Ok(())
        }
        ["exit", status] => exit(status.parse().unwrap()),
        ["abort"] => fail_on_purpose(),
        ["panic"] => panic!("on purpose"),
        ["echo"] => echo(),
        ["read-some"] => {
            let mut buffer = [0; 64];
            let n = io::stdin().read(&mut buffer)?;
            print(String::from_utf8_lossy(&buffer[..n]).into_owned())
        }
        ["sleep", ms] => {
            let (begin, wanted) = (Instant::now(), Duration::from_millis(ms.parse().unwrap()));
            sleep(wanted);
            assert!(begin.elapsed() >= wanted);
            Ok(())
        }
        ["clocks"] => {
            let (monotonic, wall) = (Instant::now(), SystemTime::now());
            assert!(Instant::now() >= monotonic && wall > SystemTime::UNIX_EPOCH);
            print("clocks".into())
        }
        ["random"] => {
            use std::hash::{BuildHasher, RandomState};
            print(RandomState::new().hash_one(1).to_string())
        }
        ["loop"] => loop {
            std::hint::black_box(1);
        },
        ["work", ms] => {
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_millis(ms.parse().unwrap()) {}
            Ok(())
        }
        ["tty"] => {
            let terminals = [io::stdin().is_terminal(), io::stdout().is_terminal(), io::stderr().is_terminal()];
            print(format!("{terminals:?}"))
        }
        ["allocate"] => {
            let mut all = Vec::new();
            loop {
                all.push(std::hint::black_box(vec![1_u8; 1 << 20]));
            }
        }
        ["allocate-politely"] => {
            let mut all: Vec<Vec<u8>> = Vec::new();
            loop {
                let mut more = Vec::new();
                if more.try_reserve_exact(1 << 20).is_err() {
                    return print(format!("refused after {}", all.len()));
                }
                all.push(more);
            }
        }
        ["recurse"] => print(recurse(1).to_string()),
        ["flood"] => loop {
            io::stdout().write_all(&[b'x'; 4096])?;
        },
        ["open-many", path] => {
            let mut all = Vec::new();
            loop {
                match File::open(path) {
                    Ok(file) => all.push(file),
                    Err(error) => return print(format!("{} then {:?}", all.len(), error.kind())),
                }
            }
        }
        // Writes until a write fails, and then what it failed with.
        ["fill-up", path] => {
            let mut file = OpenOptions::new().append(true).create(true).open(path)?;
            loop {
                file.write_all(&[b'x'; 4096])?;
            }
        }
        ["read", path] => print(fs::read_to_string(path)?),
        ["write", path, text] => fs::write(path, text),
        ["append", path, text] => OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes()),
        ["overwrite", path, offset, text] => {
            use io::{Seek, SeekFrom};
            let mut file = OpenOptions::new().write(true).open(path)?;
            file.seek(SeekFrom::Start(offset.parse().unwrap()))?;
            file.write_all(text.as_bytes())
        }
        ["truncate", path, size] => OpenOptions::new().write(true).open(path)?.set_len(size.parse().unwrap()),
        ["size", path] => print(fs::metadata(path)?.len().to_string()),
        ["kind", path] => {
            let kind = fs::symlink_metadata(path)?.file_type();
            print(if kind.is_dir() { "folder" } else if kind.is_symlink() { "link" } else { "file" }.into())
        }
        ["list", path] => {
            let mut names = Vec::new();
            for entry in fs::read_dir(path)? {
                names.push(entry?.file_name().into_string().unwrap());
            }
            names.sort();
            print(names.join("|"))
        }
        ["count", path] => print(fs::read_dir(path)?.count().to_string()),
        ["fill", path, count] => {
            for i in 0..count.parse::<u32>().unwrap() {
                File::create(format!("{path}/{i}"))?;
            }
            Ok(())
        }
        ["mkdir", path] => fs::create_dir(path),
        ["mkdir-all", path] => fs::create_dir_all(path),
        ["rmdir", path] => fs::remove_dir(path),
        ["rm", path] => fs::remove_file(path),
        ["rename", from, to] => fs::rename(from, to),
        ["link", from, to] => fs::hard_link(from, to),
        ["readlink", path] => print(fs::read_link(path)?.display().to_string()),
        ["sync", path] => File::open(path)?.sync_all(),
        ["fails", ..] => match run(&step[1..]) {
            Ok(()) => Err(io::Error::other("it did not fail")),
            Err(error) => print(format!("{:?}", error.kind())),
        },
        #[cfg(target_env = "p1")]
        _ => processes::run(&words),
        #[cfg(not(target_env = "p1"))]
        _ => Err(io::Error::other("no such step")),
    }
}

fn echo() -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        match io::stdin().read(&mut buffer)? {
            0 => return Ok(()),
            n => io::stdout().write_all(&buffer[..n])?,
        }
        io::stdout().flush()?;
    }
}

fn print(line: String) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

#[inline(never)]
fn fail_on_purpose() -> ! {
    std::process::abort()
}

#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let here = std::hint::black_box([depth; 16]);
    if depth == u64::MAX { 0 } else { recurse(std::hint::black_box(depth + 1)) + here[0] }
}
