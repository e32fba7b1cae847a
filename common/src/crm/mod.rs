//! The records of the CRM. A module of this folder does not call another one: what needs two has a file of its own, named for
//! what it does.

pub mod activity;
pub mod association;
pub mod company;
pub mod contact;
pub mod industry;
pub mod lead;
pub mod lead_conversion;
pub mod linked;
mod money;
pub mod pipeline;
pub mod record;
mod release;
pub mod retention;
mod stage_removal;
pub mod timeline;
