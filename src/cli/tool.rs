//! Which binary this is: its digest stands in every record that is written outside a person's machine.

use std::fs::File;
use std::io::Read as _;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use sha2::{Digest as _, Sha256};
use tollgate::policy::Policies;
use tollgate::text::hash;

use super::trouble::Trouble;

/// The digest of this binary, computed while other work goes on.
pub struct Tool {
    working: Mutex<Option<JoinHandle<String>>>,
    digest: OnceLock<String>,
}

impl Tool {
    /// Begins to read the binary.
    pub fn begin() -> Self {
        Self { working: Mutex::new(Some(std::thread::spawn(read))), digest: OnceLock::new() }
    }

    /// A tool that need not be told from others: on a person's machine.
    pub fn unnamed() -> Self {
        Self { working: Mutex::new(None), digest: OnceLock::new() }
    }

    /// `sha256:` and its hex; empty where the binary cannot be read, and so is no allowed one.
    pub fn digest(&self) -> &str {
        self.digest.get_or_init(|| {
            let working = self.working.lock().unwrap_or_else(PoisonError::into_inner).take();
            working.and_then(|thread| thread.join().ok()).unwrap_or_default()
        })
    }

    /// Whether `policies` let this binary decide. A binary that lies about itself is not stopped by this, but one that
    /// nobody pinned is.
    pub fn must_be_allowed(&self, policies: &Policies) -> Result<(), Trouble> {
        let allowed = &policies.settings.tools;
        if allowed.is_empty() || allowed.contains(self.digest()) {
            return Ok(());
        }
        Err(Trouble::new(format!("this binary is `{}`, and the policy does not allow it", self.digest()))
            .help("pin the version the policy lists under `tools`, or list this one there"))
    }
}

fn read() -> String {
    let digest = || {
        let mut file = File::open(std::env::current_exe().ok()?).ok()?;
        let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
        loop {
            match file.read(&mut buffer).ok()? {
                0 => return Some(format!("sha256:{}", hash::hex(&hasher.finalize()))),
                read => hasher.update(buffer.get(..read)?),
            }
        }
    };
    digest().unwrap_or_default()
}
