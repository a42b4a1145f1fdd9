//! bollard, the Rust SDK: its types are generated from Docker's own description of the API, and an answer of any other shape
//! is an error.

#![expect(clippy::panic, reason = "a test that cannot go on ends")]

use std::collections::HashMap;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::exec::StartExecResults;
use bollard::models::{
    ContainerConfig, ContainerCreateBody, ContainerStateStatusEnum, ContainerUpdateBody, EndpointSettings, ExecConfig,
    HostConfig, Ipam, IpamConfig, NetworkConnectRequest, NetworkCreateRequest, RestartPolicy, RestartPolicyNameEnum,
    VolumeCreateRequest,
};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, BuildImageOptionsBuilder, CommitContainerOptionsBuilder,
    CreateContainerOptionsBuilder, CreateImageOptionsBuilder, DownloadFromContainerOptionsBuilder,
    EventsOptionsBuilder, ImportImageOptionsBuilder, ListContainersOptionsBuilder, ListImagesOptions,
    ListVolumesOptions, LogsOptionsBuilder, PruneImagesOptionsBuilder, PruneVolumesOptions,
    RemoveContainerOptionsBuilder, RemoveImageOptions, RemoveVolumeOptions, RenameContainerOptionsBuilder,
    StatsOptionsBuilder, StopContainerOptionsBuilder, TagImageOptionsBuilder, TopOptionsBuilder,
    UploadToContainerOptionsBuilder, WaitContainerOptions,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use sprat_tests::Installation;
use tokio::io::AsyncWriteExt as _;

use crate::judges::stocked;

/// A container of the toolbox that sleeps, or runs what it is told.
fn toolbox(cmd: &[&str]) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some("toolbox".to_owned()),
        cmd: Some(cmd.iter().map(|word| (*word).to_owned()).collect()),
        ..ContainerCreateBody::default()
    }
}

/// Makes and starts one.
async fn start(docker: &Docker, name: &str, body: ContainerCreateBody) -> Result<String, Error> {
    let options = CreateContainerOptionsBuilder::new().name(name).build();
    let id = docker.create_container(Some(options), body).await?.id;
    docker.start_container(name, None).await?;
    Ok(id)
}

async fn remove(docker: &Docker, name: &str) -> Result<(), Error> {
    docker.remove_container(name, Some(RemoveContainerOptionsBuilder::new().force(true).v(true).build())).await
}

/// A tar of one file.
fn tar(path: &str, text: &str) -> Bytes {
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, path, text.as_bytes()).expect("it is in memory");
    builder.into_inner().expect("it is in memory").into()
}

async fn joined(stream: impl Stream<Item = Result<Bytes, Error>>) -> Result<Vec<u8>, Error> {
    stream
        .try_fold(Vec::new(), async |mut all, part| {
            all.extend_from_slice(&part);
            Ok(all)
        })
        .await
}

/// The status of what the daemon refused.
#[track_caller]
fn status<T>(result: Result<T, Error>) -> u16 {
    match result {
        Err(Error::DockerResponseServerError { status_code, message }) => {
            assert!(!message.is_empty());
            status_code
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was not refused"),
    }
}

/// What a container wrote, by stream.
async fn texts(stream: impl Stream<Item = Result<LogOutput, Error>>) -> Result<(String, String), Error> {
    let parts: Vec<_> = stream.try_collect().await?;
    let (mut out, mut err) = (String::new(), String::new());
    for part in parts {
        match part {
            LogOutput::StdErr { message } => err.push_str(&String::from_utf8_lossy(&message)),
            LogOutput::StdOut { message } | LogOutput::Console { message } => {
                out.push_str(&String::from_utf8_lossy(&message));
            }
            LogOutput::StdIn { .. } => panic!("nobody writes that"),
        }
    }
    Ok((out, err))
}

fn judge<F>(day: impl FnOnce(Docker) -> F)
where
    F: Future<Output = Result<(), Error>>,
{
    let Some(sprat) = stocked() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let docker = connect(&sprat).await;
        day(docker).await.expect("no answer has another shape, and nothing is refused");
    });
}

async fn connect(sprat: &Installation) -> Docker {
    const TIMEOUT_S: u64 = 120;
    let socket = sprat.path("s.sock");
    let docker = Docker::connect_with_unix(socket.to_str().expect("UTF-8"), TIMEOUT_S, bollard::API_DEFAULT_VERSION);
    docker.expect("a socket").negotiate_version().await.expect("both speak some version")
}

