//! What is lost when processes die, stop or are cut off: nothing.

mod kills;
mod outages;
mod workers;
