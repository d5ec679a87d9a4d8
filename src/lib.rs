//! Exports who was in which Cloudflare RealtimeKit session, every connection event and the minutes
//! consumed, to Parquet or CSV.
//!
//! The stages, in the order in which data passes them:

pub mod error;
pub mod files;
pub mod lists;
pub mod manifest;
pub mod model;
pub mod publish;
pub mod rollups;
pub mod tables;
