//! Writes JSON by pushing bytes, commas included.
//!
//! In: names and values in document order. Out: the bytes of one document.
//! Guarantees: no intermediate tree; numbers and times as exact text. The caller balances what it opens.
//! Not here: which fields a reply has.

use uuid::Uuid;

const MS_PER_DAY: u64 = 86_400_000;
const MS_PER_MINUTE: u64 = 60_000;

/// One JSON document being written.
#[derive(Debug)]
pub(super) struct Json {
    out: Vec<u8>,
    /// Whether a value stands before the next one at this depth.
    comma: bool,
    /// Line breaks between tokens, as a pretty-printing server sends them.
    pretty: bool,
}

impl Json {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { out: Vec::with_capacity(bytes), comma: false, pretty: false }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// From here on, line breaks and indents between the tokens.
    pub(super) fn set_pretty(&mut self, pretty: bool) {
        self.pretty = pretty;
    }

    pub(super) fn object(&mut self, fields: impl FnOnce(&mut Self)) {
        self.nested(b'{', b'}', fields);
    }

    pub(super) fn array(&mut self, items: impl FnOnce(&mut Self)) {
        self.nested(b'[', b']', items);
    }

    fn nested(&mut self, open: u8, close: u8, content: impl FnOnce(&mut Self)) {
        self.separate();
        self.out.push(open);
        self.comma = false;
        content(self);
        if self.pretty {
            self.out.extend_from_slice(b"\r\n  ");
        }
        self.out.push(close);
        self.comma = true;
    }

    pub(super) fn key(&mut self, name: &str) -> &mut Self {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(if self.pretty { b"\" : " } else { b"\":" });
        self.comma = false;
        self
    }

    fn separate(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        if self.pretty {
            self.out.extend_from_slice(b"\n\t  ");
        }
    }

    /// JSON text as it is.
    pub(super) fn raw(&mut self, json: &str) {
        self.separate();
        self.out.extend_from_slice(json.as_bytes());
        self.comma = true;
    }

    pub(super) fn bool(&mut self, value: bool) {
        self.raw(if value { "true" } else { "false" });
    }

    pub(super) fn null(&mut self) {
        self.raw("null");
    }

    pub(super) fn string(&mut self, text: &str) {
        self.string_of(&[text]);
    }

    /// One string of several parts.
    pub(super) fn string_of(&mut self, parts: &[&str]) {
        self.separate();
        self.out.push(b'"');
        for &byte in parts.iter().flat_map(|part| part.as_bytes()) {
            match byte {
                b'"' | b'\\' => self.out.extend_from_slice(&[b'\\', byte]),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                b'\r' => self.out.extend_from_slice(b"\\r"),
                b'\t' => self.out.extend_from_slice(b"\\t"),
                0..0x20 => {
                    let hex = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
                    self.out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)]);
                }
                _ => self.out.push(byte),
            }
        }
        self.out.push(b'"');
        self.comma = true;
    }

    pub(super) fn number(&mut self, value: u64) {
        self.separate();
        push_number(&mut self.out, value);
        self.comma = true;
    }

    /// A number of thousandths: 2040 is `2.040`.
    pub(super) fn thousandths(&mut self, value: u64) {
        self.number(value / 1000);
        self.out.extend_from_slice(&[b'.', digit(value / 100), digit(value / 10), digit(value)]);
    }

    pub(super) fn uuid(&mut self, id: Uuid) {
        let mut text = Uuid::encode_buffer();
        let text: &str = id.hyphenated().encode_lower(&mut text);
        self.quoted(|out| out.extend_from_slice(text.as_bytes()));
    }

    /// A time as the API writes it: `2026-10-03T09:15:02.040Z`.
    pub(super) fn time(&mut self, epoch_ms: u64) {
        self.quoted(|out| push_time(out, epoch_ms));
    }

    /// A string of bytes that need no escape.
    pub(super) fn quoted(&mut self, text: impl FnOnce(&mut Vec<u8>)) {
        self.separate();
        self.out.push(b'"');
        text(&mut self.out);
        self.out.push(b'"');
        self.comma = true;
    }

    pub(super) fn minutes(&mut self, duration_ms: u64) {
        self.separate();
        push_minutes(&mut self.out, duration_ms);
        self.comma = true;
    }
}

