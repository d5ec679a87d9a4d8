//! Scripted faults: which request gets which trouble instead of its reply.
//!
//! In: rules as text (`--fault`). Out: for each request in turn, the [`Effect`] on it, if any.
//!
//! A rule is `[match TEXT] WHEN: WHAT [xK]`. With `match`, only requests whose path and query contain
//! TEXT are counted; WHEN may then be left out and means all of them. `xK` stops after K times.
//!
//! | WHEN | requests |
//! | --- | --- |
//! | `7` | the seventh |
//! | `5-9` | the fifth to the ninth |
//! | `every 10` | the tenth, twentieth, ... |
//! | `from 100` | all from the hundredth on |
//! | `5%` | so many of them, as if at random, but the same ones each time |
//!
//! | WHAT | instead of the reply |
//! | --- | --- |
//! | `503` | an error of this status; `503 retry-after 2` and `503 retry-after date 2` say when to come back |
//! | `html 502` | an HTML page with this status |
//! | `1015` | the edge's HTML page for "you are being rate limited", with 429 |
//! | `reset` | the connection is reset (RST) |
//! | `cut` | half of the body, then the connection ends |
//! | `stall` | the headers and half of the body, then nothing |
//! | `hang` | nothing at all |
//! | `slow 200ms` | the reply, so much later |
//! | `garbage` | 200 with what is not JSON |
//! | `refuse` | 200 with `success: false` |
//! | `shape` | 200 with JSON of another shape |
//! | `body 50` | the reply with a further field of 50 MB |
//!
//! Guarantees: the same requests in the same order meet the same faults; the first rule that applies
//! wins, the others count the request all the same.
//! Not here: carrying a fault out (`server.rs`, `reply.rs`).

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::ids::hash;
use crate::error::{Error, Result};

/// One rule of the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    contains: Option<String>,
    when: When,
    effect: Effect,
    times: Option<u64>,
}

/// Which of the requests counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Between(u64, u64),
    Every(u64),
    /// In hundredths of a percent.
    Chance(u64),
}

/// What happens instead of the reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Status(u16, Option<After>),
    Html(u16),
    Edge1015,
    Reset,
    Cut,
    Stall,
    Hang,
    Slow(Duration),
    Garbage,
    Refuse,
    Shape,
    Body { megabytes: u64 },
}

/// What `Retry-After` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Seconds(u64),
    Date(u64),
}

impl FromStr for Fault {
    type Err = Error;

    fn from_str(rule: &str) -> Result<Self> {
        let wrong = |problem: String| Error::SandboxFault { rule: rule.to_owned(), problem };
        let (when, what) = rule.split_once(':').ok_or_else(|| wrong("there is no colon".to_owned()))?;
        let when: Vec<&str> = when.split_whitespace().collect();
        let mut what: Vec<&str> = what.split_whitespace().collect();
        let (contains, when) = match when.as_slice() {
            ["match", text, rest @ ..] => (Some((*text).to_owned()), rest),
            rest => (None, rest),
        };
        let times = what.last().and_then(|last| last.strip_prefix('x')).and_then(|k| k.parse().ok());
        if times.is_some() {
            what.pop();
        }
        let when = match when {
            [] if contains.is_some() => When::Between(1, u64::MAX),
            when => parse_when(when)
                .ok_or_else(|| wrong(format!("'{}' says not which requests", when.join(" "))))?,
        };
        let effect = parse_effect(&what).ok_or_else(|| wrong(format!("'{}' is no fault", what.join(" "))))?;
        Ok(Self { contains, when, effect, times })
    }
}

fn parse_when(words: &[&str]) -> Option<When> {
    let count = |word: &str| word.parse().ok().filter(|n: &u64| *n > 0);
    Some(match words {
        ["every", n] => When::Every(count(n)?),
        ["from", n] => When::Between(count(n)?, u64::MAX),
        [word] => match (word.strip_suffix('%'), word.split_once('-')) {
            (Some(percent), _) => When::Chance(parse_percent(percent)?),
            (None, Some((first, last))) => When::Between(count(first)?, count(last)?),
            (None, None) => When::Between(count(word)?, count(word)?),
        },
        _ => return None,
    })
}

/// Hundredths of a percent in `5` or `0.25`.
fn parse_percent(text: &str) -> Option<u64> {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    let places: u64 = match places.len() {
        0 => 0,
        1 => places.parse::<u64>().ok()? * 10,
        2 => places.parse().ok()?,
        _ => return None,
    };
    let hundredths = whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(places)?;
    (hundredths <= 10_000).then_some(hundredths)
}

fn parse_effect(words: &[&str]) -> Option<Effect> {
    let status = |word: &str| word.parse().ok().filter(|status| (200..=599).contains(status));
    Some(match words {
        ["1015"] => Effect::Edge1015,
        ["html", word] => Effect::Html(status(word)?),
        ["reset"] => Effect::Reset,
        ["cut"] => Effect::Cut,
        ["stall"] => Effect::Stall,
        ["hang"] => Effect::Hang,
        ["slow", duration] => Effect::Slow(humantime::parse_duration(duration).ok()?),
        ["garbage"] => Effect::Garbage,
        ["refuse"] => Effect::Refuse,
        ["shape"] => Effect::Shape,
        // More than this no test needs, and no machine has twice.
        ["body", megabytes] | ["body", megabytes, "MB"] => {
            Effect::Body { megabytes: megabytes.parse().ok().filter(|n| *n <= 1024)? }
        }
        [word] => Effect::Status(status(word)?, None),
        [word, "retry-after", secs] => {
            Effect::Status(status(word)?, Some(After::Seconds(secs.parse().ok()?)))
        }
        [word, "retry-after", "date", secs] => {
            Effect::Status(status(word)?, Some(After::Date(secs.parse().ok()?)))
        }
        _ => return None,
    })
}

