//! What of a timeline is wanted.

use crate::crm::activity::ActivityKind;
use crate::crm::linked::LinkedKind;
use crate::error::{Error, QueryCode, Result};
use crate::event::CATALOGUE;

/// Which activities and which events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Types {
    activities: Option<Vec<ActivityKind>>,
    /// All, where none is named.
    events: Option<Vec<String>>,
}

impl Types {
    /// Everything.
    pub fn all() -> Self {
        Self { activities: Some(ActivityKind::ALL.to_vec()), events: Some(Vec::new()) }
    }

    /// What a caller names, parted by commas: `activity`, `event`, kinds of activities, types of the record's events.
    pub fn parse(of: LinkedKind, text: &str) -> Result<Self> {
        let names: Vec<&str> = text.split(',').map(str::trim).collect();
        let events: Vec<&str> = own_events(of).collect();
        for name in &names {
            let known = matches!(*name, "activity" | "event")
                || ActivityKind::parse(name).is_some()
                || events.contains(name);
            if !known {
                return Err(unknown(name, &events));
            }
        }
        let has = |name: &str| names.contains(&name);
        let kinds: Vec<ActivityKind> =
            ActivityKind::ALL.into_iter().filter(|kind| has("activity") || has(kind.name())).collect();
        let types: Vec<String> =
            events.iter().filter(|name| has(name)).map(|name| (*name).to_owned()).collect();
        Ok(Self {
            activities: Some(kinds).filter(|kinds| !kinds.is_empty()),
            events: match has("event") {
                true => Some(Vec::new()),
                false => Some(types).filter(|types| !types.is_empty()),
            },
        })
    }

    /// The same without activities, for who may not read them.
    #[must_use]
    pub fn without_activities(self) -> Self {
        Self { activities: None, ..self }
    }

    /// The kinds of activities; none where no activities are wanted.
    pub(super) fn activities(&self) -> Option<&[ActivityKind]> {
        self.activities.as_deref()
    }

    /// The types of events, all where the list is empty; none where no events are wanted.
    pub(super) fn events(&self) -> Option<&[String]> {
        self.events.as_deref()
    }
}

/// The types of events that a kind of record has.
fn own_events(of: LinkedKind) -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().filter(move |event| event.object == of.entity()).map(|event| event.name)
}

fn unknown(name: &str, events: &[&str]) -> Error {
    let kinds: Vec<&str> = ActivityKind::ALL.into_iter().map(ActivityKind::name).collect();
    let shown: String = name.chars().take(60).collect();
    let message = format!(
        "There is no type {shown:?}; there are: activity, event, {}, {}",
        kinds.join(", "),
        events.join(", ")
    );
    Error::Query { code: QueryCode::Parameter, parameter: "types", message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_which_activities_and_events_are_wanted() {
        let parse = |text| Types::parse(LinkedKind::Lead, text).expect("types");
        assert_eq!(parse("activity,event"), Types::all());
        assert_eq!(parse("event"), Types::all().without_activities());
        let calls = parse("call, lead.converted");
        assert_eq!(calls.activities(), Some(&[ActivityKind::Call][..]));
        assert_eq!(calls.events(), Some(&["lead.converted".to_owned()][..]));
        assert_eq!(parse("note").events(), None);
        for wrong in ["", "call,", "contact.created", "x"] {
            assert!(Types::parse(LinkedKind::Lead, wrong).is_err(), "{wrong}");
        }
    }
}
