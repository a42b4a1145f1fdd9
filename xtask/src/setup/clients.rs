//! The clients that judge Docker's API, beside docker's own CLI: Compose 1 and 2, and SDKs of PyPI and npm. All lie below
//! `target/clients`, so that nothing of the machine is changed by them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::target;

/// PyPI's packages: what a module is called, and what its package is.
const PYTHON: [(&str, &str); 4] = [
    ("ziglang", "ziglang"),
    ("docker", "docker"),
    ("testcontainers", "testcontainers"),
    ("schemathesis", "schemathesis"),
];

/// Compose 1 with what it needs, at the newest versions that it can use. Its own bounds are met by none that can be installed
/// today: PyYAML 5 can't be built any more, and docker 7 and requests 2.32 came after its end.
const COMPOSE_1: [&str; 20] = [
    "docker-compose==1.29.2",
    "docker==6.1.3",
    "requests==2.31.0",
    "urllib3<2",
    "PyYAML<7",
    "distro<2",
    "dockerpty<1",
    "docopt<1",
    "jsonschema<4",
    "python-dotenv<1",
    "texttable<2",
    "websocket-client<1",
    "attrs",
    "certifi",
    "charset-normalizer<4",
    "idna<4",
    "packaging",
    "pyrsistent",
    "setuptools<81",
    "six",
];

/// Packages of npm, with the major version that is wanted: later ones need a newer Node than Debian has.
const NODE: [(&str, &str); 2] = [("dockerode", "4"), ("testcontainers", "10")];

/// Debian's suite that has Compose 2; older ones have Compose 1.
const COMPOSE_SUITE: &str = "forky";

/// Where the clients are.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    /// Python with all of [`PYTHON`].
    pub(crate) python: Option<PathBuf>,
    /// Folder whose `node_modules` has all of [`NODE`].
    pub(crate) node: Option<PathBuf>,
    /// The program `docker-compose` of version 1.
    pub(crate) compose_1: Option<PathBuf>,
    /// The program `docker-compose` of version 2.
    pub(crate) compose: Option<PathBuf>,
    /// What could not be had, and why.
    pub(crate) missing: Vec<String>,
}

impl Clients {
    /// Installs what is missing.
    pub(crate) fn install() -> Self {
        let mut clients = Self::default();
        clients.python = clients.keep(python(), "python3 with PyPI's ziglang, docker, testcontainers, schemathesis");
        clients.node = clients.keep(node(), "node with npm's dockerode, testcontainers");
        clients.compose_1 = clients.keep(compose_1(), "Compose 1 (Debian's docker-compose, or PyPI's)");
        clients.compose = clients.keep(compose(), "Compose 2 (docker-compose of a newer Debian)");
        clients
    }

    fn keep(&mut self, found: Result<PathBuf>, what: &str) -> Option<PathBuf> {
        match found {
            Ok(path) => Some(path),
            Err(error) => {
                self.missing.push(format!("{what}: {error:#}"));
                None
            }
        }
    }

    /// Tells a command where they are.
    pub(crate) fn tell(&self, command: &mut Command) {
        let places = [
            ("PYTHON", &self.python),
            ("SPRAT_TEST_NODE", &self.node),
            ("SPRAT_TEST_COMPOSE_1", &self.compose_1),
            ("SPRAT_TEST_COMPOSE", &self.compose),
        ];
        for (name, path) in places {
            if let Some(path) = path {
                command.env(name, path);
            }
        }
    }
}

fn folder() -> PathBuf {
    target().join("clients")
}

fn quiet(command: &mut Command) -> Result<()> {
    crate::run(command.stdout(Stdio::null()))
}

/// Python of an environment of its own.
fn python() -> Result<PathBuf> {
    let home = folder().join("python");
    let python = home.join("bin/python");
    let has = |module: &str| {
        let check = Command::new(&python).args(["-c", &format!("import {module}")]).stderr(Stdio::null()).status();
        check.is_ok_and(|status| status.success())
    };
    let missing: Vec<_> = PYTHON.iter().filter(|(module, _)| !has(module)).map(|(_, package)| *package).collect();
    if !missing.is_empty() {
        if !python.is_file() {
            crate::run(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
        }
        crate::run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(missing))?;
    }
    Ok(python)
}

