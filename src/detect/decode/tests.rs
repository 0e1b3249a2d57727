use proptest::prelude::*;

use super::*;

const PLAIN: Language = Language { adjacent: false, joins: false, quoted: false };
const MAIL: Language = Language { quoted: true, ..PLAIN };

#[test]
fn every_file_of_the_folder_is_a_decoding() {
    let mut files: Vec<String> = std::fs::read_dir("src/detect/decode")
        .unwrap()
        .filter_map(|entry| entry.unwrap().path().file_stem()?.to_str().map(str::to_owned))
        .filter(|name| !matches!(name.as_str(), "mod" | "tests"))
        .collect();
    files.sort();
    let mut names = DECODERS.map(|decoder| decoder.name);
    names.sort_unstable();
    assert_eq!(files, names);
}

#[test]
fn a_character_is_read_however_it_is_written() {
    for (text, length, letter) in [
        ("%67", 3, 'g'),
        ("%5F_", 3, '_'),
        ("\\u0067", 6, 'g'),
        ("\\u{67}", 6, 'g'),
        ("\\u{000067}", 10, 'g'),
        ("\\U00000067", 10, 'g'),
        ("\\x67", 4, 'g'),
        ("\\147", 4, 'g'),
        ("\\n", 2, '\n'),
        ("\\\\n", 2, '\\'),
        ("\\\"", 2, '"'),
        ("\\ud83d\\ude00", 12, '😀'),
        ("&#103;", 6, 'g'),
        ("&#x67;", 6, 'g'),
        ("&#X0067;", 8, 'g'),
        ("&quot;", 6, '"'),
        ("&amp;lt;", 5, '&'),
    ] {
        let found = atom(text.as_bytes(), 0, PLAIN).map(|(atom, _)| (atom.length, atom.stands_for));
        assert_eq!(found, Some((length, Some(letter))), "{text}");
    }
    for text in [
        "%",
        "%6",
        "%zz",
        "%ff",
        "\\",
        "\\d",
        "\\u67",
        "\\u{}",
        "\\u{110000}",
        "\\ud83d",
        "\\ud83d\\u0041",
        "\\x6",
        "\\18",
        "\\199",
        "&#;",
        "&#x;",
        "&#103",
        "&#99999999999;",
        "&nbsp;",
        "&",
        "=3D",
        "\u{2014}",
        "\u{e9}",
    ] {
        assert_eq!(atom(text.as_bytes(), 0, PLAIN), None, "{text}");
    }
}

#[test]
fn two_parts_of_a_literal_are_one_where_the_language_says_so() {
    let all = Language { adjacent: true, joins: true, quoted: false };
    for (text, language) in [
        ("\"ab\" + \"cd\"", PLAIN),
        ("\"ab\"+\"cd\"", PLAIN),
        ("'ab' . 'cd'", PLAIN),
        ("\"ab\" .. \"cd\"", PLAIN),
        ("\"ab\" & \"cd\"", PLAIN),
        ("\"ab\" +\n    \"cd\"", PLAIN),
        ("\"ab\"\r\n    + \"cd\"", PLAIN),
        ("\"ab\" + f\"cd\"", PLAIN),
        ("\"ab\" \\\n    + \"cd\"", PLAIN),
        ("\"ab\"\"cd\"", PLAIN),
        ("'ab'\"cd\"", PLAIN),
        ("\"ab\" \"cd\"", all),
        ("\"ab\"\n    \"cd\"", all),
        ("\"ab\\\n    cd\"", PLAIN),
        ("ab\\\r\ncd", PLAIN),
        ("x = \"ab\"\nx += \"cd\"", PLAIN),
        ("$x = 'ab'; $x .= 'cd';", PLAIN),
        ("self.x := \"ab\"\nself.x += \"cd\"", PLAIN),
        ("join(\"\", [\"ab\", \"cd\"])", all),
        ("[\"ab\", \"cd\"].join(\"\")", all),
        ("''.join(['ab', 'cd'])", all),
        ("\"\".join((\"ab\", \"cd\"))", all),
    ] {
        let joint = |offset| atom(text.as_bytes(), offset, language).filter(|(_, name)| *name == "join");
        let (start, length) = (0..text.len())
            .find_map(|offset| Some((offset, joint(offset)?.0.length)))
            .unwrap_or_else(|| panic!("no joint in {text}"));
        let (before, rest) = text.split_at(start);
        assert!(before.ends_with("ab") && rest.split_at(length).1.starts_with("cd"), "{text}");
    }
    for (text, language) in [
        ("\"ab\" \"cd\"", PLAIN),
        ("\"ab\"\n\"cd\"", PLAIN),
        ("\"ab\", \"cd\"", all),
        ("\"ab \" + \"cd\"", PLAIN),
        ("\"ab\" + \" cd\"", PLAIN),
        ("\"ab\" + cd + \"ef\"", PLAIN),
        ("x = \"ab\"\ny += \"cd\"", PLAIN),
        ("x = \"ab\"\nx = \"cd\"", PLAIN),
        ("join(\",\", [\"ab\", \"cd\"])", all),
        ("[\"ab\", \"cd\"].join(\",\")", all),
        ("run ab \\\n  cd", PLAIN),
    ] {
        let joint = |offset| atom(text.as_bytes(), offset, language).filter(|(_, name)| *name == "join");
        assert_eq!((0..text.len()).find_map(joint), None, "{text}");
    }
}