#[test]
fn bollard_knows_the_daemon() {
    judge(async |docker| {
        assert_eq!(docker.ping().await?, "OK");
        let version = docker.version().await?;
        assert_eq!(version.api_version.as_deref(), Some(docker.client_version().to_string().as_str()));
        let info = docker.info().await?;
        assert_eq!(info.os_type.as_deref(), Some("linux"));
        assert!(info.images.is_some_and(|images| images >= 2), "{info:?}");
        docker.df(None).await?;
        assert_eq!(status(docker.inspect_swarm().await), 503);
        Ok(())
    });
}

#[test]
fn bollard_drives_containers() {
    judge(async |docker| {
        // To its end, attached from before its start.
        let body = ContainerCreateBody {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..toolbox(&["sh", "-c", "echo out; echo err >&2; exit 3"])
        };
        docker.create_container(Some(CreateContainerOptionsBuilder::new().name("short").build()), body).await?;
        let all = AttachContainerOptionsBuilder::new().stream(true).stdout(true).stderr(true).build();
        let attached = docker.attach_container("short", Some(all)).await?;
        docker.start_container("short", None).await?;
        assert_eq!(texts(attached.output).await?, ("out\n".to_owned(), "err\n".to_owned()));
        let ended = docker.wait_container("short", None::<WaitContainerOptions>).next().await.expect("an answer");
        assert!(matches!(ended, Err(Error::DockerContainerWaitError { code: 3, .. })), "{ended:?}");
        let logs = LogsOptionsBuilder::new().stdout(true).stderr(true).timestamps(true).tail("1").build();
        let (_, err) = texts(docker.logs("short", Some(logs))).await?;
        assert!(err.ends_with(" err\n") && err.contains('Z'), "{err}");
        remove(&docker, "short").await?;

        // Through its states.
        let host = HostConfig {
            memory: Some(64 << 20),
            restart_policy: Some(RestartPolicy {
                name: Some(RestartPolicyNameEnum::UNLESS_STOPPED),
                maximum_retry_count: None,
            }),
            ..HostConfig::default()
        };
        let labels = HashMap::from([("who".to_owned(), "bollard".to_owned())]);
        let body = ContainerCreateBody { host_config: Some(host), labels: Some(labels), ..toolbox(&["sleep", "1000"]) };
        let id = start(&docker, "box", body).await?;
        let shown = docker.inspect_container("box", None).await?;
        let state = shown.state.expect("a state");
        assert_eq!((state.status, state.running), (Some(ContainerStateStatusEnum::RUNNING), Some(true)));
        assert_eq!(shown.host_config.and_then(|host| host.memory), Some(64 << 20));
        let filters = HashMap::from([("label", vec!["who=bollard"])]);
        let listed = docker
            .list_containers(Some(ListContainersOptionsBuilder::new().filters(&filters).size(true).build()))
            .await?;
        assert_eq!(listed.first().and_then(|first| first.id.as_deref()), Some(id.as_str()));
        let top = docker.top_processes("box", Some(TopOptionsBuilder::new().ps_args("aux").build())).await?;
        assert!(top.processes.is_some_and(|rows| rows.iter().flatten().any(|cell| cell.contains("sleep"))));
        let once = StatsOptionsBuilder::new().stream(false).build();
        let stats = docker.stats("box", Some(once)).next().await.expect("a sample")?;
        assert_eq!(stats.memory_stats.and_then(|memory| memory.limit), Some(64 << 20));
        docker.pause_container("box").await?;
        docker.unpause_container("box").await?;
        docker.rename_container("box", RenameContainerOptionsBuilder::new().name("crate").build()).await?;
        let policy = RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None };
        docker
            .update_container(
                "crate",
                ContainerUpdateBody { restart_policy: Some(policy), ..ContainerUpdateBody::default() },
            )
            .await?;
        docker.restart_container("crate", None).await?;
        docker.stop_container("crate", Some(StopContainerOptionsBuilder::new().t(1).build())).await?;
        assert_eq!(status(docker.kill_container("crate", None).await), 409);
        assert_eq!(status(docker.inspect_container("box", None).await), 404);
        assert_eq!(
            status(
                docker
                    .create_container(
                        Some(CreateContainerOptionsBuilder::new().name("crate").build()),
                        toolbox(&["true"])
                    )
                    .await
            ),
            409
        );
        let privileged = HostConfig { privileged: Some(true), ..HostConfig::default() };
        let body = ContainerCreateBody { host_config: Some(privileged), ..toolbox(&["true"]) };
        assert_eq!(status(docker.create_container(None, body).await), 400);
        let pruned = docker.prune_containers(None).await?;
        assert_eq!(pruned.containers_deleted, Some(vec![id]));
        Ok(())
    });
}