pub(super) fn push_number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = digit(value);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// The last decimal digit of a number.
fn digit(value: u64) -> u8 {
    b"0123456789"[usize::try_from(value % 10).unwrap_or_default()]
}

/// Minutes of a duration, with up to 14 places as the API was seen to send them
/// (`116.11599994199997`); cut there, by integers only, so that the digits are the same everywhere.
pub(super) fn push_minutes(out: &mut Vec<u8>, duration_ms: u64) {
    push_number(out, duration_ms / MS_PER_MINUTE);
    let mut places = (duration_ms % MS_PER_MINUTE) * 10_000_000_000 / 6;
    if places == 0 {
        return;
    }
    out.push(b'.');
    let mut unit = 10_000_000_000_000;
    while places > 0 {
        out.push(digit(places / unit));
        places %= unit;
        unit /= 10;
    }
}

/// [`push_minutes`] as text.
pub(super) fn minutes_text(duration_ms: u64) -> String {
    let mut out = Vec::new();
    push_minutes(&mut out, duration_ms);
    text(out)
}

/// Bytes that were built here from ASCII, as text.
pub(super) fn text(ascii: Vec<u8>) -> String {
    String::from_utf8(ascii).unwrap_or_default()
}

/// `2026-10-03T09:15:02.040Z`.
pub(super) fn push_time(out: &mut Vec<u8>, epoch_ms: u64) {
    push_day(out, epoch_ms);
    let ms = epoch_ms % MS_PER_DAY;
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    let two = |value: u64| [digit(value / 10), digit(value)];
    out.push(b'T');
    out.extend_from_slice(&two(hours));
    out.push(b':');
    out.extend_from_slice(&two(minutes));
    out.push(b':');
    out.extend_from_slice(&two(seconds));
    out.extend_from_slice(&[b'.', digit(ms / 100), digit(ms / 10), digit(ms), b'Z']);
}

/// `2026-10-03`, by Howard Hinnant's `civil_from_days` for days since 1970.
pub(super) fn push_day(out: &mut Vec<u8>, epoch_ms: u64) {
    let days = epoch_ms / MS_PER_DAY + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let text = [
        digit(year / 1000),
        digit(year / 100),
        digit(year / 10),
        digit(year),
        b'-',
        digit(month / 10),
        digit(month),
        b'-',
        digit(day / 10),
        digit(day),
    ];
    out.extend_from_slice(&text);
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, SecondsFormat};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn times_are_those_of_chrono(epoch_ms in 0..4_102_444_800_000_u64) {
            let mut out = Vec::new();
            push_time(&mut out, epoch_ms);
            let expected = DateTime::from_timestamp_millis(i64::try_from(epoch_ms).unwrap()).unwrap();
            prop_assert_eq!(text(out), expected.to_rfc3339_opts(SecondsFormat::Millis, true));
        }

        #[test]
        fn strings_are_json(any: String) {
            let mut json = Json::with_capacity(0);
            json.string(&any);
            prop_assert_eq!(serde_json::from_slice::<String>(&json.into_bytes()).unwrap(), any);
        }

        #[test]
        fn minutes_are_a_sixtieth_of_the_seconds(duration_ms in 0..1_000_000_000_u64) {
            let minutes: f64 = minutes_text(duration_ms).parse().unwrap();
            let seconds = f64::from(u32::try_from(duration_ms).unwrap()) / 1000.0;
            prop_assert!((minutes * 60.0 - seconds).abs() < 1e-6);
        }
    }

    #[test]
    fn minutes_of_the_vendors_examples() {
        assert_eq!(minutes_text(348_582), "5.8097");
        assert_eq!(minutes_text(415_578), "6.9263");
        assert_eq!(minutes_text(120_000), "2");
        assert_eq!(minutes_text(1), "0.00001666666666");
        assert_eq!(minutes_text(0), "0");
    }

    #[test]
    fn nesting_and_commas() {
        for pretty in [false, true] {
            let mut json = Json::with_capacity(0);
            json.set_pretty(pretty);
            json.object(|json| {
                json.key("a").array(|json| {
                    json.number(1);
                    json.object(|_| ());
                    json.null();
                });
                json.key("b").bool(true);
            });
            let value: serde_json::Value = serde_json::from_slice(&json.into_bytes()).unwrap();
            assert_eq!(value, serde_json::json!({"a": [1, {}, null], "b": true}));
        }
    }
}
