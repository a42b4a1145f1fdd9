//! A WASI 0.3 guest that does what its arguments say. Several steps are separated by `;`.

mod network;

use futures_util::future::join;
use wasip3::cli::{environment, exit, stderr, stdin, stdout, terminal_stdout};
use wasip3::clocks::{monotonic_clock, system_clock};
use wasip3::filesystem::preopens;
use wasip3::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};
use wasip3::random::random;
use wasip3::wit_stream;

struct Guest;

wasip3::cli::command::export!(Guest);

impl wasip3::exports::cli::run::Guest for Guest {
    async fn run() -> Result<(), ()> {
        let args = environment::get_arguments();
        for step in args[1..].split(|arg| arg == ";") {
            if let Err(error) = step_of(step).await {
                warn(format!("{}: {error:?}\n", step.join(" "))).await;
                return Err(());
            }
        }
        Ok(())
    }
}

async fn step_of(step: &[String]) -> Result<(), ErrorCode> {
    let words: Vec<&str> = step.iter().map(String::as_str).collect();
    match words[..] {
        [] => {}
        ["args"] => print(environment::get_arguments().join("|")).await,
        ["env"] => {
            let names: Vec<_> = environment::get_environment().iter().map(|(n, v)| format!("{n}={v}")).collect();
            print(names.join("|")).await;
        }
        ["cwd"] => print(environment::get_initial_cwd().unwrap_or_default()).await,
        ["preopens"] => {
            let names: Vec<_> = preopens::get_directories().into_iter().map(|(_, name)| name).collect();
            print(names.join("|")).await;
        }
        ["tty"] => print(terminal_stdout::get_terminal_stdout().is_some().to_string()).await,
        ["warn", text] => warn(text.to_owned()).await,
        ["fail"] => return Err(ErrorCode::Io),
        ["exit", status] => exit::exit_with_code(status.parse().unwrap()),
        ["echo"] => {
            let (input, ended) = stdin::read_via_stream();
            stdout::write_via_stream(input).await.expect("standard output is open");
            ended.await.expect("standard input is read");
        }
        ["clocks"] => {
            let begin = monotonic_clock::now();
            // Both wait at once.
            join(monotonic_clock::wait_for(5_000_000), monotonic_clock::wait_until(begin + 1_000_000)).await;
            assert!(monotonic_clock::now() >= begin + 5_000_000);
            assert!(system_clock::now().seconds > 1_700_000_000);
            print("clocks".into()).await;
        }
        ["random"] => {
            assert_eq!(random::get_random_bytes(40).len(), 40);
            print(random::get_random_u64().to_string()).await;
        }
        ["fails", ..] => match Box::pin(step_of(&step[1..])).await {
            Ok(()) => panic!("it did not fail"),
            Err(error) => print(format!("{error:?}")).await,
        },
        ["open-many", path] => {
            let mut all = Vec::new();
            loop {
                match open(path, OpenFlags::empty(), DescriptorFlags::READ).await {
                    Ok(file) => all.push(file),
                    Err(error) => break print(format!("{} then {error:?}", all.len())).await,
                }
            }
        }
        _ => on_files(&words).await?,
    }
    Ok(())
}

