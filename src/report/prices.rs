//! What minutes cost: a price list, and amounts of money.
//!
//! In: TOML, the published prices where no file is given. Out: [`PriceList`]; costs as exact decimals.
//! Guarantees: a price is read from its own digits and an amount is a whole number of its last place, so
//! that no float is involved; a list that is not right is refused with its line.
//! Not here: which minutes are priced; rounding.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::line_of;
use crate::error::{Error, Result};
use crate::manifest::MinutesTotal;

/// The published prices.
const PUBLISHED: &str = include_str!("prices.toml");
/// What the published prices are called in messages.
const PUBLISHED_NAME: &str = "prices.toml";
/// Stands in a list for participants without a view type.
const NONE: &str = "none";
/// Stands in a list for every view type that it does not name.
const OTHER: &str = "other";
/// Columns of minutes that a report has of its own.
const TAKEN: [&str; 3] = ["duration_minutes", "session_minutes", "unpriced_minutes"];

/// Money in units of 10⁻¹⁸ of the currency: minutes have nine places, and so have prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(i128);

impl Money {
    /// Digits after the point.
    pub const SCALE: u32 = 18;

    /// The count of 10⁻¹⁸ of the currency.
    #[must_use]
    pub const fn units(self) -> i128 {
        self.0
    }
}

/// The price of a minute in units of 10⁻⁹ of the currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price(i64);

impl Price {
    /// Digits after the point.
    pub const SCALE: u32 = 9;

    /// The count of 10⁻⁹ of the currency.
    #[must_use]
    pub const fn units(self) -> i64 {
        self.0
    }

    /// Reads `0.002`: digits, at most nine of them after a point and nine before it.
    fn parse(text: &str) -> Option<Self> {
        let (whole, places) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let fits = (1..=9).contains(&whole.len()) && places.len() <= 9 && !text.ends_with('.');
        if !fits || !digits(whole) || !digits(places) {
            return None;
        }
        format!("{whole}{places:0<9}").parse().ok().map(Self)
    }

    /// What so many minutes cost.
    ///
    /// # Errors
    /// [`Error::SumTooLarge`] where 38 digits do not hold it.
    pub fn of(self, minutes: MinutesTotal) -> Result<Money> {
        minutes.units().checked_mul(i128::from(self.0)).map(Money).ok_or(Error::SumTooLarge)
    }
}

/// A kind of minutes and its price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PricedKind {
    /// As the list calls it: `audio-video`.
    pub name: String,
    /// Of one minute.
    pub per_minute: Price,
}

impl PricedKind {
    /// What its column of minutes is called: `audio_video_minutes`.
    #[must_use]
    pub fn column(&self) -> String {
        format!("{}_minutes", self.name.replace(|c: char| !c.is_alphanumeric(), "_"))
    }
}

/// Prices, and which view types they are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceList {
    /// What the list calls itself.
    pub name: String,
    /// Its currency, as it is written after an amount.
    pub currency: String,
    /// Kinds of minutes, the dearest first.
    pub kinds: Vec<PricedKind>,
    /// The place in `kinds` of each view type that is named.
    pub view_types: BTreeMap<String, usize>,
    /// That of participants without a view type.
    pub none: Option<usize>,
    /// That of view types that are not named.
    pub other: Option<usize>,
}

impl PriceList {
    /// Cloudflare's published prices.
    ///
    /// # Errors
    /// None: a test reads them.
    pub fn published() -> Result<Self> {
        Self::parse(Path::new(PUBLISHED_NAME), PUBLISHED)
    }

    /// Reads a price list.
    ///
    /// # Errors
    /// [`Error::PriceListUnreadable`], or [`Error::PriceListMalformed`] with the line.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .map_err(|source| Error::PriceListUnreadable { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// What minutes of each kind cost together.
    ///
    /// # Errors
    /// [`Error::SumTooLarge`] where 38 digits do not hold it.
    pub fn cost(&self, by_kind: &[MinutesTotal]) -> Result<Money> {
        let costs = self.kinds.iter().zip(by_kind).map(|(kind, minutes)| kind.per_minute.of(*minutes));
        costs
            .into_iter()
            .try_fold(Money(0), |sum, cost| sum.0.checked_add(cost?.0).map(Money).ok_or(Error::SumTooLarge))
    }

