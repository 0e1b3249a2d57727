//! Which arguments are granted: in a workflow they are the words of whoever wrote the change.

use tollgate::git::ObjectId;
use tollgate::pipeline::Stage;
use tollgate::policy::Policies;

use super::authors;
use super::check::Arguments;
use super::context::Context;
use super::site::Site;
use super::trouble::Trouble;

/// `arguments` without those that would leave something unread or unrecorded; these go to `rejected`. At `deploy`
/// what is asked for must be the whole repository: a part of it is no decision on what is deployed.
pub fn granted(
    arguments: &Arguments,
    stage: Stage,
    site: &Site,
    policies: &Policies,
    context: &Context,
    rejected: &mut Vec<String>,
) -> Result<Arguments, Trouble> {
    let mut granted = arguments.clone();
    let parts = parts(&mut granted, site, context);
    let since = arguments.since.as_ref().map(|_| "--since".to_owned());
    let change = since.or_else(|| arguments.range.as_ref().map(|_| "--range".to_owned()));
    if let (Stage::Deploy, Some(part)) = (stage, parts.iter().chain(&change).next()) {
        return Err(Trouble::new(format!("`{part}` leaves a part of the repository unread"))
            .help("at deploy the whole repository is judged: leave it out, and start at the top folder"));
    }
    rejected.extend(parts);
    if std::mem::take(&mut granted.no_ledger) {
        rejected.push("--no-ledger".to_owned());
    }
    if std::mem::take(&mut granted.memo) {
        rejected.push("--memo".to_owned());
    }
    if granted.as_of.take().is_some() {
        rejected.push("--as-of".to_owned());
    }
    granted.ledger = ledger(arguments, site, policies, rejected);
    if leaves_out(arguments, site)? {
        let flag = arguments.since.as_ref().map(|since| format!("--since {since}"));
        let flag = flag.or_else(|| arguments.range.as_ref().map(|range| format!("--range {range}")));
        rejected.extend(flag);
        granted.since = Some(site.run.base.clone());
        granted.range = None;
    }
    Ok(granted)
}

/// The ledger that was asked for, unless the policy names another one.
pub fn ledger(
    arguments: &Arguments,
    site: &Site,
    policies: &Policies,
    rejected: &mut Vec<String>,
) -> Option<String> {
    let asked = arguments.ledger.as_ref()?;
    let own = policies.settings.ledger.as_ref();
    if own.is_some_and(|own| site.ledger_place(asked) != site.ledger_place(own)) {
        // An empty ledger knows of no revocation and no use. The URL may hold a password.
        rejected.push("--ledger".to_owned());
        return None;
    }
    Some(asked.clone())
}

/// Takes out of `granted` what makes a run read a part of the work tree alone, and names it.
fn parts(granted: &mut Arguments, site: &Site, context: &Context) -> Vec<String> {
    let mut parts = Vec::new();
    if std::mem::take(&mut granted.staged) {
        parts.push("--staged".to_owned());
    }
    if std::mem::take(&mut granted.stdin) {
        parts.push("--stdin".to_owned());
    }
    let top = site.repository.as_ref().and_then(|repository| repository.work_tree()).unwrap_or(&site.root);
    // A path that is not there is a fault the source names.
    if context.absolute(&granted.path).canonicalize().is_ok_and(|path| path != top) {
        parts.push(format!("PATH {}", granted.path.display()));
        top.clone_into(&mut granted.path);
    }
    parts
}

/// Whether what is asked for is less than the whole request.
fn leaves_out(arguments: &Arguments, site: &Site) -> Result<bool, Trouble> {
    let Some(repository) = site.repository.as_ref().filter(|_| !site.run.base.is_empty()) else {
        return Ok(false);
    };
    let (left, right) = match (&arguments.since, &arguments.range) {
        (Some(since), _) => (since.as_str(), "HEAD"),
        (None, Some(range)) => range.split_once("..").unwrap_or((range, "")),
        (None, None) => return Ok(false),
    };
    let Some(head) = repository.head()? else { return Ok(false) };
    let end = |side: &str| if side.is_empty() { "HEAD".to_owned() } else { side.to_owned() };
    let is_end: bool = repository.resolve(&end(right))?.is_some_and(|id| id == head);
    let asked: Option<ObjectId> = authors::base(repository, &end(left), &head)?;
    let whole = authors::base(repository, &site.run.base, &head)?;
    // Without a common ancestor the source says so itself.
    let Some((asked, whole)) = asked.zip(whole) else { return Ok(false) };
    Ok(!is_end || !repository.is_ancestor(&asked, &whole)?)
}
