//! An error as a reader sees it: message, place, causes, help.

use tollgate::detect::DetectError;
use tollgate::escape::EscapeError;
use tollgate::exception::DocumentError;
use tollgate::gate::GateError;
use tollgate::git::GitError;
use tollgate::ledger::LedgerError;
use tollgate::policy::PolicyError;
use tollgate::report::diagnostic::{Place, Problem, problem};
use tollgate::report::saved::SavedError;
use tollgate::signing::SigningError;
use tollgate::source::SourceError;
use tollgate::text::time::TimeError;
use tollgate::text::{mask, safe};
use tollgate::trust::TrustError;

/// Why there is no decision.
#[derive(Debug, Default)]
pub struct Trouble {
    message: String,
    place: Option<(String, Option<(usize, usize)>)>,
    help: String,
}

impl Trouble {
    /// Something is wrong, in words: lower case, no full stop.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// With what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// The sentence alone.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The text for standard error; everything in it is safe for a terminal, and what looks
    /// like a secret in a file or a flag is masked.
    pub fn render(&self) -> String {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let place = self.place.as_ref().map(|(path, at)| Place {
            path: safe::terminal(path),
            line: at.map_or(0, |(line, _)| number(line)),
            column: at.map_or(0, |(_, column)| number(column)),
            source: None,
            length: 0,
        });
        let shown = |text: &str| safe::terminal(&mask::message(text));
        let help = Some(shown(&self.help)).filter(|help| !help.is_empty());
        let text = problem(&Problem { message: shown(&self.message), place, causes: Vec::new(), help });
        format!("{text}no decision: the gate stays shut (exit 2)\n")
    }
}

impl From<PolicyError> for Trouble {
    fn from(error: PolicyError) -> Self {
        let help = Some(error.help).filter(|help| !help.is_empty());
        let help = help.unwrap_or_else(|| "`tollgate rules lint` reads the files again".to_owned());
        Self { message: error.message, place: Some((error.path, error.place)), help }
    }
}

impl From<SourceError> for Trouble {
    fn from(error: SourceError) -> Self {
        let help = match &error {
            SourceError::NoCommit { help, .. } | SourceError::NoMergeBase { help, .. } => help.clone(),
            SourceError::NoRepository(_) => {
                "run it inside a git repository, or leave the option out".to_owned()
            }
            SourceError::NoPath(_) => "name a file or a folder that is there".to_owned(),
            _ => String::new(),
        };
        Self::new(error.to_string()).help(help)
    }
}

impl From<DetectError> for Trouble {
    fn from(error: DetectError) -> Self {
        match error {
            DetectError::Source(error) => error.into(),
            error => Self::new(error.to_string()).help("`tollgate rules lint` checks every rule"),
        }
    }
}

impl From<GateError> for Trouble {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Detect(error) => error.into(),
            GateError::Ledger(error) => error.into(),
            GateError::Activation(error) => Self::new(error.to_string()).help(error.help()),
            error @ GateError::OutOfReach { .. } => Self::new(error.to_string())
                .help("once it is back, run the gate again; `tollgate ledger import` adds what was kept"),
            error @ GateError::NoLedger(_) => Self::new(error.to_string())
                .help("name one with `--ledger URL`, or as `ledger:` in the policy"),
        }
    }
}

impl From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Self {
        let help = match &error {
            LedgerError::Corrupt { .. } | LedgerError::Rollback { .. } => {
                "`tollgate ledger verify` names what was changed; nothing is appended until it is put right"
            }
            LedgerError::Url(..) => "name a folder, as in `--ledger file:/srv/tollgate`",
            LedgerError::Origin { .. } => "name another ledger with `--ledger URL`",
            _ => "",
        };
        Self::new(error.to_string()).help(help)
    }
}

impl From<TrustError> for Trouble {
    fn from(error: TrustError) -> Self {
        let help = error.help();
        Self::new(error.to_string()).help(help)
    }
}

impl From<SigningError> for Trouble {
    fn from(error: SigningError) -> Self {
        let help = error.help();
        Self::new(error.to_string()).help(help)
    }
}

impl From<GitError> for Trouble {
    fn from(error: GitError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<DocumentError> for Trouble {
    fn from(error: DocumentError) -> Self {
        Self::new(format!("the exception cannot be written: {error}"))
    }
}

impl From<EscapeError> for Trouble {
    fn from(error: EscapeError) -> Self {
        Self::new(error.to_string()).help("`tollgate ledger verify` checks the whole ledger")
    }
}

impl From<SavedError> for Trouble {
    fn from(error: SavedError) -> Self {
        Self::new(format!("the last report cannot be used: {error}")).help("run `tollgate check` again")
    }
}

impl From<TimeError> for Trouble {
    fn from(error: TimeError) -> Self {
        Self::new(error.to_string())
    }
}
