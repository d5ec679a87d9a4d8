//! What the server says of its quota: `Ratelimit-Policy` and `Ratelimit`.
//!
//! In: a reply's headers. Out: [`Policy`] items and [`Left`] items, by the name of their policy.
//! Guarantees: a field that is no structured field list is ignored whole; an item without the
//! numbers it needs, or in another unit than requests, is passed over; nothing overflows. Items of one
//! name in one field are all in force: the second of a name is called `name#2` in both fields.
//! Not here: what follows from it (`core`). Syntax: API page, section 9.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use sfv::{BareItem, FieldType, Item, List, ListEntry, Parser};

/// One item of `Ratelimit-Policy`: so many requests in any window of this length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Told in `Ratelimit` too.
    pub name: String,
    /// Requests in a window; at least one.
    pub quota: u64,
    /// `None` where it was not told.
    pub window: Option<Duration>,
}

/// One item of `Ratelimit`: so many requests until the reset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The policy's.
    pub name: String,
    /// What may still be sent.
    pub requests: u64,
    /// `None` where it was not told.
    pub reset: Option<Duration>,
}

/// The policies in force.
pub(in crate::fetch) fn policies(field: &[u8]) -> Vec<Policy> {
    let policy = |(name, item): (String, Item)| {
        let quota = number(&item, "q").filter(|&quota| quota > 0)?;
        let window = number(&item, "w").filter(|&secs| secs > 0).map(Duration::from_secs);
        counts_requests(&item).then_some(Policy { name, quota, window })
    };
    named_items(field).filter_map(policy).collect()
}

/// What is left of each.
pub(in crate::fetch) fn left(field: &[u8]) -> Vec<Left> {
    let left = |(name, item): (String, Item)| {
        let reset = number(&item, "t").map(Duration::from_secs);
        Some(Left { name, requests: number(&item, "r")?, reset })
    };
    named_items(field).filter_map(left).collect()
}

/// The items with their names, of which equal ones are told apart by their order.
fn named_items(field: &[u8]) -> impl Iterator<Item = (String, Item)> {
    let mut met: HashMap<String, u32> = HashMap::new();
    items(field).into_iter().filter_map(move |item| {
        let name = name(&item)?;
        let times = met.entry(name.clone()).or_default();
        *times += 1;
        Some((if *times > 1 { format!("{name}#{times}") } else { name }, item))
    })
}

/// A field's text: its lines, joined as RFC 9110 has it. Nearly always one, which is not copied.
pub(in crate::fetch) fn field<'a>(headers: &'a HeaderMap, name: &str) -> Option<Cow<'a, [u8]>> {
    let mut lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let first = lines.next()?;
    Some(lines.fold(Cow::Borrowed(first), |mut text, line| {
        text.to_mut().extend_from_slice(b", ");
        text.to_mut().extend_from_slice(line);
        text
    }))
}

fn items(field: &[u8]) -> Vec<Item> {
    let list: List = FieldType::parse(Parser::new(field)).unwrap_or_default();
    list.into_iter()
        .filter_map(|entry| match entry {
            ListEntry::Item(item) => Some(item),
            ListEntry::InnerList(_) => None,
        })
        .collect()
}

fn name(item: &Item) -> Option<String> {
    match &item.bare_item {
        BareItem::String(name) => Some(name.as_str().to_owned()),
        BareItem::Token(name) => Some(name.as_str().to_owned()),
        _ => None,
    }
}

fn parameter<'a>(item: &'a Item, key: &str) -> Option<&'a BareItem> {
    item.params.iter().find(|(name, _)| name.as_str() == key).map(|(_, value)| value)
}

fn number(item: &Item, key: &str) -> Option<u64> {
    match parameter(item, key)? {
        BareItem::Integer(number) => u64::try_from(i64::from(*number)).ok(),
        _ => None,
    }
}

/// A quota of bytes or of concurrent requests is no business of a request counter.
fn counts_requests(item: &Item) -> bool {
    match parameter(item, "qu") {
        None => true,
        Some(BareItem::String(unit)) => unit.as_str() == "requests",
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(name: &str, quota: u64, secs: Option<u64>) -> Policy {
        Policy { name: name.to_owned(), quota, window: secs.map(Duration::from_secs) }
    }

    #[test]
    fn policies_are_read_as_the_draft_has_them() {
        for (text, expected) in [
            (r#""default";q=1200;w=300"#, vec![policy("default", 1200, Some(300))]),
            (
                r#""burst";q=100;w=60;pk=:c2Nhbg==:, "daily";q=1000;w=86400;new"#,
                vec![policy("burst", 100, Some(60)), policy("daily", 1000, Some(86400))],
            ),
            (r"default;q=5", vec![policy("default", 5, None)]),
            (r#""a";q=5;qu="content-bytes", "b";q=6;qu="requests";w=1"#, vec![policy("b", 6, Some(1))]),
            (r#""a";q=0;w=1, "b";q=-1, "c";q=1.5, "d";w=1, 7;q=1, ("e");q=1"#, vec![]),
            (r#""ok";q=5;w=1, "cut;q=1"#, vec![]),
            ("1200;w=300, garbage!", vec![]),
            ("", vec![]),
            ("\u{fc}", vec![]),
        ] {
            assert_eq!(policies(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_left_is_read_with_or_without_its_reset() {
        let item = |name: &str, requests, secs: Option<u64>| Left {
            name: name.to_owned(),
            requests,
            reset: secs.map(Duration::from_secs),
        };
        for (text, expected) in [
            (r#""default";r=50;t=30"#, vec![item("default", 50, Some(30))]),
            (r#""a";r=0, "b";r=9;t=0"#, vec![item("a", 0, None), item("b", 9, Some(0))]),
            (r#""a";t=30"#, vec![]),
        ] {
            assert_eq!(left(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn policies_of_one_name_are_all_in_force() {
        let both = br#""a";q=1200;w=300, "a";q=5;qu="content-bytes", "a";q=100;w=10"#;
        assert_eq!(policies(both), [policy("a", 1200, Some(300)), policy("a#3", 100, Some(10))]);
        let left = left(br#""a";r=0;t=200, "a";r=7, "a";r=99;t=9"#);
        let names: Vec<_> = left.iter().map(|left| (left.name.as_str(), left.requests)).collect();
        assert_eq!(names, [("a", 0), ("a#2", 7), ("a#3", 99)]);
    }

    #[test]
    fn several_lines_are_one_list() {
        let mut headers = HeaderMap::new();
        assert_eq!(field(&headers, "ratelimit"), None);
        for line in [r#""a";r=1;t=2"#, r#""b";r=3;t=4"#] {
            headers.append("ratelimit", line.parse().unwrap());
        }
        assert_eq!(left(&field(&headers, "Ratelimit").unwrap()).len(), 2);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            policies(&bytes);
            left(&bytes);
        }
    }
}