#[test]
fn what_nobody_sees_stands_for_nothing_and_hides_inside_a_word() {
    for (letter, length) in [
        ('\u{ad}', 2),
        ('\u{200b}', 3),
        ('\u{200d}', 3),
        ('\u{202e}', 3),
        ('\u{2060}', 3),
        ('\u{2069}', 3),
        ('\u{feff}', 3),
        ('\u{e0061}', 4),
    ] {
        for (text, hides) in
            [(format!("ab{letter}cd"), Hides::Always), (format!("ab {letter} cd"), Hides::Never)]
        {
            let at = text.find(letter).unwrap();
            let expected = Atom { length, stands_for: None, hides };
            assert_eq!(atom(text.as_bytes(), at, PLAIN), Some((expected, "invisible")), "{text:?}");
        }
    }
}

#[test]
fn a_line_of_mail_that_was_broken_goes_on_in_the_next() {
    for (before, end, joined) in
        [(75, "=\n", true), (72, "=\r\n", true), (71, "=\n", false), (76, "=\n", false), (75, "=\t\n", false)]
    {
        let text = format!("first\n{}{end}next", "x".repeat(before));
        let found = |language| atom(text.as_bytes(), 6 + before, language);
        let expected = joined.then_some((end.len(), "quoted"));
        assert_eq!(found(MAIL).map(|(atom, name)| (atom.length, name)), expected, "{before}");
        assert_eq!(found(PLAIN), None, "what base64 ends with");
    }
    assert_eq!(atom(b"=3D", 0, MAIL).map(|(atom, _)| (atom.length, atom.stands_for)), Some((3, Some('='))));
    for text in ["=", "=3d", "=41", "=\nword"] {
        assert_eq!(atom(text.as_bytes(), 0, MAIL), None, "{text}");
    }
}

#[test]
fn runs_are_read_with_or_without_padding_and_in_both_alphabets() {
    let read =
        |text: &str| run(text.as_bytes(), 1000).map(|(unpacked, names)| (unpacked.bytes, names.join(" > ")));
    let base64 = |bytes: &[u8]| Some((bytes.to_vec(), "base64".to_owned()));
    assert_eq!(read("aGVsbG8="), base64(b"hello"));
    assert_eq!(read("aGVsbG8"), base64(b"hello"));
    assert_eq!(read("-_-_"), base64(b"\xfb\xff\xbf"));
    assert_eq!(read("+/+/"), base64(b"\xfb\xff\xbf"));
    assert_eq!(read("aGVsbG8hx"), base64(b"hello!"));
    assert_eq!(read(&"6768705f".repeat(4)), Some((b"ghp_".repeat(4), "hex".to_owned())));
    assert_eq!(read(&format!("0x{}", "6768705F".repeat(4))), Some((b"ghp_".repeat(4), "hex".to_owned())));
    assert_eq!(read("deadbeef"), None);
    assert_eq!(read(""), None);
}

proptest! {
    #[test]
    fn no_bytes_panic_and_atoms_lie_inside(
        text in "[\\\\%&\"'`ux{}0-9a-f#; +.,\n=j]{0,80}", offset in 0..90_usize, adjacent: bool, joins: bool, quoted: bool,
    ) {
        if let Some((atom, _)) = atom(text.as_bytes(), offset, Language { adjacent, joins, quoted }) {
            prop_assert!(atom.length > 0 && offset + atom.length <= text.len());
        }
    }

    #[test]
    fn any_run_ends_within_the_limit(bytes: Vec<u8>, kind in 0..3_usize, limit in 0..500_usize) {
        let magic: &[u8] = [&b""[..], b"\x1f\x8b\x08", b"\x78\x9c"][kind];
        let text = crate::text::digits::to_base64(&[magic, &bytes].concat());
        if let Some((unpacked, names)) = run(&text, limit) {
            prop_assert!(names.len() == 1 || unpacked.bytes.len() <= limit.max(2 * text.len()));
        }
        let _ = run(&bytes, limit);
    }
}
