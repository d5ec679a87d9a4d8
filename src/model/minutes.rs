//! Minutes as exact decimals with nine places, read from a JSON number's own digits.

use std::fmt;

use super::number::Number;

/// Minutes in units of 10⁻⁹ minute: the value of a `decimal(18,9)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Minutes(i64);

/// Minutes as read, and whether digits past the ninth place were rounded away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsedMinutes {
    /// The value, rounded half to even at the ninth place.
    pub minutes: Minutes,
    /// Whether rounding changed the value.
    pub rounded: bool,
}

/// Why a text is not minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MinutesError {
    /// Not a number as JSON (RFC 8259, section 6) writes one.
    #[error("not a number")]
    NotANumber,
    /// Nine or fewer digits before the point are what the column can hold.
    #[error("more than nine digits before the point")]
    OutOfRange,
}

impl Minutes {
    /// Digits after the point.
    pub const SCALE: u8 = 9;
    /// The largest magnitude in units: 18 nines.
    const MAX_UNITS: i64 = 999_999_999_999_999_999;

    /// Minutes of a count of 10⁻⁹ minutes, if it has at most 18 digits.
    #[must_use]
    pub const fn from_units(units: i64) -> Option<Self> {
        if units < -Self::MAX_UNITS || units > Self::MAX_UNITS {
            return None;
        }
        Some(Self(units))
    }

    /// The count of 10⁻⁹ minutes.
    #[must_use]
    pub const fn units(self) -> i64 {
        self.0
    }

    /// Reads a JSON number of any form from its own digits: `2.5e-3`, `1.1090000000`, `-0`.
    ///
    /// # Errors
    /// [`MinutesError::NotANumber`] where the text is not a JSON number,
    /// [`MinutesError::OutOfRange`] where ten or more digits stand before the point.
    pub fn parse(text: &str) -> Result<ParsedMinutes, MinutesError> {
        let number = Number::parse(text).ok_or(MinutesError::NotANumber)?;
        number.to_minutes()
    }
}

impl fmt::Display for Minutes {
    /// With all nine places: `41.266666667`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:09}", units / 1_000_000_000, units % 1_000_000_000)
    }
}

impl Number<'_> {
    /// Rounds to nine places, half to even.
    fn to_minutes(self) -> Result<ParsedMinutes, MinutesError> {
        let digits = || self.integer.iter().chain(self.fraction).map(|b| i64::from(b - b'0'));
        let leading_zeros = digits().take_while(|&digit| digit == 0).count();
        let significant = self.integer.len() + self.fraction.len() - leading_zeros;
        if significant == 0 {
            return Ok(ParsedMinutes { minutes: Minutes(0), rounded: false });
        }
        // How many of the digits stand before the place of 10⁻⁹.
        let point = i64::try_from(self.integer.len()).map_err(|_| MinutesError::OutOfRange)?;
        let skipped = i64::try_from(leading_zeros).map_err(|_| MinutesError::OutOfRange)?;
        let kept = (point - skipped).saturating_add(self.exponent).saturating_add(i64::from(Minutes::SCALE));
        if kept > 18 {
            return Err(MinutesError::OutOfRange);
        }
        if kept < 0 {
            return Ok(ParsedMinutes { minutes: Minutes(0), rounded: true });
        }
        let kept = usize::try_from(kept).map_err(|_| MinutesError::OutOfRange)?;
        let mut rest = digits().skip(leading_zeros);
        let mut units = (0..kept).fold(0_i64, |units, _| units * 10 + rest.next().unwrap_or(0));
        let next = rest.next().unwrap_or(0);
        let beyond = rest.any(|digit| digit != 0);
        let up = next > 5 || (next == 5 && (beyond || units % 2 == 1));
        units += i64::from(up);
        let signed = if self.negative { -units } else { units };
        let minutes = Minutes::from_units(signed).ok_or(MinutesError::OutOfRange)?;
        Ok(ParsedMinutes { minutes, rounded: next != 0 || beyond })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> (String, bool) {
        let parsed = Minutes::parse(text).expect(text);
        (parsed.minutes.to_string(), parsed.rounded)
    }

    #[test]
    fn numbers_keep_their_own_digits() {
        for (text, minutes, rounded) in [
            ("0", "0.000000000", false),
            ("-0", "0.000000000", false),
            ("-0.0e5", "0.000000000", false),
            ("2.5e-3", "0.002500000", false),
            ("25E+1", "250.000000000", false),
            ("1.1090000000", "1.109000000", false),
            ("116.11599994199997", "116.115999942", true),
            ("41.266666666666666", "41.266666667", true),
            ("0.0000000005", "0.000000000", true),
            ("0.0000000015", "0.000000002", true),
            ("0.00000000050000000000000000001", "0.000000001", true),
            ("1e-400", "0.000000000", true),
            ("0e999999999999999999999", "0.000000000", false),
            ("999999999.999999999", "999999999.999999999", false),
            ("-5.8097", "-5.809700000", false),
            ("0.0000000000000000000001e22", "1.000000000", false),
        ] {
            assert_eq!(read(text), (minutes.to_owned(), rounded), "{text}");
        }
    }

    #[test]
    fn what_the_column_cannot_hold_is_refused() {
        for text in ["1e9", "1000000000", "999999999.9999999999", "1e400", "-1e99999999999999999999"] {
            assert_eq!(Minutes::parse(text), Err(MinutesError::OutOfRange), "{text}");
        }
        for text in ["", "-", "01", "1.", ".5", "1e", "1e+", "+1", "1 ", "NaN", "0x10", "1,5", "١"] {
            assert_eq!(Minutes::parse(text), Err(MinutesError::NotANumber), "{text}");
        }
    }

    proptest! {
        #[test]
        fn units_round_trip(units in -Minutes::MAX_UNITS..=Minutes::MAX_UNITS) {
            let minutes = Minutes::from_units(units).expect("in range");
            let parsed = Minutes::parse(&minutes.to_string()).expect("a number");
            prop_assert_eq!(parsed, ParsedMinutes { minutes, rounded: false });
        }

        #[test]
        fn an_exponent_only_moves_the_point(units in -999_999_999_i64..=999_999_999, shift in -40_i64..40) {
            // units × 10⁻⁹ written with the point moved by `shift` and the exponent moved back.
            let moved = format!("{units}e{}", shift - 9);
            let plain = format!("{units}{}e-9", "0".repeat(usize::try_from(shift.max(0)).unwrap()));
            if shift >= 0 && units != 0 {
                prop_assert_eq!(Minutes::parse(&moved), Minutes::parse(&plain));
            } else if let Ok(parsed) = Minutes::parse(&moved) {
                prop_assert!(parsed.minutes.units().abs() <= units.abs());
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[-+0-9.eE]{0,40}") {
            let ours = Minutes::parse(&text);
            let json = serde_json::from_str::<serde_json::Number>(&text);
            // serde_json refuses numbers beyond f64; ours refuses what the column cannot hold.
            if json.is_ok() {
                prop_assert_ne!(ours, Err(MinutesError::NotANumber));
            }
        }
    }
}
