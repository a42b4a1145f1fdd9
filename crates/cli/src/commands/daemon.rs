//! `sprat daemon` and `sprat daemon stop`.

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
    let answered = client.post_raw(&path, None).await;
    match answered {
        Ok(_) => Ok(0),
        Err(e) if e.what.starts_with("cannot connect") => {
            eprintln!("No daemon runs at {}", settings.host);
            Ok(0)
        }
        // It ends while it answers.
        Err(e) if e.what.starts_with("the connection") => Ok(0),
        Err(e) => Err(CliError::new("the daemon did not stop").why(e.what).status(125)),
    }
}
