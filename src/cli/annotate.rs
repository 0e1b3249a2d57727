//! `annotate`: what a run concluded, shown on its pull or merge request.
//!
//! It reads a report and decides nothing: the gate has spoken by the exit code of `check`. In a build without the
//! feature `annotate` the command is there and says that it is left out.

use std::path::PathBuf;

use super::context::Context;
use super::exit::Exit;
use super::trouble::Trouble;

/// What to show, and where.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tollgate check --report json=outcome.json
  tollgate annotate --from outcome.json --forge github     in a workflow, with GITHUB_TOKEN
  tollgate annotate --from outcome.json --forge gitlab     in a merge request pipeline, with GITLAB_TOKEN

It never opens or shuts the gate. Exit codes: 0 shown, or the token may not and that was said; 2 not shown.")]
pub struct Arguments {
    /// A json report of `check`.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// `github` or `gitlab`.
    #[arg(long, value_name = "FORGE")]
    forge: String,
    /// Name of the check and the comments; two gates on one change need two.
    #[arg(long, value_name = "NAME", default_value = "tollgate")]
    name: String,
    /// Login that the token writes as, where that is not `github-actions[bot]`.
    #[arg(long, value_name = "LOGIN")]
    author: Option<String>,
    /// Use no network: check the report and publish nothing.
    #[arg(long)]
    offline: bool,
}

/// Runs `annotate`.
#[cfg(not(feature = "annotate"))]
pub fn run(_: &Arguments, _: &Context) -> Result<Exit, Trouble> {
    Err(Trouble::new("this tollgate was built without the command `annotate`")
        .help("build it with default features, as `cargo install --locked tollgate` does"))
}

#[cfg(feature = "annotate")]
pub use published::run;

#[cfg(feature = "annotate")]
mod published {
    use std::path::Path;

    use serde_json::Value;
    use tollgate::outcome::Outcome;
    use tollgate::publish::{FORGES, Forge, Job, PublishError};
    use tollgate::report::saved;
    use tollgate::text::safe;
    use tollgate::text::secret::Secret;

    use super::super::site;
    use super::{Arguments, Context, Exit, Trouble};

    /// The largest report that is read: it may come from an artifact that strangers filled.
    const REPORT_BYTES: u64 = 16 << 20;

    /// Runs `annotate`.
    pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
        let forge = FORGES.iter().find(|forge| forge.name == arguments.forge).ok_or_else(|| {
            let known: Vec<&str> = FORGES.iter().map(|forge| forge.name).collect();
            Trouble::new(format!("`{}` is no forge", arguments.forge))
                .help(format!("known are {}", known.join(" and ")))
        })?;
        let outcome = read(&context.absolute(&arguments.from))?;
        if arguments.offline {
            return Err(Trouble::new("the report is whole, and `--offline` lets nothing be published"));
        }
        let event = site::github_event(context)?.unwrap_or(Value::Null);
        let job = Job {
            outcome: &outcome,
            environment: &context.environment,
            event: &event,
            name: &arguments.name,
            author: arguments.author.as_deref(),
        };
        let mut said = Vec::new();
        let published = (forge.publish)(&job, &token(forge, context)?, &mut said);
        for line in said {
            context.print(&format!("{}\n", safe::log_line(&line)))?;
        }
        published.map_err(|error| trouble(&error)).map(|()| Exit::Open)
    }

    fn read(path: &Path) -> Result<Outcome, Trouble> {
        let fault = |what: String| Trouble::new(format!("the report `{}` {what}", path.display()));
        let size = std::fs::metadata(path).map_err(|error| fault(format!("cannot be read: {error}")))?.len();
        if size > REPORT_BYTES {
            return Err(fault(format!("is larger than {} MiB", REPORT_BYTES >> 20)));
        }
        let bytes = std::fs::read(path).map_err(|error| fault(format!("cannot be read: {error}")))?;
        saved::outcome(&bytes).map_err(|error| {
            Trouble::new(error.to_string()).help("write one with `tollgate check --report json=FILE`")
        })
    }

    fn token(forge: &Forge, context: &Context) -> Result<Secret, Trouble> {
        let found = forge.tokens.iter().find_map(|name| context.environment.get(name));
        found.map(|token| Secret::new(token.as_bytes())).ok_or_else(|| {
            Trouble::new(format!("there is no token in `{}`", forge.tokens.join("` or `")))
                .help("hand it to this step alone, as a variable")
        })
    }

    fn trouble(error: &PublishError) -> Trouble {
        let help = match error {
            PublishError::Author(login) => format!("say so with `--author '{login}'`"),
            PublishError::Elsewhere { .. } => {
                "annotate in the run that made the report, or after it".to_owned()
            }
            PublishError::NoAnswer { .. } | PublishError::Busy { .. } => {
                "run it again later; what is there already is not written twice".to_owned()
            }
            PublishError::Refused { needs, .. } if !needs.is_empty() => format!("the token needs `{needs}`"),
            _ => String::new(),
        };
        Trouble::new(error.to_string()).help(help)
    }
}
