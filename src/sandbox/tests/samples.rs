//! The repository's samples are what the default sandbox answers.
