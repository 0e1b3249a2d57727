//! The only code that reads arguments, environment and clock, or prints.

mod annotate;
mod audited;
mod authors;
mod check;
mod context;
mod demo;
mod evidence;
mod except;
mod exit;
mod explain;
mod granted;
mod guarded;
mod hook;
mod init;
mod inventory;
mod ledger;
mod memo;
mod pen;
mod profile;
mod progress;
mod rate;
mod record;
mod rules;
mod shell;
mod site;
mod spool;
mod tool;
mod trouble;
mod trusted;
mod verify_deploy;
mod voucher;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{ColorChoice, Parser, Subcommand};

use context::Context;
use exit::Exit;
use trouble::Trouble;

/// The gate in front of a deployment: finds secrets, long-lived credentials and over-privileged
/// identities, blocks them or lets them through under a signed exception, and measures what escaped.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// When to colour the output.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
    /// Say nothing beside the results.
    #[arg(short, long, global = true)]
    quiet: bool,
}

const EXAMPLES: &str = "Examples:
  tollgate check                      scan this folder
  tollgate check --staged             scan what is about to be committed
  tollgate check --since origin/main  scan what this branch adds
  tollgate explain 4f0c-91aa-7be2     a finding: why, and what to do
  tollgate demo                       the whole story on a generated repository

Exit codes: 0 the gate opens, 1 it stays shut, 2 no decision.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Scan, decide, record: the gate itself.
    Check(check::Arguments),
    /// Every identity and agent: what it may do, for how long, who is asked, how much falls with it.
    Inventory(inventory::Arguments),
    /// A rule, a finding or a topic: why, fix, source.
    Explain(explain::Arguments),
    /// The rules in force: list, show, test, lint, profile, schema, sign.
    #[command(subcommand)]
    Rules(rules::Command),
    /// Exceptions: request, approve, deny, adopt, list, verify, revoke, prune.
    #[command(subcommand)]
    Except(except::Command),
    /// The ledger: log, verify, seal, witness, prove, compare, export, import, copy.
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// All that let one deploy through, in a folder that verifies elsewhere.
    Evidence(evidence::Arguments),
    /// What happened outside the gate.
    #[command(subcommand)]
    Record(record::Command),
    /// The critical risk escape rate and its companions.
    Rate(rate::Arguments),
    /// Show what a run concluded on its pull or merge request.
    Annotate(annotate::Arguments),
    /// Write a first policy, signers, and the job of this forge; what is there is left alone.
    Init(init::Arguments),
    /// Ask the gate before each commit: install, uninstall.
    #[command(subcommand)]
    Hook(hook::Command),
    /// Print the completions of a shell.
    Completions {
        /// Which.
        shell: clap_complete::Shell,
    },
    /// Write manual pages.
    Man {
        /// The folder they go to.
        #[arg(value_name = "DIR")]
        folder: std::path::PathBuf,
    },
    /// Play the whole story on a generated repository in a temporary folder.
    Demo(demo::Arguments),
}

/// Runs the command line and returns its exit code.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // A closed pipe is no reason to fail while printing help.
            let _ = error.print();
            return if error.use_stderr() { Exit::NoDecision.into() } else { Exit::Open.into() };
        }
    };
    let context = Context::of_process(arguments.color, arguments.quiet);
    match run(arguments.command, &context) {
        Ok(exit) => exit.into(),
        Err(trouble) => {
            let _ = write!(anstream::stderr(), "{}", trouble.render());
            Exit::NoDecision.into()
        }
    }
}

fn run(command: Command, context: &Context) -> Result<Exit, Trouble> {
    match command {
        Command::Check(arguments) => check::run(&arguments, context),
        Command::Inventory(arguments) => inventory::run(&arguments, context),
        Command::Explain(arguments) => explain::run(&arguments, context),
        Command::Rules(command) => rules::run(&command, context),
        Command::Except(command) => except::run(&command, context),
        Command::Ledger(command) => ledger::run(&command, context),
        Command::Evidence(arguments) => evidence::run(&arguments, context),
        Command::Record(command) => record::run(&command, context),
        Command::Rate(arguments) => rate::run(&arguments, context),
        Command::Annotate(arguments) => annotate::run(&arguments, context),
        Command::Init(arguments) => init::run(&arguments, context),
        Command::Hook(command) => hook::run(&command, context),
        Command::Completions { shell } => shell::completions(shell, context),
        Command::Man { folder } => shell::manual(&folder, context),
        Command::Demo(arguments) => demo::run(&arguments, context),
    }
}
