//! A component that starts processes as its arguments say. Several steps are separated by `;`; in the arguments of a child `,`
//! stands for `;` and `+` ends a command.

wit_bindgen::generate!({ path: ["../../wit/p2", "../../wit/process"], world: "sprat:process/imports", generate_all });

use sprat::process::processes::{
    self, Child, Command, ErrorCode, PipeReader, PipeWriter, Signal, Sink, Source, spawn,
};
use wasi::io::poll;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    for step in args.split(|arg| arg == ";") {
        match run(&step.iter().map(String::as_str).collect::<Vec<_>>()) {
            Ok(text) if text.is_empty() => {}
            Ok(text) => println!("{text}"),
            Err(error) => println!("{}", error.name()),
        }
    }
}

fn command<'a>(words: &[&str], stdin: Source<'a>, stdout: Sink<'a>) -> Command<'a> {
    let args = words.iter().map(|word| if *word == "," { ";" } else { word }.to_string()).collect();
    let env = vec![("FROM".to_string(), "component".to_string())];
    Command { path: words[0].to_string(), args, env, cwd: None, stdin, stdout, stderr: Sink::InheritedStderr }
}

fn start(words: &[&str]) -> Result<Child, ErrorCode> {
    spawn(&command(words, Source::Inherited, Sink::InheritedStdout))
}

fn run(words: &[&str]) -> Result<String, ErrorCode> {
    Ok(match *words {
        ["pid"] => format!("{} of {}", processes::id(), processes::parent()),
        ["run", ref child @ ..] => format!("status {}", start(child)?.wait()),
        ["poll", ref child @ ..] => {
            let child = start(child)?;
            let before = child.status();
            poll::poll(&[&child.subscribe()]);
            format!("{before:?} {:?} {}", child.status(), child.wait())
        }
        ["kill", ref child @ ..] => {
            let child = start(child)?;
            processes::kill(child.id(), None)?;
            child.kill(Signal::Terminate)?;
            format!("status {}", child.wait())
        }
        ["signal", pid] => {
            processes::kill(pid.parse().unwrap(), Some(Signal::Kill))?;
            "signalled".into()
        }
        // Nobody waits for it.
        ["leave", ref child @ ..] => {
            let id = start(child)?.id();
            while processes::kill(id, None).is_ok() {
                std::thread::yield_now();
            }
            "gone".into()
        }
        ["file", path, ref child @ ..] => {
            let status = spawn(&command(child, Source::Nothing, Sink::File(path.to_string())))?.wait();
            let more = spawn(&command(child, Source::Nothing, Sink::Append(path.to_string())))?.wait();
            let both = Command { stderr: Sink::AsStdout, ..command(child, Source::Nothing, Sink::Append(path.to_string())) };
            format!("statuses {status} {more} {}", spawn(&both)?.wait())
        }
        ["from", path, ref child @ ..] => {
            let child = spawn(&command(child, Source::File(path.to_string()), Sink::InheritedStdout))?;
            format!("status {}", child.wait())
        }
        ["feed", text, ref child @ ..] => {
            let (reader, writer) = processes::pipe()?;
            let child = spawn(&command(child, Source::Pipe(&reader), Sink::InheritedStdout))?;
            drop(reader);
            let stream = PipeWriter::into_stream(writer);
            stream.blocking_write_and_flush(text.repeat(3).as_bytes()).expect("it is read");
            drop(stream);
            format!("status {}", child.wait())
        }
        ["pipeline", ref commands @ ..] => {
            let (mut input, mut children) = (None, Vec::new());
            for words in commands.split(|word| *word == "+") {
                let (reader, writer) = processes::pipe()?;
                let source = input.as_ref().map_or(Source::Nothing, Source::Pipe);
                children.push(spawn(&command(words, source, Sink::Pipe(&writer)))?);
                input = Some(reader);
            }
            let stream = PipeReader::into_stream(input.unwrap());
            let mut text = Vec::new();
            while let Ok(bytes) = stream.blocking_read(1 << 16) {
                text.extend(bytes);
            }
            let statuses: Vec<_> = children.iter().map(Child::wait).collect();
            format!("{} bytes {statuses:?}", text.len())
        }
        _ => return Err(ErrorCode::Invalid),
    })
}
