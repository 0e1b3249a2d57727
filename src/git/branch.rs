//! A branch of a repository elsewhere: its newest commit is fetched, one more is made, and that is pushed.
//!
//! The work is done in a private bare repository in the folder for temporary files, gone with the value.
//! What is pushed is always one commit by its id, and the server takes it only where it follows the newest
//! one there: no way of overwriting is used or can be configured. The address stands in a file of that
//! repository and on no command line, where other users of the machine could read it.

use std::ffi::OsStr;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::command::{Git, complaint, failed, no_start, strange};
use super::{GitError, ObjectId, Repository};
use crate::text::{hash, safe, url};

/// A branch elsewhere, and what was fetched of it.
#[derive(Debug)]
pub struct Branch {
    repository: Repository,
    name: String,
    address: String,
    /// How many refs were made here: each has a name of its own, so none is ever moved.
    refs: u64,
    // Dropped last: the repository lies in it.
    _folder: Folder,
}

/// What the server made of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// The branch ends in our commit.
    Accepted,
    /// The branch has another end than the one our commit follows.
    Behind,
    /// The server does not want it, from us or at all; the text says why.
    Refused(String),
    /// It may or may not have arrived.
    Unclear(String),
}

/// The remote's name in the private repository: one that no user's configuration knows.
const REMOTE: &str = "tollgate-ledger";

/// How long one conversation with the remote may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// More than this git does not say about one commit.
const ANSWER_BYTES: u64 = 1 << 20;

impl Branch {
    /// The branch `name` of the repository at `address`; asks nothing yet.
    ///
    /// # Errors
    ///
    /// When there is no git, or no place for temporary files.
    pub fn new(address: &str, name: &str) -> Result<Self, GitError> {
        let git = Git::find()?;
        let folder = Folder::create().map_err(|error| failed(&["init"], error.to_string()))?;
        let mut init = git.start();
        init.args(["init", "--quiet", "--bare", "--template="]).arg(&folder.0);
        let output = init.output().map_err(|error| no_start(&["init"], &error))?;
        if !output.status.success() {
            return Err(failed(&["init"], complaint(&output.stderr)));
        }
        configure(&folder.0, address).map_err(|error| failed(&["config"], error.to_string()))?;
        let repository = Repository::at(&folder.0, None)?;
        let (name, address) = (name.to_owned(), address.to_owned());
        Ok(Self { repository, name, address, refs: 0, _folder: folder })
    }

    /// The private repository, for reading what was fetched.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Fetches the newest commit, without those before it; `None` where there is no such branch.
    pub fn fetch(&mut self) -> Result<Option<ObjectId>, GitError> {
        let place = self.next_ref();
        let refspec = format!("refs/heads/{}:{place}", self.name);
        let arguments = ["fetch", "--quiet", "--no-tags", "--depth=1", REMOTE, &refspec];
        let answer = self.talk(&arguments)?;
        if answer.status == Some(0) {
            let found = self.repository.demand(&["rev-parse", "--verify", &place])?;
            return ObjectId::from_bytes(found.trim_ascii()).map(Some).ok_or_else(|| strange(&["rev-parse"]));
        }
        if answer.complaints.lines().any(|line| line.starts_with("fatal: couldn't find remote ref ")) {
            return Ok(None);
        }
        Err(failed(&arguments, answer.why()))
    }

