//! The wall between tenants: that it is whole, that it says when it is not, and that nobody looks over it.

mod operations;
mod roles;
mod rows;
mod wall;
