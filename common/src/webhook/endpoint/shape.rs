//! Which of the events a webhook gets, and in which form.

use serde::Serialize;
use url::Url;

use super::headers::HeadersDraft;
use crate::error::FieldError;
use crate::event::EventType;
use crate::filter::{FilterError, Place};
use crate::webhook::endpoint::Webhook;
use crate::webhook::filter::Filter;
use crate::webhook::payload::{FULL, THIN};

/// What is sent, as it is kept and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    /// A filter over the event's body, in the grammar of the lists.
    pub filter: Option<String>,
    /// Whether changes that the webhook's own creator makes are left out.
    pub skip_own: bool,
    /// `full` or `thin`.
    pub payload: String,
    /// The names of its own headers, in lower case. Their values are shown to nobody.
    pub header_names: Vec<String>,
}

/// What a caller says of it, not checked yet.
#[derive(Clone, Debug, Default)]
pub struct ShapeDraft {
    /// None for all.
    pub filter: Option<String>,
    /// Defaults to false.
    pub skip_own: Option<bool>,
    /// Defaults to `full`.
    pub payload: Option<String>,
    /// Headers of its own.
    pub headers: HeadersDraft,
}

/// What is checked.
pub(super) struct Checked {
    pub(super) shape: Shape,
    /// What is to become of the headers that there are.
    pub(super) headers: HeadersDraft,
    /// What is wrong with the filter.
    pub(super) filter_error: Option<FilterError>,
}

impl ShapeDraft {
    /// What is said already.
    pub(super) fn of(shape: &Shape) -> Self {
        Self {
            filter: shape.filter.clone(),
            skip_own: Some(shape.skip_own),
            payload: Some(shape.payload.clone()),
            headers: HeadersDraft::Keep,
        }
    }

    /// `events` and `url` are what the webhook has with it, and `before` what it was. A filter that stays over the same events is not judged
    /// again.
    pub(super) fn check(
        self,
        events: &[String],
        url: Option<&str>,
        before: Option<&Webhook>,
        errors: &mut Vec<FieldError>,
    ) -> Checked {
        let payload = self.payload.unwrap_or_else(|| FULL.to_owned());
        if payload != FULL && payload != THIN {
            errors.push(FieldError::new("payload", "INVALID_VALUE", "Payload is full or thin"));
        }
        let has = before.map(|before| before.shape.header_names.as_slice()).unwrap_or_default();
        let moves = before.zip(url).is_some_and(|(before, url)| !is_same_place(&before.url, url));
        self.headers.check(has, moves, errors);
        let stays =
            before.is_some_and(|before| before.shape.filter == self.filter && before.events == events);
        let filter = self.filter.as_deref().filter(|_| !stays);
        let filter_error = filter.and_then(|filter| check_filter(filter, events).err());
        let shape = Shape {
            filter: self.filter,
            skip_own: self.skip_own.unwrap_or_default(),
            payload,
            header_names: has.to_vec(),
        };
        Checked { shape, headers: self.headers, filter_error }
    }
}

/// Notes what is no subscription.
pub(crate) fn check_events(events: &[String], errors: &mut Vec<FieldError>) {
    if events.is_empty() {
        errors.push(FieldError::new("events", "REQUIRED", "At least one event is required"));
    }
    for (at, event) in events.iter().enumerate() {
        if !EventType::is_subscription(event) {
            let message =
                "Unknown event type; GET /api/v1/event-types lists them, and contact.* is all that begin so";
            errors.push(FieldError {
                pointer: format!("/events/{at}"),
                code: "UNKNOWN_EVENT_TYPE",
                message: message.to_owned(),
            });
        }
    }
}

/// Whether a filter can be read, and is about what events of these subscriptions have. Where there is no event, no field can be judged.
pub(crate) fn check_filter(filter: &str, events: &[String]) -> Result<(), FilterError> {
    let all = ["*".to_owned()];
    let known = events.iter().any(|event| EventType::is_subscription(event));
    Filter::check(filter, if known { events } else { &all }).map(|_| ())
}

/// What is wrong with a filter, among other fields.
pub(crate) fn filter_field(FilterError { place, message }: FilterError) -> FieldError {
    let message = match place {
        Place::Character(at) => format!("At character {at}: {message}"),
        Place::Pointer(_) => message,
    };
    FieldError::new("filter", "INVALID_FILTER", message)
}

/// Whether two addresses are of the same scheme, host and port.
fn is_same_place(one: &str, other: &str) -> bool {
    match (one.parse::<Url>(), other.parse::<Url>()) {
        (Ok(one), Ok(other)) => one.origin() == other.origin(),
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_scheme_host_and_port() {
        for (one, other, same) in [
            ("https://a.example/x", "https://a.example:443/y?z", true),
            ("https://a.example/x", "https://A.EXAMPLE/x", true),
            ("https://a.example/x", "https://a.example:8443/x", false),
            ("https://a.example/x", "http://a.example/x", false),
            ("https://a.example/x", "https://b.example/x", false),
            ("https://a.example/x", "https://a.example.b.example/x", false),
            ("https://a.example/x", "no address", false),
        ] {
            assert_eq!(is_same_place(one, other), same, "{one} {other}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let draft = ShapeDraft {
            filter: Some("data.x = 1".to_owned()),
            skip_own: None,
            payload: Some("fat".to_owned()),
            headers: HeadersDraft::Replace(vec![("Host".to_owned(), "a".to_owned())]),
        };
        let mut errors = Vec::new();
        let events = ["contact.*".to_owned(), "contacts.*".to_owned()];
        check_events(&events, &mut errors);
        let checked = draft.check(&events, None, None, &mut errors);
        errors.extend(checked.filter_error.map(filter_field));
        let told: Vec<_> = errors.iter().map(|error| (error.pointer.as_str(), error.code)).collect();
        let expected = [
            ("/events/1", "UNKNOWN_EVENT_TYPE"),
            ("/payload", "INVALID_VALUE"),
            ("/headers/Host", "RESERVED_HEADER"),
            ("/filter", "INVALID_FILTER"),
        ];
        assert_eq!(told, expected);
        assert!(errors[3].message.starts_with("At character 1: None of the events has"), "{errors:?}");
    }
}
