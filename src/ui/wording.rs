//! How numbers, times and foreign text are written for people.

use std::time::Duration;

/// A count with commas: `1,204`.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun: `1 failure`, `2 failures`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// The rows of a table: `1 participant`, `40 peer events`, `40 list rows`.
pub(super) fn table_rows(table: &str, rows: u64) -> String {
    let noun = table.replace('_', " ");
    match (table, noun.strip_suffix('s')) {
        ("id_list", _) => counted(rows, "list row", "list rows"),
        (_, Some(one)) => counted(rows, one, &noun),
        // A name that is no plural counts rows.
        (_, None) => format!("{} of {noun}", counted(rows, "row", "rows")),
    }
}

/// A number of bytes to the precision that helps: `1.50 MB`.
pub(super) fn bytes(count: u64) -> String {
    indicatif::DecimalBytes(count).to_string()
}

/// A duration to the precision that helps: seconds below an hour, minutes below a day, hours above.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let precision = match seconds {
        0 => return "less than a second".to_owned(),
        1..3_600 => 1,
        3_600..86_400 => 60,
        _ => 3_600,
    };
    humantime::format_duration(Duration::from_secs(seconds - seconds % precision)).to_string()
}

/// Foreign text as one line that cannot steer a terminal.
pub(super) fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ];
        for (count, expected) in cases {
            assert_eq!(grouped(count), expected);
        }
        assert_eq!(counted(1, "failure", "failures"), "1 failure");
        assert_eq!(counted(1_000, "failure", "failures"), "1,000 failures");
    }

    #[test]
    fn rows_are_named_by_what_they_are() {
        for (table, rows, expected) in [
            ("participants", 1, "1 participant"),
            ("peer_events", 1_200, "1,200 peer events"),
            ("id_list", 1, "1 list row"),
            ("id_list", 40, "40 list rows"),
            ("quality_summary", 0, "0 rows of quality summary"),
        ] {
            assert_eq!(table_rows(table, rows), expected);
        }
    }

    #[test]
    fn durations() {
        for (millis, expected) in [
            (0, "less than a second"),
            (1_999, "1s"),
            (250_000, "4m 10s"),
            (25_139_000, "6h 58m"),
            (100_000_000, "1day 3h"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), expected);
        }
    }

    #[test]
    fn foreign_text_is_tamed() {
        assert_eq!(one_line("a\r\n  b\u{1b}[31m\tc"), "a b\u{fffd}[31m c");
    }
}
