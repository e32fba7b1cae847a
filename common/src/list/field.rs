//! Fields, as resources declare them.

/// What a field's values are, and how they are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, compared as it is.
    Text,
    /// Text whose column is in lower case: compared regardless of case.
    Folded,
    /// An id.
    Uuid,
    /// An instant.
    Instant,
    /// A day.
    Date,
    /// A whole number.
    Integer,
    /// A number with at most three digits after the point, whose column has its thousandths: whole numbers are compared by
    /// operators that are leakproof.
    Thousandths,
    /// Yes or no.
    Boolean,
    /// Many texts, in a table of their own. `rows` are the table and the condition that joins it to the record; the field's
    /// column is the text's. Arrays would not do: their operators are not leakproof, so that no index serves them here.
    Many {
        /// `tenon.contact_tags where contact_tags.tenant_id = contacts.tenant_id and contact_tags.contact_id = contacts.id`
        rows: &'static str,
    },
    /// Many ids, likewise.
    ManyIds {
        /// As of [`Kind::Many`].
        rows: &'static str,
    },
}

impl Kind {
    /// Where the values are, if there are many.
    pub fn rows(self) -> Option<&'static str> {
        match self {
            Self::Many { rows } | Self::ManyIds { rows } => Some(rows),
            _ => None,
        }
    }
}

/// A field that lists can be filtered by.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The name on the wire.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// Whether lists can be sorted by it.
    pub sortable: bool,
    /// Whether many records have the same value, so that among those the newest come first.
    pub(crate) grouped: bool,
    /// Whether `contains` and `startsWith` find it: the search function knows it by its name.
    pub searched: bool,
    /// Whether an index of its own serves `=` and `in`; the search function does it where not.
    pub(crate) indexed: bool,
    /// The column.
    pub(crate) column: &'static str,
    /// Whether the column may be null.
    pub(crate) nullable: bool,
}

impl Field {
    /// A field whose column may be null, which lists cannot be sorted by and the search function does not know.
    pub(crate) const fn new(name: &'static str, column: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            sortable: false,
            grouped: false,
            searched: false,
            indexed: false,
            column,
            nullable: true,
        }
    }

    /// The column is not null.
    pub(crate) const fn required(self) -> Self {
        Self { nullable: false, ..self }
    }

    /// Lists can be sorted by it: there is an index by tenant and this column.
    pub(crate) const fn sortable(self) -> Self {
        Self { sortable: true, indexed: true, ..self }
    }

    /// Lists can be sorted by it, and many records have the same value: there is an index by tenant, this column, and from the
    /// newest to the oldest. The descending sort is the reverse of the ascending one.
    pub(crate) const fn grouped(self) -> Self {
        Self { grouped: true, ..self.sortable() }
    }

    /// The search function knows it.
    pub(crate) const fn searched(self) -> Self {
        Self { searched: true, ..self }
    }
}