#[test]
fn bollard_runs_programs_and_copies_files() {
    judge(async |docker| {
        start(&docker, "box", toolbox(&["sleep", "1000"])).await?;
        let asked = |cmd: &[&str]| ExecConfig {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(cmd.iter().map(|word| (*word).to_owned()).collect()),
            ..ExecConfig::default()
        };
        let exec = docker.create_exec("box", asked(&["sh", "-c", "echo out; echo err >&2; exit 5"])).await?;
        let StartExecResults::Attached { output, .. } = docker.start_exec(&exec.id, None).await? else {
            panic!("attached")
        };
        assert_eq!(texts(output).await?, ("out\n".to_owned(), "err\n".to_owned()));
        assert_eq!(docker.inspect_exec(&exec.id).await?.exit_code, Some(5));
        let cat = docker.create_exec("box", ExecConfig { attach_stdin: Some(true), ..asked(&["cat"]) }).await?;
        let StartExecResults::Attached { output, mut input } = docker.start_exec(&cat.id, None).await? else {
            panic!("attached")
        };
        input.write_all(b"through").await.expect("it reads");
        input.shutdown().await.expect("it reads");
        drop(input);
        assert_eq!(texts(output).await?.0, "through");

        let to = UploadToContainerOptionsBuilder::new().path("/tmp").build();
        docker.upload_to_container("box", Some(to), bollard::body_full(tar("note", "a note"))).await?;
        let from = DownloadFromContainerOptionsBuilder::new().path("/tmp/note").build();
        let packed = joined(docker.download_from_container("box", Some(from))).await?;
        let mut archive = tar::Archive::new(packed.as_slice());
        let mut entry = archive.entries().expect("a tar").next().expect("a file").expect("a file");
        let mut text = String::new();
        std::io::Read::read_to_string(&mut entry, &mut text).expect("it is in memory");
        assert_eq!(text, "a note");
        let changes = docker.container_changes("box").await?.unwrap_or_default();
        assert!(changes.iter().any(|change| change.path == "/tmp/note"), "{changes:?}");
        let missing = DownloadFromContainerOptionsBuilder::new().path("/nowhere").build();
        assert_eq!(status(joined(docker.download_from_container("box", Some(missing))).await), 404);
        assert!(joined(docker.export_container("box")).await?.len() > 1024);
        remove(&docker, "box").await
    });
}

#[test]
fn bollard_makes_images() {
    judge(async |docker| {
        let options = BuildImageOptionsBuilder::new().dockerfile("Dockerfile").t("built:1").rm(true).build();
        let context = tar("Dockerfile", "FROM toolbox\nRUN echo built > /state\nCMD [\"cat\", \"/state\"]\n");
        let lines: Vec<_> = docker.build_image(options, None, Some(bollard::body_full(context))).try_collect().await?;
        assert!(
            lines
                .iter()
                .any(|line| line.stream.as_deref().is_some_and(|text| text.contains("Successfully tagged built:1")))
        );
        let wrong = BuildImageOptionsBuilder::new().dockerfile("Dockerfile").build();
        let failed =
            docker.build_image(wrong, None, Some(bollard::body_full(tar("Dockerfile", "FROM toolbox\nRUN exit 9\n"))));
        let failed: Result<Vec<_>, _> = failed.try_collect().await;
        assert!(
            matches!(&failed, Err(Error::DockerStreamError { error }) if error.contains("non-zero code: 9")),
            "{failed:?}"
        );

        let image = docker.inspect_image("built:1").await?;
        assert_eq!(image.repo_tags, Some(vec!["built:1".to_owned()]));
        assert!(!docker.image_history("built:1").await?.is_empty());
        docker.tag_image("built:1", Some(TagImageOptionsBuilder::new().repo("other").tag("2").build())).await?;
        assert!(
            docker
                .list_images(None::<ListImagesOptions>)
                .await?
                .iter()
                .any(|image| image.repo_tags.contains(&"other:2".to_owned()))
        );
        let saved = joined(docker.export_image("built:1")).await?;
        for name in ["built:1", "other:2"] {
            docker.remove_image(name, None::<RemoveImageOptions>, None).await?;
        }
        assert_eq!(status(docker.inspect_image("built:1").await), 404);
        let quiet = ImportImageOptionsBuilder::new().quiet(true).build();
        let loaded: Vec<_> = docker.import_image(quiet, bollard::body_full(saved.into()), None).try_collect().await?;
        assert!(loaded.iter().any(|line| line.stream.as_deref() == Some("Loaded image: built:1\n")), "{loaded:?}");

        // The configuration of a commit is what the client sent, over the container's.
        start(&docker, "box", toolbox(&["sleep", "1000"])).await?;
        let options =
            CommitContainerOptionsBuilder::new().container("box").repo("committed").tag("1").comment("why").build();
        let config = ContainerConfig {
            cmd: Some(vec!["echo".to_owned(), "mine".to_owned()]),
            env: Some(vec!["A=b".to_owned()]),
            ..ContainerConfig::default()
        };
        docker.commit_container(options, config).await?;
        let config = docker.inspect_image("committed:1").await?.config.expect("a configuration");
        assert_eq!(config.cmd, Some(vec!["echo".to_owned(), "mine".to_owned()]));
        let env = config.env.unwrap_or_default();
        assert!(env.contains(&"A=b".to_owned()) && env.iter().any(|entry| entry.starts_with("PATH=")), "{env:?}");

        let rootfs = bollard::body_full(joined(docker.export_container("box")).await?.into());
        let options = CreateImageOptionsBuilder::new().from_src("-").repo("imported").tag("1").build();
        let _: Vec<_> = docker.create_image(Some(options), Some(rootfs), None).try_collect().await?;
        docker.inspect_image("imported:1").await?;
        remove(&docker, "box").await?;
        let absent = CreateImageOptionsBuilder::new().from_image("127.0.0.1:1/absent").tag("1").build();
        let pulled: Result<Vec<_>, _> = docker.create_image(Some(absent), None, None).try_collect().await;
        assert!(pulled.is_err());
        let filters = HashMap::from([("dangling", vec!["false"])]);
        let pruned = docker.prune_images(Some(PruneImagesOptionsBuilder::new().filters(&filters).build())).await?;
        assert!(pruned.images_deleted.is_some_and(|deleted| deleted.len() > 3));
        Ok(())
    });
}

