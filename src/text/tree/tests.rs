use std::fmt::Write as _;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// What D3 asks for in a build with optimisation; one without is some twenty times slower.
const SECOND: Duration = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 1 });

/// The bytes of a span, as text.
fn written(text: &str, span: Span) -> &str {
    text.get(span.start..span.end).unwrap()
}

fn yaml(text: &str) -> Tree {
    read_yaml(text.as_bytes())
}

fn fault(tree: &Tree) -> FaultKind {
    tree.fault.expect("a fault").kind
}

fn only(tree: Tree) -> Node {
    assert_eq!(tree.fault, None);
    let [node] = <[Node; 1]>::try_from(tree.documents).expect("one document");
    node
}

#[test]
fn a_node_knows_its_bytes_behind_letters_of_several_bytes() {
    let text = "ä: ß\nlist: [ö, 'ü ü', {k: v}]\nlast: end\n";
    let node = only(yaml(text));
    let written = |node: &Node| written(text, node.span).to_owned();
    assert_eq!(written(node.get("ä").unwrap()), "ß");
    let items = node.get("list").unwrap().items();
    assert_eq!(written(&items[1]), "'ü ü'");
    assert_eq!(written(&items[2]), "{k: v}");
    assert_eq!(written(node.get("list").unwrap()), "[ö, 'ü ü', {k: v}]");
    assert_eq!(written(&node.entry("last").unwrap().0), "last");
}

#[test]
fn a_byte_order_mark_moves_no_span() {
    for (tree, text) in [
        (read_yaml("\u{feff}a: b".as_bytes()), "\u{feff}a: b"),
        (read_json("\u{feff}{\"a\":\"b\"}".as_bytes()), "\u{feff}{\"a\":\"b\"}"),
    ] {
        let node = only(tree);
        let span = node.get("a").unwrap().span;
        assert!(["b", "\"b\""].contains(&written(text, span)));
    }
}

#[test]
fn words_for_yes_and_no_mean_the_same_in_quotes_and_out() {
    let node = only(yaml("a: no\nb: \"off\"\nc: true\nd: 'Yes'\ne: 1\nf: maybe\non: push\n"));
    let truth = |key: &str| node.get(key).unwrap().truthy();
    assert_eq!(
        ["a", "b", "c", "d", "e", "f"].map(truth),
        [Some(false), Some(false), Some(true), Some(true), None, None]
    );
    assert_eq!(node.get("on").unwrap().as_text(), Some("push"));
}

#[test]
fn whole_numbers_are_those_of_yaml_one_one() {
    let node = only(yaml("[017, 0o17, 0x1F, 86_400, -3, +4, 1.5, 08, 0-1, '5', !!str 6]"));
    let numbers: Vec<_> = node.items().iter().map(|item| item.value.clone()).collect();
    let text = |text: &str| Value::Text(text.to_owned());
    let ints = [15, 15, 31, 86_400, -3, 4].map(Value::Int);
    assert!(numbers[..6] == ints);
    assert!(numbers[6..] == [text("1.5"), text("08"), text("0-1"), text("5"), text("6")]);
}

#[test]
fn a_merge_key_adds_what_the_map_does_not_say_itself() {
    let text =
        "base: &b {verbs: [get], kind: A}\nmore: &m {extra: 1, kind: C}\nuse:\n  kind: B\n  <<: [*b, *m]\n";
    let node = only(yaml(text));
    let used = node.get("use").unwrap();
    assert_eq!(used.get("kind").unwrap().as_text(), Some("B"));
    assert_eq!(used.get("extra").unwrap().as_int(), Some(1));
    let verbs = used.get("verbs").unwrap().span;
    assert_eq!(written(text, verbs), "[get]", "the span is that of the definition");
    let quoted = only(yaml("{'<<': {a: 1}}"));
    assert!(quoted.get("<<").is_some());
}