async fn on_files(words: &[&str]) -> Result<(), ErrorCode> {
    let new = OpenFlags::CREATE | OpenFlags::TRUNCATE;
    let (root, _) = preopened("/");
    match *words {
        ["read", path] => print(String::from_utf8(read(path, 0).await?).unwrap()).await,
        ["read-from", path, offset] => {
            print(String::from_utf8(read(path, offset.parse().unwrap()).await?).unwrap()).await;
        }
        ["write", path, text] => {
            let file = open(path, new, DescriptorFlags::WRITE).await?;
            write(&file, Some(0), text.as_bytes().to_vec()).await?;
        }
        ["append", path, text] => {
            let file = open(path, OpenFlags::empty(), DescriptorFlags::WRITE).await?;
            write(&file, None, text.as_bytes().to_vec()).await?;
        }
        ["overwrite", path, offset, text] => {
            let file = open(path, OpenFlags::empty(), DescriptorFlags::WRITE).await?;
            write(&file, Some(offset.parse().unwrap()), text.as_bytes().to_vec()).await?;
        }
        ["fill", path, bytes] => {
            let file = open(path, new, DescriptorFlags::WRITE).await?;
            write(&file, Some(0), vec![b'x'; bytes.parse().unwrap()]).await?;
        }
        ["write-read-only", path] => {
            let file = open(path, OpenFlags::empty(), DescriptorFlags::READ).await?;
            write(&file, Some(0), b"x".to_vec()).await?;
        }
        ["copy", from, to] => {
            let from = open(from, OpenFlags::empty(), DescriptorFlags::READ).await?;
            let to = open(to, new, DescriptorFlags::WRITE).await?;
            let (data, read) = from.read_via_stream(0);
            to.write_via_stream(data, 0).await?;
            read.await?;
        }
        ["copy-in", path] => {
            let file = open(path, new, DescriptorFlags::WRITE).await?;
            let (input, ended) = stdin::read_via_stream();
            file.write_via_stream(input, 0).await?;
            ended.await.expect("standard input is read");
        }
        ["size", path] => print(root.stat_at(PathFlags::empty(), relative(path).into()).await?.size.to_string()).await,
        ["truncate", path, size] => {
            open(path, OpenFlags::empty(), DescriptorFlags::WRITE).await?.set_size(size.parse().unwrap()).await?;
        }
        ["list", path] => {
            let folder = open(path, OpenFlags::DIRECTORY, DescriptorFlags::READ).await?;
            let (entries, ended) = folder.read_directory();
            let mut names: Vec<_> = entries.collect().await.into_iter().map(|entry| entry.name).collect();
            ended.await?;
            names.sort();
            print(names.join("|")).await;
        }
        ["mkdir", path] => root.create_directory_at(relative(path).into()).await?,
        ["rmdir", path] => root.remove_directory_at(relative(path).into()).await?,
        ["rm", path] => root.unlink_file_at(relative(path).into()).await?,
        ["rename", from, to] => root.rename_at(relative(from).into(), &root, relative(to).into()).await?,
        ["link", from, to] => {
            root.link_at(PathFlags::empty(), relative(from).into(), &root, relative(to).into()).await?;
        }
        ["symlink", target, path] => root.symlink_at(target.into(), relative(path).into()).await?,
        ["readlink", path] => print(root.readlink_at(relative(path).into()).await?).await,
        ["sync", path] => open(path, OpenFlags::empty(), DescriptorFlags::READ).await?.sync().await?,
        _ => match network::run(&words).await {
            Some(Ok(())) => {}
            Some(Err(error)) => print(format!("failed: {error:?}")).await,
            None => panic!("no such step"),
        },
    }
    Ok(())
}

fn preopened(wanted: &str) -> (Descriptor, String) {
    preopens::get_directories().into_iter().find(|(_, name)| name == wanted).expect("is given")
}

fn relative(path: &str) -> &str {
    path.trim_start_matches('/')
}

async fn open(path: &str, how: OpenFlags, flags: DescriptorFlags) -> Result<Descriptor, ErrorCode> {
    let (root, _) = preopened("/");
    root.open_at(PathFlags::SYMLINK_FOLLOW, relative(path).into(), how, flags).await
}

async fn read(path: &str, offset: u64) -> Result<Vec<u8>, ErrorCode> {
    let file = open(path, OpenFlags::empty(), DescriptorFlags::READ).await?;
    let (data, ended) = file.read_via_stream(offset);
    let bytes = data.collect().await;
    ended.await?;
    Ok(bytes)
}

/// Writes from an offset, or at the end.
async fn write(file: &Descriptor, offset: Option<u64>, bytes: Vec<u8>) -> Result<(), ErrorCode> {
    let (mut data, reader) = wit_stream::new();
    let written = match offset {
        Some(offset) => file.write_via_stream(reader, offset),
        None => file.append_via_stream(reader),
    };
    let (ended, _) = join(written.into_future(), async move {
        data.write_all(bytes).await;
    })
    .await;
    ended
}

async fn print(line: String) {
    let (mut data, reader) = wit_stream::new();
    let (ended, left) = join(stdout::write_via_stream(reader).into_future(), async move {
        let left = data.write_all(format!("{line}\n").into_bytes()).await;
        drop(data);
        left
    })
    .await;
    ended.expect("standard output is open");
    assert!(left.is_empty());
}

async fn warn(text: String) {
    let (mut data, reader) = wit_stream::new();
    let (ended, _) = join(stderr::write_via_stream(reader).into_future(), async move {
        data.write_all(text.into_bytes()).await;
    })
    .await;
    ended.expect("standard error is open");
}
