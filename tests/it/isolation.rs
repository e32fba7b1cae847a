//! The wall between tenants: that it is whole, that it says when it is not, and that nobody looks over it.

mod characters;
mod contract;
mod doors;
mod entries;
mod matrix;
mod operation;
mod operations;
pub(crate) mod records;
mod references;
mod refusals;
mod roles;
pub(crate) mod rows;
mod wall;
