//! Stage 5: log entries -> record batches; pure.

pub mod schema;
