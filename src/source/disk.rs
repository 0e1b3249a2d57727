//! One file on disk, opened once, read once, and never through a link.

use std::io;
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, fstat, openat};

/// What became of reading a file.
#[derive(Debug)]
pub(super) enum Read {
    /// All its bytes, at one moment.
    Bytes(Vec<u8>),
    /// More bytes than the limit; so many.
    TooLarge(u64),
    /// It was written to while it was read, twice.
    Changed,
    /// A pipe, a socket, a device or a folder.
    Special,
    /// The system says no.
    Failed(io::Error),
}

/// Reads a regular file of at most `limit` bytes.
///
/// Opening does not wait for the other end of a pipe, and fails on a link. Size and times must be the same
/// before and after reading; if not, it is read once more.
pub(super) fn read(path: &Path, limit: u64) -> Read {
    match read_once(path, limit) {
        Ok(Read::Changed) => read_once(path, limit).unwrap_or_else(Read::Failed),
        Ok(read) => read,
        Err(error) => Read::Failed(error),
    }
}

/// The bytes of a link: the name of its target.
pub(super) fn read_link(path: &Path) -> io::Result<Vec<u8>> {
    use std::os::unix::ffi::OsStringExt;
    Ok(std::fs::read_link(path)?.into_os_string().into_vec())
}

fn read_once(path: &Path, limit: u64) -> io::Result<Read> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = openat(CWD, path, flags, Mode::empty())?;
    let before = fstat(&file)?;
    if !FileType::from_raw_mode(before.st_mode).is_file() {
        return Ok(Read::Special);
    }
    let size = u64::try_from(before.st_size).unwrap_or(u64::MAX);
    if size > limit {
        return Ok(Read::TooLarge(size));
    }
    let wanted = usize::try_from(size).unwrap_or(usize::MAX);
    let mut bytes: Vec<u8> = Vec::with_capacity(wanted);
    while bytes.len() < wanted || wanted == 0 {
        if bytes.len() == bytes.capacity() {
            bytes.reserve(4096);
        }
        match rustix::io::read(&file, spare_capacity(&mut bytes)) {
            Ok(0) => break,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        // Files that some kernels make up on the spot claim to be empty and are not.
        if bytes.len() as u64 > limit {
            return Ok(Read::TooLarge(bytes.len() as u64));
        }
    }
    let same = moment(&before) == moment(&fstat(&file)?) && (wanted == 0 || bytes.len() == wanted);
    Ok(if same { Read::Bytes(bytes) } else { Read::Changed })
}

/// What changes when a file is written to.
fn moment(stat: &Stat) -> impl PartialEq + use<> {
    (stat.st_size, stat.st_mtime, stat.st_mtime_nsec, stat.st_ctime, stat.st_ctime_nsec)
}
