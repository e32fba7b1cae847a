//! The dated versions of the API: which there are, in what each differs from the one before it, and how what is said in one of them is said
//! in another.
//!
//! The code knows the newest form and no other. A version is a day and its [`Change`]s, each of which turns requests of the form before into
//! those of its own, and answers and events back. What a request says goes forward through the changes since its version, oldest first; what
//! is answered and sent goes back through the same ones, newest first. Where nothing is to be turned, nothing is read or copied.
//!
//! `openapi/versions.md` says how a change is made.

mod change;
mod date;
mod steps;

use std::sync::LazyLock;

use chrono::NaiveDate;
use serde_json::Value;

use crate::error::FieldError;

pub use change::{Change, Query};
pub use date::ApiVersion;
pub use steps::Steps;

/// A version that there is.
#[derive(Debug)]
pub struct Version {
    /// The day by which it is called.
    pub date: ApiVersion,
    /// The same as text: `2026-01-01`.
    pub name: &'static str,
    /// In what it differs from the one before it, in the order in which requests of that one are turned; nothing for the oldest.
    pub changes: Vec<Box<dyn Change>>,
    /// Where nobody is to begin with it any more.
    pub deprecation: Option<Deprecation>,
}

/// What is told with each answer of a version that nobody is to begin with any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deprecation {
    /// Since when, or from when on: `Deprecation` (RFC 9745).
    pub since: NaiveDate,
    /// From when on it may be gone, where that is known: `Sunset` (RFC 8594).
    pub sunset: Option<NaiveDate>,
    /// A page that says what to do, for `Link`.
    pub link: &'static str,
}

impl Version {
    /// A version of that name, without changes.
    ///
    /// # Panics
    /// Where the name is no day: versions are written into the program.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let date = name.parse().unwrap_or_else(|_| panic!("{name} is no day"));
        Self { date, name, changes: Vec::new(), deprecation: None }
    }

    /// With another change, after those that it has.
    #[must_use]
    pub fn with(mut self, change: impl Change + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// With what is told of its end.
    #[must_use]
    pub fn deprecated(self, deprecation: Deprecation) -> Self {
        Self { deprecation: Some(deprecation), ..self }
    }
}

/// The versions that there are, oldest first. There is one at least.
#[derive(Debug)]
pub struct Versions(Vec<Version>);

/// The product's. A new one is a line here, and [`API_VERSION`](crate::event::API_VERSION) is the last one's name.
static PRODUCT: LazyLock<Versions> = LazyLock::new(|| Versions::new(vec![Version::new("2026-01-01")]));

impl Versions {
    /// Those of the product.
    #[must_use]
    pub fn product() -> &'static Self {
        &PRODUCT
    }

    /// A list of versions, oldest first.
    ///
    /// # Panics
    /// Where it is none: empty, not in the order of its days, with changes before the oldest, with an end before its announcement, or with
    /// a newest one that nobody is to begin with.
    #[must_use]
    pub fn new(versions: Vec<Version>) -> Self {
        let (Some(oldest), Some(newest)) = (versions.first(), versions.last()) else {
            panic!("there is no version");
        };
        assert!(oldest.changes.is_empty(), "there is nothing before {} to differ from", oldest.name);
        assert!(newest.deprecation.is_none(), "nobody could begin with any version");
        assert!(
            versions.is_sorted_by(|one, next| one.date < next.date),
            "versions stand oldest first, each once"
        );
        for Version { name, deprecation, .. } in &versions {
            let ends_early =
                deprecation.is_some_and(|told| told.sunset.is_some_and(|sunset| sunset < told.since));
            assert!(!ends_early, "{name} would end before that is announced");
        }
        Self(versions)
    }

    /// The one that the code speaks.
    #[must_use]
    pub fn newest(&self) -> &Version {
        self.0.last().expect("there is one at least")
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Version> {
        self.0.iter()
    }

    /// Whether there is nothing to turn into anything.
    #[must_use]
    pub fn is_only_one(&self) -> bool {
        self.0.len() == 1
    }

    /// The version of exactly this name, if there is one.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Version> {
        self.0.iter().find(|version| version.name == name)
    }

    /// The names of all, as a refusal lists them.
    #[must_use]
    pub fn names(&self) -> String {
        self.iter().map(|version| version.name).collect::<Vec<_>>().join(", ")
    }

    /// The version that somebody gives as `apiVersion`, which is to be kept: one that there is, or the one that is kept already.
    ///
    /// # Errors
    /// What is wrong with it, for the field of that name.
    pub fn given(&self, text: Option<&str>, otherwise: ApiVersion) -> Result<ApiVersion, FieldError> {
        let Some(text) = text else { return Ok(otherwise) };
        let kept = text.parse().ok().filter(|version| *version == otherwise);
        self.named(text).map(|version| version.date).or(kept).ok_or_else(|| {
            let message = format!("Expected one of the versions that there are: {}", self.names());
            FieldError::new("apiVersion", "UNKNOWN_VERSION", message)
        })
    }

    /// What a version that was kept with a key or a webhook is by now: itself; the next one that there is, where it has gone; the newest,
    /// where a newer release kept it.
    #[must_use]
    pub fn kept(&self, version: ApiVersion) -> &Version {
        self.0.iter().find(|known| known.date >= version).unwrap_or_else(|| self.newest())
    }

    /// The changes after one version, up to another. None where the other is not later.
    #[must_use]
    pub fn steps(&self, from: ApiVersion, to: ApiVersion) -> Steps<'_> {
        let begin = self.0.partition_point(|version| version.date <= from);
        let end = self.0.partition_point(|version| version.date <= to);
        Steps(self.0.get(begin..end).unwrap_or_default())
    }

    /// An event's body for a reader of a version, where that is another than the stored one: where it was made in a later version. The same
    /// body is always turned into the same bytes. For a reader of the newest version it is not looked at.
    #[must_use]
    pub fn event(&self, reader: ApiVersion, body: &[u8]) -> Option<String> {
        let reader = self.kept(reader);
        if reader.date == self.newest().date {
            return None;
        }
        // What is stored is ours: it is JSON, and says its type and its version.
        let mut event: Value = serde_json::from_slice(body).ok()?;
        let made_in = event["apiVersion"].as_str()?.parse().ok()?;
        let steps = self.steps(reader.date, made_in);
        if steps.is_empty() {
            return None;
        }
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        steps.event(&kind, &mut event);
        event["apiVersion"] = reader.name.into();
        Some(event.to_string())
    }
}

#[cfg(test)]
mod tests;
