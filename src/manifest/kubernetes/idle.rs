//! Documents of kinds that give nobody anything, found without parsing them: most of a rendered chart is such text.
//!
//! ```text
//! apiVersion: apiextensions.k8s.io/v1
//! kind: CustomResourceDefinition       the one `kind` of a mapping whose keys begin their lines
//! spec: …                              thousands of lines that need no tree
//! ---
//! ```
//!
//! Whatever is written in a way that is not seen through (flow style, quoted or tagged keys, anchors, templates) is
//! not idle, and is parsed.

use memchr::memmem;

use crate::text::span::Span;

/// Kinds that declare identities, or hold other objects; everything that ends in `List` is one of them too.
const OF_INTEREST: [&str; 10] = [
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ServiceAccount",
    "Secret",
    "Config",
    "AppProject",
    "Kustomization",
    "HelmRelease",
];

/// Names of the `ConfigMap`s that hand out power, and the escapes that could write them in other letters.
const POWERFUL: [&[u8]; 5] = [b"aws-auth", b"argocd-", b"\\x", b"\\u", b"\\U"];

/// Kinds that make no pods although they may speak of containers.
const WITHOUT_PODS: [&str; 2] = ["CustomResourceDefinition", "ConfigMap"];

/// So many parts are read one by one; a text of more is read as a whole, for each part has limits of its own.
const MAX_PARTS: usize = 16;

/// The parts of `text` between idle documents, in order; none when all are idle.
pub(super) fn parts_between(text: &[u8]) -> Vec<Span> {
    let mut parts: Vec<Span> = Vec::new();
    let mut joins = false;
    for document in documents(text) {
        let content = document.of(text);
        if content.trim_ascii().is_empty() {
            continue;
        }
        let idle = is_idle(content);
        match parts.last_mut().filter(|_| joins) {
            Some(last) if !idle => last.end = document.end,
            None if !idle => parts.push(document),
            _ => {}
        }
        joins = !idle;
    }
    if parts.len() > MAX_PARTS { vec![Span::new(0, text.len())] } else { parts }
}

/// What stands between the lines that begin with `---`. Such a line with more on it belongs to what follows it.
fn documents(text: &[u8]) -> Vec<Span> {
    let is_mark = |at: &usize| matches!(text.get(at + 3), None | Some(b' ' | b'\t' | b'\r' | b'\n'));
    let marks = memmem::find_iter(text, b"\n---").map(|at| at + 1).filter(is_mark);
    let mut starts: Vec<usize> = std::iter::once(0).chain(marks).collect();
    starts.push(text.len());
    let behind_mark = |pair: &[usize]| {
        let document = Span::new(*pair.first()?, *pair.last()?);
        let bare = |mark: &&&[u8]| document.of(text).starts_with(mark);
        let mark = [b"---\n".as_slice(), b"---\r\n"].iter().find(bare).map_or(0, |mark| mark.len());
        Some(Span::new(document.start + mark, document.end))
    };
    starts.windows(2).filter_map(behind_mark).collect()
}

fn is_idle(document: &[u8]) -> bool {
    let odd = [b"{{".as_slice(), b"{%"].iter().any(|mark| memmem::find(document, mark).is_some());
    if odd || has_lone_return(document) {
        return false;
    }
    let mut kind = None;
    let mut begun = false;
    for line in lines_at_margin(document) {
        match line {
            [b'#' | b'\r', ..] => {}
            [b'-', b' ', ..] if begun => {}
            _ => {
                let Some((key, value)) = plain_pair(line) else { return false };
                begun = true;
                let again = key == b"kind" && kind.replace(value).is_some();
                if again || key == b"items" {
                    return false;
                }
            }
        }
    }
    kind.and_then(|kind| str::from_utf8(kind).ok()).is_some_and(|kind| gives_nothing(kind, document))
}

fn gives_nothing(kind: &str, document: &[u8]) -> bool {
    let is_word = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphabetic());
    if !is_word || OF_INTEREST.contains(&kind) || kind.ends_with("List") {
        return false;
    }
    // An escape in quotes could write the word in other letters.
    let holds = |word: &&[u8]| memmem::find(document, word).is_some();
    if kind == "ConfigMap" && POWERFUL.iter().any(holds) {
        return false;
    }
    let may_make_pods = || holds(&b"containers".as_slice()) || document.contains(&b'\\');
    WITHOUT_PODS.contains(&kind) || !may_make_pods()
}

/// A carriage return that ends a line by itself, as YAML allows.
fn has_lone_return(document: &[u8]) -> bool {
    memchr::memchr_iter(b'\r', document).any(|at| document.get(at + 1) != Some(&b'\n'))
}

