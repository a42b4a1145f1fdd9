//! Further programs in a running container: create, start, end, look at; and what a program wants to start itself.

use std::sync::Arc;

use sprat_sandbox::{Exit, ProcessSpec, ProgramSpec, Stop, Unresolved, User};
use sprat_worker::{Attachment, ClientError, ExecRequest};

use crate::core::Core;
use crate::execs::{ExecRecord, Stage};
use crate::gate::{self, Candidate, Permit};
use crate::locate::clean;
use crate::placement::Worker;
use crate::record::{Record, parse_guest_id};
use crate::state::State;
use crate::within::Looked;
use crate::{EngineError, Exec, ExecSpec, Process, launch, settle};

/// Exit status of a program that ended with its container or its worker.
const KILLED: u8 = 137;

impl Core {
    /// Notes a further program of a running container.
    pub(crate) fn exec_create(&self, record: &Arc<Record>, spec: ExecSpec) -> Result<Exec, EngineError> {
        spec.check()?;
        refuse_by_state(record)?;
        let exec = self.execs.add(record.id, spec)?;
        self.tell_exec(record, "exec_create", &exec, &[]);
        Ok(exec.snapshot())
    }

    /// Starts it; with an attachment unless `detach`.
    pub(crate) async fn exec_start(
        self: &Arc<Self>,
        exec: Arc<ExecRecord>,
        detach: bool,
        size: Option<(u16, u16)>,
    ) -> Result<Option<Attachment>, EngineError> {
        let record = self.containers.by_id(&exec.container);
        let record = record.ok_or_else(|| EngineError::NoSuchExec(exec.id.clone()))?;
        {
            let mut life = exec.life();
            let why = match life.stage {
                Stage::Created => None,
                Stage::Starting | Stage::Running { .. } => Some("is already running"),
                Stage::Ended(_) => Some("has already run"),
            };
            if let Some(why) = why {
                return Err(EngineError::State { message: format!("Error: Exec command {} {why}", exec.id) });
            }
            refuse_by_state(&record)?;
            life.stage = Stage::Starting;
            life.size = size.or(life.size);
        }
        match self.exec_launch(&record, &exec, detach).await {
            Ok(attachment) => Ok(attachment),
            Err(error) => {
                let code = error.exit_status();
                // Docker has 126 for whatever keeps a program from being started, but a missing program or folder.
                let missing = matches!(error, EngineError::ProgramNotFound(_) | EngineError::WorkingDir(_));
                let code = if missing { code } else { 126 };
                self.exec_ended(&exec, code);
                Err(error)
            }
        }
    }

    async fn exec_launch(
        self: &Arc<Self>,
        record: &Arc<Record>,
        exec: &Arc<ExecRecord>,
        detach: bool,
    ) -> Result<Option<Attachment>, EngineError> {
        let spec = &exec.spec;
        let account = match spec.user.as_deref().filter(|user| !user.is_empty()) {
            Some(user) => self.account_within(record, user).await?,
            None => crate::user::Resolved { ids: record.settled.ids.clone(), home: record.settled.home.clone() },
        };
        let env = env_of(record, spec);
        let folder = spec.working_dir.as_deref().filter(|folder| !folder.is_empty());
        let cwd = folder.map_or_else(|| record.settled.working_dir.clone(), clean);
        let looked = Looked {
            name: spec.argv.first().cloned().unwrap_or_default(),
            path: settle::path(&env).to_owned(),
            cwd: cwd.clone(),
        };
        let (program, permit) = self.program_within(record, looked).await?;
        let process = ProcessSpec {
            program,
            args: spec.argv.clone(),
            env: launch::environment(record, &env, spec.tty, &account.home),
            cwd,
            user: account.ids,
            tty: spec.tty,
        };
        // It may have ended, or been held, while its program was looked for.
        refuse_by_state(record)?;
        let (worker, within) = self.guest(record)?;
        let size = exec.life().size;
        let open_stdin = spec.open_stdin && !detach;
        let request = ExecRequest { id: exec.guest_id(), within, process, open_stdin, size };
        self.exec_send(record, exec, &worker, &request, detach, permit).await
    }

