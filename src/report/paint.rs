//! The colours of words that must not be confused.

use miette::{GraphicalTheme, ThemeCharacters, ThemeStyles};

use crate::decide::{Action, Verdict};

/// What a word says; no two that a reader must tell apart share a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Shut: blocked, block, error. Red.
    Shut,
    /// Let through with leave: excepted, except. Magenta.
    Leave,
    /// Let through as it was there before: inherit. Blue.
    Before,
    /// Shown only: advised, advise. Yellow.
    Shown,
    /// Nothing found: clean. Green.
    Clean,
    /// Not read in full: gap. Cyan.
    Unread,
    /// A place or a key, beside the point.
    Quiet,
}

impl Paint {
    /// The paint of an action.
    pub(crate) fn action(action: Action) -> Self {
        match action {
            Action::Block => Self::Shut,
            Action::Except => Self::Leave,
            Action::Inherit => Self::Before,
            Action::Advise => Self::Shown,
        }
    }

    /// The paint of a verdict.
    pub(crate) fn verdict(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Blocked => Self::Shut,
            Verdict::Excepted => Self::Leave,
            Verdict::Advised => Self::Shown,
            Verdict::Clean => Self::Clean,
        }
    }

    /// `text` in this paint where `colour` allows it. Source of the numbers: ECMA-48, section 8.3.117.
    pub(crate) fn on(self, text: &str, colour: bool) -> String {
        if colour { format!("\u{1b}[{}m{text}\u{1b}[0m", self.code()) } else { text.to_owned() }
    }

    /// What miette draws a frame with: plain ASCII, carets in this paint.
    pub(crate) fn theme(self, colour: bool) -> GraphicalTheme {
        let ascii = ThemeCharacters::ascii();
        let characters = ThemeCharacters { vbar_break: '|', underbar: '^', ..ascii };
        let mut styles = if colour { ThemeStyles::ansi() } else { ThemeStyles::none() };
        if colour {
            styles.highlights = vec![match self {
                Self::Shut => styles.error,
                Self::Shown => styles.warning,
                Self::Leave => styles.highlights.first().copied().unwrap_or(styles.error),
                _ => styles.advice,
            }];
        }
        GraphicalTheme { characters, styles }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Shut => "1;31",
            Self::Leave => "1;35",
            Self::Before => "1;34",
            Self::Shown => "1;33",
            Self::Clean => "1;32",
            Self::Unread => "1;36",
            Self::Quiet => "2",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_verdicts_and_no_two_actions_share_a_colour() {
        let verdicts = [Verdict::Clean, Verdict::Advised, Verdict::Excepted, Verdict::Blocked];
        let mut codes: Vec<&str> = verdicts.map(|verdict| Paint::verdict(verdict).code()).to_vec();
        codes.dedup();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), 4);
        let mut codes = Action::ALL.map(|action| Paint::action(action).code()).to_vec();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), 4);
    }
}
