//! An error as a reader sees it: message, place, causes, help.

use tollgate::detect::DetectError;
use tollgate::policy::PolicyError;
use tollgate::report::diagnostic::{Problem, problem};
use tollgate::source::SourceError;
use tollgate::text::safe;

/// Why there is no decision.
#[derive(Debug, Default)]
pub struct Trouble {
    message: String,
    path: String,
    place: Option<(usize, usize)>,
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

    /// The text for standard error; everything in it is safe for a terminal.
    pub fn render(&self) -> String {
        let place = self.place.map(|(line, column)| (line, column));
        let text = problem(&Problem {
            message: safe::terminal(&self.message),
            path: safe::terminal(&self.path),
            place,
            help: safe::terminal(&self.help),
        });
        format!("{text}no decision: the gate stays shut (exit 2)\n")
    }
}

impl From<PolicyError> for Trouble {
    fn from(error: PolicyError) -> Self {
        Self { message: error.message, path: error.path, place: error.place, help: error.help }
    }
}

impl From<SourceError> for Trouble {
    fn from(error: SourceError) -> Self {
        let help = match &error {
            SourceError::NoCommit { help, .. } | SourceError::NoMergeBase { help, .. } => help.clone(),
            SourceError::NoRepository(_) => "run it inside a git repository, or leave the option out".to_owned(),
            _ => String::new(),
        };
        Self::new(error.to_string()).help(help)
    }
}

impl From<DetectError> for Trouble {
    fn from(error: DetectError) -> Self {
        match error {
            DetectError::Source(error) => error.into(),
            error @ DetectError::Rule { .. } => {
                Self::new(error.to_string()).help("`tollgate rules lint` checks every rule")
            }
        }
    }
}
