//! `sprat daemon` and `sprat daemon stop`.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::Value;

use crate::args::{DaemonArgs, DaemonCommand};
use crate::client::Client;
use crate::error::{CliError, Outcome};
use crate::query::Query;
use crate::settings::Settings;

/// `sprat daemon stop`; the daemon itself is started by `main`, before there is a runtime.
pub(crate) async fn run(settings: &Settings, args: DaemonArgs) -> Outcome {
    let Some(DaemonCommand::Stop { keep_containers }) = args.command else { return Ok(0) };
    let client = Client::new(settings.host.clone());
    let path = Query::new("/sprat/shutdown").flag("keep", keep_containers).path();
    let answered = client.post::<Value>(&path, None).await;
    match answered {
        Ok(answer) => {
            wait_for_end(&answer);
            Ok(0)
        }
        Err(e) if e.what.starts_with("cannot connect") => {
            eprintln!("No daemon runs at {}", settings.host);
            Ok(0)
        }
        // It ends while it answers.
        Err(e) if e.what.starts_with("the connection") => Ok(0),
        Err(e) => Err(CliError::new("the daemon did not stop").why(e.what).status(125)),
    }
}

/// Waits until the daemon's process has ended, if it is one of this machine.
fn wait_for_end(answer: &Value) {
    let pid = answer.get("pid").and_then(Value::as_i64).and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    let Some(Ok(process)) = pid.map(|pid| pidfd_open(pid, PidfdFlags::empty())) else { return };
    // An interrupted wait only means that the user is not kept.
    let _ = poll(&mut [PollFd::new(&process, PollFlags::IN)], None);
}
