//! A JSON number as it is written: every digit counts.

/// The parts of a JSON number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number<'a> {
    text: &'a str,
    pub(super) negative: bool,
    pub(super) integer: &'a [u8],
    pub(super) fraction: &'a [u8],
    /// Saturated: beyond ±10⁹ the digits decide nothing any more.
    pub(super) exponent: i64,
}

/// The double nearest to a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Double {
    /// Its value, finite.
    pub(crate) value: f64,
    /// Whether it shows the number's own digits again: none was lost.
    pub(crate) is_exact: bool,
}

/// Any number of so many digits is shown again by its nearest double (`f64::DIGITS`).
const DOUBLE_DIGITS: usize = f64::DIGITS as usize;
/// Powers of ten within which that holds: beyond, doubles thin out or end.
const DOUBLE_EXPONENTS: std::ops::Range<i64> = -290..290;

impl<'a> Number<'a> {
    /// Splits by the grammar of RFC 8259, section 6: no leading zeros, no bare point.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (negative, rest) = match bytes.split_first()? {
            (b'-', rest) => (true, rest),
            _ => (false, bytes),
        };
        let (integer, rest) = digits(rest);
        if integer.is_empty() || (integer.len() > 1 && integer[0] == b'0') {
            return None;
        }
        let (fraction, rest) = match rest.split_first() {
            Some((b'.', rest)) => {
                let (fraction, rest) = digits(rest);
                if fraction.is_empty() {
                    return None;
                }
                (fraction, rest)
            }
            _ => (&rest[..0], rest),
        };
        let exponent = match rest.split_first() {
            None => 0,
            Some((b'e' | b'E', rest)) => exponent(rest)?,
            Some(_) => return None,
        };
        Some(Self { text, negative, integer, fraction, exponent })
    }

    /// The value times 10 to the power of `places`, cut towards zero, and whether digits were cut off;
    /// `None` where 64 bits cannot hold it.
    pub(crate) fn scaled(&self, places: i64) -> Option<(i64, bool)> {
        let (digits, point) = self.significant();
        let kept = point.saturating_add(places);
        // Twenty digits or more never fit; without this, zeros would be appended for a long time.
        if digits.is_empty() || kept <= 0 {
            return Some((0, !digits.is_empty()));
        }
        let kept = usize::try_from(kept).ok().filter(|kept| *kept < 20)?;
        let digit = |place: usize| digits.get(place).map_or(0, |digit| i128::from(digit - b'0'));
        let magnitude = (0..kept).fold(0_i128, |value, place| value * 10 + digit(place));
        let value = if self.negative { -magnitude } else { magnitude };
        Some((i64::try_from(value).ok()?, digits.len() > kept))
    }

    /// The value, where it is whole and 64 bits hold it.
    pub(crate) fn whole(&self) -> Option<i64> {
        self.scaled(0).and_then(|(value, is_cut)| (!is_cut).then_some(value))
    }

    /// The nearest double; `None` beyond the largest.
    pub(crate) fn double(&self) -> Option<Double> {
        // The standard library rounds correctly, whatever the number of digits.
        let value = self.text.parse::<f64>().ok().filter(|value| value.is_finite())?;
        let count = self.integer.len() + self.fraction.len();
        let is_short = count <= DOUBLE_DIGITS && DOUBLE_EXPONENTS.contains(&self.exponent);
        Some(Double { value, is_exact: is_short || self.is_shown_by(value) })
    }

    /// Whether the shortest text that reads as the double is the same number.
    fn is_shown_by(&self, value: f64) -> bool {
        let shown = format!("{value:e}");
        Number::parse(&shown).is_some_and(|shown| shown.significant() == self.significant())
    }

    /// The digits without zeros around them, and how many of them stand before the point.
    fn significant(&self) -> (Vec<u8>, i64) {
        let mut digits = [self.integer, self.fraction].concat();
        let leading = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..leading);
        let trailing = digits.iter().rev().take_while(|digit| **digit == b'0').count();
        digits.truncate(digits.len() - trailing);
        if digits.is_empty() {
            return (digits, 0);
        }
        let before = i64::try_from(self.integer.len()).unwrap_or(i64::MAX);
        let leading = i64::try_from(leading).unwrap_or(i64::MAX);
        (digits, (before - leading).saturating_add(self.exponent))
    }
}

/// Cuts the leading digits off.
fn digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|b| !b.is_ascii_digit()).unwrap_or(bytes.len());
    bytes.split_at(end)
}

/// Reads what follows the `e`: an optional sign and at least one digit, nothing after.
fn exponent(bytes: &[u8]) -> Option<i64> {
    let (negative, bytes) = match bytes.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, bytes),
    };
    let (digits, rest) = digits(bytes);
    if digits.is_empty() || !rest.is_empty() {
        return None;
    }
    let magnitude =
        digits.iter().fold(0_i64, |value, b| value.saturating_mul(10).saturating_add(i64::from(b - b'0')));
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number<'_> {
        Number::parse(text).expect(text)
    }

    #[test]
    fn whole_numbers_of_any_spelling() {
        for (text, whole) in [
            ("0", Some(0)),
            ("-0.0e7", Some(0)),
            ("4.0", Some(4)),
            ("12e2", Some(1200)),
            ("1200e-2", Some(12)),
            ("1e12", Some(1_000_000_000_000)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("1e19", None),
            ("1e999999999999999999999", None),
            ("0e999999999999999999999", Some(0)),
            ("0.5", None),
            ("1e-999999999999999999999", None),
        ] {
            assert_eq!(number(text).whole(), whole, "{text}");
        }
    }

    #[test]
    fn doubles_tell_whether_they_show_every_digit() {
        for (text, value, is_exact) in [
            ("0.1", 0.1, true),
            ("116.11599994199997", 116.115_999_941_999_97, true),
            ("1.1090000000", 1.109, true),
            ("0.1234567890123456789", 0.123_456_789_012_345_68, false),
            ("9007199254740993", 9_007_199_254_740_992.0, false),
            ("9007199254740992", 9_007_199_254_740_992.0, true),
            ("1e-400", 0.0, false),
            ("123456e-320", 1.234_56e-315, true),
            ("-0", -0.0, true),
        ] {
            assert_eq!(number(text).double(), Some(Double { value, is_exact }), "{text}");
        }
        assert_eq!(number("1e400").double(), None);
        assert_eq!(number("-1e309").double(), None);
    }

    proptest! {
        #[test]
        fn every_double_shows_its_own_digits(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(number(&format!("{value:e}")).double(), Some(Double { value, is_exact: true }));
            // Of two shortest texts in the middle between which it lies, another writer may choose the other.
            let other = serde_json::to_string(&value).expect("finite");
            prop_assert_eq!(number(&other).double().map(|double| double.value), Some(value));
        }

        #[test]
        fn a_double_that_is_exact_loses_nothing(digits in "[1-9][0-9]{0,25}", exponent in -330_i64..310) {
            let text = format!("{digits}e{exponent}");
            let number = number(&text);
            if let Some(double) = number.double() {
                prop_assert_eq!(double.is_exact, number.is_shown_by(double.value));
            }
        }

        #[test]
        fn a_whole_number_may_be_written_with_an_exponent(value in any::<i64>(), zeros in 0_usize..5) {
            let text = format!("{value}{}e-{zeros}", "0".repeat(zeros));
            prop_assert_eq!(number(&text).whole(), Some(value));
        }
    }
}
