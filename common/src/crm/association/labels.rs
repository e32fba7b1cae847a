//! What the ends of an association are to each other.

use crate::error::{Error, QueryCode, Result};
use crate::rules;

/// The longest label, in characters.
pub const MAX_LABEL: usize = 100;

/// The labels of an association, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    label: String,
    /// None where the caller leaves it open.
    inverse: Option<String>,
}

impl Labels {
    /// Checks what a caller says: text of 1 to 100 characters, or nothing.
    pub fn check(label: Option<&str>, inverse: Option<&str>) -> Result<Self> {
        Ok(Self {
            label: checked("label", label)?.unwrap_or_default(),
            inverse: checked("inverseLabel", inverse)?,
        })
    }

    /// What the other record is to this one; empty where nobody says.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// What this record is to the other one: the same, where nobody says.
    pub(super) fn inverse(&self) -> &str {
        self.inverse.as_deref().unwrap_or(&self.label)
    }

    /// Whether an association with this label the other way round is what was asked for.
    pub(super) fn fit(&self, inverse: &str) -> bool {
        self.inverse.as_deref().is_none_or(|asked| asked == inverse)
    }
}

/// A label as it is shown; none where nobody said anything.
pub(super) fn said(label: &str) -> Option<&str> {
    Some(label).filter(|label| !label.is_empty())
}

fn checked(parameter: &'static str, text: Option<&str>) -> Result<Option<String>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let label = rules::text(text, "A label", MAX_LABEL);
    label.map(Some).map_err(|(_, message)| Error::Query { code: QueryCode::Parameter, parameter, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_counts_for_both_directions_unless_another_is_named() {
        let labels = Labels::check(Some(" partner "), None).expect("a label");
        assert_eq!((labels.label(), labels.inverse()), ("partner", "partner"));
        assert!(labels.fit("partner") && labels.fit("anything else"));
        let labels = Labels::check(Some("employer"), Some("employee")).expect("labels");
        assert_eq!((labels.label(), labels.inverse()), ("employer", "employee"));
        assert!(labels.fit("employee") && !labels.fit("employer"));
        let none = Labels::check(None, Some("")).expect("no label");
        assert_eq!((none.label(), none.inverse()), ("", ""));
    }

    #[test]
    fn a_label_that_breaks_a_rule_is_named() {
        let long = "x".repeat(101);
        for (label, inverse, named) in [
            (Some(" "), None, "label"),
            (Some("a"), Some(long.as_str()), "inverseLabel"),
            (Some("a\nb"), None, "label"),
        ] {
            let Err(Error::Query { parameter, .. }) = Labels::check(label, inverse) else {
                panic!("{label:?} {inverse:?}")
            };
            assert_eq!(parameter, named);
        }
    }
}
