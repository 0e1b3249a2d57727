//! `check --verify-deploy`: is this the artefact that a run let through?

use tollgate::ledger::release::{self, Wanted};
use tollgate::text::safe;

use super::check::Arguments;
use super::context::Context;
use super::exit::Exit;
use super::site::Site;
use super::trouble::Trouble;
use super::{ledger, trusted};
use tollgate::pipeline::Stage;

/// Looks `digest` up in the ledger, and nowhere else: no report, flag or file of another job says anything here.
pub fn run(digest: &str, arguments: &Arguments, mut site: Site, context: &Context) -> Result<Exit, Trouble> {
    let digest = artifact(digest)?;
    let mut rejected = Vec::new();
    let trust = trusted::root(arguments.trust.as_deref(), Stage::Deploy, &site, context, &mut rejected)?;
    let policies = trusted::policies(&trust, &site)?;
    site.name_pipeline(&policies, arguments.pipeline.as_deref(), &mut rejected);
    let url = super::granted::ledger(arguments, &site, &policies, &mut rejected);
    let url = site.ledger_url(url.as_deref(), &policies, context).ok_or_else(|| {
        Trouble::new("nothing may be deployed without a ledger")
            .help("name one with `--ledger URL`, or as `ledger:` in the policy")
    })?;
    for flag in rejected {
        context.note(&safe::terminal(&format!("note: `{flag}` is ignored: it would relax the gate")));
    }
    let mut ledger = site.open_ledger(&url, &policies, context.now)?;
    ledger::require_known(&ledger, context)?;
    let wanted = Wanted { run: &site.run, commit: &site.run.commit, artifact: &digest };
    match release::may_deploy(&mut ledger, &wanted, context.now)? {
        Ok(run) => {
            context.print(&format!(
                "{digest}: {} by run {} (record {}), commit {}\n",
                run.outcome,
                safe::terminal(&run.run_id),
                run.index,
                safe::terminal(&run.commit)
            ))?;
            Ok(Exit::Open)
        }
        Err(why) => {
            context.print(&format!("{digest}: must not be deployed: {}\n", safe::terminal(&why)))?;
            Ok(Exit::Shut)
        }
    }
}

/// A digest of an artefact as it is written everywhere: `sha256:` and 64 hex digits.
pub fn artifact(typed: &str) -> Result<String, Trouble> {
    let hex = typed.strip_prefix("sha256:").unwrap_or(typed).to_ascii_lowercase();
    if hex.len() == 64 && hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Ok(format!("sha256:{hex}"));
    }
    Err(Trouble::new(format!("`{typed}` is no digest of an artefact"))
        .help("write `sha256:` and 64 hex digits, as `sha256sum` and registries give them"))
}
