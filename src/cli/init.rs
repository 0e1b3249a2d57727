//! `init`: the first files of a repository, each with a sentence on what it is for. What is there is left alone.

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use tollgate::git::Repository;

use super::context::{Context, write_file};
use super::exit::Exit;
use super::hook;
use super::trouble::Trouble;

const POLICY: &str =
    "# What the gate goes by. Every field is optional; `tollgate explain policy` tells them all.
version: 1
# organisation: acme                       # first part of the name of the ledger
# ledger: postgres://ledger.acme.example/tollgate   # where decisions outlive the job
# environments: { production: [prod] }
# limits: { max_lifetime: { jwt: 1h, kubernetes-token: 24h } }
";

const SIGNERS: &str = "# Who may approve exceptions and sign records: OpenSSH's allowed_signers, a key a line.
# dana@acme.example namespaces=\"exception@tollgate,exception-critical@tollgate,revoke@tollgate\" ssh-ed25519 AAAA...
# ci@acme.example namespaces=\"record@tollgate\" ssh-ed25519 AAAA...
";

const PEOPLE: &str = "# The person behind each principal of `signers`: two keys of one person are one vote, and bots never approve.
# [principals.\"dana@acme.example\"]
# person = \"dana\"
# class = \"human\"
";

const WORKFLOW: &str = include_str!("../../examples/github/.github/workflows/tollgate.yml");
const JOB: &str = include_str!("../../examples/gitlab/tollgate.gitlab-ci.yml");

/// Where GitLab's job goes, and what includes it.
const JOB_PATH: &str = ".gitlab/tollgate.gitlab-ci.yml";
const INCLUDE: &str = "include:\n  - local: .gitlab/tollgate.gitlab-ci.yml\n";

/// The places of a file of code owners, in the order in which forges look.
const OWNERS: [&str; 4] = [".github/CODEOWNERS", ".gitlab/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];

/// What to set up.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tollgate init                                 what suits this repository
  tollgate init --forge gitlab --owner @acme/security")]
pub struct Arguments {
    /// Where requests are judged; told from the remote and the files when left out.
    #[arg(long, value_name = "FORGE")]
    forge: Option<Forge>,
    /// Who must review changes of the gate's own files, such as `@acme/security`.
    #[arg(long, value_name = "OWNER")]
    owner: Option<String>,
}

/// A forge, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Forge {
    Github,
    Gitlab,
    None,
}

/// Runs `init`.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
    let repository = Repository::discover(&context.folder)?;
    let root = repository.as_ref().and_then(|found| found.work_tree()).unwrap_or(&context.folder).to_owned();
    let forge = arguments.forge.unwrap_or_else(|| seen(&root, repository.as_ref()));
    let desk = Desk { root: &root, context };
    desk.file(
        ".tollgate/policy.yml",
        POLICY,
        "thresholds and limits; empty as it is, the built-in rules hold",
    )?;
    desk.file(".tollgate/signers", SIGNERS, "who may approve an exception: add a line for each key")?;
    desk.file(".tollgate/signers.toml", PEOPLE, "which person stands behind each key")?;
    match forge {
        Forge::Github => desk.file(
            ".github/workflows/tollgate.yml",
            WORKFLOW,
            "judges each pull request; put the commit of your release behind the `@`, and make its job required",
        )?,
        Forge::Gitlab => desk.gitlab()?,
        Forge::None => context.print("no forge is known here: `--forge github` or `--forge gitlab` writes its job\n")?,
    }
    desk.owners(arguments.owner.as_deref())?;
    if repository.is_some() {
        context.print("the hook asks the gate before each commit:\n")?;
        if let Err(trouble) = hook::run(&hook::Command::Install, context) {
            context.print(&format!("left alone: {}\n", trouble.message()))?;
        }
    }
    context.print(
        "next: `tollgate check`, then commit these files; from then on the base of a request guards them\n",
    )?;
    Ok(Exit::Open)
}

/// The forge that the files or the remote tell of.
fn seen(root: &Path, repository: Option<&Repository>) -> Forge {
    if root.join(".gitlab-ci.yml").exists() {
        return Forge::Gitlab;
    }
    if root.join(".github").is_dir() {
        return Forge::Github;
    }
    let config = repository.map(|repository| repository.common_dir().join("config"));
    let remotes = config.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default().to_lowercase();
    let of =
        |word: &str| remotes.lines().any(|line| line.trim_start().starts_with("url") && line.contains(word));
    match (of("github"), of("gitlab")) {
        (true, false) => Forge::Github,
        (false, true) => Forge::Gitlab,
        _ => Forge::None,
    }
}

/// Where files are written.
struct Desk<'d> {
    root: &'d Path,
    context: &'d Context,
}

impl Desk<'_> {
    /// Writes `path` unless it is there, and says what it is for.
    fn file(&self, path: &str, text: &str, what: &str) -> Result<(), Trouble> {
        let full = self.root.join(path);
        let word = if full.symlink_metadata().is_ok() {
            "kept"
        } else {
            write_file(&full, text.as_bytes())?;
            "wrote"
        };
        self.context.print(&format!("{word} {path}: {what}\n"))
    }

    fn gitlab(&self) -> Result<(), Trouble> {
        self.file(JOB_PATH, JOB, "judges each merge request, with reports for its widgets")?;
        let main = self.root.join(".gitlab-ci.yml");
        let included = fs::read_to_string(&main).is_ok_and(|text| text.contains(JOB_PATH));
        if !included && main.exists() {
            // Where others' jobs stand, a file is not ours to rewrite.
            return self.context.print(&format!("add to .gitlab-ci.yml:\n{INCLUDE}"));
        }
        self.file(".gitlab-ci.yml", INCLUDE, "includes that job")
    }

    /// Adds the line that has changes of the gate's own files reviewed.
    fn owners(&self, owner: Option<&str>) -> Result<(), Trouble> {
        let Some(owner) = owner else {
            return self.context.print(
                "no code owner: with `--owner @acme/security` changes of .tollgate/ need the review of those people\n",
            );
        };
        if owner.chars().any(|letter| letter.is_whitespace() || letter.is_control() || letter == '#') {
            return Err(
                Trouble::new(format!("`{owner}` is no code owner")).help("as in `--owner @acme/security`")
            );
        }
        let there: Option<PathBuf> =
            OWNERS.iter().map(|path| self.root.join(path)).find(|path| path.is_file());
        let path = there.unwrap_or_else(|| self.root.join("CODEOWNERS"));
        let before = fs::read_to_string(&path).unwrap_or_default();
        let line = format!("/.tollgate/ {owner}");
        let shown = path.strip_prefix(self.root).unwrap_or(&path).display();
        let what = "changes of the gate's own files need the review of these people";
        if before.lines().any(|one| one.trim_start().starts_with("/.tollgate/")) {
            return self.context.print(&format!("kept {shown}: {what}\n"));
        }
        let end = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
        write_file(&path, format!("{before}{end}{line}\n").as_bytes())?;
        self.context.print(&format!("wrote {shown}: {what}\n"))
    }
}
