//! Where an import stands.

/// The states of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A worker looks at all of the file: whether it is what it says, how many rows it has.
    Validating,
    /// It waits: for its turn, or, after a dry run, to be run.
    Ready,
    /// Rows become records.
    Running,
    /// Every row was done.
    Succeeded,
    /// Some rows were done, others were refused.
    Partial,
    /// The file, or every row of it, was refused; or too many rows were.
    Failed,
    /// Somebody stopped it; what was done until then stays.
    Cancelled,
    /// What it did is taken back.
    Reverting,
    /// What it did was taken back.
    Reverted,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Validating,
        Self::Ready,
        Self::Running,
        Self::Succeeded,
        Self::Partial,
        Self::Failed,
        Self::Cancelled,
        Self::Reverting,
        Self::Reverted,
    ];

    /// The name on the wire and in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Validating => "validating",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Reverting => "reverting",
            Self::Reverted => "reverted",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether a worker has something to do, or waits for its turn.
    pub fn is_at_work(self) -> bool {
        matches!(self, Self::Validating | Self::Ready | Self::Running | Self::Reverting)
    }

    /// Whether it can be taken back.
    pub fn can_be_reverted(self) -> bool {
        matches!(self, Self::Succeeded | Self::Partial | Self::Failed | Self::Cancelled)
    }
}
