//! Where a replay stands; in the words of imports, as far as both have the same.

/// The states of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for a worker.
    Ready,
    /// Its deliveries are brought, or have not all ended.
    Running,
    /// All that it sent was delivered.
    Succeeded,
    /// Some of it was delivered, and some has failed again.
    Partial,
    /// All of it has failed again, or it was given up.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Ready, Self::Running, Self::Succeeded, Self::Partial, Self::Failed, Self::Cancelled];

    /// The name on the wire and in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether a worker has something to do for it.
    pub fn is_at_work(self) -> bool {
        matches!(self, Self::Ready | Self::Running)
    }
}