    async fn exec_send(
        self: &Arc<Self>,
        record: &Arc<Record>,
        exec: &Arc<ExecRecord>,
        worker: &Arc<Worker>,
        request: &ExecRequest,
        detach: bool,
        _permit: Permit,
    ) -> Result<Option<Attachment>, EngineError> {
        let attachment = if detach {
            None
        } else {
            let attached = worker.client.attach(&request.id, request.open_stdin).await;
            Some(attached.map_err(|error| refused(record, error))?)
        };
        let pid = match worker.client.exec(request).await {
            Ok(pid) => pid,
            Err(error) => {
                // Lets the attachment end.
                self.forget(&worker.name, &request.id);
                return Err(refused(record, error));
            }
        };
        // Told under the lock: its end may be on the way, and is told after it.
        let mut life = exec.life();
        self.tell_exec(record, "exec_start", exec, &[]);
        match life.stage {
            // Its end came before the answer.
            Stage::Ended(code) => self.tell_exec(record, "exec_die", exec, &[("exitCode", code.to_string())]),
            _ => life.stage = Stage::Running { worker: Arc::clone(worker), pid },
        }
        drop(life);
        Ok(attachment)
    }

    /// It ended, or was never started.
    fn exec_ended(&self, exec: &ExecRecord, code: u8) {
        let was_running = matches!(exec.life().stage, Stage::Running { .. });
        if self.execs.ended(exec, code)
            && was_running
            && let Some(record) = self.containers.by_id(&exec.container)
        {
            self.tell_exec(&record, "exec_die", exec, &[("exitCode", code.to_string())]);
        }
    }

    /// A worker says that a further program ended. False: it is none.
    pub(crate) fn exec_exited(&self, worker: &str, guest: &str, exit: &Exit) -> bool {
        if !crate::execs::Execs::is_exec(guest) {
            return false;
        }
        if let Some(exec) = self.execs.of_guest(guest) {
            self.exec_ended(&exec, exit.status());
        }
        self.forget(worker, guest);
        true
    }

    /// The container ended: its further programs with it.
    pub(crate) fn execs_end(&self, record: &Record) {
        for exec in self.execs.take_of(record.id) {
            self.exec_ended(&exec, KILLED);
        }
    }

    /// Sets the size of its terminal, also before it is started.
    pub(crate) async fn exec_resize(&self, exec: &ExecRecord, columns: u16, rows: u16) -> Result<(), EngineError> {
        let worker = {
            let mut life = exec.life();
            life.size = Some((columns, rows));
            match &life.stage {
                Stage::Running { worker, .. } => Arc::clone(worker),
                Stage::Created | Stage::Starting => return Ok(()),
                Stage::Ended(_) => {
                    return Err(EngineError::State { message: format!("Exec command {} is not running", exec.id) });
                }
            }
        };
        crate::control::tolerate(&worker, worker.client.resize(&exec.guest_id(), columns, rows).await)
    }

    /// Ends it, if it runs.
    pub(crate) async fn exec_stop(&self, exec: &ExecRecord) {
        let worker = match &exec.life().stage {
            Stage::Running { worker, .. } => Arc::clone(worker),
            _ => return,
        };
        if let Err(error) = worker.client.stop(&exec.guest_id(), Stop::Kill).await {
            tracing::debug!(exec = exec.id, %error, "it was gone already");
        }
    }

    /// The processes of a running container.
    pub(crate) async fn top(&self, record: &Record) -> Result<Vec<Process>, EngineError> {
        let (worker, guest) = self.guest(record)?;
        let processes = worker.client.processes(&guest).await.map_err(|error| refused(record, error))?;
        self.tell(record, "top", &[]);
        let process = |it: sprat_sandbox::ProcessStatus| Process {
            pid: it.pid,
            parent: it.parent,
            uid: it.uid,
            tty: it.tty,
            argv: it.args,
            started_ns: it.started_ns,
            cpu_us: it.cpu_us,
            memory_bytes: it.memory_bytes,
        };
        Ok(processes.into_iter().map(process).collect())
    }

    /// Processes of a container; 0 when it doesn't run.
    pub(crate) async fn process_count(&self, record: &Record) -> u64 {
        let Ok((worker, guest)) = self.guest(record) else { return 0 };
        // A worker of an earlier Sprat runs one and does not know the question.
        worker.client.processes(&guest).await.map_or(1, |all| all.len() as u64)
    }

