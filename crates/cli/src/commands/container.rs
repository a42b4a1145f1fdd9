//! Verbs that change containers: start, stop, restart, kill, wait, rm, rename, pause, unpause.

use clap::Args;
use serde_json::Value;

use super::attach::{self, Session, SessionArgs};
use crate::client::{Attached, Client};
use crate::error::{CliError, Outcome};
use crate::query::{Query, segment};

/// Names only.
#[derive(Debug, Args)]
pub(crate) struct NamesArgs {
    /// Names or ids
    #[arg(required = true)]
    pub containers: Vec<String>,
}

/// `sprat start`
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// Attach to its output and give its exit status
    #[arg(short, long)]
    pub attach: bool,
    /// Attach standard input too
    #[arg(short, long)]
    pub interactive: bool,
    #[command(flatten)]
    pub session: SessionArgs,
    /// Names or ids
    #[arg(required = true)]
    pub containers: Vec<String>,
}

/// `sprat stop`, `sprat restart`
#[derive(Debug, Args)]
pub(crate) struct StopArgs {
    /// Signal to send first, instead of the container's stop signal
    #[arg(short, long)]
    pub signal: Option<String>,
    /// Seconds to wait before KILL
    #[arg(short, long, visible_alias = "timeout", value_name = "SECONDS")]
    pub time: Option<i64>,
    /// Names or ids
    #[arg(required = true)]
    pub containers: Vec<String>,
}

/// `sprat kill`
#[derive(Debug, Args)]
pub(crate) struct KillArgs {
    /// The signal
    #[arg(short, long, default_value = "KILL")]
    pub signal: String,
    /// Names or ids
    #[arg(required = true)]
    pub containers: Vec<String>,
}

/// `sprat rename`
#[derive(Debug, Args)]
pub(crate) struct RenameArgs {
    /// Its name or id
    pub container: String,
    /// The new name
    pub name: String,
}

/// `sprat rm`
#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// Kill running ones
    #[arg(short, long)]
    pub force: bool,
    /// Remove their anonymous volumes too
    #[arg(short, long)]
    pub volumes: bool,
    /// Names or ids
    #[arg(required = true)]
    pub containers: Vec<String>,
}

/// Does `each` for all names, prints those that went well, and fails at the end if one failed.
async fn each(names: &[String], mut action: impl AsyncFnMut(String) -> Result<(), CliError>) -> Outcome {
    let mut status = 0;
    for name in names {
        match action(segment(name)).await {
            Ok(()) => outln!("{name}"),
            Err(error) => {
                error.print();
                status = error.status;
            }
        }
    }
    Ok(status)
}

async fn post(client: &Client, query: Query) -> Result<(), CliError> {
    client.post_raw(&query.path(), None).await.map(drop)
}

/// `sprat start`
pub(crate) async fn start(client: &Client, args: StartArgs) -> Outcome {
    if !args.attach && !args.interactive {
        return each(&args.containers, async |id: String| {
            post(client, Query::new(format!("/containers/{id}/start"))).await
        })
        .await;
    }
    let [name] = args.containers.as_slice() else {
        return Err(CliError::new("you cannot start and attach multiple containers at once").fix("name one"));
    };
    let id = segment(name);
    let details: Value = client.get(&format!("/containers/{id}/json")).await?;
    let flag = |path: &str| details.pointer(path).and_then(Value::as_bool).unwrap_or_default();
    let stdin = args.interactive && flag("/Config/OpenStdin");
    let attached = Attached { stdin, stdout: true, stderr: true };
    let session = Session::attach(client, &id, attached, flag("/Config/Tty"), args.session).await?;
    let condition = if flag("/HostConfig/AutoRemove") { "removed" } else { "next-exit" };
    let waiting = client.post_raw(&format!("/containers/{id}/wait?condition={condition}"), None).await?;
    post(client, Query::new(format!("/containers/{id}/start"))).await?;
    session.copy(client, &id, waiting).await
}

/// `sprat stop`
pub(crate) async fn stop(client: &Client, args: StopArgs) -> Outcome {
    end(client, args, "stop").await
}

/// `sprat restart`
pub(crate) async fn restart(client: &Client, args: StopArgs) -> Outcome {
    end(client, args, "restart").await
}

async fn end(client: &Client, args: StopArgs, verb: &str) -> Outcome {
    let time = args.time.map(|t| t.to_string());
    each(&args.containers, async |id: String| {
        let query = Query::new(format!("/containers/{id}/{verb}")).option("t", time.as_deref());
        post(client, query.option("signal", args.signal.as_deref())).await
    })
    .await
}

/// `sprat kill`
pub(crate) async fn kill(client: &Client, args: KillArgs) -> Outcome {
    each(&args.containers, async |id: String| {
        post(client, Query::new(format!("/containers/{id}/kill")).add("signal", &args.signal)).await
    })
    .await
}

/// `sprat pause`
pub(crate) async fn pause(client: &Client, args: NamesArgs) -> Outcome {
    each(&args.containers, async |id: String| post(client, Query::new(format!("/containers/{id}/pause"))).await).await
}

/// `sprat unpause`
pub(crate) async fn unpause(client: &Client, args: NamesArgs) -> Outcome {
    each(&args.containers, async |id: String| post(client, Query::new(format!("/containers/{id}/unpause"))).await).await
}

/// `sprat wait`
pub(crate) async fn wait(client: &Client, args: NamesArgs) -> Outcome {
    for name in &args.containers {
        let waiting = client.post_raw(&format!("/containers/{}/wait", segment(name)), None).await?;
        outln!("{}", attach::status(client, waiting).await?);
    }
    Ok(0)
}

/// `sprat rm`
pub(crate) async fn remove(client: &Client, args: RmArgs) -> Outcome {
    each(&args.containers, async |id: String| {
        let query = Query::new(format!("/containers/{id}")).flag("force", args.force).flag("v", args.volumes);
        client.delete::<Value>(&query.path()).await.map(drop)
    })
    .await
}

/// `sprat rename`
pub(crate) async fn rename(client: &Client, args: RenameArgs) -> Outcome {
    let path = format!("/containers/{}/rename", segment(&args.container));
    post(client, Query::new(path).add("name", &args.name)).await?;
    Ok(0)
}