    /// Makes a commit that follows `parent` and differs from it in `files`, here and not yet there.
    ///
    /// Paths hold letters, digits, `/`, `.` and `-` alone.
    pub fn commit(
        &mut self,
        parent: Option<&ObjectId>,
        message: &str,
        files: &[(String, Vec<u8>)],
    ) -> Result<ObjectId, GitError> {
        let place = self.next_ref();
        let mut script = Vec::new();
        let who = "committer tollgate <tollgate@localhost> now";
        script.extend(format!("commit {place}\nmark :1\n{who}\ndata {}\n{message}\n", message.len()).bytes());
        script.extend(parent.iter().flat_map(|parent| format!("from {parent}\n").into_bytes()));
        for (path, bytes) in files {
            script.extend(format!("M 100644 inline {path}\ndata {}\n", bytes.len()).bytes());
            script.extend_from_slice(bytes);
            script.push(b'\n');
        }
        script.extend(b"get-mark :1\ndone\n");
        let arguments = ["fast-import", "--quiet", "--done", "--date-format=now"];
        let id = self.repository.demand_with(&arguments, &script)?;
        ObjectId::from_bytes(id.trim_ascii()).ok_or_else(|| strange(&arguments))
    }

    /// Pushes `commit`, which must follow the end of the branch there.
    pub fn push(&self, commit: &ObjectId) -> Pushed {
        let refspec = format!("{commit}:refs/heads/{}", self.name);
        match self.talk(&["push", "--porcelain", "--no-verify", REMOTE, &refspec]) {
            Ok(answer) => classify(&answer),
            Err(error) => Pushed::Unclear(error.to_string()),
        }
    }

