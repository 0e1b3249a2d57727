//! How git is started: with nothing of the user's or the tree's configuration that could run or hide something.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{GitError, Repository};
use crate::text::safe;

/// The program and the search path it is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Git {
    program: PathBuf,
    path: OsString,
}

/// Settings of the repository that could start a program or change an answer, made harmless.
///
/// Read-only commands on ids and on the index never look at filters or text conversions.
const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.pager=cat",
    "core.quotePath=false",
    "safe.bareRepository=explicit",
    "protocol.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
    "log.showSignature=false",
    "color.ui=false",
];

/// The whole environment of git besides the search path.
///
/// Without `GIT_ALLOW_PROTOCOL` an older git would fetch a missing object of a partial clone, with whatever
/// program the repository's configuration names for that.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_GRAFT_FILE", "/dev/null"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_ALLOW_PROTOCOL", "none"),
    ("GIT_LITERAL_PATHSPECS", "1"),
    ("GIT_ADVICE", "0"),
    ("LC_ALL", "C"),
];

/// Settings for talking to a remote: no hook, no prompt, no upkeep, nothing that changes what is pushed.
const ABROAD: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "credential.interactive=false",
    "protocol.ext.allow=never",
    "push.gpgSign=false",
    "push.followTags=false",
    "push.recurseSubmodules=no",
    "fetch.recurseSubmodules=no",
    "fetch.fsckObjects=true",
    "http.lowSpeedLimit=100",
    "http.lowSpeedTime=20",
    "gc.auto=0",
    "maintenance.auto=false",
    "color.ui=false",
];

/// What git may know of the user's environment there: how to find and unlock the remote.
///
/// Neither traces, which would print credentials, nor anything that names another repository.
const PASSED_ON: &[&str] = &[
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    "SSH_ASKPASS",
    "GIT_ASKPASS",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "TOLLGATE_LEDGER_TOKEN",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_SSL_CERT",
    "GIT_SSL_KEY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "HTTPS_PROXY",
    "https_proxy",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// Where git runs: never inside the tree it reads, where a folder could pose as a repository.
const ELSEWHERE: &str = "/";

/// What a finished git left behind.
pub(super) struct Answer {
    pub(super) status: i32,
    pub(super) output: Vec<u8>,
    pub(super) complaint: String,
}

impl Git {
    /// Finds git on the search path. Relative entries are passed over: they could lead into the scanned tree.
    pub(super) fn find() -> Result<Self, GitError> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = std::env::split_paths(&path).filter(|path| path.is_absolute()).collect();
        let program = folders
            .iter()
            .map(|folder| folder.join(if cfg!(windows) { "git.exe" } else { "git" }))
            .find(|program| program.is_file())
            .ok_or(GitError::Missing)?;
        let path = std::env::join_paths(folders).unwrap_or_default();
        Ok(Self { program, path })
    }

    /// Where it is.
    pub(super) fn program(&self) -> &std::path::Path {
        &self.program
    }

    /// Git with our settings and environment and nothing else, on no repository yet.
    pub(super) fn start(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(ELSEWHERE).env_clear().env("PATH", &self.path);
        command.envs(ENVIRONMENT.iter().copied());
        command.arg("--no-pager");
        for setting in SETTINGS {
            command.arg("-c").arg(setting);
        }
        command
    }

    /// Git that talks to a remote, on no repository yet: with the user's own settings, which hold the credentials.
    ///
    /// Nothing of the tree that is scanned has a say: git runs elsewhere, and on a repository of our own.
    pub(super) fn start_abroad(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(ELSEWHERE).env_clear().env("PATH", &self.path);
        let passed = |name: &str| PASSED_ON.contains(&name) || name.starts_with("GIT_CONFIG");
        command.envs(std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(passed)));
        command.envs([("GIT_TERMINAL_PROMPT", "0"), ("GIT_ADVICE", "0"), ("LC_ALL", "C")]);
        command.env("GIT_ALLOW_PROTOCOL", "file:https:ssh").arg("--no-pager");
        for setting in ABROAD {
            command.arg("-c").arg(setting);
        }
        command
    }
}

impl Repository {
    /// A git command on this repository, ready to start.
    pub(super) fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = self.git.start();
        // The work tree counts for commands on the index only; any empty prefix will do.
        command.env("GIT_WORK_TREE", ELSEWHERE).env("GIT_DIR", &self.git_dir);
        command.env("GIT_COMMON_DIR", &self.common_dir);
        if let Some(index) = &self.index {
            command.env("GIT_INDEX_FILE", index);
        }
        command.arg("--git-dir").arg(&self.git_dir);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs git to its end; any exit status is an answer.
    pub(super) fn ask<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Answer, GitError> {
        let output = self.command(arguments).output().map_err(|error| no_start(arguments, &error))?;
        Ok(Answer {
            status: output.status.code().unwrap_or(-1),
            output: output.stdout,
            complaint: complaint(&output.stderr),
        })
    }

    /// Runs git to its end; only success is an answer.
    pub(super) fn demand<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Vec<u8>, GitError> {
        let answer = self.ask(arguments)?;
        if answer.status == 0 { Ok(answer.output) } else { Err(failed(arguments, answer.complaint)) }
    }

    /// Runs git with `input` on its standard input; only success is an answer.
    pub(super) fn demand_with<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
        input: &[u8],
    ) -> Result<Vec<u8>, GitError> {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|error| no_start(arguments, &error))?;
        let pipe = child.stdin.take();
        let output = std::thread::scope(|scope| {
            // Written beside the reading: both pipes are small and git answers while it is still being asked.
            scope.spawn(move || pipe.map(|mut pipe| std::io::Write::write_all(&mut pipe, input)));
            child.wait_with_output()
        });
        let output = output.map_err(|error| no_start(arguments, &error))?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(failed(arguments, complaint(&output.stderr)))
        }
    }
}

/// git could not be started, or not be listened to.
pub(super) fn no_start<S: AsRef<OsStr>>(arguments: &[S], error: &std::io::Error) -> GitError {
    if error.kind() == ErrorKind::NotFound { GitError::Missing } else { failed(arguments, error.to_string()) }
}

pub(super) fn failed<S: AsRef<OsStr>>(arguments: &[S], message: String) -> GitError {
    GitError::Failed { command: name(arguments), message }
}

pub(super) fn strange<S: AsRef<OsStr>>(arguments: &[S]) -> GitError {
    GitError::Answer { command: name(arguments) }
}

/// The subcommand alone: what follows may be text of the repository.
fn name<S: AsRef<OsStr>>(arguments: &[S]) -> String {
    arguments.first().map(|first| first.as_ref().to_string_lossy().into_owned()).unwrap_or_default()
}

/// The first line of what git complained about, made safe and short.
pub(super) fn complaint(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().next().unwrap_or("it said nothing").trim();
    let line = line.strip_prefix("fatal: ").or_else(|| line.strip_prefix("error: ")).unwrap_or(line);
    safe::terminal(&line.chars().take(300).collect::<String>())
}
