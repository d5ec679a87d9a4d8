//! The wrapping of a reply: what was promised, where it sits, and what else came with it.
//!
//! Facts: API page, sections 2 (envelope), 8 (errors) and 15 (`data.participant` or `data`,
//! `data.session` or `data`).

use super::gave::STATISTICS;
use super::object::{Field, Keys, Nested, Object, is_null, text};
use super::raw::Raw;

/// What a successful reply to a request must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A participant record, in `data.participant` or in `data` itself.
    Participant,
    /// A participant record with call statistics, in the same places; the bare one may lack its id.
    PeerReport,
    /// A list of participant records, in `data.participants`.
    Participants,
    /// A session record, in `data.session` or in `data` itself.
    Session,
    /// A list of session records, in `data.sessions`.
    Sessions,
}

/// Why a 200 is not the reply that was promised. Worth another try: an edge error page, a body cut
/// short, a refusal in disguise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBody {
    /// Not JSON, or cut short.
    #[error("the body is not JSON")]
    NotJson,
    /// JSON with `success: false`.
    #[error("the body says success: false")]
    Refused,
    /// JSON of another shape.
    #[error("the body holds no {0}")]
    Missing(&'static str),
}

/// A reply's promised value and the rest of its wrapping.
#[derive(Debug)]
pub struct Reply<'a> {
    /// The promised object or array.
    pub value: Raw<'a>,
    /// What came beside it.
    pub around: Around<'a>,
    /// `paging`, wherever it sat.
    pub paging: Option<Raw<'a>>,
}

/// A reply's promised object and the rest of its wrapping.
#[derive(Debug)]
pub struct Record<'a> {
    /// The promised object.
    pub object: Object<'a>,
    /// What came beside it.
    pub around: Around<'a>,
}

/// What came in a reply beside what was promised.
#[derive(Debug, Default)]
pub struct Around<'a> {
    /// Fields that no protocol explains: where (`/` or `/data/`) and what.
    pub others: Vec<(&'static str, Field<'a>)>,
    /// Fields of the wrapping that a later one of the same key replaced, in the same form.
    pub overwritten: Vec<(&'static str, Field<'a>)>,
}

/// Whether a field is what the two envelope styles always carry, and says no more than usual: a message
/// beside a success is news.
fn is_usual(field: &Field<'_>) -> bool {
    let value = field.value.get();
    match field.name.as_deref() {
        Some("data") => true,
        Some("success") => value == "true",
        Some("error" | "errors" | "messages" | "result" | "result_info") => {
            let mut written = value.bytes().filter(|byte| !byte.is_ascii_whitespace());
            let start = [written.next(), written.next(), written.next()];
            value == "null"
                || matches!(start, [Some(b'['), Some(b']'), None] | [Some(b'{'), Some(b'}'), None])
        }
        _ => false,
    }
}

impl Expected {
    /// The field in `data`, and whether `data` itself may be the object.
    const fn place(self) -> (&'static str, bool) {
        match self {
            Self::Participant | Self::PeerReport => ("participant", true),
            Self::Participants => ("participants", false),
            Self::Session => ("session", true),
            Self::Sessions => ("sessions", false),
        }
    }

    /// Whether it is a list, which is one page of many.
    const fn is_page(self) -> bool {
        matches!(self, Self::Participants | Self::Sessions)
    }

    /// Whether `data` is the record itself.
    fn is_bare(self, data: &Object<'_>) -> bool {
        let is_report = || STATISTICS.iter().any(|name| data.get(name).is_some());
        data.get("id").is_some() || (self == Self::PeerReport && is_report())
    }

    /// Finds the promised value in a reply's body.
    ///
    /// # Errors
    /// [`BadBody`] where the body is not what was promised.
    pub fn find(self, body: &[u8]) -> Result<Reply<'_>, BadBody> {
        self.find_in(json(body)?)
    }

    /// The same in a body that is known to be JSON.
    ///
    /// # Errors
    /// [`BadBody`] where it is not what was promised.
    pub fn find_in(self, body: Raw<'_>) -> Result<Reply<'_>, BadBody> {
        let (name, may_be_bare) = self.place();
        let root = success_in(body)?;
        let data_value = root.get("data").ok_or(BadBody::Missing("data"))?;
        let data = Object::parse(data_value).ok_or(BadBody::Missing(name))?;
        let first = if self.is_page() { '[' } else { '{' };
        let wrapped = data.get(name).filter(|value| value.get().starts_with(first));
        let value = match wrapped {
            Some(value) => value,
            None if may_be_bare && self.is_bare(&data) => data_value,
            None => return Err(BadBody::Missing(name)),
        };
        let paging = [root.get("paging"), data.get("paging")].into_iter().flatten().find(|p| !is_null(*p));
        // Where `data` is the record itself, its fields are the record's.
        let around = Around::new(self, root, wrapped.is_some().then_some(data));
        Ok(Reply { value, around, paging })
    }

    /// Finds the promised object in a reply's body; `None` where [`find`](Self::find) would not.
    #[must_use]
    pub fn find_record<'a>(self, body: Raw<'a>, keys: &mut Keys) -> Option<Record<'a>> {
        // The usual shape takes one pass over the body in place of three.
        if let Some(nested) = Nested::parse(body, ["data", self.place().0], keys)
            && nested.outer.get("success").is_none_or(|success| success.get() != "false")
        {
            let around = Around::new(self, nested.outer, Some(nested.middle));
            return Some(Record { object: nested.inner, around });
        }
        let reply = self.find_in(body).ok()?;
        Some(Record { object: Object::parse(reply.value)?, around: reply.around })
    }
}

