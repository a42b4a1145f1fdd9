//! Steps with processes, by `sprat_process`. In the arguments of a child `,` stands for `;` and `+` ends a command.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};

const NONE: u32 = u32::MAX;
const ANY: u32 = u32::MAX;

mod imported {
    #[link(wasm_import_module = "sprat_process")]
    unsafe extern "C" {
        pub fn spawn(
            path: *const u8,
            path_len: usize,
            args: *const u8,
            args_len: usize,
            env: *const u8,
            env_len: usize,
            cwd: *const u8,
            cwd_len: usize,
            stdin: u32,
            stdout: u32,
            stderr: u32,
            pid: *mut u32,
        ) -> i32;
        pub fn wait(pid: u32, flags: u32, status: *mut u32, ended: *mut u32) -> i32;
        pub fn kill(pid: u32, signal: u32) -> i32;
        pub fn pipe(read: *mut u32, write: *mut u32) -> i32;
        pub fn dup(fd: u32, new: *mut u32) -> i32;
        pub fn dup2(fd: u32, target: u32) -> i32;
        pub fn getpid(pid: *mut u32, parent: *mut u32) -> i32;
    }
}

fn check(errno: i32) -> Result<(), i32> {
    if errno == 0 { Ok(()) } else { Err(errno) }
}

fn spawn_in(words: &[&str], env: &str, cwd: &str, streams: [u32; 3]) -> Result<u32, i32> {
    let args: String = words.iter().map(|word| format!("{}\0", if *word == "," { ";" } else { word })).collect();
    let (path, mut pid) = (words[0], 0);
    check(unsafe {
        imported::spawn(
            path.as_ptr(),
            path.len(),
            args.as_ptr(),
            args.len(),
            env.as_ptr(),
            env.len(),
            cwd.as_ptr(),
            cwd.len(),
            streams[0],
            streams[1],
            streams[2],
            &mut pid,
        )
    })?;
    Ok(pid)
}

fn spawn(words: &[&str], streams: [u32; 3]) -> Result<u32, i32> {
    spawn_in(words, "FROM=parent\0", "/", streams)
}

fn wait(pid: u32, flags: u32) -> Result<(u32, u32), i32> {
    let (mut status, mut ended) = (0, 0);
    check(unsafe { imported::wait(pid, flags, &mut status, &mut ended) })?;
    Ok((ended, status))
}

fn pipe() -> Result<[u32; 2], i32> {
    let (mut read, mut write) = (0, 0);
    check(unsafe { imported::pipe(&mut read, &mut write) })?;
    Ok([read, write])
}

fn dup(fd: u32) -> Result<u32, i32> {
    let mut new = 0;
    check(unsafe { imported::dup(fd, &mut new) })?;
    Ok(new)
}

fn dup2(fd: u32, target: u32) -> Result<(), i32> {
    check(unsafe { imported::dup2(fd, target) })
}

fn close(fd: u32) {
    drop(file(fd));
}

fn file(fd: u32) -> fs::File {
    unsafe { fs::File::from_raw_fd(fd.cast_signed()) }
}

fn number(text: &str) -> u32 {
    text.parse().unwrap()
}

fn io_error(errno: i32) -> io::Error {
    io::Error::other(format!("errno {errno}"))
}

/// Does one step; what fails is told by its number.
pub fn run(words: &[&str]) -> io::Result<()> {
    match step(words) {
        Err(errno) => Err(io_error(errno)),
        Ok(text) if text.is_empty() => Ok(()),
        Ok(text) => writeln!(io::stdout(), "{text}"),
    }
}

