//! Judgements on figures.
