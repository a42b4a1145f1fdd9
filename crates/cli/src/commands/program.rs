//! `sprat program inspect`, and the display of compilations under way.

use clap::Subcommand;
use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::Command;
use crate::client::Client;
use crate::error::{CliError, Outcome};
use crate::quantity::size;
use crate::query::segment;
use crate::render::progress::Activity;
use crate::render::template;
use crate::source::meant_as_path;

/// `sprat program …`
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum ProgramCommand {
    /// Show kind, WASI version, imports, exports, tools and sizes of a program
    #[command(after_help = "\
Examples:
  sprat program inspect tool.wasm
  sprat program inspect -f json app:1")]
    Inspect {
        /// json or a Go template
        #[arg(short, long)]
        format: Option<String>,
        /// Image, .wasm or .wat file
        program: String,
    },
}

/// Waiting shows itself after this time.
const PATIENCE: Duration = Duration::from_millis(500);

/// `sprat program …`
pub(crate) async fn run(client: &Client, command: ProgramCommand) -> Outcome {
    let ProgramCommand::Inspect { format, program } = command;
    inspect(client, format, &program).await
}

/// `sprat program inspect`
async fn inspect(client: &Client, format: Option<String>, program: &str) -> Outcome {
    if program.starts_with(['/', '.']) || program.ends_with(".wasm") || program.ends_with(".wat") {
        return Err(CliError::new(format!("cannot read {program}"))
            .why("there is no .wasm or .wat file of this name")
            .fix("name an image, or a .wasm or .wat file"));
    }
    let found = client.get(&format!("/sprat/programs/{}", segment(program))).await;
    let description: Value = found.map_err(|error: CliError| match meant_as_path(program) {
        Some(_) if error.missing && Path::new(program).is_dir() => error.fix(format!(
            "there is a folder {program} here: `sprat build -t {program} ./{program}` makes an image of it"
        )),
        Some(fix) if error.missing => error.fix(fix),
        _ => error,
    })?;
    show(&description, format.as_deref(), program)
}

/// The same for a file, which needs no daemon.
pub(crate) fn inspect_file(path: &Path, format: Option<&str>) -> Outcome {
    let name = path.display().to_string();
    let wrong = |e: sprat_program::ProgramError| {
        CliError::new(format!("{name} cannot be used"))
            .why(format!("{e} [{}]", e.code()))
            .fix("compile it for wasm32-wasip1 or wasm32-wasip2")
    };
    let mut bytes = fs_err::read(path)?;
    if path.extension().is_some_and(|e| e == "wat") {
        bytes = sprat_program::to_binary(&bytes).map_err(wrong)?;
    }
    let description = sprat_program::survey(&bytes).map_err(wrong)?;
    show(&serde_json::to_value(description)?, format, &name)
}

/// The file that `program inspect` names, if it names one.
pub(crate) fn file_of(command: &Command) -> Option<(&Path, Option<&str>)> {
    let Command::Program(ProgramCommand::Inspect { format, program }) = command else { return None };
    let path = Path::new(program);
    let known = path.extension().is_some_and(|e| e == "wasm" || e == "wat");
    (known && path.is_file()).then_some((path, format.as_deref()))
}

fn show(description: &Value, format: Option<&str>, name: &str) -> Outcome {
    match format {
        Some("json") => outln!("{description}"),
        Some(format) => outln!("{}", template::render(format, description)?),
        None => out!("{}", page(description, name)),
    }
    Ok(0)
}

fn page(d: &Value, name: &str) -> String {
    let text = |field: &str| d.get(field).and_then(Value::as_str).unwrap_or_default();
    let bytes = |field: &str| size(d.get(field).and_then(Value::as_u64).unwrap_or_default());
    let items = |field: &str| d.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut page = format!("Program:    {name}\nDigest:     sha256:{}\n", text("sha256"));
    page += &format!("Kind:       {} ({})\nWASI:       {}\n", text("kind"), text("encoding"), text("wasi"));
    page += &format!(
        "Size:       {} (code {}, data {}, {} functions)\nMemory:     {} at the start\n",
        bytes("size"),
        bytes("code_size"),
        bytes("data_size"),
        d.get("functions").and_then(Value::as_u64).unwrap_or_default(),
        bytes("initial_memory"),
    );
    page += "Made by:\n";
    for producer in items("producers") {
        let part = |field: &str| producer.get(field).and_then(Value::as_str).unwrap_or_default();
        page += &format!("  {:<14}{} {}\n", part("field"), part("name"), part("version")).replace(" \n", "\n");
    }
    page += "Imports:\n";
    let mut missing = 0;
    for import in items("imports") {
        // A daemon without the mark had refused it.
        let offered = import.get("offered").and_then(Value::as_bool).unwrap_or(true);
        let mark = if offered { "" } else { " MISSING: nobody offers it" };
        missing += usize::from(!offered);
        let part = |field: &str| import.get(field).and_then(Value::as_str).unwrap_or_default();
        let name = if part("name").is_empty() {
            part("module").to_owned()
        } else {
            format!("{} {}", part("module"), part("name"))
        };
        page += &format!("  {name} ({}){mark}\n", part("kind"));
    }
    if missing > 0 {
        page += &format!("  It can't be run: {missing} of its imports are missing\n");
    }
    page += "Exports:\n";
    for export in items("exports").iter().filter_map(Value::as_str) {
        page += &format!("  {export}\n");
    }
    page
}

/// Shows what is being compiled once waiting gets long. Never ends.
pub(super) async fn show_compilations(client: &Client) -> Infallible {
    tokio::time::sleep(PATIENCE).await;
    let activity = Activity::start(false);
    loop {
        let list: Vec<Value> = client.get("/sprat/compilations").await.unwrap_or_default();
        let number = |c: &Value, field: &str| c.get(field).and_then(Value::as_u64).unwrap_or_default();
        match list.as_slice() {
            [] => activity.say("Waiting for the daemon"),
            [c] => activity.say(&format!(
                "Compiling a program of {} ({} s)",
                size(number(c, "size")),
                number(c, "elapsed_ms") / 1000
            )),
            many => activity.say(&format!("Compiling {} programs", many.len())),
        }
        tokio::time::sleep(PATIENCE).await;
    }
}
