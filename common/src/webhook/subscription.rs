//! Which types of events are meant by what was said of them.

use crate::event::{CATALOGUE, EventType};

/// The types of the catalogue that names stand for: `contact.created`, `contact.*` for all that begin so, `*` for all.
///
/// # Errors
/// The places of names that stand for none.
pub fn types_of(names: &[String]) -> Result<Vec<&'static str>, Vec<usize>> {
    let unknown: Vec<usize> =
        (0..names.len()).filter(|place| !EventType::is_subscription(&names[*place])).collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }
    Ok(EventType::subscribed(names).map(|event| event.name).collect())
}

/// The types whose events tell of things of a kind: `contact`.
pub fn types_about(kind: &str) -> Vec<&'static str> {
    CATALOGUE.iter().filter(|event| event.object.name() == kind).map(|event| event.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Result<Vec<&'static str>, Vec<usize>> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        types_of(&names)
    }

    #[test]
    fn names_stand_for_types_of_the_catalogue() {
        let contacts = named(&["contact.*"]).expect("types");
        assert!(contacts.len() > 3 && contacts.iter().all(|name| name.starts_with("contact.")));
        assert_eq!(named(&["lead.created", "lead.created"]).expect("types"), ["lead.created"]);
        assert_eq!(named(&["*"]).expect("types").len(), CATALOGUE.len());
        assert_eq!(named(&["pipeline.stage.*"]).expect("types"), ["pipeline.stage.updated"]);
        let wrong = ["contact", "contact.created", "con*", ".*", "", "webhook.created", "contact.cre*"];
        assert_eq!(named(&wrong), Err(vec![0, 2, 3, 4, 5, 6]));
        assert_eq!(named(&[]), Ok(Vec::new()));
    }

    #[test]
    fn types_are_about_a_kind() {
        assert_eq!(types_about("contact"), named(&["contact.*"]).expect("types"));
        assert_eq!(types_about("api_key"), named(&["api_key.*"]).expect("types"));
        assert_eq!(types_about("delivery"), [""; 0]);
    }
}
