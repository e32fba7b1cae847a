//! Reading rows by position: a name looked up for each field of each row costs a page of records more than decoding it does.

/// Reads a row's columns in the order of these fields.
macro_rules! by_position {
    ($record:ident { $($field:ident),+ $(,)? }) => {
        impl<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> for $record {
            fn from_row(row: &'r sqlx::postgres::PgRow) -> Result<Self, sqlx::Error> {
                let mut column = 0..;
                let mut next = || column.next().unwrap_or_default();
                Ok(Self { $($field: sqlx::Row::try_get::<_, usize>(row, next())?),+ })
            }
        }
    };
}

/// [`by_position`] for a record whose fields are called as its columns are: `columns!()` lists them for its statements.
macro_rules! record {
    ($record:ident { $first:ident $(, $field:ident)* $(,)? }) => {
        macro_rules! columns {
            () => {
                concat!(stringify!($first) $(, ", ", stringify!($field))*)
            };
        }
        $crate::db::record::by_position!($record { $first $(, $field)* });
    };
}

pub(crate) use {by_position, record};
