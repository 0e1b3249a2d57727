//! `completions` and `man`: the command line, described to shells and to `man`.

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Arguments;
use super::context::Context;
use super::exit::Exit;
use super::trouble::Trouble;

/// Prints what `shell` reads to complete our commands.
pub fn completions(shell: Shell, context: &Context) -> Result<Exit, Trouble> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "tollgate", &mut text);
    context.print(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Open)
}

/// Writes a manual page of every command into `folder`.
pub fn manual(folder: &Path, context: &Context) -> Result<Exit, Trouble> {
    let folder = context.absolute(folder);
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| clap_mangen::generate_to(Arguments::command(), &folder))
        .map_err(|error| Trouble::new(format!("`{}` cannot be written: {error}", folder.display())));
    written.map(|()| Exit::Open)
}