/// The rules with their counts.
#[derive(Debug)]
pub(super) struct Script {
    seed: u64,
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    fault: Fault,
    seen: AtomicU64,
    done: AtomicU64,
}

impl Script {
    pub(super) fn new(faults: Vec<Fault>, seed: u64) -> Self {
        let rule = |fault| Rule { fault, seen: AtomicU64::new(0), done: AtomicU64::new(0) };
        Self { seed, rules: faults.into_iter().map(rule).collect() }
    }

    /// What the next request, of this path and query, meets.
    pub(super) fn next(&self, path_and_query: &str) -> Option<&Effect> {
        let mut met = None;
        for (number, rule) in (0..).zip(&self.rules) {
            if rule.applies(path_and_query, self.seed ^ number) && met.is_none() && rule.is_left() {
                met = Some(&rule.fault.effect);
            }
        }
        met
    }
}

impl Rule {
    fn applies(&self, path_and_query: &str, seed: u64) -> bool {
        if self.fault.contains.as_ref().is_some_and(|text| !path_and_query.contains(text.as_str())) {
            return false;
        }
        let number = self.seen.fetch_add(1, Ordering::Relaxed) + 1;
        match self.fault.when {
            When::Between(first, last) => (first..=last).contains(&number),
            When::Every(n) => number.is_multiple_of(n),
            When::Chance(hundredths) => hash(seed, number) % 10_000 < hundredths,
        }
    }

    /// Takes one of the times that the rule may still strike.
    fn is_left(&self) -> bool {
        let done = self.done.fetch_add(1, Ordering::Relaxed);
        self.fault.times.is_none_or(|times| done < times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(rules: &[&str]) -> Script {
        Script::new(rules.iter().map(|rule| rule.parse().unwrap()).collect(), 1)
    }

    fn struck(script: &Script, paths: impl Iterator<Item = &'static str>) -> Vec<usize> {
        paths.enumerate().filter_map(|(n, path)| script.next(path).map(|_| n + 1)).collect()
    }

    #[test]
    fn when_a_rule_strikes() {
        let cases: [(&str, &[usize]); 6] = [
            ("3: 500", &[3]),
            ("every 4: reset", &[4, 8]),
            ("from 7: 401", &[7, 8, 9, 10]),
            ("2-4: cut", &[2, 3, 4]),
            ("from 1: stall x2", &[1, 2]),
            ("match a/b: hang", &[]),
        ];
        for (rule, expected) in cases {
            assert_eq!(struck(&script(&[rule]), std::iter::repeat_n("/a/c", 10)), expected, "{rule}");
        }
    }

    #[test]
    fn a_match_counts_only_its_own() {
        let paths = ["/a", "/b", "/a", "/b", "/b"];
        assert_eq!(struck(&script(&["match b 2: 500"]), paths.into_iter()), [4]);
        assert_eq!(struck(&script(&["match b: 500 x2"]), paths.into_iter()), [2, 4]);
    }

    #[test]
    fn a_chance_is_about_its_part_and_always_the_same() {
        let strikes = || struck(&script(&["12.5%: 500"]), std::iter::repeat_n("/", 8000));
        assert!((800..1200).contains(&strikes().len()), "{}", strikes().len());
        assert_eq!(strikes(), strikes());
    }

    #[test]
    fn the_first_rule_wins_and_the_second_counts_on() {
        let script = script(&["2: 500", "2-3: 401"]);
        assert_eq!(script.next("/"), None);
        assert_eq!(script.next("/"), Some(&Effect::Status(500, None)));
        assert_eq!(script.next("/"), Some(&Effect::Status(401, None)));
    }

    #[test]
    fn what_a_rule_says() {
        let effect = |rule: &str| rule.parse::<Fault>().unwrap().effect;
        assert_eq!(effect("1: 503 retry-after 2"), Effect::Status(503, Some(After::Seconds(2))));
        assert_eq!(effect("1: 503 retry-after date 2"), Effect::Status(503, Some(After::Date(2))));
        assert_eq!(effect("1: html 502"), Effect::Html(502));
        assert_eq!(effect("1: 1015"), Effect::Edge1015);
        assert_eq!(effect("1: slow 20ms"), Effect::Slow(Duration::from_millis(20)));
        assert_eq!(effect("1: body 50 MB x3"), Effect::Body { megabytes: 50 });
    }

    #[test]
    fn what_is_no_rule_is_named() {
        let cases = [
            ("every 10 500", "the sandbox does not understand the fault 'every 10 500': there is no colon"),
            (
                "each 10: 500",
                "the sandbox does not understand the fault 'each 10: 500': 'each 10' says not which requests",
            ),
            ("1: 99", "the sandbox does not understand the fault '1: 99': '99' is no fault"),
            ("0: 500", "the sandbox does not understand the fault '0: 500': '0' says not which requests"),
            (
                "101%: 500",
                "the sandbox does not understand the fault '101%: 500': '101%' says not which requests",
            ),
            ("1:", "the sandbox does not understand the fault '1:': '' is no fault"),
        ];
        for (rule, message) in cases {
            assert_eq!(rule.parse::<Fault>().unwrap_err().to_string(), message);
        }
    }
}