fn step(words: &[&str]) -> Result<String, i32> {
    Ok(match *words {
        ["pid"] => {
            let (mut pid, mut parent) = (0, 0);
            check(unsafe { imported::getpid(&mut pid, &mut parent) })?;
            format!("{pid} of {parent}")
        }
        // Runs a child on the same streams and tells its status.
        ["run", ref child @ ..] => {
            let pid = spawn(child, [0, 1, 2])?;
            format!("status {}", wait(pid, 0)?.1)
        }
        ["run-in", env, cwd, ref child @ ..] => {
            let env: String = env.split(',').map(|one| format!("{one}\0")).collect();
            let pid = spawn_in(child, &env, cwd, [0, 1, 2])?;
            format!("status {}", wait(pid, 0)?.1)
        }
        // Starts a child and goes on.
        ["start", ref child @ ..] => spawn(child, [NONE, 1, 2]).map(|_| String::new())?,
        ["errno", ref child @ ..] => match spawn(child, [0, 1, 2]) {
            Ok(pid) => format!("started {pid}"),
            Err(errno) => format!("errno {errno}"),
        },
        ["wait-any"] => format!("status {}", wait(ANY, 0)?.1),
        ["try-wait"] => format!("{:?}", wait(ANY, 1)),
        ["wait-for", pid] => format!("{:?}", wait(number(pid), 0)),
        ["kill", pid, signal] => match check(unsafe { imported::kill(number(pid), number(signal)) }) {
            Ok(()) => String::new(),
            Err(errno) => format!("errno {errno}"),
        },
        // What a shell does for `$(…)`.
        ["capture", ref child @ ..] => {
            let [read, write] = pipe()?;
            let pid = spawn(child, [NONE, write, 2])?;
            close(write);
            let mut text = String::new();
            file(read).read_to_string(&mut text).map_err(|_| 29)?;
            format!("captured {:?} status {}", text.trim_end(), wait(pid, 0)?.1)
        }
        // What a shell does for `a | b | c`.
        ["pipeline", ref commands @ ..] => {
            let commands: Vec<_> = commands.split(|word| *word == "+").collect();
            let (mut input, mut pids) = (dup(0)?, Vec::new());
            for (index, command) in commands.iter().enumerate() {
                let (read, write) =
                    if index + 1 == commands.len() { (NONE, dup(1)?) } else { pipe().map(|[r, w]| (r, w))? };
                pids.push(spawn(command, [input, write, 2])?);
                close(input);
                close(write);
                input = read;
            }
            let statuses: Result<Vec<_>, _> = pids.into_iter().map(|pid| wait(pid, 0).map(|(_, s)| s)).collect();
            format!("statuses {:?}", statuses?)
        }
        // What a shell does for `child > path`, and back.
        ["redirect", path, ref child @ ..] => {
            let target = OpenOptions::new().write(true).create(true).truncate(true).open(path).map_err(|_| 29)?;
            let kept = dup(1)?;
            dup2(target.as_raw_fd().cast_unsigned(), 1)?;
            let pid = spawn(child, [0, 1, 2])?;
            let status = wait(pid, 0)?.1;
            dup2(kept, 1)?;
            close(kept);
            format!("status {status}")
        }
        // Parent and child write by one offset, or by one end.
        ["share", path, append, ref child @ ..] => {
            let mut options = OpenOptions::new();
            options.create(true).append(append == "append").write(true);
            let mut target = options.open(path).map_err(|_| 29)?;
            target.write_all(b"before ").map_err(|_| 29)?;
            let pid = spawn(child, [NONE, target.as_raw_fd().cast_unsigned(), 2])?;
            wait(pid, 0)?;
            target.write_all(b"after").map_err(|_| 29)?;
            String::new()
        }
        ["from", path, ref child @ ..] => {
            let source = fs::File::open(path).map_err(|_| 29)?;
            let pid = spawn(child, [source.as_raw_fd().cast_unsigned(), 1, 2])?;
            format!("status {}", wait(pid, 0)?.1)
        }
        ["bomb", ref child @ ..] => {
            let mut count = 0;
            loop {
                match spawn(child, [NONE, NONE, NONE]) {
                    Ok(_) => count += 1,
                    Err(errno) => break format!("errno {errno} after {count}"),
                }
            }
        }
        ["many", count, ref child @ ..] => {
            for _ in 0..number(count) {
                let pid = spawn(child, [NONE, NONE, NONE])?;
                wait(pid, 0)?;
            }
            String::new()
        }
        ["pipes"] => {
            let mut count = 0;
            loop {
                match pipe() {
                    Ok(_) => count += 1,
                    Err(errno) => break format!("errno {errno} after {count}"),
                }
            }
        }
        ["dups"] => {
            let mut count = 0;
            loop {
                match dup(1) {
                    Ok(_) => count += 1,
                    Err(errno) => break format!("errno {errno} after {count}"),
                }
            }
        }
        ["dup2-far"] => {
            let far = [dup2(1, 1 << 31), dup2(77, 1), dup2(1, 1)];
            format!("{far:?}")
        }
        ["broken-pipe"] => {
            let [read, write] = pipe()?;
            close(read);
            let error = file(write).write(b"x").unwrap_err();
            format!("{:?}", error.kind())
        }
        // Writes more than a pipe holds to a pipe that nobody reads.
        ["fill-pipe"] => {
            let [_read, write] = pipe()?;
            file(write).write_all(&vec![1; 100_000]).map_err(|_| 29)?;
            String::new()
        }
        ["produce", bytes] => {
            io::stdout().write_all(&vec![b'x'; number(bytes) as usize]).map_err(|_| 32)?;
            String::new()
        }
        ["length"] => {
            let mut all = Vec::new();
            io::stdin().read_to_end(&mut all).map_err(|_| 29)?;
            all.len().to_string()
        }
        ["big", what, bytes] => {
            let text = "x".repeat(number(bytes) as usize);
            let env = format!("A={text}\0");
            let result = match what {
                "arg" => spawn(&["/bin/p1", "say", &text], [NONE, NONE, NONE]),
                _ => spawn_in(&["/bin/p1"], &env, "/", [NONE, NONE, NONE]),
            };
            match result {
                Ok(pid) => format!("status {}", wait(pid, 0)?.1),
                Err(errno) => format!("errno {errno}"),
            }
        }
        // A tree of processes that start processes, for ever.
        ["fork-bomb"] => loop {
            let _ = spawn(&["/bin/p1", "fork-bomb"], [NONE, NONE, NONE]);
        },
        _ => return Err(28),
    })
}