fn node() -> Result<PathBuf> {
    let home = folder().join("node");
    if NODE.iter().all(|(package, major)| has_package(&home, package, major)) {
        return Ok(home);
    }
    std::fs::create_dir_all(&home)?;
    std::fs::write(home.join("package.json"), r#"{ "private": true }"#)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--prefix"]).arg(&home).args(["--no-audit", "--no-fund", "--ignore-scripts", "--silent"]);
    quiet(npm.args(NODE.map(|(package, major)| format!("{package}@{major}"))))?;
    Ok(home)
}

fn has_package(home: &Path, package: &str, major: &str) -> bool {
    let text = std::fs::read_to_string(home.join("node_modules").join(package).join("package.json"));
    text.is_ok_and(|text| text.contains(&format!("\"version\": \"{major}.")))
}

/// Compose 1: the machine's, where Debian's suite still has it, or else PyPI's in an environment of its own.
fn compose_1() -> Result<PathBuf> {
    let is_it = |program: &Path| {
        let version = Command::new(program).args(["version", "--short"]).stderr(Stdio::null()).output();
        version.is_ok_and(|output| output.status.success() && output.stdout.starts_with(b"1."))
    };
    let home = folder().join("compose-1");
    let program = home.join("bin/docker-compose");
    if let Some(found) = [PathBuf::from("/usr/bin/docker-compose"), program.clone()].into_iter().find(|p| is_it(p)) {
        return Ok(found);
    }
    crate::run(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
    let mut pip = Command::new(home.join("bin/python"));
    crate::run(pip.args(["-m", "pip", "install", "--quiet", "--no-deps"]).args(COMPOSE_1))?;
    if !is_it(&program) {
        bail!("{} is not version 1, or does not run", program.display());
    }
    Ok(program)
}

/// Compose 2 as a newer Debian packages it, unpacked and not installed: it is one static program.
fn compose() -> Result<PathBuf> {
    let home = folder().join("compose");
    let program = home.join("usr/libexec/docker/cli-plugins/docker-compose");
    if program.is_file() {
        return Ok(program);
    }
    let apt = home.join("apt");
    for part in ["lists/partial", "cache/archives/partial"] {
        std::fs::create_dir_all(apt.join(part))?;
    }
    let key = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let source = format!("deb [signed-by={key}] http://deb.debian.org/debian {COMPOSE_SUITE} main\n");
    std::fs::write(apt.join("sources.list"), source)?;
    quiet(Command::new("apt-get").args(options(&apt)).args(["-q", "update"]))?;
    // It downloads to the working folder.
    let mut download = Command::new("apt-get");
    download.args(options(&apt)).args(["-q", "download", "docker-compose"]).current_dir(&apt);
    let status = download.stdout(Stdio::null()).stderr(Stdio::null()).status().context("cannot run apt-get")?;
    let package = std::fs::read_dir(&apt)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"));
    let Some(package) = package else { bail!("apt-get download docker-compose failed: {status}") };
    crate::run(Command::new("dpkg-deb").arg("-x").arg(package).arg(&home))?;
    std::fs::remove_dir_all(&apt)?;
    if !program.is_file() {
        bail!("the package has no {}", program.display());
    }
    Ok(program)
}

/// An apt of its own, which knows one suite and changes nothing of the machine's.
fn options(apt: &Path) -> [String; 8] {
    let option = |name: &str, value: &Path| format!("{name}={}", value.display());
    [
        "-o".to_owned(),
        option("Dir::Etc::sourcelist", &apt.join("sources.list")),
        "-o".to_owned(),
        option("Dir::Etc::sourceparts", Path::new("/dev/null")),
        "-o".to_owned(),
        option("Dir::State::lists", &apt.join("lists")),
        "-o".to_owned(),
        option("Dir::Cache", &apt.join("cache")),
    ]
}