    fn tell_exec(&self, record: &Record, action: &str, exec: &ExecRecord, more: &[(&str, String)]) {
        // As docker has it: the first two name the command, the last is the bare word.
        let action = match action {
            "exec_die" => action.to_owned(),
            _ => format!("{action}: {}", exec.spec.command()),
        };
        let attributes = [&[("execID", exec.id.clone())], more].concat();
        self.tell(record, &action, &attributes);
    }

    /// A program of a container, or of a build's step, wants to start another.
    pub(crate) async fn wanted(self: Arc<Self>, worker: String, ticket: u64, guest: String, path: String, user: User) {
        let answer = self.resolve(&guest, &path, &user).await;
        if let Err(why) = &answer {
            tracing::debug!(guest, path, %why, "not started");
        }
        let Some(worker) = self.workers.find(&worker) else { return };
        if let Err(error) = worker.client.supply(ticket, answer).await {
            tracing::debug!(guest, %error, "nobody waits for the program any more");
        }
    }

    async fn resolve(&self, guest: &str, path: &str, _user: &User) -> Result<ProgramSpec, Unresolved> {
        let looked = Looked { name: path.to_owned(), path: String::new(), cwd: "/".to_owned() };
        let found = match self.steps.place_of(guest) {
            Some(place) => self.program_of_step(&place, looked).await,
            None => {
                let known = parse_guest_id(guest).and_then(|(id, _)| self.containers.by_id(&id));
                let record = known.ok_or_else(|| Unresolved::Unavailable("its container is not known".to_owned()))?;
                self.program_within(&record, looked).await
            }
        };
        match found {
            Ok((program, _permit)) => Ok(program),
            Err(EngineError::ProgramNotFound(_)) => Err(Unresolved::NotFound),
            Err(error @ (EngineError::Program { .. } | EngineError::NotACommand(_))) => {
                Err(Unresolved::NotAProgram(error.to_string()))
            }
            Err(error) => Err(Unresolved::Unavailable(error.to_string())),
        }
    }

    /// The gate, for a further program.
    pub(crate) fn admit(&self, digest: &str, image: &sprat_image::Digest) -> Result<Permit, EngineError> {
        gate::check(&Candidate { program: digest, image })
    }
}

/// The container's environment with what was asked for over it.
fn env_of(record: &Record, spec: &ExecSpec) -> Vec<String> {
    let name = |entry: &str| entry.split_once('=').map_or(entry, |(name, _)| name).to_owned();
    let mut env = record.settled.env.clone();
    for entry in &spec.env {
        env.retain(|old| name(old) != name(entry));
        // A name alone takes the variable away.
        if entry.contains('=') {
            env.push(entry.clone());
        }
    }
    env
}

/// Docker's words for a container in which nothing can be run now.
fn refuse_by_state(record: &Record) -> Result<(), EngineError> {
    let id = record.id;
    let state = record.life().row.state;
    let message = match state {
        State::Running | State::Stopping => return Ok(()),
        State::Paused => format!("container {id} is paused, unpause the container before exec"),
        State::Restarting => format!("container {id} is restarting, wait until the container is running"),
        State::Removing | State::Gone => return Err(EngineError::NoSuchContainer(id.to_string())),
        State::Created | State::Starting(_) | State::Exited | State::Dead => format!("container {id} is not running"),
    };
    Err(EngineError::State { message })
}

/// Why a worker started nothing.
fn refused(record: &Record, error: ClientError) -> EngineError {
    match error {
        ClientError::Ended(_) => EngineError::State { message: format!("container {} is not running", record.id) },
        ClientError::Unsupported(what) => {
            EngineError::NotACommand(format!("the program needs what Sprat does not offer: {what}"))
        }
        ClientError::Refused { ref code, .. } if code == "unknown-request" => EngineError::Unsupported(
            "the worker that runs this container is of an earlier Sprat, which runs one program only: restart the container"
                .to_owned(),
        ),
        ClientError::Refused { code, message } if code == "working-dir" => EngineError::WorkingDir(message),
        other => EngineError::NotStarted(other.to_string()),
    }
}
