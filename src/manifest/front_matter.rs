//! The YAML at the head of a Markdown file, between two lines of `---`: how agents, skills and modes are described.

use super::Reading;
use super::file::File;
use crate::finding::Reason;
use crate::text::tree::{self, Node};

/// What the head of a Markdown file says.
pub(super) struct FrontMatter {
    pub(super) document: Node,
    /// Whether nothing in it waits to be filled in.
    pub(super) complete: bool,
}

/// Reads the head of `file`; `None` where there is none, or where it is no map.
pub(super) fn read(file: &File<'_>, reading: &mut Reading) -> Option<FrontMatter> {
    let length = length(file.bytes)?;
    let tree = tree::read_yaml(file.bytes.get(..length).unwrap_or_default());
    file.note_fault(&tree, true, reading);
    let complete = tree.templates.is_empty();
    if tree.fault.is_none() && !complete {
        reading.gap(file, Reason::Partial, "the front matter holds templates".to_owned());
    }
    let document = tree.documents.into_iter().find(Node::is_map)?;
    Some(FrontMatter { document, complete })
}

/// Bytes before the line that closes the front matter.
fn length(bytes: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let marks = line.trim_end() == "---";
        if number == 0 && !marks {
            return None;
        }
        if number > 0 && marks {
            return Some(at);
        }
        at += line.len();
    }
    None
}

/// The name of an agent: what it calls itself, else the name of its file up to the first full stop.
pub(super) fn name_of(file: &File<'_>, document: &Node) -> String {
    let said = document.get("name").and_then(Node::scalar).filter(|name| !name.is_empty());
    let stem = || {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        name.split('.').next().unwrap_or_default().to_owned()
    };
    said.unwrap_or_else(stem)
}

/// The entries of a tool list, written as a list or as one text with commas or blanks between.
pub(super) fn entries(list: &Node) -> Vec<String> {
    let Some(text) = list.scalar() else { return list.items().iter().filter_map(Node::scalar).collect() };
    let mut found = vec![String::new()];
    let mut depth = 0_usize;
    for letter in text.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && (letter == ',' || letter.is_whitespace()) {
            found.push(String::new());
        } else if let Some(last) = found.last_mut() {
            last.push(letter);
        }
    }
    found.retain(|entry| !entry.is_empty());
    found
}
