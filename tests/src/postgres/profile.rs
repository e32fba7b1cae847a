//! What a server is for, and the settings that follow.

/// What a server is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Tests: nothing survives a crash of the machine.
    Test,
    /// A person's data, which do.
    Dev,
    /// Measurements: PostgreSQL's defaults.
    Bench,
}

impl Profile {
    /// The name of the checkout's own server of this profile.
    pub fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Dev => "dev",
            Self::Bench => "bench",
        }
    }

    /// Whether data must survive a crash of the machine.
    pub(super) fn durable(self) -> bool {
        self != Self::Test
    }

    /// Settings that differ from PostgreSQL's defaults.
    pub(super) fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Test => &[
                "fsync=off",
                "full_page_writes=off",
                "synchronous_commit=off",
                "wal_level=minimal",
                "max_wal_senders=0",
                // Tests run side by side, each with the pools of an API and a worker.
                "max_connections=300",
            ],
            Self::Dev | Self::Bench => &[],
        }
    }
}
