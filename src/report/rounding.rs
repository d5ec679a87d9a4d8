//! Exact decimals on their way to a reader: rounded at display only, and so that what is printed adds up.
//!
//! In: decimals as whole numbers of their last place. Out: the same in a coarser place, and as text.
//! Guarantees: a total is its exact sum, rounded half to even; the rows under it are rounded by largest
//! remainder, so that they add up to it: each is the exact value rounded down or up, and one that needs no
//! rounding stays. No float is involved.
//! Not here: which figures are shown.

/// The rule, as every report states it.
pub const RULE: &str = "Sums are exact; only what is shown is rounded. A total is its exact sum, rounded half \
                        to even; the rows under it are rounded by largest remainder, so that they add up to it.";

/// The nearest multiple of 10^`dropped`, in units of it; half goes to the even one.
#[must_use]
pub fn half_even(units: i128, dropped: u32) -> i128 {
    let unit = 10_i128.pow(dropped);
    let (floor, rest) = (units.div_euclid(unit), units.rem_euclid(unit));
    let up = rest > unit - rest || (rest == unit - rest && floor % 2 != 0);
    floor + i128::from(up)
}

/// Rows with their last `dropped` places rounded away, that add up to their rounded total.
#[must_use]
pub fn adding_up(rows: &[i128], dropped: u32) -> Vec<i128> {
    let unit = 10_i128.pow(dropped);
    let total = half_even(sum(rows), dropped);
    let quotas = rows.iter().map(|row| (row.div_euclid(unit), row.rem_euclid(unit)));
    apportioned(quotas.collect(), total)
}

/// How many of `parts` each row has of the sum of all; nothing where rows are negative or sum to nothing.
#[must_use]
pub fn shares(rows: &[i128], parts: i128) -> Option<Vec<i128>> {
    let sum = sum(rows);
    if sum <= 0 || rows.iter().any(|row| *row < 0) {
        return None;
    }
    let scaled = rows.iter().map(|row| row.checked_mul(parts)).collect::<Option<Vec<_>>>()?;
    Some(apportioned(scaled.into_iter().map(|row| (row / sum, row % sum)).collect(), parts))
}

/// The sum of rows, which fits: what wraps on the way to it, where rows are of both signs, comes back.
fn sum(rows: &[i128]) -> i128 {
    rows.iter().fold(0, |sum, row| sum.wrapping_add(*row))
}

/// Gives what the floors lack of the total to the largest remainders; of equal ones to the earlier.
fn apportioned(quotas: Vec<(i128, i128)>, total: i128) -> Vec<i128> {
    let lacking = total - quotas.iter().map(|(floor, _)| floor).sum::<i128>();
    let mut order: Vec<usize> = (0..quotas.len()).collect();
    order.sort_by_key(|&row| std::cmp::Reverse(quotas[row].1));
    let mut rounded: Vec<i128> = quotas.into_iter().map(|(floor, _)| floor).collect();
    for row in order.into_iter().take(usize::try_from(lacking).unwrap_or(0)) {
        rounded[row] += 1;
    }
    rounded
}

/// A decimal with all its places, its whole part in groups of three: `1,234.50`.
#[must_use]
pub fn grouped(units: i128, places: u32) -> String {
    let plain = fixed(units, places);
    let (whole, rest) = plain.split_once('.').unwrap_or((&plain, ""));
    let (sign, digits) = whole.split_at(usize::from(units < 0));
    let mut text = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if !rest.is_empty() {
        text.push('.');
        text.push_str(rest);
    }
    text
}

/// A decimal with all its places: `1234.50`.
#[must_use]
pub fn fixed(units: i128, places: u32) -> String {
    let magnitude = units.unsigned_abs();
    let sign = if units < 0 { "-" } else { "" };
    if places == 0 {
        return format!("{sign}{magnitude}");
    }
    let unit = 10_u128.pow(places);
    let width = usize::try_from(places).unwrap_or(0);
    format!("{sign}{}.{:0width$}", magnitude / unit, magnitude % unit)
}

/// A decimal without the zeros at its end, but with at least as many places as asked for: `0.0005`.
#[must_use]
pub fn trimmed(units: i128, places: u32, at_least: u32) -> String {
    let (mut units, mut places) = (units, places);
    while places > at_least && units % 10 == 0 {
        units /= 10;
        places -= 1;
    }
    fixed(units, places)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn half_goes_to_the_even_neighbour() {
        for (units, expected) in
            [(249, 2), (250, 2), (251, 3), (350, 4), (-250, -2), (-251, -3), (-350, -4), (0, 0)]
        {
            assert_eq!(half_even(units, 2), expected, "{units}");
        }
        assert_eq!(half_even(7, 0), 7);
    }

    #[test]
    fn rows_add_up_to_their_total() {
        // Each alone would be 0.33; together they are 1.00.
        assert_eq!(adding_up(&[333_333, 333_333, 333_334], 4), [33, 33, 34]);
        assert_eq!(adding_up(&[5, 5, 5, 5], 1), [1, 1, 0, 0]);
        assert_eq!(adding_up(&[], 2), [0_i128; 0]);
        assert_eq!(shares(&[1, 1, 1], 1000), Some(vec![334, 333, 333]));
        assert_eq!(shares(&[0, 0], 1000), None);
        assert_eq!(shares(&[2, -1], 1000), None);
    }

    #[test]
    fn texts() {
        assert_eq!(grouped(1_234_567, 2), "12,345.67");
        assert_eq!(grouped(-99_912, 2), "-999.12");
        assert_eq!(grouped(1_000, 0), "1,000");
        assert_eq!(fixed(-5, 2), "-0.05");
        assert_eq!(trimmed(500_000, 9, 2), "0.0005");
        assert_eq!(trimmed(2_000_000_000, 9, 2), "2.00");
    }

    proptest! {
        #[test]
        fn what_is_printed_adds_up(
            rows in proptest::collection::vec(-1_000_000_000_000_i128..1_000_000_000_000_000_000, 0..60),
            dropped in 0_u32..12,
        ) {
            let rounded = adding_up(&rows, dropped);
            prop_assert_eq!(rounded.iter().sum::<i128>(), half_even(rows.iter().sum(), dropped));
            let unit = 10_i128.pow(dropped);
            for (row, rounded) in rows.iter().zip(&rounded) {
                let away = rounded * unit - row;
                prop_assert!(-unit < away && away < unit);
                prop_assert!(row % unit != 0 || away == 0);
            }
        }

        #[test]
        fn shares_are_of_a_whole(rows in proptest::collection::vec(0_i128..1_000_000_000_000_000, 1..60)) {
            if let Some(shares) = shares(&rows, 1000) {
                prop_assert_eq!(shares.iter().sum::<i128>(), 1000);
                prop_assert!(rows.iter().zip(&shares).all(|(row, share)| *row > 0 || *share == 0));
            }
        }

        #[test]
        fn a_decimal_is_read_back(units in any::<i64>(), places in 0_u32..15) {
            let text = grouped(i128::from(units), places).replace([',', '.'], "");
            prop_assert_eq!(text.parse::<i128>().ok(), Some(i128::from(units)));
        }
    }
}
