//! A JSON value as it is written, and the walk over its parts.
//!
//! In: text that is known to be JSON. Out: slices of it.
//! Guarantees: nothing is copied; each byte of a value is passed once, strings by eight bytes at a time. Where
//! the text is no JSON after all, a part is `None` or what stands there: no panic.
//! Not here: checking, which is `serde_json`'s and done once, when the text comes in. Asking it again at each
//! level took a fifth of the CPU from a log to its tables (3.7 to 3.0 s for 200,000 replies).

use serde_json::value::RawValue;

/// A JSON value as it is written, without blanks around it.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'a> {
    text: &'a str,
    /// Whether it is known to be a string without escapes: the walk over it has looked.
    is_plain: bool,
}

impl<'a> Raw<'a> {
    /// Checks a text; `None` where it is not one JSON value.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str::<&RawValue>(text).ok().map(|checked| Self::of(checked.get()))
    }

    /// A text that was checked when it came in and is covered by the log's checksum since.
    pub(crate) fn checked_before(text: &'a str) -> Self {
        Self::of(text.trim_ascii())
    }

    const fn of(text: &'a str) -> Self {
        Self { text, is_plain: false }
    }

    /// A string, with its quotes, that is known to have no escapes.
    pub(super) const fn plain(text: &'a str) -> Self {
        Self { text, is_plain: true }
    }

    /// The text.
    #[must_use]
    pub const fn get(self) -> &'a str {
        self.text
    }

    /// What stands between the quotes of a string without escapes; `None` for any other value.
    pub(super) fn plain_text(self) -> Option<&'a str> {
        if self.is_plain {
            return self.text.get(1..self.text.len() - 1);
        }
        let inner = self.text.strip_prefix('"')?.strip_suffix('"')?;
        (!has_escape(inner)).then_some(inner)
    }
}

