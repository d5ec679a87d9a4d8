//! A window over decoded text: buffered bytes, line breaks, and a bound on what is held at once.
//!
//! In: a reader of UTF-8 (or of what claims to be). Out: the bytes ahead, and lines of them.
//! Guarantees: a line break is LF, CRLF or CR; memory grows with the longest record, never with the file.
//! Not here: quotes and fields, encodings, compression.

use std::io::{self, Read};

use memchr::memchr2;

/// The first buffer, and so the text that detection sees.
pub(super) const WINDOW: usize = 256 * 1024;

/// The text of a list, read forwards.
pub(super) struct Text {
    source: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// How many bytes were consumed before `start`.
    consumed: u64,
    /// Whether the last byte consumed was a CR, of which a LF may be the second half.
    after_cr: bool,
}

/// How far a line reaches in [`Text::ahead`], without its break.
pub(super) enum LineEnd {
    /// The line is buffered.
    At(usize),
    /// No break within the bound.
    TooLong,
}

impl Text {
    pub(super) fn new(source: Box<dyn Read + Send>) -> Self {
        Self { source, buffer: vec![0; WINDOW], start: 0, end: 0, consumed: 0, after_cr: false }
    }

    /// The bytes that are buffered and not consumed.
    pub(super) fn ahead(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Where in the text the bytes ahead begin.
    pub(super) const fn position(&self) -> u64 {
        self.consumed
    }

    /// Buffers at least one byte more; false at the end of the text.
    pub(super) fn more(&mut self) -> io::Result<bool> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(read) => {
                    self.end += read;
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Fills the first window, for detection; true if the text ends within it.
    pub(super) fn fill_window(&mut self) -> io::Result<bool> {
        while self.end - self.start < WINDOW {
            if !self.more()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Passes over bytes ahead.
    pub(super) fn consume(&mut self, bytes: usize) {
        if let Some(&last) = self.ahead()[..bytes].last() {
            self.after_cr = last == b'\r';
        }
        self.start += bytes;
        self.consumed += bytes as u64;
    }

    /// Passes over empty lines and counts them; `None` at the end of the text.
    pub(super) fn skip_empty_lines(&mut self) -> io::Result<Option<u64>> {
        let mut lines = 0;
        loop {
            let Some(&byte) = self.ahead().first() else {
                if self.more()? {
                    continue;
                }
                return Ok(None);
            };
            match byte {
                b'\n' if self.after_cr => {}
                b'\n' | b'\r' => lines += 1,
                _ => return Ok(Some(lines)),
            }
            self.consume(1);
        }
    }

    /// Finds the end of the line ahead, buffering it whole if it is within `max` bytes.
    pub(super) fn line_end(&mut self, max: usize) -> io::Result<LineEnd> {
        let mut searched = 0;
        loop {
            let ahead = self.ahead();
            if let Some(found) = memchr2(b'\n', b'\r', &ahead[searched..]) {
                let end = searched + found;
                return Ok(if end > max { LineEnd::TooLong } else { LineEnd::At(end) });
            }
            searched = ahead.len();
            if searched > max {
                return Ok(LineEnd::TooLong);
            }
            if !self.more()? {
                return Ok(LineEnd::At(searched));
            }
        }
    }

    /// Consumes a line of `length` bytes and its break.
    pub(super) fn consume_line(&mut self, length: usize) {
        let with_break = (length + 1).min(self.ahead().len());
        self.consume(with_break);
    }

    /// Consumes the line ahead however long it is, holding none of it.
    pub(super) fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let ahead = self.ahead();
            if let Some(end) = memchr2(b'\n', b'\r', ahead) {
                self.consume(end + 1);
                return Ok(());
            }
            self.consume(ahead.len());
            if !self.more()? {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn lines(text: &str, max: usize) -> Vec<String> {
        let mut text = Text::new(Box::new(Cursor::new(text.as_bytes().to_vec())));
        let mut lines = Vec::new();
        while let Some(empty) = text.skip_empty_lines().expect("in memory") {
            lines.extend((0..empty).map(|_| String::new()));
            if let LineEnd::At(end) = text.line_end(max).expect("in memory") {
                lines.push(String::from_utf8_lossy(&text.ahead()[..end]).into_owned());
                text.consume_line(end);
            } else {
                text.skip_line().expect("in memory");
                lines.push("too long".to_owned());
            }
        }
        lines
    }

    #[test]
    fn every_kind_of_break_ends_one_line() {
        for (text, expected) in [
            ("a\nb", vec!["a", "b"]),
            ("a\r\nb\r\n", vec!["a", "b"]),
            ("a\rb\r", vec!["a", "b"]),
            ("\n\na\r\n\r\nb", vec!["", "", "a", "", "b"]),
            ("a\r\r\nb", vec!["a", "", "b"]),
            ("a\n\rb", vec!["a", "", "b"]),
            ("", vec![]),
        ] {
            assert_eq!(lines(text, 100), expected, "{text:?}");
        }
    }

    #[test]
    fn a_line_over_the_bound_is_passed_over() {
        assert_eq!(lines("aaaa\nb\r\ncccccc\nddd", 3), ["too long", "b", "too long", "ddd"]);
        let long = "x".repeat(3 * WINDOW);
        assert_eq!(lines(&format!("a\n{long}\nb"), 100), ["a", "too long", "b"]);
    }
}