/// The root of any successful reply: an object that does not say `success: false`.
///
/// # Errors
/// [`BadBody`] where the body is none.
pub fn success(body: &[u8]) -> Result<Object<'_>, BadBody> {
    success_in(json(body)?)
}

/// Checks a body, once: what is read of it later is not.
fn json(body: &[u8]) -> Result<Raw<'_>, BadBody> {
    std::str::from_utf8(body).ok().and_then(Raw::parse).ok_or(BadBody::NotJson)
}

fn success_in(body: Raw<'_>) -> Result<Object<'_>, BadBody> {
    let root = Object::parse(body).ok_or(BadBody::Missing("object"))?;
    if root.get("success").is_some_and(|success| success.get() == "false") {
        return Err(BadBody::Refused);
    }
    Ok(root)
}

impl<'a> Around<'a> {
    /// What the root says beside `data`, and `data` beside what was promised.
    fn new(expected: Expected, root: Object<'a>, data: Option<Object<'a>>) -> Self {
        let is_page = expected.is_page();
        let is_news = |field: &Field<'_>| match field.name.as_deref() {
            Some("paging") => !is_page,
            _ => !is_usual(field),
        };
        let is_beside = |field: &Field<'_>| match field.name.as_deref() {
            Some("paging") => !is_page,
            other => other != Some(expected.place().0),
        };
        let data = data.unwrap_or_default();
        let of_root = root.fields.into_iter().filter(is_news).map(|field| ("/", field));
        let of_data = data.fields.into_iter().filter(is_beside).map(|field| ("/data/", field));
        let over_root = root.overwritten.into_iter().map(|field| ("/", field));
        let over_data = data.overwritten.into_iter().map(|field| ("/data/", field));
        Self { others: of_root.chain(of_data).collect(), overwritten: over_root.chain(over_data).collect() }
    }
}

/// What the API says of a refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiError {
    /// `error.code`, or `errors[0].code`.
    pub code: Option<i64>,
    /// `error.message`, or `errors[0].message`.
    pub message: Option<String>,
}