#[test]
fn a_key_that_stands_twice_is_a_fault_with_a_place_and_the_other_documents_remain() {
    let tree = yaml("a: 1\n---\nb: 1\nb: 2\n---\nc: 3\n");
    assert_eq!(tree.documents.len(), 2);
    assert_eq!(fault(&tree), FaultKind::Duplicate);
    assert_eq!(tree.fault.unwrap().position, Position { line: 4, column: 1 });
    let json = read_json(b"{\"a\": 1,\n \"a\": 2}");
    assert_eq!(json.fault.unwrap().to_string(), "a key stands twice in one map (line 2, column 2)");
}

#[test]
fn json_may_have_comments_and_trailing_commas_and_no_more() {
    let node = only(read_json(b"// first\n{ /* x */ \"a\": [1, -2, 1.5, true, null,], \"b\": {}, }\n"));
    assert_eq!(node.get("a").unwrap().items().len(), 5);
    for text in
        ["", "{", "[1 2]", "{\"a\" 1}", "[}", "{]", "1 2", "{,}", "[,]", "{a: 1}", "{\"a\":}", "]", "tru"]
    {
        assert!(read_json(text.as_bytes()).fault.is_some(), "{text}");
    }
}

#[test]
fn toml_is_the_same_tree() {
    let text = "[mcp_servers.\"a b\"]\ncommand = \"x\"\nargs = [\"-c\", 5]\nwhen = 2026-01-01\n";
    let node = only(read_toml(text.as_bytes()));
    let server = node.at(&["mcp_servers", "a b"]).unwrap();
    let command = server.get("command").unwrap();
    assert_eq!(written(text, command.span), "\"x\"");
    assert_eq!(server.get("args").unwrap().items()[1].as_int(), Some(5));
    assert!(read_toml(b"a = \n").fault.is_some());
}

#[test]
fn templates_are_masked_and_their_text_stays() {
    let text = "{{- if .Values.rbac }}\nname: {{ include \"x\" . }}-a\nlabels:\n  {{- include \"l\" . | nindent 2 }}\n\
                note: \"{{ .Release.Name }}\" # {{ no }}\n# {{ comment }}\nci: ${{ secrets.A }}\n{{- end }}\n";
    let tree = yaml(text);
    assert_eq!(tree.fault, None);
    let node = &tree.documents[0];
    assert_eq!(node.get("name").unwrap().as_text(), Some("{{ include \"x\" . }}-a"));
    assert_eq!(node.get("note").unwrap().as_text(), Some("{{ .Release.Name }}"));
    assert_eq!(node.get("ci").unwrap().as_text(), Some("${{ secrets.A }}"));
    assert_eq!(tree.quoted_templates.len(), 1);
    assert_eq!(tree.templates.len(), 5, "two lines, a name, a whole line, and one behind a comment sign");
}

#[test]
fn brackets_may_close_below_their_key_and_list_items_may_stand_there() {
    let text = "- name: a\n  args: [\n    'x', # one\n\n  y,\n  ]\n- name: b\n  env: {\n  k: v\n  }\n";
    let node = only(yaml(text));
    let args = node.items()[0].get("args").unwrap();
    assert_eq!(args.items().len(), 2);
    let span = args.items()[1].span;
    assert_eq!(written(text, span), "y");
    assert_eq!(node.items()[1].at(&["env", "k"]).unwrap().as_text(), Some("v"));
    let many = format!("- a: [\n{}  ]\n", "  x,\n".repeat(3000));
    let start = Instant::now();
    let _ = yaml(&many.repeat(20));
    assert!(start.elapsed() < SECOND);
}

#[test]
fn a_fault_says_where_and_never_what() {
    for (text, line) in
        [("a: b: hunter2", 1), ("x: 1\ny: *hunter2", 2), ("k: \"hunter2", 1), ("k:\n\t- hunter2", 2)]
    {
        let fault = yaml(text).fault.expect(text);
        assert!(!format!("{fault} {fault:?}").contains("hunter2"));
        assert_eq!(fault.position.line, line, "{text}");
    }
    let node = only(yaml("password: hunter2"));
    assert!(!format!("{node:?}").contains("hunter2"));
}

fn alias_bomb(levels: usize) -> String {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..levels {
        let list = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(text, "a{level}: &a{level} [{list}]").unwrap();
    }
    text
}

