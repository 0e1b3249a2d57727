//! `hook`: git asks the gate before it commits.
//!
//! ```text
//! pre-commit                      ours: runs the one below first, then `tollgate check --staged`
//! pre-commit.before-tollgate      the hook that was there, under another name; put back by `uninstall`
//! ```

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use tollgate::git::Repository;

use super::context::{Context, write_file};
use super::exit::Exit;
use super::trouble::Trouble;

/// The hooks that git runs before a commit is made: by hand, and by a merge.
const NAMES: [&str; 2] = ["pre-commit", "pre-merge-commit"];

/// A line by which our hooks are known again.
const MARK: &str = "# Installed by `tollgate hook install`; `tollgate hook uninstall` takes it out again.";

/// What a hook that was there is called while ours is.
const BEFORE: &str = ".before-tollgate";

/// What to do with the hooks of this repository.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check what is staged before each commit; a hook that is there goes on running, before ours.
    Install,
    /// Take our hooks out, and put back what was there.
    Uninstall,
}

/// Runs `hook`.
pub fn run(command: &Command, context: &Context) -> Result<Exit, Trouble> {
    let repository = Repository::discover(&context.folder)?.ok_or_else(|| {
        Trouble::new("hooks belong to a git repository, and this folder is in none")
            .help("run it inside a repository, or `git init` first")
    })?;
    let folder = repository.hooks_folder()?;
    refuse_managed(&folder)?;
    for name in NAMES {
        let done = match command {
            Command::Install => install(&folder.join(name))?,
            Command::Uninstall => uninstall(&folder.join(name))?,
        };
        context.print(&format!("{}: {done}\n", folder.join(name).display()))?;
    }
    Ok(Exit::Open)
}

/// husky writes its folder anew, so that a hook in it would not last.
fn refuse_managed(folder: &Path) -> Result<(), Trouble> {
    let is = |path: &Path, name: &str| path.file_name().is_some_and(|last| last == name);
    if is(folder, "_") && folder.parent().is_some_and(|parent| is(parent, ".husky")) {
        let fault = format!("`{}` belongs to husky, which writes it anew", folder.display());
        return Err(Trouble::new(fault).help("add the line `tollgate check --staged` to .husky/pre-commit"));
    }
    Ok(())
}

fn install(hook: &Path) -> Result<&'static str, Trouble> {
    let ours = script(hook)?;
    let there = read(hook)?;
    let (is_there, is_ours) = (there.is_some(), there.as_deref().is_some_and(is_ours));
    if there.as_deref() == Some(ours.as_bytes()) {
        return Ok("was installed already");
    }
    if is_there && !is_ours {
        let kept = before(hook);
        if kept.symlink_metadata().is_ok() {
            let fault = format!("`{}` would be overwritten", kept.display());
            return Err(Trouble::new(fault).help("it is an older hook: join the two, or take one away"));
        }
        fs::rename(hook, &kept).map_err(|error| unwritten(&kept, &error))?;
    }
    write_file(hook, ours.as_bytes())?;
    fs::set_permissions(hook, fs::Permissions::from_mode(0o755)).map_err(|error| unwritten(hook, &error))?;
    Ok(match (is_there, is_ours) {
        (true, false) => "installed; the hook that was there runs before it",
        (true, true) => "brought up to date",
        (false, _) => "installed",
    })
}

fn uninstall(hook: &Path) -> Result<&'static str, Trouble> {
    if !read(hook)?.as_deref().is_some_and(is_ours) {
        return Ok("nothing of ours is there");
    }
    let kept = before(hook);
    if kept.symlink_metadata().is_ok() {
        fs::rename(&kept, hook).map_err(|error| unwritten(hook, &error))?;
        return Ok("taken out; the hook from before is back");
    }
    fs::remove_file(hook).map_err(|error| unwritten(hook, &error))?;
    Ok("taken out")
}

/// Our hook. Without the program nothing is committed: a gate that is not there does not open.
fn script(hook: &Path) -> Result<String, Trouble> {
    let name = hook.file_name().unwrap_or_default().to_string_lossy();
    let program = program()?;
    let program = program.to_string_lossy().replace('\'', r"'\''");
    Ok(format!(
        r#"#!/bin/sh
{MARK}
before="$(dirname -- "$0")/{name}{BEFORE}"
if [ -x "$before" ]; then
    "$before" "$@" || exit
fi
gate=$(command -v tollgate) || gate='{program}'
if [ ! -x "$gate" ]; then
    echo "tollgate is not installed any more, so nothing can be committed: install it, or remove $0" >&2
    exit 1
fi
exec "$gate" check --staged
"#
    ))
}

/// Where this program is, for a shell that does not find it by its name.
fn program() -> Result<PathBuf, Trouble> {
    std::env::current_exe()
        .map_err(|error| Trouble::new(format!("this program does not know where it is: {error}")))
}

fn read(hook: &Path) -> Result<Option<Vec<u8>>, Trouble> {
    match fs::read(hook) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && hook.symlink_metadata().is_err() => {
            Ok(None)
        }
        Err(error) => Err(Trouble::new(format!("`{}` cannot be read: {error}", hook.display()))),
    }
}

fn is_ours(script: &[u8]) -> bool {
    script.split(|byte| *byte == b'\n').any(|line| line == MARK.as_bytes())
}

fn before(hook: &Path) -> PathBuf {
    let name = hook.file_name().unwrap_or_default().to_string_lossy();
    hook.with_file_name(format!("{name}{BEFORE}"))
}

fn unwritten(path: &Path, error: &std::io::Error) -> Trouble {
    Trouble::new(format!("`{}` cannot be written: {error}", path.display()))
}
