//! `rules`: list, show, test, lint, profile, schema, sign.

/// Sign what the gate will believe.
mod sign;

use std::fmt::Write as _;

use clap::{Subcommand, ValueEnum};
use serde_json::json;
use tollgate::detect::{Setting, trial};
use tollgate::policy::{Policies, Rule, lint};
use tollgate::text::safe;

use super::context::Context;
use super::exit::Exit;
use super::site::Site;
use super::trouble::Trouble;

/// What to do with the rules in force here.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Every rule with family, severity and what it does.
    List {
        /// How to print it.
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        format: Listing,
    },
    /// One rule, in full.
    Show {
        /// Its id.
        id: String,
    },
    /// Run every rule on the examples and look-alikes of every rule.
    Test,
    /// Check every rule: patterns, expressions, framework ids.
    Lint,
    /// What each rule costs on a tree.
    Profile(super::profile::Arguments),
    /// The JSON Schema of a rule file or an agent manifest, for editors.
    Schema {
        /// Of what.
        #[arg(default_value = "rules")]
        of: Described,
    },
    /// Sign policy, rules and signers, so that they come into force once they are merged.
    Sign(sign::Arguments),
}

/// How a list is printed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Listing {
    /// A line for each.
    Text,
    /// An array.
    Json,
}

/// What a schema is of.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Described {
    /// `.tollgate/rules/*.yml`.
    Rules,
    /// `tollgate-agent.yml`.
    Agent,
}

/// Runs `rules`.
pub fn run(command: &Command, context: &Context) -> Result<Exit, Trouble> {
    if let Command::Schema { of } = command {
        let schema = match of {
            Described::Rules => schemars::schema_for!(tollgate::policy::syntax::RuleFile),
            Described::Agent => schemars::schema_for!(tollgate::manifest::tollgate_agent::AgentFile),
        };
        let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
        context.print(&format!("{text}\n"))?;
        return Ok(Exit::Open);
    }
    if let Command::Sign(arguments) = command {
        return sign::run(arguments, context);
    }
    let policies = Site::find(&context.folder, context)?.local_policies()?;
    match command {
        Command::List { format: Listing::Text } => context.print(&table(&policies))?,
        Command::List { format: Listing::Json } => context.print(&array(&policies))?,
        Command::Show { id } => context.print(&show(find(&policies, id)?))?,
        Command::Profile(arguments) => super::profile::run(arguments, &policies, context)?,
        Command::Test => return test(&policies, context),
        Command::Lint => return check(&policies, context),
        Command::Schema { .. } | Command::Sign(_) => {}
    }
    Ok(Exit::Open)
}

/// The rule with `id`, or an error that names the nearest one.
pub fn find<'p>(policies: &'p Policies, id: &str) -> Result<&'p Rule, Trouble> {
    policies.rule(id).ok_or_else(|| {
        let nearest =
            tollgate::policy::load::nearest(id, policies.rules.iter().map(|rule| rule.id.0.as_str()));
        let help = nearest.map_or_else(String::new, |id| format!("did you mean `{id}`? "));
        Trouble::new(format!("no rule has the id `{id}`"))
            .help(format!("{help}`tollgate rules list` shows every id"))
    })
}

fn table(policies: &Policies) -> String {
    policies.rules.iter().fold(String::new(), |mut text, rule| {
        let overridden = if rule.overridden_by.is_empty() { "" } else { "  (changed by the policy)" };
        let _ = writeln!(
            text,
            "{:<44} {:<9} {:<8} {:<6} {}{overridden}",
            rule.id,
            rule.family.word(),
            rule.severity.word(),
            rule.enforcement.word(),
            safe::terminal(&rule.title),
        );
        text
    })
}

fn array(policies: &Policies) -> String {
    let rules: Vec<_> = policies
        .rules
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id.0, "family": rule.family.word(), "title": rule.title, "kind": rule.kind(),
                "severity": rule.severity.word(), "confidence": rule.confidence.word(),
                "enforcement": rule.enforcement.word(), "maps": rule.text.maps, "origin": rule.origin,
                "overridden_by": rule.overridden_by,
            })
        })
        .collect();
    format!("{}\n", serde_json::to_string_pretty(&rules).unwrap_or_default())
}

/// A rule as people read it.
pub fn show(rule: &Rule) -> String {
    let mut text = format!("{}\n  {}\n\n", rule.id, safe::terminal(&rule.title));
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {name:<11} {}", safe::terminal(value));
        }
    };
    line("family", rule.family.word());
    line("severity", rule.severity.word());
    line("does", rule.enforcement.word());
    line("confidence", rule.confidence.word());
    line("sees", rule.kind());
    line("why", rule.text.why.trim());
    line("fix", rule.text.fix.trim());
    line("revoke", rule.text.revoke.as_deref().unwrap_or_default());
    if let Some(lifetime) = &rule.text.lifetime {
        let max = lifetime.max.as_deref().map(|max| format!(", at most {max}")).unwrap_or_default();
        let class = serde_json::to_value(lifetime.class).unwrap_or_default();
        line("lives", &format!("{}{max} (read {})", class.as_str().unwrap_or_default(), lifetime.date));
    }
    line("source", &rule.text.source);
    line("maps", &rule.text.maps.join(", "));
    line("from", &rule.origin);
    line("changed by", &rule.overridden_by);
    text
}

fn test(policies: &Policies, context: &Context) -> Result<Exit, Trouble> {
    let fingerprinter = context.fingerprinter();
    let setting = Setting { policies, fingerprinter: &fingerprinter, now: context.now, threads: 1 };
    let failures = trial::run(setting)?;
    for failure in &failures {
        context.print(&format!(
            "{}: {}: {}\n",
            failure.rule,
            failure.which,
            safe::terminal(&failure.message)
        ))?;
    }
    let texts: usize =
        policies.rules.iter().map(|rule| rule.text.examples.len() + rule.text.look_alikes.len()).sum();
    let rules = policies.rules.len();
    let is_checked = |rule: &&Rule| rule.text_rule().is_some_and(|text| text.checksum.is_some());
    let checked = policies.rules.iter().filter(is_checked).count();
    context.print(&format!(
        "{rules} rules on {texts} examples and look-alikes, those of {checked} also with letters changed: {} do not fit\n",
        failures.len()
    ))?;
    Ok(if failures.is_empty() { Exit::Open } else { Exit::Shut })
}

fn check(policies: &Policies, context: &Context) -> Result<Exit, Trouble> {
    let problems: Vec<String> = policies.rules.iter().flat_map(lint::problems).collect();
    for problem in &problems {
        context.print(&format!("{}\n", safe::terminal(problem)))?;
    }
    context.print(&format!("{} rules checked: {} problems\n", policies.rules.len(), problems.len()))?;
    Ok(if problems.is_empty() { Exit::Open } else { Exit::Shut })
}