#[test]
fn d3_each_bomb_ends_in_a_named_limit_within_a_second() {
    let many = "- &n x\n".to_owned() + &"- *n\n".repeat(400_000);
    let wide_text = format!("- &big {}\n", "y".repeat(1 << 20)) + &"- *big\n".repeat(1000);
    let nested_names = (0..60).fold("x".to_owned(), |inner, level| format!("&n{level} [{inner}]"));
    let names = format!("[{}]", vec![nested_names; 500].join(","));
    let mut merges = String::from("m0: &m0 {k: v}\n");
    for level in 1..40 {
        let before = level - 1;
        writeln!(merges, "m{level}: &m{level} {{a: *m{before}, b: *m{before}, <<: *m{before}}}").unwrap();
    }
    let block = (0..200).fold(String::new(), |text, depth| text + &" ".repeat(depth) + "a:\n");
    for (name, text, kind) in [
        ("aliases of aliases", alias_bomb(12), FaultKind::Nodes),
        ("one alias very often", many, FaultKind::Nodes),
        ("one long scalar, often", wide_text, FaultKind::Text),
        ("names inside names", names, FaultKind::Nodes),
        ("deep lists", "[".repeat(100_000), FaultKind::Depth),
        ("deep maps", "{a: ".repeat(100_000), FaultKind::Depth),
        ("deep blocks", block, FaultKind::Depth),
        ("merge keys of merge keys", merges, FaultKind::Nodes),
    ] {
        let start = Instant::now();
        assert_eq!(fault(&yaml(&text)), kind, "{name}");
        assert!(start.elapsed() < SECOND, "{name} took {:?}", start.elapsed());
    }
    assert_eq!(fault(&read_yaml(&vec![b'a'; MAX_BYTES + 1])), FaultKind::Size);
    assert_eq!(fault(&read_json("[".repeat(1_000_000).as_bytes())), FaultKind::Depth);
    assert_eq!(fault(&read_json(format!("[{}1]", "1,".repeat(300_000)).as_bytes())), FaultKind::Nodes);
}

#[test]
fn d3_a_name_inside_itself_is_a_fault() {
    for text in ["a: &a [*a]", "a: &a {<<: *a}", "&a {k: &b {<<: *a}}"] {
        assert!(matches!(fault(&yaml(text)), FaultKind::Syntax(_)), "{text}");
    }
    assert!(matches!(fault(&yaml("<<: 3")), FaultKind::Syntax(_)));
}

#[test]
fn d3_a_huge_scalar_is_read_or_refused_within_a_second() {
    let length = if cfg!(debug_assertions) { MAX_BYTES / 8 } else { MAX_BYTES };
    let text = format!("a: \"{}\"", "z".repeat(length - 10));
    let start = Instant::now();
    assert_eq!(yaml(&text).fault, None);
    assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
}

/// A node without places, as JSON.
fn plain(node: &Node) -> String {
    serde_json::to_string(node).unwrap()
}

