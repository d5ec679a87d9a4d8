//! Whole runs of the built binary, against the sandbox, read as users read them.
//!
//! One file per topic; `support` holds what they share: the binary in a directory of its own, a
//! sandbox with scripted faults, exports as rows, and `DuckDB` and `PyArrow` as second opinions.

#![expect(clippy::unwrap_used, reason = "a test says so with a panic")]

mod budget;
mod call_statistics;
mod clock;
mod config;
mod damage;
mod disk;
mod docs;
mod doctor;
mod drift;
mod engines;
mod exit_codes;
mod failures;
mod faults;
mod holds;
mod installing;
mod keeping;
mod layers;
mod lists;
mod locks;
mod memory;
mod month;
mod operation;
mod plan;
mod power;
mod profiles;
mod publishing;
mod queries;
mod readers;
mod readers_poll;
mod report;
mod resume;
mod rollups;
mod run;
mod samples;
mod secrets;
mod settings;
mod soak;
mod statistics_routes;
mod stored;
mod stores;
mod support;
mod sync;
mod verify;
mod warehouses;
mod window;
