//! Texts of the API and of lists, made fit to stand among a report's own.
//!
//! Guarantees: one line, without control characters or marks that turn the direction of what follows; not
//! wider than there is room for. Escaping is for each form.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Foreign text as one line that steers neither a terminal nor the direction of the text around it.
pub(super) fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    words.chars().filter(|c| !turns(*c)).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The start of a text that is wider than a number of columns, and a sign that it goes on.
pub(super) fn cut(text: &str, columns: usize) -> String {
    // Marks have no width of their own, and there may be any number of them.
    let most_chars = columns.saturating_mul(4);
    if text.width() <= columns && text.chars().take(most_chars + 1).count() <= most_chars {
        return text.to_owned();
    }
    let mut width = 0;
    let fits = text.chars().take(most_chars.saturating_sub(1)).take_while(|c| {
        width += c.width().unwrap_or(0);
        width < columns
    });
    fits.chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn foreign_text_is_tamed() {
        assert_eq!(one_line("a\r\n  b\u{1b}[31m\u{202e}c\u{200f}"), "a b\u{fffd}[31mc");
    }

    #[test]
    fn long_text_is_cut_by_its_width() {
        assert_eq!(cut("customer", 8), "customer");
        assert_eq!(cut("customers", 8), "custome…");
        assert_eq!(cut("顧客の名前", 8), "顧客の…");
        assert!(cut(&format!("a{}", "\u{301}".repeat(3000)), 10).chars().count() <= 40);
    }

    proptest! {
        #[test]
        fn a_cut_text_fits(text in "\\PC{0,40}", columns in 1_usize..30) {
            prop_assert!(cut(&one_line(&text), columns).width() <= columns);
        }
    }
}
