//! The reason of a request, asked for in the user's editor.

use std::fmt::Write as _;
use std::path::PathBuf;

use tollgate::exception::document::{MIN_REASON, Named};
use tollgate::text::safe;

use crate::cli::context::{Context, write_file};
use crate::cli::trouble::Trouble;

/// Opens `VISUAL`, else `EDITOR`, on a template that names `findings`; what is written above its comments is the reason.
pub fn ask(findings: &[Named], context: &Context) -> Result<String, Trouble> {
    let editor = ["VISUAL", "EDITOR"].iter().find_map(|name| context.environment.get(name));
    let editor = editor.ok_or_else(|| {
        Trouble::new("no reason was given, and no editor is set to ask for it")
            .help("give one with `--reason TEXT`, or set `EDITOR`")
    })?;
    let file = Draft::new(findings, context)?;
    // As git does it: the variable is a command line, and a shell takes it apart.
    let ended = std::process::Command::new("sh")
        .args(["-c", &format!("{editor} \"$@\""), editor])
        .arg(&file.0)
        .status()
        .map_err(|error| Trouble::new(format!("the editor `{editor}` cannot be started: {error}")))?;
    if !ended.success() {
        return Err(Trouble::new(format!("the editor `{editor}` failed, so nothing was asked for")));
    }
    let text = std::fs::read_to_string(&file.0)
        .map_err(|error| Trouble::new(format!("what was written in the editor cannot be read: {error}")))?;
    let lines = text.lines().filter(|line| !line.starts_with('#')).map(str::trim);
    let reason = lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    if reason.is_empty() {
        return Err(Trouble::new("the reason is empty, so nothing was asked for"));
    }
    Ok(reason)
}

/// A file that is gone with the value.
struct Draft(PathBuf);

impl Draft {
    fn new(findings: &[Named], context: &Context) -> Result<Self, Trouble> {
        let mut text = format!(
            "\n# Why must this pass, what guards meanwhile, and when is it over? At least {MIN_REASON} characters.\n# Lines that begin with `#` are left out; an empty reason asks for nothing.\n#\n"
        );
        for named in findings {
            let (path, summary) = (safe::terminal(&named.path), safe::terminal(&named.summary));
            let _ = writeln!(text, "# {} [{}] {path}: {summary}", named.fp, named.rule);
        }
        let chance: [u8; 8] = context.chance()?;
        let name = format!("tollgate-reason-{:016x}.txt", u64::from_be_bytes(chance));
        let draft = Self(std::env::temp_dir().join(name));
        write_file(&draft.0, text.as_bytes())?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // A draft that cannot be removed holds nothing but what was typed and the names of findings.
        let _ = std::fs::remove_file(&self.0);
    }
}