/// Reads either error envelope; nothing where the body is neither.
#[must_use]
pub fn api_error(body: &[u8]) -> ApiError {
    let read = || {
        let root = Object::parse(json(body).ok()?)?;
        let listed = || super::elements(root.get("errors")?)?.first().and_then(|first| Object::parse(*first));
        let error = root.get("error").and_then(Object::parse).or_else(listed)?;
        let code = error.get("code").and_then(|code| {
            let digits = text(code).map_or_else(|| code.get().to_owned(), std::borrow::Cow::into_owned);
            digits.parse().ok()
        });
        let message = error.get("message").and_then(text).map(std::borrow::Cow::into_owned);
        Some(ApiError { code, message })
    };
    read().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(expected: Expected, body: &str) -> Result<String, BadBody> {
        expected.find(body.as_bytes()).map(|reply| reply.value.get().to_owned())
    }

    #[test]
    fn the_promised_object_is_found_where_it_sits() {
        let cases = [
            (Expected::Participant, r#"{"success":true,"data":{"participant":{"id":"p"}}}"#, r#"{"id":"p"}"#),
            (Expected::Participant, r#"{"data":{"id":"p"}}"#, r#"{"id":"p"}"#),
            (Expected::Session, r#"{"success":true,"data":{"session":{"id":"s"}}}"#, r#"{"id":"s"}"#),
            (Expected::Session, r#"{"success":true,"data":{"id":"s"}}"#, r#"{"id":"s"}"#),
            (Expected::Participants, r#"{"data":{"participants":[],"paging":{}}}"#, "[]"),
            (Expected::Sessions, r#"{"data":{"sessions":[{}]},"paging":{}}"#, "[{}]"),
            (Expected::PeerReport, r#"{"data":{"participant":{"id":"p"}}}"#, r#"{"id":"p"}"#),
            (Expected::PeerReport, r#"{"data":{"peer_report":{}}}"#, r#"{"peer_report":{}}"#),
        ];
        for (expected, body, value) in cases {
            assert_eq!(found(expected, body), Ok(value.to_owned()), "{body}");
        }
    }

    #[test]
    fn anything_else_is_a_bad_body() {
        let cases = [
            ("", BadBody::NotJson),
            ("<html>", BadBody::NotJson),
            (r#"{"data":{"participant":{"id":"#, BadBody::NotJson),
            ("{\"data\":{\"participant\":{\"id\":\"\u{1}\"}}}", BadBody::NotJson),
            ("[]", BadBody::Missing("object")),
            ("{}", BadBody::Missing("data")),
            (r#"{"data":null}"#, BadBody::Missing("participant")),
            (r#"{"data":{"participant":[]}}"#, BadBody::Missing("participant")),
            (r#"{"success":false,"data":{"participant":{}}}"#, BadBody::Refused),
        ];
        for (body, bad) in cases {
            assert_eq!(found(Expected::Participant, body), Err(bad), "{body}");
        }
    }

    #[test]
    fn what_else_came_is_told() {
        let body = br#"{"success":true,"new":1,"data":{"participant":{},"also":2},"messages":[]}"#;
        let reply = Expected::Participant.find(body).unwrap();
        let others: Vec<_> = reply
            .around
            .others
            .iter()
            .map(|(place, field)| (*place, field.raw_name.get(), field.value.get()))
            .collect();
        assert_eq!(others, [("/", "\"new\"", "1"), ("/data/", "\"also\"", "2")]);
    }

    #[test]
    fn the_wrapping_is_silent_only_where_it_says_nothing() {
        let told = |expected: Expected, body: &str| {
            let reply = expected.find(body.as_bytes()).unwrap();
            let paths = |fields: &[(&str, Field<'_>)]| {
                fields
                    .iter()
                    .map(|(place, field)| format!("{place}{}", field.shown_name()))
                    .collect::<Vec<_>>()
            };
            (paths(&reply.around.others), paths(&reply.around.overwritten))
        };
        let usual = r#"{"success":true,"errors":[ ],"messages":[],"result":null,"error":{},"data":{"participant":{}}}"#;
        assert_eq!(told(Expected::Participant, usual), (vec![], vec![]));
        let news = r#"{"success":1,"errors":[1],"messages":[],"messages":["m"],"paging":{},"data":{"participant":{}}}"#;
        let (others, overwritten) = told(Expected::Participant, news);
        assert_eq!(others, ["/success", "/errors", "/messages", "/paging"]);
        assert_eq!(overwritten, ["/messages"]);
        let page = r#"{"success":true,"paging":null,"data":{"x":1,"x":2,"participants":[],"paging":{}}}"#;
        assert_eq!(
            told(Expected::Participants, page),
            (vec!["/data/x".to_owned()], vec!["/data/x".to_owned()])
        );
        // A bare record's own fields are told by the record.
        let bare = r#"{"success":true,"data":{"id":"p","id":"q","x":1}}"#;
        assert_eq!(told(Expected::Participant, bare), (vec![], vec![]));
    }

    #[test]
    fn one_pass_finds_what_three_find() {
        let values = [
            "null",
            "[]",
            "{}",
            r#"{"id":1}"#,
            r#"{"participant":{"a":1,"a":2},"id":"p","paging":{}}"#,
            r#"{"participant":[1],"id":"p"}"#,
            r#"{"participant":{"id":"p"},"participant":{"id":"q"},"x":1,"x":2}"#,
            r#"{"particip\u0061nt":{"b":[]}}"#,
            r#"{"participant":null}"#,
        ];
        let shapes = [
            r#"{"data":D}"#,
            r#"{"success":true,"data":D,"errors":[1],"n":0,"n":1}"#,
            r#"{"success":false,"data":D}"#,
            r#"{"data":D,"data":null}"#,
            r#"{"data":1,"d\u0061ta":D}"#,
            r#"{"success":D}"#,
            r#"[{"data":D}]"#,
            r#"{"data":D}x"#,
            r#"{"data":D"#,
        ];
        for (shape, value) in shapes.iter().flat_map(|shape| values.map(|value| (shape, value))) {
            let body = shape.replace('D', value);
            let quick = Raw::parse(&body);
            let quick = quick.and_then(|body| Expected::Participant.find_record(body, &mut Keys::default()));
            let slow = Expected::Participant.find(body.as_bytes()).ok();
            let shown = |object: &Object<'_>, around: &Around<'_>| format!("{object:?} {around:?}");
            let quick = quick.map(|record| shown(&record.object, &record.around));
            let slow = slow.map(|reply| shown(&Object::parse(reply.value).unwrap(), &reply.around));
            assert_eq!(quick, slow, "{body}");
        }
    }

    #[test]
    fn both_error_envelopes_are_read() {
        let cases = [
            (r#"{"success":false,"error":{"code":404,"message":"No user"}}"#, Some(404), Some("No user")),
            (r#"{"errors":[{"code":"10000","message":"auth"}]}"#, Some(10000), Some("auth")),
            (r#"{"errors":[]}"#, None, None),
            ("<html>", None, None),
            (r#"{"error":"text"}"#, None, None),
        ];
        for (body, code, message) in cases {
            let error = ApiError { code, message: message.map(str::to_owned) };
            assert_eq!(api_error(body.as_bytes()), error, "{body}");
        }
    }
}
