//! What no column took of an object and of objects within it, as one JSON object of the same nesting.
//!
//! Guarantees: verbatim names and values; an object within is written once something of it is kept.
//! Memory: the text itself, however deep a value stands.

/// A JSON object under construction.
#[derive(Debug, Default)]
pub(super) struct Extra<'a> {
    text: String,
    /// The names, as written, of the objects that were entered.
    entered: Vec<&'a str>,
    /// How many of them are written.
    open: usize,
}

impl<'a> Extra<'a> {
    /// Goes into an object by its name as written.
    pub(super) fn enter(&mut self, raw_name: &'a str) {
        self.entered.push(raw_name);
    }

    /// Leaves the object entered last.
    pub(super) fn leave(&mut self) {
        if self.open == self.entered.len() {
            self.text.push('}');
            self.open = self.open.saturating_sub(1);
        }
        self.entered.pop();
    }

    /// Keeps a field of the object entered last; both parts are JSON already.
    pub(super) fn push(&mut self, raw_name: &str, value: &str) {
        if self.text.is_empty() {
            self.text.push('{');
        }
        for place in self.open..self.entered.len() {
            self.name(self.entered[place]);
            self.text.push('{');
        }
        self.open = self.entered.len();
        self.name(raw_name);
        self.text.push_str(value);
    }

    fn name(&mut self, raw_name: &str) {
        if !self.text.ends_with('{') {
            self.text.push(',');
        }
        self.text.push_str(raw_name);
        self.text.push(':');
    }

    /// The path of a field of the object entered last, for people.
    pub(super) fn path(&self, name: &str) -> String {
        let entered = self.entered.iter().map(|raw| raw.trim_matches('"'));
        entered.chain([name]).collect::<Vec<_>>().join(".")
    }

    /// Ends the object; `None` where nothing was kept. What follows begins another one.
    pub(super) fn end(&mut self) -> Option<String> {
        self.entered.clear();
        let open = std::mem::take(&mut self.open);
        let mut text = std::mem::take(&mut self.text);
        if text.is_empty() {
            return None;
        }
        text.extend(std::iter::repeat_n('}', open + 1));
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::Extra;

    #[test]
    fn objects_are_written_where_something_of_them_is_kept() {
        let mut extra = Extra::default();
        assert_eq!(extra.end(), None);
        extra.enter("\"a\"");
        extra.enter("\"b\"");
        assert_eq!(extra.path("c"), "a.b.c");
        extra.push("\"c\"", "1.50");
        extra.push("\"d\"", "{}");
        extra.leave();
        extra.enter("\"empty\"");
        extra.leave();
        extra.push("\"e\"", "null");
        extra.leave();
        extra.push("\"f\"", "[1]");
        assert_eq!(extra.end().as_deref(), Some(r#"{"a":{"b":{"c":1.50,"d":{}},"e":null},"f":[1]}"#));
        extra.enter("\"a\"");
        extra.push("\"g\"", "2");
        assert_eq!(extra.end().as_deref(), Some(r#"{"a":{"g":2}}"#));
    }
}
