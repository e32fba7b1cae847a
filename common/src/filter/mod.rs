//! Filters: what callers say of the records that they want.
//!
//! A filter comes as text (`lifecycle in (lead, client) and not company is null`) or as JSON
//! (`{"and": [{"field": "lifecycle", "op": "in", "value": ["lead", "client"]}, …]}`); both say the same and become the same
//! [`Filter`]. Here is what can be said; whether a field exists and what its values are, [`crate::list`] knows. The grammar is
//! published in the repository's `openapi/filters.md`.

mod json;
mod lexer;
mod parser;
mod print;

/// How deep `and`, `or` and `not` may stand in each other.
pub const MAX_DEPTH: usize = 5;
/// The most predicates of a filter.
pub const MAX_PREDICATES: usize = 50;
/// The longest text of a filter, in bytes.
pub const MAX_BYTES: usize = 4096;
/// The most values in one list.
pub const MAX_VALUES: usize = 1000;

/// A condition on records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All of them hold; two at least.
    And(Vec<Filter>),
    /// One of them holds; two at least.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// A field fulfils a comparison.
    Predicate(Predicate),
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predicate {
    /// The field's name on the wire.
    pub field: String,
    /// How it is compared.
    pub operator: Operator,
    /// With what: as many as the operator takes.
    pub values: Vec<Value>,
}

/// A value as it was written. The field decides what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text, an id, an instant, a number with a fraction.
    Text(String),
    /// A whole number in its usual writing.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
}

/// How many values an operator takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// None.
    Zero,
    /// One.
    One,
    /// Two, in order.
    Two,
    /// A list with at least one.
    Many,
}

macro_rules! operators {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $arity:ident;)+) => {
        /// How a field is compared.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Operator {
            $($(#[$doc])* $name),+
        }

        impl Operator {
            /// Every operator.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// As it is written, in text and as `op` in JSON.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            /// How many values it takes.
            pub fn arity(self) -> Arity {
                match self { $(Self::$name => Arity::$arity),+ }
            }
        }
    };
}

operators! {
    /// The same value.
    Equal = "=", One;
    /// Another value, or none.
    NotEqual = "!=", One;
    /// Less.
    Less = "<", One;
    /// Less, or the same.
    LessOrEqual = "<=", One;
    /// Greater.
    Greater = ">", One;
    /// Greater, or the same.
    GreaterOrEqual = ">=", One;
    /// One of these values.
    In = "in", Many;
    /// None of these values, or no value.
    NotIn = "not in", Many;
    /// From the first to the second, both included.
    Between = "between", Two;
    /// Has this text in it, regardless of case.
    Contains = "contains", One;
    /// Begins with this text, regardless of case.
    StartsWith = "startsWith", One;
    /// There is no value.
    IsNull = "is null", Zero;
    /// There is a value.
    IsNotNull = "is not null", Zero;
    /// Of a field with many values: at least one of these is among them.
    Any = "any", Many;
    /// Of a field with many values: all of these are among them.
    All = "all", Many;
    /// Of a field with many values: not one of these is among them.
    None = "none", Many;
}

impl Operator {
    /// The operator of a word, regardless of case.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operator| operator.word().eq_ignore_ascii_case(word))
    }
}

/// Where in what was sent something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A character of the text, counted from 1.
    Character(usize),
    /// A JSON pointer (RFC 6901) below the filter.
    Pointer(String),
}

/// What is wrong with a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FilterError {
    /// Where.
    pub place: Place,
    /// What was expected there.
    pub message: String,
}

/// A filter and where each of its predicates was written, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The filter.
    pub filter: Filter,
    /// One place for each predicate, from the first to the last.
    pub places: Vec<Place>,
}

impl Placed {
    /// Reads a filter's text.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parser::parse(text)?.within_limits(Place::Character(1))
    }

    /// Reads a filter's JSON.
    pub fn from_json(value: &serde_json::Value) -> Result<Self, FilterError> {
        json::read(value)?.within_limits(Place::Pointer(String::new()))
    }

    fn within_limits(self, whole: Place) -> Result<Self, FilterError> {
        let refused = |message| Err(FilterError { place: whole, message });
        if self.places.len() > MAX_PREDICATES {
            let found = self.places.len();
            return refused(format!(
                "A filter has at most {MAX_PREDICATES} predicates; this one has {found}"
            ));
        }
        if self.filter.depth() > MAX_DEPTH {
            return refused(too_deep());
        }
        Ok(self)
    }
}

fn too_deep() -> String {
    format!("and, or and not stand at most {MAX_DEPTH} deep in each other")
}

impl Filter {
    /// How deep it nests: 0 for a predicate.
    pub fn depth(&self) -> usize {
        match self {
            Self::Predicate(_) => 0,
            Self::Not(inner) => 1 + inner.depth(),
            Self::And(parts) | Self::Or(parts) => 1 + parts.iter().map(Self::depth).max().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests;
