//! Exports who was in which Cloudflare RealtimeKit session, every connection event and the minutes
//! consumed, to Parquet or CSV.
//!
//! The stages, in the order in which data passes them:

pub mod answers;
mod blocking;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod dataset;
pub mod doctor;
pub mod error;
pub mod fetch;
pub mod files;
pub mod lists;
pub mod log;
pub mod manifest;
pub mod model;
pub mod operation;
pub mod output;
pub mod pipeline;
pub mod place;
pub mod plan;
pub mod progress;
pub mod publish;
pub mod queries;
pub mod reference;
pub mod report;
pub mod rollups;
pub mod sandbox;
pub mod sql;
pub mod tables;
pub mod ui;
pub mod verify;
pub mod wire;