#[test]
fn hcl_has_the_shape_of_its_own_json_form() {
    for (text, expected) in [
        ("a = 1\nb = \"x\"\nc = true\nd = null", r#"{"a":1,"b":"x","c":true,"d":null}"#),
        ("r \"t\" \"n\" {\n  a = 1\n}", r#"{"r":[{"t":{"n":{"a":1}}}]}"#),
        ("s {\n}\ns {\n  x = 1\n}", r#"{"s":[{},{"x":1}]}"#),
        ("a = b.c.d", r#"{"a":"${b.c.d}"}"#),
        ("a = \"x-${b.c}-y\"", r#"{"a":"x-${b.c}-y"}"#),
        ("a = jsonencode({ A = [\"b\"], \"c\": 1 })", r#"{"a":{"A":["b"],"c":1}}"#),
        ("a = concat([\"x\"], var.y)", r#"{"a":["x","${var.y}"]}"#),
        ("a = var.w ? \"x\" : \"y\"", r#"{"a":{"!If":["var.w ? \"x\" : \"y\"","x","y"]}}"#),
        (
            "a = { for k in v : k =>\n  k.x &&\n  k.y\n  ? 1\n  : 2 }",
            r#"{"a":"${{ for k in v : k =>\n  k.x &&\n  k.y\n  ? 1\n  : 2 }}"}"#,
        ),
        ("a = file(\"x\")", r#"{"a":"${file(\"x\")}"}"#),
    ] {
        let tree = read_hcl(text.as_bytes());
        assert_eq!(tree.fault, None, "{text}");
        assert_eq!(plain(&tree.documents[0]), expected, "{text}");
    }
}

#[test]
fn json_in_a_heredoc_has_its_own_places() {
    let text = "p = <<EOF\n{\"A\": [\"b\", \"${c.d}\"]}\nEOF\n";
    let tree = read_hcl(text.as_bytes());
    let inner = read_json_within(text.as_bytes(), tree.documents[0].get("p").unwrap()).unwrap();
    let item = &inner.get("A").unwrap().items()[0];
    assert_eq!(item.span.of(text.as_bytes()), b"\"b\"");
    let escaped = "{\"p\": \"{\\\"A\\\": 1}\"}";
    let tree = read_json(escaped.as_bytes());
    let scalar = tree.documents[0].get("p").unwrap();
    let inner = read_json_within(escaped.as_bytes(), scalar).unwrap();
    assert_eq!(inner.get("A").unwrap().span, scalar.span);
}

#[test]
fn hcl_that_cannot_be_read_says_why() {
    assert_eq!(fault(&read_hcl(b"a = 1\na = 2\n")), FaultKind::Duplicate);
    assert!(matches!(fault(&read_hcl(b"a = {")), FaultKind::Syntax(_)));
    let deep = format!("a = {}1{}", "[".repeat(500), "]".repeat(500));
    assert_eq!(fault(&read_hcl(deep.as_bytes())), FaultKind::Depth);
    let wide = format!("a = {{{}}}", (0..30_000).map(|at| format!("k{at} = 1\n")).collect::<String>());
    assert_eq!(fault(&read_hcl(wide.as_bytes())), FaultKind::Nodes);
}

#[test]
fn tags_of_other_languages_are_kept_where_they_are_asked_for() {
    let text = "a: !Ref B\nb: !Join [\"\", [!GetAtt C.Arn, x]]\nc: !If {d: 1}\ne: !!str 5\n";
    let tree = read_yaml_with_tags(text.as_bytes());
    let expected =
        r#"{"a":{"!Ref":"B"},"b":{"!Join":["",[{"!GetAtt":"C.Arn"},"x"]]},"c":{"!If":{"d":1}},"e":"5"}"#;
    assert_eq!(plain(&tree.documents[0]), expected);
    assert_eq!(plain(&read_yaml(b"a: !Ref B\n").documents[0]), r#"{"a":"B"}"#);
}

fn spans_lie_inside(node: &Node, length: usize) -> bool {
    node.span.start <= node.span.end
        && node.span.end <= length
        && node.items().iter().all(|item| spans_lie_inside(item, length))
        && node
            .entries()
            .iter()
            .all(|(key, value)| spans_lie_inside(key, length) && spans_lie_inside(value, length))
}

fn holds(tree: &Tree, length: usize) -> bool {
    tree.documents.iter().all(|node| spans_lie_inside(node, length))
        && tree.templates.iter().chain(&tree.quoted_templates).all(|span| span.end <= length)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_makes_a_reader_fall_over(text in "([a-z:#&*!|>'\"%@{}\\[\\],?~.\\\\ \t\n-]|<<: |- |: |---\n|&a |\\*a|\\{\\{|\\}\\}|ä|\u{feff}|\r\n){0,60}") {
        for tree in [read_yaml(text.as_bytes()), read_yaml_with_tags(text.as_bytes()), read_json(text.as_bytes()), read_toml(text.as_bytes()), read_hcl(text.as_bytes())] {
            prop_assert!(holds(&tree, text.len()));
        }
    }

    #[test]
    fn no_bytes_make_a_reader_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        for tree in [read_yaml(&bytes), read_yaml_with_tags(&bytes), read_json(&bytes), read_toml(&bytes), read_hcl(&bytes)] {
            prop_assert!(holds(&tree, bytes.len()));
        }
    }
}
