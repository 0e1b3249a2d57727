//! Contents by id, in a stream: `git cat-file --batch`.
//!
//! ```text
//! <id> blob 12        what comes, and how long it is
//! hello world.        so many bytes, then a line feed
//! <id> missing        in place of both
//! ```

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Stdio};

use super::command::{failed, no_start, strange};
use super::{GitError, ObjectId, Repository};

/// What is behind an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// The content.
    Content(Vec<u8>),
    /// More bytes than were asked for; so many. The content was not kept.
    TooLarge(u64),
    /// Not in this repository, or damaged.
    Missing,
}

const BATCH: [&str; 3] = ["cat-file", "--batch", "--buffer"];

/// Reading on past this many unwanted bytes costs more than starting git again.
const PASSED_OVER: u64 = 16 << 20;

/// How many damaged objects one reading survives; each one ends a git process.
const DAMAGED: u32 = 64;

impl Repository {
    /// Hands the object behind each of `ids` to `each` with its place in `ids`, in their order.
    ///
    /// At most one object is in memory, of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// When git cannot be started or breaks down again and again; what `each` was given before is valid.
    pub fn objects(
        &self,
        ids: &[ObjectId],
        limit: u64,
        each: &mut dyn FnMut(usize, Object),
    ) -> Result<(), GitError> {
        let mut done = 0;
        let mut damaged = 0;
        while let Some(rest) = ids.get(done..).filter(|rest| !rest.is_empty()) {
            let before = done;
            let stopped = self.batch(rest, limit, &mut |object| {
                each(done, object);
                done += 1;
            })?;
            if stopped == Stopped::Broken {
                damaged += 1;
                if damaged > DAMAGED || (before == 0 && done == 0 && damaged > 1) {
                    return Err(failed(&BATCH, "it ended before it had read everything".to_owned()));
                }
                each(done, Object::Missing);
                done += 1;
            }
        }
        Ok(())
    }

    /// One object of at most `limit` bytes.
    pub fn object(&self, id: &ObjectId, limit: u64) -> Result<Object, GitError> {
        let mut found = Object::Missing;
        self.objects(std::slice::from_ref(id), limit, &mut |_, object| found = object)?;
        Ok(found)
    }

    fn batch(&self, ids: &[ObjectId], limit: u64, each: &mut dyn FnMut(Object)) -> Result<Stopped, GitError> {
        // Complaints are not read here, so they must not fill a pipe.
        let mut child = self
            .command(&BATCH)
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| no_start(&BATCH, &error))?;
        let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(strange(&BATCH));
        };
        let asked: String = ids.iter().flat_map(|id| [id.as_str(), "\n"]).collect();
        let stopped = std::thread::scope(|scope| {
            // Beside the reading, since git answers while it is still being asked. A closed pipe is no
            // error: the reader knows how far it came.
            scope.spawn(move || {
                let mut questions = questions;
                let _ = questions.write_all(asked.as_bytes());
            });
            let stopped = read_all(answers, ids.len(), limit, each);
            if !matches!(stopped, Ok(Stopped::Through)) {
                end(&mut child);
            }
            stopped
        });
        end(&mut child);
        stopped
    }
}

/// Why a reading came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopped {
    Through,
    /// On purpose, after an object that is too large to read past.
    Large,
    /// git went away in the middle.
    Broken,
}

fn read_all(
    answers: ChildStdout,
    count: usize,
    limit: u64,
    each: &mut dyn FnMut(Object),
) -> Result<Stopped, GitError> {
    let mut answers = BufReader::with_capacity(64 * 1024, answers);
    for _ in 0..count {
        let mut line = Vec::new();
        let read = answers.by_ref().take(200).read_until(b'\n', &mut line);
        if read.is_err() || line.last() != Some(&b'\n') {
            return Ok(Stopped::Broken);
        }
        let size = match head(&line).ok_or_else(|| strange(&BATCH))? {
            Head::Missing => {
                each(Object::Missing);
                continue;
            }
            Head::Size(size) => size,
        };
        if size > limit {
            each(Object::TooLarge(size));
            if size > PASSED_OVER {
                return Ok(Stopped::Large);
            }
            let passed = std::io::copy(&mut answers.by_ref().take(size + 1), &mut std::io::sink());
            if passed.ok() != Some(size + 1) {
                return Ok(Stopped::Broken);
            }
            continue;
        }
        let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
        let read = answers.by_ref().take(size + 1).read_to_end(&mut content);
        if read.is_err() || content.pop() != Some(b'\n') || content.len() as u64 != size {
            return Ok(Stopped::Broken);
        }
        each(Object::Content(content));
    }
    Ok(Stopped::Through)
}

/// The line before a content.
#[derive(Debug, PartialEq, Eq)]
enum Head {
    Size(u64),
    Missing,
}

/// Reads `<id> <type> <size>` or `<id> missing`.
fn head(line: &[u8]) -> Option<Head> {
    let text = std::str::from_utf8(line).ok()?.trim_end();
    let mut words = text.split(' ').skip(1);
    match (words.next()?, words.next()) {
        ("missing", None) => Some(Head::Missing),
        (_, Some(size)) => size.parse().ok().map(Head::Size),
        _ => None,
    }
}

/// Ends a git that is no longer needed; it only reads, so there is nothing to lose.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::{Head, head};

    #[test]
    fn the_size_is_the_last_word() {
        assert_eq!(head(b"abc blob 12\n"), Some(Head::Size(12)));
        assert_eq!(head(b"abc missing\n"), Some(Head::Missing));
        assert_eq!(head(b"abc\n"), None);
        assert_eq!(head(b"abc blob x\n"), None);
    }
}