    /// What the view types of a kind are, for people: `GROUP_CALL, WEBINAR, no view type`.
    #[must_use]
    pub fn view_types_of(&self, kind: usize) -> String {
        let named = self.view_types.iter().filter(|(_, of)| **of == kind).map(|(name, _)| name.as_str());
        let none = (self.none == Some(kind)).then_some("no view type");
        let other = (self.other == Some(kind)).then_some("all other");
        named.chain(none).chain(other).collect::<Vec<_>>().join(", ")
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        Reader { path, text }.list()
    }
}

/// A list being read.
struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

/// A table of the file, or a value in one.
type Value<'t, 'i> = &'t Spanned<DeValue<'i>>;
/// The same with its key.
type Entry<'t, 'i> = (&'t Spanned<Cow<'i, str>>, Value<'t, 'i>);

impl Reader<'_> {
    fn list(&self) -> Result<PriceList> {
        let table = DeTable::parse(self.text).map_err(|fault| {
            let first_line = fault.message().lines().next().unwrap_or("this is not TOML").to_owned();
            self.wrong(fault.span().map_or(0, |span| span.start), first_line)
        })?;
        let mut list = PriceList {
            name: self.path.display().to_string(),
            currency: "USD".to_owned(),
            kinds: Vec::new(),
            view_types: BTreeMap::new(),
            none: None,
            other: None,
        };
        // First: view types name them.
        for (key, value) in self.entries(table.get_ref().iter(), "per-minute")? {
            let kind = PricedKind { name: key.get_ref().to_string(), per_minute: self.price(value)? };
            let column = kind.column().to_lowercase();
            let clashes = |other: &PricedKind| other.column().to_lowercase() == column;
            if TAKEN.contains(&column.as_str()) || list.kinds.iter().any(clashes) {
                let problem =
                    format!("call {:?} otherwise: a report has a column {column} already", kind.name);
                return Err(self.wrong(key.span().start, problem));
            }
            list.kinds.push(kind);
        }
        list.kinds.sort_by_key(|kind| std::cmp::Reverse(kind.per_minute.units()));
        for (key, value) in self.entries(table.get_ref().iter(), "view-types")? {
            let kind = self.kind(&list.kinds, value)?;
            match key.get_ref().as_ref() {
                NONE => list.none = Some(kind),
                OTHER => list.other = Some(kind),
                name => drop(list.view_types.insert(name.to_owned(), kind)),
            }
        }
        for (key, value) in table.get_ref() {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("name", DeValue::String(name)) => list.name = name.to_string(),
                ("currency", DeValue::String(currency)) => list.currency = currency.to_string(),
                ("per-minute" | "view-types", DeValue::Table(_)) => {}
                (other, _) => {
                    let problem = format!(
                        "{other:?} is none of name, currency (texts), per-minute and view-types (tables)"
                    );
                    return Err(self.wrong(key.span().start, problem));
                }
            }
        }
        if list.kinds.is_empty() {
            return Err(self.wrong(0, "there is no price: [per-minute] has none".to_owned()));
        }
        Ok(list)
    }

    /// The entries of a table of the file, none where it is not there.
    fn entries<'t, 'i: 't>(
        &self,
        mut tables: impl Iterator<Item = Entry<'t, 'i>>,
        name: &str,
    ) -> Result<Vec<Entry<'t, 'i>>> {
        let Some((key, value)) = tables.find(|(key, _)| key.get_ref().as_ref() == name) else {
            return Ok(Vec::new());
        };
        let DeValue::Table(table) = value.get_ref() else {
            return Err(self.wrong(key.span().start, format!("{name} is not a table: write it as [{name}]")));
        };
        Ok(table.iter().collect())
    }

    fn price(&self, value: Value<'_, '_>) -> Result<Price> {
        let price = match value.get_ref() {
            DeValue::String(text) => Price::parse(text),
            DeValue::Float(number) => Price::parse(number.as_str()),
            DeValue::Integer(number) if number.radix() == 10 => Price::parse(number.as_str()),
            _ => None,
        };
        let problem = || "this is not a price of one minute, such as 0.002".to_owned();
        price.ok_or_else(|| self.wrong(value.span().start, problem()))
    }

    fn kind(&self, kinds: &[PricedKind], value: Value<'_, '_>) -> Result<usize> {
        let wanted = match value.get_ref() {
            DeValue::String(text) => Some(text.as_ref()),
            _ => None,
        };
        let found = wanted.and_then(|wanted| kinds.iter().position(|kind| kind.name == wanted));
        found.ok_or_else(|| {
            let names = kinds.iter().map(|kind| format!("{:?}", kind.name)).collect::<Vec<_>>().join(", ");
            self.wrong(value.span().start, format!("this is none of the kinds of [per-minute]: {names}"))
        })
    }

    fn wrong(&self, at: usize, problem: String) -> Error {
        let line = line_of(self.text, at);
        Error::PriceListMalformed { path: self.path.to_owned(), line, problem }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::rounding::trimmed;

    fn parse(text: &str) -> Result<PriceList> {
        PriceList::parse(Path::new("own.toml"), text)
    }

    #[test]
    fn the_published_prices() {
        let list = PriceList::published().unwrap();
        let shown: Vec<_> = list
            .kinds
            .iter()
            .enumerate()
            .map(|(place, kind)| {
                let price = trimmed(i128::from(kind.per_minute.units()), Price::SCALE, 0);
                (kind.name.as_str(), price, list.view_types_of(place))
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("audio-video", "0.002".to_owned(), "GROUP_CALL, LIVESTREAM, WEBINAR".to_owned()),
                ("audio-only", "0.0005".to_owned(), "AUDIO_ROOM".to_owned()),
            ]
        );
        assert_eq!((list.currency.as_str(), list.none, list.other), ("USD", None, None));
    }

    /// `plan` tells what the same minutes will cost.
    #[test]
    fn a_plan_has_the_same_prices() {
        let list = PriceList::published().unwrap();
        for view_type in ["GROUP_CALL", "WEBINAR", "LIVESTREAM", "AUDIO_ROOM", "CHAT", "HOLOGRAM"] {
            let price = list.view_types.get(view_type).map(|kind| list.kinds[*kind].per_minute);
            let ours = price.map(|price| trimmed(i128::from(price.units()), Price::SCALE, 9));
            let planned = crate::model::Price::of_view_type(view_type);
            assert_eq!(ours, planned.map(|price| price.per_minute().to_string()), "{view_type}");
        }
    }

    #[test]
    fn costs_are_exact() {
        let list = PriceList::published().unwrap();
        let minutes = [MinutesTotal::from_units(41_266_666_667), MinutesTotal::from_units(1)];
        // 41.266666667 × 0.002 + 0.000000001 × 0.0005
        assert_eq!(trimmed(list.cost(&minutes).unwrap().units(), Money::SCALE, 2), "0.0825333333345");
        let most = [MinutesTotal::from_units(i128::MAX); 2];
        assert!(matches!(list.cost(&most), Err(Error::SumTooLarge)));
    }

    #[test]
    fn a_list_of_ones_own() {
        let list = parse(
            "name = 'Ours'\ncurrency = 'EUR'\n[per-minute]\nall = '0.01'\nfree = 0\n\
             [view-types]\nnone = 'free'\nother = 'all'\n\"CHAT\" = 'free'\n",
        )
        .unwrap();
        assert_eq!((list.name.as_str(), list.currency.as_str()), ("Ours", "EUR"));
        assert_eq!(list.view_types_of(0), "all other");
        assert_eq!(list.view_types_of(1), "CHAT, no view type");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let messages: Vec<String> = [
            "",
            "[per-minute\n",
            "[per-minute]\na = 0.002\nb = -1\n",
            "[per-minute]\na = 1e-3\n",
            "[per-minute]\na = 0.0000000001\n",
            "[per-minute]\na = 1\n[view-types]\nCHAT = 'b'\n",
            "per-minute = 1\n",
            "curency = 'EUR'\n[per-minute]\na = 1\n",
            "[per-minute]\na-b = 1\nA_b = 2\n",
            "[per-minute]\nunpriced = 1\n",
        ]
        .iter()
        .map(|text| parse(text).expect_err(text).to_string())
        .collect();
        insta::assert_snapshot!(messages.join("\n"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*|(\\[per-minute\\]\n([a-z]{1,3} ?= ?[0-9.'e-]{0,5}\n){0,3})") {
            let _ = parse(&text);
        }

        #[test]
        fn a_price_is_its_own_digits(units in 0_i64..=999_999_999_999_999_999) {
            let text = trimmed(i128::from(units), Price::SCALE, 0);
            prop_assert_eq!(Price::parse(&text), Some(Price(units)));
        }
    }
}