/// The lines that begin with neither a space nor their end, without their line feeds.
fn lines_at_margin(document: &[u8]) -> impl Iterator<Item = &[u8]> {
    let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', document).map(|at| at + 1));
    starts.filter_map(|start| {
        let rest = document.get(start..)?;
        let first = rest.first()?;
        if matches!(first, b' ' | b'\n') {
            return None;
        }
        rest.get(..memchr::memchr(b'\n', rest).unwrap_or(rest.len()))
    })
}

/// `key: value` with a plain key; the value without blanks around it.
fn plain_pair(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (key, value) = line.split_at_checked(memchr::memchr(b':', line)?)?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./".contains(byte);
    let value = value.get(1..)?;
    let is_pair = key.first()?.is_ascii_alphabetic() && key.iter().all(plain);
    (is_pair && matches!(value.first(), None | Some(b' ' | b'\r'))).then_some((key, value.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tree::{Node, Tree, read_yaml, read_yaml_parts};

    const CRD: &str =
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec:\n  containers: {}\n";
    const ROLE: &str = "kind: Role\napiVersion: v1\nrules:\n- verbs: ['*']\n";

    fn left(text: &str) -> Vec<&str> {
        parts_between(text.as_bytes()).iter().map(|part| text.get(part.start..part.end).unwrap()).collect()
    }

    #[test]
    fn idle_documents_are_left_out_and_neighbours_stay_together() {
        assert!(left("").is_empty() && left("\n---\n").is_empty());
        assert!(left(CRD).is_empty() && left(&format!("{CRD}---\n{CRD}")).is_empty());
        assert_eq!(left(ROLE), [ROLE]);
        assert_eq!(left(&format!("{CRD}---\n{ROLE}")), [ROLE]);
        assert_eq!(left(&format!("{ROLE}\n---\n{CRD}---\n{ROLE}")), [format!("{ROLE}\n").as_str(), ROLE]);
        let both = format!("{ROLE}---\n{ROLE}");
        assert_eq!(left(&format!("---\n{both}")), [both.as_str()]);
    }

    #[test]
    fn d4_a_text_of_many_parts_is_read_under_one_limit() {
        let text = format!("{CRD}---\n{ROLE}---\n").repeat(MAX_PARTS + 1);
        assert_eq!(left(&text), [text.as_str()]);
    }

    #[test]
    fn what_is_not_seen_through_is_parsed() {
        let role = "apiVersion: v1\nmetadata: {name: a}\n";
        for hidden in [
            "\"kind\": Role\nkind: ConfigMap\n",
            "? kind\n: Role\nkind: ConfigMap\n",
            "kind: ConfigMap\nkind: Role\n",
            "kind : Role\nkind: ConfigMap\n",
            "kind: &a Role\n",
            "kind: !!str Role\n",
            "kind: \"Ro\\u006ce\"\n",
            "kind: Role # ConfigMap\n",
            "<<: {kind: Role}\nkind: ConfigMap\n",
            "note: \"\nkind: ConfigMap\n\"\n\"kind\": Role\n",
            "a: b\rkind: Role\rkind: ConfigMap\n",
            "kind: ConfigMap\n{{ if .x }}\nkind: Role\n",
            "kind: ConfigMap\nitems:\n- kind: Role\n",
            "kind: RoleList\n",
            "kind: Widget\nspec: {\"cont\\x61iners\": [{}]}\n",
            "kind: Widget\nspec:\n  containers: [{}]\n",
            "\tkind: ConfigMap\n",
            "\u{feff}kind: ConfigMap\n",
            "- kind: ConfigMap\n",
            "--- {kind: Role}\nkind: ConfigMap\n",
            "kind: ConfigMap\n---x: 1\n'kind': Role\n",
        ] {
            let text = format!("{hidden}{role}");
            assert_eq!(left(&text), [text.as_str()], "{hidden}");
        }
    }

    proptest::proptest! {
        #[test]
        fn roles_are_read_as_if_nothing_had_been_left_out(
            parts in proptest::collection::vec(proptest::sample::select(vec![
                "kind: Role\n", "kind: ConfigMap\n", "apiVersion: v1\n", "---\n", "--- # x\n", "...\n", "metadata:\n  name: a\n",
                "rules:\n- verbs: ['*']\n", "data: |\n  kind: Role\n  ---\n", "  kind: Role\n", "# kind: Role\n", "\n", "x: 'a\n", "'\n",
            ]), 0..14)
        ) {
            let text = parts.concat();
            let roles = |tree: Tree| -> Vec<Node> {
                let kind = |one: &Node| one.get("kind").and_then(Node::scalar);
                tree.documents.into_iter().filter(|one| kind(one).as_deref() == Some("Role")).collect()
            };
            let whole = read_yaml(text.as_bytes());
            if whole.fault.is_none() {
                let parts = read_yaml_parts(text.as_bytes(), &parts_between(text.as_bytes()));
                proptest::prop_assert_eq!(roles(parts), roles(whole), "{}", text);
            }
        }
    }
}
