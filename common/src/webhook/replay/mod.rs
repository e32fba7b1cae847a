//! Replays: what a webhook did not get is sent to it again, as a durable job.
//!
//! A replay's events are chosen in the transaction that makes it (`choice`) and kept in `tenon.webhook_replay_events`: what it brings is
//! known from then on, whatever happens meanwhile. A worker brings them page by page in the order of the events (`run`), each page with its
//! place in one transaction, a little ahead of their time; the time of each follows from the rate. Whoever is killed in the middle has
//! brought a page or has not. When all are brought it waits until their deliveries have ended, and says what became of them.

mod choice;
mod control;
mod draft;
mod job;
mod progress;
mod run;
mod state;
mod store;

pub use choice::{Group, Preview, preview};
pub(super) use control::end_of_webhook;
pub use control::{cancel, create, get, give_up, list};
pub use draft::{NewReplay, ReplayDraft};
pub use job::{EndReplay, ReplayWebhook};
pub use progress::Progress;
pub use run::{Begun, Step, Turn, begin, step};
pub use state::State;
pub use store::Replay;