/// How far a walk has come.
#[derive(Clone, Debug)]
pub(super) struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    pub(super) const fn of(value: Raw<'a>) -> Self {
        Self { text: value.text, at: 0 }
    }

    /// The next byte that is no blank.
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Passes a byte, with blanks before it; whether it is there.
    pub(super) fn pass(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    /// Passes the comma before another member or element, or the closing byte; whether there is another.
    pub(super) fn pass_between(&mut self, close: u8) -> Option<bool> {
        let next = self.peek()?;
        self.at += 1;
        match next {
            b',' => Some(true),
            _ if next == close => Some(false),
            _ => None,
        }
    }

    /// Passes a text, with blanks before it; whether it is there.
    pub(super) fn pass_text(&mut self, text: &str) -> Option<&'a str> {
        self.peek()?;
        if !self.text.as_bytes()[self.at..].starts_with(text.as_bytes()) {
            return None;
        }
        let start = self.at;
        self.at += text.len();
        Some(&self.text[start..self.at])
    }

    /// The text from here on.
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The string that comes next.
    pub(super) fn string(&mut self) -> Option<Raw<'a>> {
        (self.peek()? == b'"').then(|| self.value()).flatten()
    }

    /// The value that comes next.
    pub(super) fn value(&mut self) -> Option<Raw<'a>> {
        let first = self.peek()?;
        let (start, mut is_plain) = (self.at, false);
        self.at = match first {
            b'"' => {
                let end;
                (end, is_plain) = self.end_of_string(start)?;
                end
            }
            b'{' | b'[' => self.end_of_nested(start)?,
            _ => self.end_of_word(start),
        };
        Some(Raw { text: self.text.get(start..self.at)?, is_plain })
    }

    /// Where a number, `true`, `false` or `null` ends.
    fn end_of_word(&self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let is_over = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
        bytes[start..].iter().position(is_over).map_or(bytes.len(), |length| start + length)
    }

    /// Where a string ends that begins at `start`, and whether it has no escapes.
    fn end_of_string(&self, start: usize) -> Option<(usize, bool)> {
        let bytes = self.text.as_bytes();
        let (mut at, mut is_plain) = (start + 1, true);
        loop {
            at += quote_or_escape(bytes.get(at..)?)?;
            if bytes[at] == b'"' {
                return Some((at + 1, is_plain));
            }
            // What an escape's second byte is does not matter: of `\u` the digits are plain bytes.
            at += 2;
            is_plain = false;
        }
    }

    /// Where an object or array ends that begins at `start`.
    fn end_of_nested(&self, start: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let (mut at, mut depth) = (start, 0_usize);
        loop {
            match bytes.get(at)? {
                b'"' => {
                    (at, _) = self.end_of_string(at)?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 1 => return Some(at + 1),
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            at += 1;
        }
    }
}

/// Where the first quote or backslash is.
fn quote_or_escape(bytes: &[u8]) -> Option<usize> {
    match find_by_eight(bytes, |word| has_byte(word, b'"') | has_byte(word, b'\\')) {
        Ok(at) => Some(at),
        Err(at) => Some(at + memchr::memchr2(b'"', b'\\', &bytes[at..])?),
    }
}

/// Whether a text holds a backslash.
fn has_escape(text: &str) -> bool {
    let bytes = text.as_bytes();
    match find_by_eight(bytes, |word| has_byte(word, b'\\')) {
        Ok(_) => true,
        Err(at) => memchr::memchr(b'\\', &bytes[at..]).is_some(),
    }
}

/// Looks through the first bytes, of which `find` marks those wanted; else how far it looked. A vector search
/// takes longer to begin than most strings of an API take to end.
fn find_by_eight(bytes: &[u8], find: impl Fn(u64) -> u64) -> Result<usize, usize> {
    const MOST: usize = 8;
    let mut at = 0;
    for eight in bytes.chunks_exact(8).take(MOST) {
        let mut word = [0; 8];
        word.copy_from_slice(eight);
        let found = find(u64::from_le_bytes(word));
        if found != 0 {
            return Ok(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    Err(at)
}

/// Marks the lowest byte of eight that is the one wanted, by its highest bit. Bytes above it may be marked, too
/// (Warren, Hacker's Delight, "Find first 0-byte").
const fn has_byte(word: u64, byte: u8) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let zeros = word ^ u64::from_le_bytes([byte; 8]);
    zeros.wrapping_sub(ONES) & !zeros & (ONES << 7)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::object::{Keys, Object, each_element, each_object, elements};
    use super::*;

    /// Values of every kind, as people and machines write them: with blanks, escapes, duplicate keys.
    fn json() -> impl Strategy<Value = String> {
        let blank = || r"[ \n\r\t]{0,2}";
        let key = || prop_oneof![r#""[a-c]""#, r#""(\\u006[1-3]|\\["\\/n]|\{|\]|é)?""#];
        let leaf = prop_oneof!["null", "true", "-?[1-9][0-9]{0,20}(\\.[0-9]{1,3})?(e-?[0-9])?", key()];
        leaf.prop_recursive(5, 60, 6, move |inner| {
            let members = prop::collection::vec((key(), blank(), blank(), inner.clone()), 0..6);
            let elements = prop::collection::vec((blank(), inner), 0..6);
            prop_oneof![
                members.prop_map(|members| {
                    let members =
                        members.iter().map(|(key, a, b, value)| format!("{a}{key}{b}:{a}{value}{b}"));
                    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
                }),
                elements.prop_map(|elements| {
                    let elements = elements.iter().map(|(blank, value)| format!("{blank}{value}{blank}"));
                    format!("[{}]", elements.collect::<Vec<_>>().join(","))
                }),
            ]
        })
    }

    /// What the walk finds, put together again by the library.
    fn rebuilt(raw: Raw<'_>, keys: &mut Keys) -> Value {
        if let Some(object) = Object::parse(raw) {
            let member = |keys: &mut Keys, field: &super::super::Field<'_>| {
                (serde_json::from_str(field.raw_name.get()).unwrap(), rebuilt(field.value, keys))
            };
            let members: Vec<_> = object.fields.iter().map(|field| member(keys, field)).collect();
            return Value::Object(members.into_iter().collect());
        }
        match elements(raw) {
            Some(elements) => elements.into_iter().map(|element| rebuilt(element, keys)).collect(),
            None => serde_json::from_str(raw.get()).unwrap(),
        }
    }

    proptest! {
        #[test]
        fn the_walk_finds_what_the_library_finds(text in json()) {
            let raw = Raw::parse(&text).unwrap();
            let whole: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(rebuilt(raw, &mut Keys::default()), whole);
        }

        #[test]
        fn expected_keys_change_nothing(objects in prop::collection::vec(json(), 1..6)) {
            let text = format!("[{}]", objects.join(","));
            let array = Raw::parse(&text).unwrap();
            let (mut told, mut plain, mut keys) = (Vec::new(), Vec::new(), Keys::default());
            each_object(array, &mut keys, |object| told.push(format!("{object:?}")));
            each_element(array, |element| {
                plain.push(match Object::parse(element) {
                    Some(mut object) => format!("{:?}", Ok::<_, Raw<'_>>(&mut object)),
                    None => format!("{:?}", Err::<&mut Object<'_>, _>(element)),
                });
            });
            prop_assert_eq!(told, plain);
        }

        /// What was checked before may not be what it was: it is no panic.
        #[test]
        fn a_text_that_is_no_json_does_no_harm(text in json(), cut in 0_usize..200, noise in "[\\[{}\\]\",:é ]{0,9}") {
            let cut = text.floor_char_boundary(cut.min(text.len()));
            let text = format!("{}{noise}{}", &text[..cut], &text[cut..]);
            let raw = Raw::checked_before(&text);
            let _ = Object::parse(raw);
            let _ = elements(raw);
            each_object(raw, &mut Keys::default(), |_| {});
        }
    }
}
