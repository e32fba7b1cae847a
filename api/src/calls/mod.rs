//! What a call goes through on its way to a handler and back that needs the [app](crate::app): the layers around everything, who calls, changes
//! that are made once, requests in an older version, answers that are the same for everybody, lists of what is kept, and lists that are streamed
//! while they are read.

pub mod caller;
pub mod export;
pub mod fixed;
pub mod kept;
pub mod layers;
pub mod once;
pub mod versioned;
