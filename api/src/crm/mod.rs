//! The records of the CRM, and what hangs on them.

pub mod activities;
pub mod associations;
pub mod companies;
pub mod contacts;
pub mod industries;
pub mod lead_conversion;
pub mod lead_moves;
pub mod leads;
pub mod linked;
pub mod pipelines;
pub mod records;
pub mod stages;
pub mod timelines;
