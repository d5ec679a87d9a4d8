//! Which call statistics are asked for: `--filters`.
//!
//! In: a comma list as typed. Out: [`Filters`], in the API's order, each once.
//! Guarantees: its `Display` is what the API takes: names with commas and no blanks.
//! Not here: from which endpoint they come ([`StatsSource`](super::StatsSource)), what they hold.

use std::fmt;

/// A group of call statistics that the API selects by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// Device, browser and SDK.
    DeviceInfo,
    /// Address, place and network.
    IpInformation,
    /// The test before the call.
    PrecallNetworkInformation,
    /// What happened in the call.
    Events,
    /// Samples and summaries of media quality.
    QualityStats,
}

impl Filter {
    /// All of them, in the order of the vendor's page.
    pub const ALL: [Self; 5] = [
        Self::DeviceInfo,
        Self::IpInformation,
        Self::PrecallNetworkInformation,
        Self::Events,
        Self::QualityStats,
    ];

    /// The API's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DeviceInfo => "device_info",
            Self::IpInformation => "ip_information",
            Self::PrecallNetworkInformation => "precall_network_information",
            Self::Events => "events",
            Self::QualityStats => "quality_stats",
        }
    }
}

/// A set of [`Filter`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filters(u8);

impl Filters {
    /// No call statistics.
    pub const NONE: Self = Self(0);

    /// Whether no call statistics are asked for.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a group is asked for.
    #[must_use]
    pub const fn has(self, filter: Filter) -> bool {
        self.0 & bit(filter) != 0
    }

    /// Those of the set, in the API's order.
    pub fn iter(self) -> impl Iterator<Item = Filter> {
        Filter::ALL.into_iter().filter(move |filter| self.has(*filter))
    }

    /// Reads a comma list, `all` or `none`.
    ///
    /// # Errors
    /// The first name that is none of them, as written.
    pub(super) fn parse(text: &str) -> Result<Self, &str> {
        match text.trim() {
            "all" => return Ok(Filter::ALL.into_iter().collect()),
            "none" => return Ok(Self::NONE),
            _ => {}
        }
        let known = |name: &'_ str| Filter::ALL.into_iter().find(|filter| filter.name() == name);
        text.split(',').map(str::trim).map(|name| known(name).ok_or(name)).collect()
    }
}

impl FromIterator<Filter> for Filters {
    fn from_iter<T: IntoIterator<Item = Filter>>(filters: T) -> Self {
        Self(filters.into_iter().fold(0, |set, filter| set | bit(filter)))
    }
}

const fn bit(filter: Filter) -> u8 {
    1 << filter as u8
}

impl fmt::Display for Filters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, filter) in self.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{}", filter.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_are_read_in_any_order_and_written_in_the_apis() {
        let everything = "device_info,ip_information,precall_network_information,events,quality_stats";
        for (text, expected) in [
            ("all", Ok(everything)),
            ("none", Ok("")),
            ("events", Ok("events")),
            (" quality_stats , device_info,quality_stats", Ok("device_info,quality_stats")),
            (everything, Ok(everything)),
            ("", Err("")),
            ("events,", Err("")),
            ("Events", Err("Events")),
            ("device_info,quality", Err("quality")),
            ("device_info,all", Err("all")),
        ] {
            let read = Filters::parse(text).map(|filters| filters.to_string());
            assert_eq!(read, expected.map(str::to_owned), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_set_is_read_back(set in 1..32_u8) {
            let written = Filters(set).to_string();
            prop_assert_eq!(Filters::parse(&written), Ok(Filters(set)));
        }
    }
}
