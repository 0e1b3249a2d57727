//! Where the memo of clean blobs and its key are kept, and when it may be asked at all.
//!
//! ```text
//! $XDG_CACHE_HOME/tollgate/clean/<repository>    the memo: anybody's to change, to no effect
//! $XDG_STATE_HOME/tollgate/memo.key              32 random bytes that only this user can read
//! ```
//!
//! In CI other jobs run as the same user and could read the key, so there everything is searched.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::geteuid;
use tollgate::policy::Policies;
use tollgate::source::Memo;
use tollgate::source::memo::MAX_MEMO;
use tollgate::text::hash;
use tollgate::text::secret::Secret;

use super::context::{Context, write_file};
use super::site::Site;
use super::trouble::Trouble;

const KEY_BYTES: usize = 32;

/// A memo and the file it is kept in.
pub struct Kept {
    pub memo: Memo,
    file: PathBuf,
}

/// The memo of this repository under `policies`; `None`, and a note, where it cannot be had.
pub fn open(site: &Site, policies: &Policies, context: &Context) -> Option<Kept> {
    match try_open(site, policies, context) {
        Ok(kept) => Some(kept),
        Err(trouble) => {
            context.note(&format!(
                "note: --memo is of no use here, everything is searched: {}",
                trouble.message()
            ));
            None
        }
    }
}

fn try_open(site: &Site, policies: &Policies, context: &Context) -> Result<Kept, Trouble> {
    if site.in_ci {
        return Err(Trouble::new("this is CI"));
    }
    let key = key(&folder(context, "XDG_STATE_HOME", ".local/state")?.join("memo.key"), context)?;
    let name: String =
        hash::hex(&hash::sha256(site.root.to_string_lossy().as_bytes())).chars().take(16).collect();
    let file = folder(context, "XDG_CACHE_HOME", ".cache")?.join("clean").join(name);
    let program = program();
    let rules = [policies.digest.as_bytes(), env!("CARGO_PKG_VERSION").as_bytes(), program.as_bytes()];
    let fresh = || Memo::new(&key, &rules);
    let memo = match read(&file) {
        None => fresh(),
        Some(bytes) => fresh().with(&bytes).unwrap_or_else(|error| {
            context.note(&format!("note: `{}` is not believed and made anew: {error}", file.display()));
            fresh()
        }),
    };
    Ok(Kept { memo, file })
}

impl Kept {
    /// Keeps what this run found clean, and says what it did not search.
    pub fn close(&self, files: u64, context: &Context) {
        let spared = self.memo.spared();
        if spared > 0 {
            context.note(&format!(
                "note: {spared} of {files} files were clean before and not searched again (--memo)"
            ));
        }
        if let Some(bytes) = self.memo.bytes()
            && let Err(trouble) = write_file(&self.file, &bytes)
        {
            context.note(&format!("note: the memo was not kept: {}", trouble.message()));
        }
    }
}

/// The folder `tollgate` in one of the user's own.
fn folder(context: &Context, variable: &str, below_home: &str) -> Result<PathBuf, Trouble> {
    let told = context.environment.get(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || context.environment.get("HOME").map(|home| Path::new(home).join(below_home));
    told.or_else(home)
        .map(|folder| folder.join("tollgate"))
        .ok_or_else(|| Trouble::new(format!("neither `{variable}` nor `HOME` is set")))
}

/// What tells this build of the program from another: what one finds, another may not.
fn program() -> String {
    let meta = std::env::current_exe().and_then(|path| path.metadata());
    meta.map_or_else(
        |_| String::new(),
        |meta| format!("{} {} {} {}", meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec()),
    )
}

/// The key of this user, made at the first use.
fn key(path: &Path, context: &Context) -> Result<Secret, Trouble> {
    if !path.exists() {
        make_key(path, context)?;
    }
    let fault = |what: &str| Trouble::new(format!("the key `{}` {what}", path.display()));
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|error| fault(&format!("cannot be read: {error}")))?;
    let meta = file.metadata().map_err(|error| fault(&format!("cannot be read: {error}")))?;
    if !meta.is_file() || meta.uid() != geteuid().as_raw() || meta.mode() & 0o077 != 0 {
        return Err(fault("may be known to others: it must be a file of yours with the mode 0600"));
    }
    let mut bytes = Vec::new();
    file.take(KEY_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| fault(&format!("cannot be read: {error}")))?;
    if bytes.len() != KEY_BYTES {
        return Err(fault("has another length than a key: delete it"));
    }
    Ok(Secret::new(&bytes))
}

/// Puts a new key in place whole, unless another run was faster.
fn make_key(path: &Path, context: &Context) -> Result<(), Trouble> {
    let fault =
        |error: std::io::Error| Trouble::new(format!("the key `{}` cannot be made: {error}", path.display()));
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fault)?;
    let bytes: [u8; KEY_BYTES] = context.chance()?;
    let temporary = folder.join(format!(".memo.key.{}.tmp", std::process::id()));
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).map_err(fault)?;
    let made = file.write_all(&bytes).and_then(|()| std::fs::hard_link(&temporary, path));
    std::fs::remove_file(&temporary).map_err(fault)?;
    match made {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(fault(error)),
        _ => Ok(()),
    }
}

/// The memo as it stands; `None` where there is none. One that is too large is none either, which `with` says.
fn read(file: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file).ok()?.take(MAX_MEMO + 1).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
