//! JSON with comments and trailing commas.

use jsonc_parser::tokens::Token;
use jsonc_parser::{Scanner, ScannerOptions};

use super::build::{Builder, Kind, Role};
use super::{Fault, FaultKind, MAX_BYTES, Node, Tree, Value};
use crate::text::span::{Position, Span};

/// Reads `bytes` as one JSON value; comments and trailing commas are fine, as the hosts of such files take them.
pub fn read(bytes: &[u8]) -> Tree {
    let fault = |kind, offset| Tree {
        fault: Some(Fault { kind, position: Position::at(bytes, offset) }),
        ..Tree::default()
    };
    if bytes.len() > MAX_BYTES {
        return fault(FaultKind::Size, 0);
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return fault(FaultKind::Encoding, error.valid_up_to()),
    };
    let base = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let text = text.get(base..).unwrap_or_default();
    let mut reader = Reader { scanner: Scanner::new(text, &options()), base, builder: Builder::default() };
    match reader.read() {
        Ok(documents) => Tree { documents, ..Tree::default() },
        Err((kind, offset)) => fault(kind, offset),
    }
}

/// Reads the JSON that the text of `node`, a scalar of the file `bytes`, holds; `None` where it is none.
///
/// Where the text stands in the file letter for letter, each node of it has its own place; where escapes or joined
/// lines change it, all have the place of the scalar.
pub fn read_within(bytes: &[u8], node: &Node) -> Option<Node> {
    let text = node.as_text().filter(|text| text.trim_start().starts_with(['{', '[']))?;
    let mut tree = read(text.as_bytes());
    let inner = tree.documents.pop().filter(|_| tree.fault.is_none())?;
    let written = node.span.of(bytes);
    Some(match memchr::memmem::find(written, text.as_bytes()) {
        Some(offset) => inner.moved(node.span.start + offset),
        None => inner.pinned(node.span),
    })
}

fn options() -> ScannerOptions {
    ScannerOptions {
        allow_single_quoted_strings: true,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// A value, and in a list its end.
    Value,
    /// A value and nothing else.
    ValueOnly,
    /// A key, or the end of the map.
    Key,
    Colon,
    /// A comma or the end of what is open.
    Comma,
    End,
}

struct Reader<'t> {
    scanner: Scanner<'t>,
    base: usize,
    builder: Builder,
}

type Broken = (FaultKind, usize);

impl<'t> Reader<'t> {
    fn read(&mut self) -> Result<Vec<Node>, Broken> {
        let mut expect = Expect::ValueOnly;
        while let Some(token) = self.next()? {
            expect = self.step(&token, expect).map_err(|kind| (kind, self.start()))?;
        }
        if expect != Expect::End {
            return Err((FaultKind::Syntax("the JSON ends too early"), self.start()));
        }
        match self.builder.finish() {
            Ok(document) => Ok(document.into_iter().collect()),
            Err(offset) => Err((FaultKind::Duplicate, offset)),
        }
    }

    /// The next token that is no comment.
    fn next(&mut self) -> Result<Option<Token<'t>>, Broken> {
        loop {
            match self.scanner.scan() {
                Ok(Some(Token::CommentLine(_) | Token::CommentBlock(_))) => {}
                Ok(token) => return Ok(token),
                Err(_) => return Err((FaultKind::Syntax("this is not JSON"), self.start())),
            }
        }
    }

    fn step(&mut self, token: &Token<'t>, expect: Expect) -> Result<Expect, FaultKind> {
        use Expect::{Colon, Comma, End, Key, Value as Any, ValueOnly};
        match (expect, token) {
            (Key, Token::String(_)) => {
                self.leaf(token)?;
                Ok(Colon)
            }
            (Colon, Token::Colon) => Ok(ValueOnly),
            (Comma, Token::Comma) => Ok(match self.builder.inside() {
                Some(Kind::Map) => Key,
                _ => Any,
            }),
            (Key | Comma, Token::CloseBrace) => self.close(Kind::Map),
            (Any | Comma, Token::CloseBracket) => self.close(Kind::List),
            (Any | ValueOnly, Token::OpenBrace) => {
                self.builder.open(Kind::Map, self.start(), 0)?;
                Ok(Key)
            }
            (Any | ValueOnly, Token::OpenBracket) => {
                self.builder.open(Kind::List, self.start(), 0)?;
                Ok(Any)
            }
            (Any | ValueOnly, Token::String(_) | Token::Number(_) | Token::Boolean(_) | Token::Null) => {
                self.leaf(token)?;
                Ok(if self.builder.depth() == 0 { End } else { Comma })
            }
            (End, _) => Err(FaultKind::Syntax("something stands behind the JSON value")),
            (Colon, _) => Err(FaultKind::Syntax("a colon is missing")),
            (Comma, _) => Err(FaultKind::Syntax("a comma or a closing bracket is missing")),
            _ => Err(FaultKind::Syntax("this is not JSON")),
        }
    }

    fn close(&mut self, kind: Kind) -> Result<Expect, FaultKind> {
        match (kind, self.builder.inside()) {
            (Kind::Map, Some(Kind::Map)) | (Kind::List, Some(Kind::List)) => {}
            _ => return Err(FaultKind::Syntax("brackets do not match")),
        }
        self.builder.close(self.base + self.scanner.token_end())?;
        Ok(if self.builder.depth() == 0 { Expect::End } else { Expect::Comma })
    }

    fn leaf(&mut self, token: &Token<'t>) -> Result<(), FaultKind> {
        let span = Span::new(self.start(), self.base + self.scanner.token_end());
        let value = match token {
            Token::String(text) => Value::Text(text.clone().into_owned()),
            Token::Boolean(truth) => Value::Bool(*truth),
            Token::Number(digits) => {
                digits.parse().map_or_else(|_| Value::Text((*digits).to_owned()), Value::Int)
            }
            _ => Value::Null,
        };
        self.builder.leaf(Node { span, value }, Role::Plain, 0)
    }

    fn start(&self) -> usize {
        self.base + self.scanner.token_start()
    }
}
