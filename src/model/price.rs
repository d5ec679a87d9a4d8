//! What a participant's minutes cost, in exact decimals.
//!
//! Facts: API page, section 11. The price follows the view type of the participant's preset: an audio
//! room is audio only, the calls with pictures are audio and video. Of chats and of participants without a
//! view type nobody says what they cost, nor how the bill rounds: so there is no price for them here, and
//! nothing is rounded but at the ninth place.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;

/// The price of a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// In 10⁻⁴ dollar, which is what prices are told in.
    per_minute: i128,
}

/// An amount of US dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dollars {
    /// In 10⁻¹³ dollar: minutes have nine places, prices four.
    units: i128,
}

impl Price {
    /// 0.002 dollars a minute.
    const AUDIO_AND_VIDEO: Self = Self { per_minute: 20 };
    /// 0.0005 dollars a minute.
    const AUDIO_ONLY: Self = Self { per_minute: 5 };

    /// The price of a minute in a view type; `None` where it is not known.
    #[must_use]
    pub fn of_view_type(view_type: &str) -> Option<Self> {
        match view_type {
            "GROUP_CALL" | "WEBINAR" | "LIVESTREAM" => Some(Self::AUDIO_AND_VIDEO),
            "AUDIO_ROOM" => Some(Self::AUDIO_ONLY),
            _ => None,
        }
    }

    /// The cost of so many 10⁻⁹ minutes.
    #[must_use]
    pub const fn of_minutes(self, units: i128) -> Dollars {
        Dollars { units: units.saturating_mul(self.per_minute) }
    }

    /// What a minute costs.
    #[must_use]
    pub const fn per_minute(self) -> Dollars {
        self.of_minutes(1_000_000_000)
    }
}

impl fmt::Display for Dollars {
    /// With nine places, rounded half to even.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NANO: u128 = 10_000;
        let units = self.units.unsigned_abs();
        let (nanos, rest) = (units / NANO, units % NANO);
        let up = rest > NANO / 2 || (rest == NANO / 2 && nanos % 2 == 1);
        let nanos = nanos + u128::from(up);
        let sign = if self.units < 0 && nanos > 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
    }
}

impl Add for Dollars {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { units: self.units.saturating_add(other.units) }
    }
}

impl Sum for Dollars {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_cost_what_the_price_list_says() {
        let cost =
            |view: &str, units| Price::of_view_type(view).map(|price| price.of_minutes(units).to_string());
        for view in ["GROUP_CALL", "WEBINAR", "LIVESTREAM"] {
            assert_eq!(cost(view, 1_000_000_000).as_deref(), Some("0.002000000"), "{view}");
        }
        assert_eq!(cost("AUDIO_ROOM", 1_000_000_000_000).as_deref(), Some("0.500000000"));
        for view in ["CHAT", "HOLOGRAM", "", "group_call"] {
            assert_eq!(cost(view, 1), None, "{view}");
        }
    }

    #[test]
    fn amounts_are_exact_and_rounded_once_when_shown() {
        let audio = Price::AUDIO_ONLY;
        // 0.000000001 minute is 5 units: a thousand of them are exact, one is shown as nothing.
        assert_eq!(audio.of_minutes(1).to_string(), "0.000000000");
        let sum: Dollars = (0..2_000).map(|_| audio.of_minutes(1)).sum();
        assert_eq!(sum.to_string(), "0.000000001");
        for (units, shown) in [
            (5_000, "0.000000000"),
            (15_000, "0.000000002"),
            (15_001, "0.000000002"),
            (25_000, "0.000000002"),
            (-25_001, "-0.000000003"),
            (-1, "0.000000000"),
            (i128::from(i64::MAX), "922337.203685478"),
        ] {
            assert_eq!(Dollars { units }.to_string(), shown, "{units}");
        }
    }
}