#[test]
fn bollard_makes_networks_and_volumes_and_hears_of_them() {
    judge(async |docker| {
        let filters = HashMap::from([("type", vec!["network", "volume"])]);
        let mut events = docker.events(Some(EventsOptionsBuilder::new().since("0").filters(&filters).build()));
        let pool = IpamConfig { subnet: Some("10.78.0.0/24".to_owned()), ..IpamConfig::default() };
        let network = NetworkCreateRequest {
            name: "sea".to_owned(),
            ipam: Some(Ipam { config: Some(vec![pool]), ..Ipam::default() }),
            ..NetworkCreateRequest::default()
        };
        let id = docker.create_network(network).await?.id;
        start(&docker, "box", toolbox(&["sleep", "1000"])).await?;
        let settings = EndpointSettings { aliases: Some(vec!["friend".to_owned()]), ..EndpointSettings::default() };
        let request = NetworkConnectRequest { container: "box".to_owned(), endpoint_config: Some(settings) };
        docker.connect_network("sea", request).await?;
        let shown = docker.inspect_network("sea", None).await?;
        assert_eq!(shown.containers.map(|all| all.len()), Some(1));
        assert!(docker.list_networks(None).await?.iter().any(|network| network.id.as_deref() == Some(&id)));
        assert_eq!(status(docker.remove_network("sea").await), 403);
        remove(&docker, "box").await?;
        docker.remove_network("sea").await?;
        assert_eq!(status(docker.inspect_network("sea", None).await), 404);

        let volume = VolumeCreateRequest { name: Some("hold".to_owned()), ..VolumeCreateRequest::default() };
        assert_eq!(docker.create_volume(volume).await?.name, "hold");
        docker.inspect_volume("hold").await?;
        assert_eq!(docker.list_volumes(None::<ListVolumesOptions>).await?.volumes.map(|all| all.len()), Some(1));
        docker.remove_volume("hold", None::<RemoveVolumeOptions>).await?;
        assert_eq!(status(docker.inspect_volume("hold").await), 404);
        docker.prune_volumes(None::<PruneVolumesOptions>).await?;
        docker.prune_networks(None).await?;
        let mut heard = Vec::new();
        while heard.len() < 6 {
            let event = events.next().await.expect("the stream goes on")?;
            let attributes = event.actor.and_then(|actor| actor.attributes).unwrap_or_default();
            // The container was on the default network, too.
            if attributes.get("name").is_none_or(|name| name != "bridge") {
                heard.push(event.action.unwrap_or_default());
            }
        }
        assert_eq!(heard, ["create", "connect", "disconnect", "destroy", "create", "destroy"]);
        Ok(())
    });
}
