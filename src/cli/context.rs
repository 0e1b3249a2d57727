//! The environment, the clock, chance and the terminal, each read once.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::ColorChoice;
use tollgate::finding::Fingerprinter;
use tollgate::pipeline::Environment;
use tollgate::text::secret::Secret;
use tollgate::text::time::Timestamp;

use super::trouble::Trouble;

/// What the process was given.
#[derive(Debug, Clone)]
pub struct Context {
    /// Its variables.
    pub environment: Environment,
    /// The folder it was started in.
    pub folder: PathBuf,
    /// The clock at its start.
    pub now: Timestamp,
    /// Whether standard output takes colours.
    pub colour: bool,
    /// Whether to say only what blocks.
    pub quiet: bool,
}

impl Context {
    /// Reads what this process was given.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads them")]
    pub fn of_process(choice: ColorChoice, quiet: bool) -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let environment = Environment(variables.collect());
        let colour = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => colour_of(&environment, std::io::stdout().is_terminal()),
        };
        let choice = if colour { anstream::ColorChoice::Always } else { anstream::ColorChoice::Never };
        choice.write_global();
        Self {
            colour,
            environment,
            folder: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            now: Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
            quiet,
        }
    }

    /// Prints a result.
    #[expect(clippy::unused_self, reason = "whoever prints must have been given the terminal")]
    pub fn print(&self, text: &str) -> Result<(), Trouble> {
        match anstream::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Trouble::new(format!("standard output cannot be written: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Says something beside the result.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            // A closed standard error is no reason to fail.
            let _ = writeln!(anstream::stderr(), "{text}");
        }
    }

    /// Names what is found, under `TOLLGATE_FINGERPRINT_KEY` where that is set; while keys are changed
    /// `TOLLGATE_FINGERPRINT_KEY_BEFORE` holds the one before, or is empty where there was none.
    pub fn fingerprinter(&self) -> Fingerprinter {
        let secret = |key: &str| Secret::new(key.as_bytes());
        let now = Fingerprinter::new(self.environment.get("TOLLGATE_FINGERPRINT_KEY").map(secret));
        match self.environment.0.get("TOLLGATE_FINGERPRINT_KEY_BEFORE") {
            None => now,
            Some(key) if key.is_empty() => now.after(Fingerprinter::default()),
            Some(key) => now.after(Fingerprinter::new(Some(secret(key)))),
        }
    }

    /// Random bytes from the system.
    #[expect(clippy::unused_self, reason = "whoever draws must have been given chance")]
    pub fn chance<const N: usize>(&self) -> Result<[u8; N], Trouble> {
        let mut bytes = [0; N];
        getrandom::fill(&mut bytes)
            .map_err(|error| Trouble::new(format!("the system gives no random bytes: {error}")))?;
        Ok(bytes)
    }

    /// `path` seen from the folder the process was started in.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }
}

/// Source: the `NO_COLOR` and `CLICOLOR` conventions; `NO_COLOR` wins.
fn colour_of(environment: &Environment, terminal: bool) -> bool {
    if environment.get("NO_COLOR").is_some() {
        return false;
    }
    let forced = ["CLICOLOR_FORCE", "FORCE_COLOR"]
        .iter()
        .any(|name| environment.get(name).is_some_and(|it| it != "0"));
    forced
        || (terminal && environment.get("TERM") != Some("dumb") && environment.get("CLICOLOR") != Some("0"))
}

/// Writes a whole file or nothing: a temporary name beside it, then a rename.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let fault =
        |error: std::io::Error| Trouble::new(format!("`{}` cannot be written: {error}", path.display()));
    // A device or a pipe (`/dev/null`, `/dev/stdout`) is written to; a file of its name would take its place.
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
        let mut device = std::fs::OpenOptions::new().write(true).open(path).map_err(fault)?;
        return device.write_all(bytes).map_err(fault);
    }
    std::fs::create_dir_all(folder).map_err(fault)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let temporary = folder.join(format!(".{name}.{}.tmp", std::process::id()));
    let mut file = std::fs::File::create(&temporary).map_err(fault)?;
    file.write_all(bytes).map_err(fault)?;
    drop(file);
    std::fs::rename(&temporary, path).map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_written_to_a_device_leaves_the_device_in_its_place() {
        use std::os::unix::fs::FileTypeExt;
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read(pipe).unwrap()
        });
        write_file(&pipe, b"report").unwrap();
        assert_eq!(reader.join().unwrap(), b"report");
        assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());
        write_file(&folder.path().join("new"), b"report").unwrap();
        assert_eq!(std::fs::read(folder.path().join("new")).unwrap(), b"report");
    }

    #[test]
    fn no_color_wins_over_everything_but_the_flag() {
        let environment = |pairs: &[(&str, &str)]| {
            Environment(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        assert!(!colour_of(&environment(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]), true));
        assert!(colour_of(&environment(&[("CLICOLOR_FORCE", "1")]), false));
        assert!(!colour_of(&environment(&[("TERM", "dumb")]), true));
        assert!(colour_of(&environment(&[]), true));
    }
}
