//! Which types of events are meant by what was said of them, and whether an event is for a webhook as it is now.

use crate::event::CATALOGUE;
use crate::webhook::endpoint::Webhook;

/// The types of the catalogue that names stand for: `contact.created`, `contact.*` for all that begin so, `*` for all.
///
/// # Errors
/// The places of names that stand for none.
pub fn types_of<N: AsRef<str>>(names: &[N]) -> Result<Vec<&'static str>, Vec<usize>> {
    let unknown: Vec<usize> = (0..names.len())
        .filter(|place| !CATALOGUE.iter().any(|event| stands_for(names[*place].as_ref(), event.name)))
        .collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let named = |event: &str| names.iter().any(|name| stands_for(name.as_ref(), event));
    Ok(CATALOGUE.iter().map(|event| event.name).filter(|event| named(event)).collect())
}

fn stands_for(name: &str, event: &str) -> bool {
    match name.strip_suffix('*') {
        Some("") => true,
        Some(begins) => begins.ends_with('.') && begins.len() > 1 && event.starts_with(begins),
        None => name == event,
    }
}

/// The types whose events tell of things of a kind: `contact`.
pub fn types_about(kind: &str) -> Vec<&'static str> {
    CATALOGUE.iter().filter(|event| event.object.name() == kind).map(|event| event.name).collect()
}

/// Whether more than the type decides: bodies must be read for it.
pub(crate) fn judges_bodies(webhook: &Webhook) -> bool {
    webhook.shape.filter.is_some() || webhook.shape.skip_own
}

/// Whether an event of this type and body is for the webhook, by what it wants now. There is a body where
/// [`judges_bodies`] asks for one.
pub(crate) fn is_for(webhook: &Webhook, event: &str, _body: Option<&str>) -> bool {
    webhook.events.iter().any(|name| stands_for(name, event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_types_of_the_catalogue() {
        let contacts = types_of(&["contact.*"]).expect("types");
        assert!(contacts.len() > 3 && contacts.iter().all(|name| name.starts_with("contact.")));
        assert_eq!(types_of(&["lead.created", "lead.created"]).expect("types"), ["lead.created"]);
        assert_eq!(types_of(&["*"]).expect("types").len(), CATALOGUE.len());
        assert_eq!(types_of(&["pipeline.stage.*"]).expect("types"), ["pipeline.stage.updated"]);
        let wrong = ["contact", "contact.created", "con*", ".*", "", "webhook.created", "contact.cre*"];
        assert_eq!(types_of(&wrong), Err(vec![0, 2, 3, 4, 5, 6]));
        assert_eq!(types_of::<&str>(&[]), Ok(Vec::new()));
    }

    #[test]
    fn types_are_about_a_kind() {
        assert_eq!(types_about("contact"), types_of(&["contact.*"]).expect("types"));
        assert_eq!(types_about("api_key"), types_of(&["api_key.*"]).expect("types"));
        assert_eq!(types_about("delivery"), [""; 0]);
    }
}