    /// Whether whoever may push there may also rewrite the branch; known only of a repository on this machine.
    pub fn takes_rewriting(&self) -> Result<bool, GitError> {
        let path = self.address.strip_prefix("file://").unwrap_or(&self.address);
        let config = Path::new(path).join("config");
        if !path.starts_with('/') || !config.is_file() {
            return Ok(false);
        }
        let config = config.to_string_lossy();
        for setting in ["receive.denyNonFastForwards", "receive.denyDeletes"] {
            let answer =
                self.repository.ask(&["config", "--file", &config, "--type=bool", "--get", setting])?;
            if answer.output.trim_ascii() != b"true" {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn next_ref(&mut self) -> String {
        self.refs += 1;
        format!("refs/tollgate/{}", self.refs)
    }

    /// Runs git with the remote at the other end, as long as our patience lasts.
    fn talk<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Talk, GitError> {
        let mut command = self.repository.git.start_abroad();
        command.arg("--git-dir").arg(&self.repository.git_dir).args(arguments);
        run_within(command, PATIENCE).map_err(|error| no_start(arguments, &error))
    }
}

/// What git and the remote said.
#[derive(Debug, Default)]
struct Talk {
    /// `None` when git was ended by us or by somebody else.
    status: Option<i32>,
    output: String,
    complaints: String,
}

impl Talk {
    /// The line that says most, without credentials and safe to print.
    fn why(&self) -> String {
        let is_verdict = |line: &&str| {
            ["fatal: ", "error: ", "ERROR: ", "remote: error: "].iter().any(|start| line.starts_with(start))
        };
        let line = self.complaints.lines().find(is_verdict).or_else(|| self.complaints.lines().next());
        complaint(url::scrub(line.unwrap_or_default()).as_bytes())
    }
}

/// Words in a server's refusal that mean: somebody else was first.
const CONTESTED: [&str; 8] = [
    "stale info",
    "fetch first",
    "non-fast-forward",
    "cannot lock ref",
    "failed to lock",
    "failed to update ref",
    "reference already exists",
    "incorrect old value",
];

/// Words of a complaint that mean: no such attempt will ever be let in.
const SHUT_OUT: [&str; 9] = [
    "Authentication failed",
    "could not read Username",
    "could not read Password",
    "Permission denied",
    "Permission to ",
    "returned error: 401",
    "returned error: 403",
    "marked as read only",
    "does not appear to be a git repository",
];

/// Reads what `git push --porcelain` says of its one ref: a flag, a tab, from and to, a tab, a summary.
///
/// Source: git-push(1), "Output". Whatever is not understood is [`Pushed::Unclear`].
fn classify(answer: &Talk) -> Pushed {
    for line in answer.output.lines() {
        let mut parts = line.splitn(3, '\t');
        let (Some(flag), Some(_), Some(summary)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        match flag {
            " " | "*" | "=" if answer.status == Some(0) => return Pushed::Accepted,
            "!" if summary.starts_with("[rejected]") => return Pushed::Behind,
            "!" if CONTESTED.iter().any(|words| summary.contains(words)) => return Pushed::Behind,
            "!" if summary.starts_with("[remote rejected]") => {
                let why = format!("{}: {}", safe::terminal(summary), answer.why());
                return Pushed::Refused(why);
            }
            _ => {}
        }
    }
    if SHUT_OUT.iter().any(|words| answer.complaints.contains(words)) {
        return Pushed::Refused(answer.why());
    }
    Pushed::Unclear(answer.why())
}

/// Runs `command` to its end, or ends it when `limit` is over.
fn run_within(mut command: Command, limit: Duration) -> io::Result<Talk> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let outputs = listen(child.stdout.take());
    let complaints = listen(child.stderr.take());
    let end = Instant::now() + limit;
    let left = || end.saturating_duration_since(Instant::now());
    let (Ok(output), Ok(complaints)) = (outputs.recv_timeout(left()), complaints.recv_timeout(left())) else {
        let _ = child.kill();
        child.wait()?;
        let complaints = format!("no answer within {} seconds", limit.as_secs());
        return Ok(Talk { complaints, ..Talk::default() });
    };
    Ok(Talk { status: child.wait()?.code(), output, complaints })
}

/// Reads a pipe to its end beside us; a helper of git that outlives it must not hold us up.
fn listen(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.map(|pipe| pipe.take(ANSWER_BYTES).read_to_end(&mut bytes));
        sender.send(String::from_utf8_lossy(&bytes).into_owned())
    });
    receiver
}

/// Names the remote in the configuration of the private repository.
fn configure(folder: &Path, address: &str) -> io::Result<()> {
    if address.chars().any(char::is_control) {
        return Err(io::Error::other("the address holds control characters"));
    }
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut file = OpenOptions::new().append(true).open(folder.join("config"))?;
    write!(file, "[remote \"{REMOTE}\"]\n\turl = \"{}\"\n", quoted(address))?;
    let Some(host) = host(address).filter(|_| std::env::var_os(TOKEN).is_some()) else { return Ok(()) };
    // An empty helper takes those before it away. Only for this host: a redirection elsewhere gets no token.
    let (host, helper) = (quoted(host), quoted(HELPER));
    write!(file, "[credential \"https://{host}\"]\n\thelper =\n\thelper = \"{helper}\"\n")
}

/// The variable with the token for a remote over `https`, for jobs that have no credential helper.
const TOKEN: &str = "TOLLGATE_LEDGER_TOKEN";

/// Answers git with the token, under the name in the address or one that forges take with tokens.
///
/// Source: gitcredentials(7), "Custom helpers".
const HELPER: &str = "!f() { name=x-access-token; while read -r line; do \
    case $line in username=*) name=${line#username=};; esac; done; \
    test \"$1\" != get || printf 'username=%s\\npassword=%s\\n' \"$name\" \"$TOLLGATE_LEDGER_TOKEN\"; }; f";

/// Host and port of an address over `https`.
fn host(address: &str) -> Option<&str> {
    let rest = address.strip_prefix("https://")?;
    let authority = rest.split('/').next().unwrap_or(rest);
    authority.rsplit('@').next()
}

/// A folder for temporary files that nobody else may enter, removed with the value.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn create() -> io::Result<Self> {
        let mut chance = [0; 12];
        getrandom::fill(&mut chance).map_err(|_| io::Error::other("the system gives no random numbers"))?;
        let path = std::env::temp_dir().join(format!("tollgate-{}", hash::hex(&chance)));
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's cleaning; there is nobody to tell.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: i32, output: &str, complaints: &str) -> Pushed {
        let (output, complaints) = (output.to_owned(), complaints.to_owned());
        classify(&Talk { status: Some(status), output, complaints })
    }

    #[test]
    fn c14_what_a_server_says_to_a_push_is_conflict_refusal_or_doubt() {
        let line = |flag: &str, summary: &str| format!("To x\n{flag}\ta:refs/heads/l\t{summary}\nDone\n");
        for summary in [
            "[rejected] (fetch first)",
            "[rejected] (non-fast-forward)",
            "[rejected] (stale info)",
            "[remote rejected] (cannot lock ref 'refs/heads/l': is at 1 but expected 2)",
            "[remote rejected] (failed to update ref)",
            "[remote rejected] (reference already exists)",
        ] {
            assert_eq!(told(1, &line("!", summary), ""), Pushed::Behind, "{summary}");
        }
        for summary in [
            "[remote rejected] (pre-receive hook declined)",
            "[remote rejected] (protected branch hook declined)",
            "[remote rejected] (push declined due to repository rule violations)",
        ] {
            assert!(matches!(told(1, &line("!", summary), ""), Pushed::Refused(_)), "{summary}");
        }
        for complaint in [
            "fatal: Authentication failed for 'https://a:b@c/'",
            "git@c: Permission denied (publickey).",
            "ERROR: The key you are authenticating with has been marked as read only.",
            "fatal: unable to access 'https://c/': The requested URL returned error: 403",
        ] {
            let Pushed::Refused(why) = told(128, "", complaint) else { panic!("{complaint}") };
            assert!(!why.contains("a:b"), "{why}");
        }
        for (status, output, complaint) in [
            (1, line("!", "[remote failure] (remote failed to report status)"), ""),
            (128, String::new(), "fatal: the remote end hung up unexpectedly"),
            (128, String::new(), "fatal: unable to access 'https://c/': Could not resolve host: c"),
            (1, line(" ", "1..2"), ""),
            (0, String::new(), ""),
        ] {
            assert!(matches!(told(status, &output, complaint), Pushed::Unclear(_)), "{output}{complaint}");
        }
        for (flag, summary) in [(" ", "1..2"), ("*", "[new branch]"), ("=", "[up to date]")] {
            assert_eq!(told(0, &line(flag, summary), ""), Pushed::Accepted, "{summary}");
        }
    }

    #[test]
    fn c14_nothing_here_can_overwrite_a_branch() {
        let code = include_str!("branch.rs").split("#[cfg(test)]").next().unwrap();
        for word in ["--force", "-f\"", "\"+", "{+", "--mirror", "--delete", "--prune"] {
            assert!(!code.contains(word), "`{word}`");
        }
    }

    #[test]
    fn an_answer_that_does_not_come_is_waited_for_no_longer_than_said() {
        let mut command = Command::new("sleep");
        command.arg("30");
        let start = Instant::now();
        let answer = run_within(command, Duration::from_millis(50)).unwrap();
        assert_eq!(answer.status, None);
        assert!(start.elapsed() < Duration::from_secs(10));
        assert!(matches!(classify(&answer), Pushed::Unclear(_)));
    }

    #[test]
    fn an_address_is_written_so_that_git_reads_it_back() {
        let folder = Folder::create().unwrap();
        let path = folder.0.clone();
        for (address, is_fine) in [("/srv/a \"b\"\\c#d;e.git", true), ("/srv/a\nb", false)] {
            std::fs::File::create(path.join("config")).unwrap();
            assert_eq!(configure(&path, address).is_ok(), is_fine);
        }
        let mut command = Git::find().unwrap().start();
        std::fs::File::create(path.join("config")).unwrap();
        configure(&path, "/srv/a \"b\"\\c#d;e.git").unwrap();
        command.args(["config", "--file"]).arg(path.join("config")).arg(format!("remote.{REMOTE}.url"));
        assert_eq!(command.output().unwrap().stdout, b"/srv/a \"b\"\\c#d;e.git\n");
        drop(folder);
        assert!(!path.exists());
    }
}
