//! A statement that is put together from texts of this program and values that are bound.

use sqlx::postgres::PgArguments;
use sqlx::query::{Query, QueryScalar};
use sqlx::{Encode, Postgres, QueryBuilder, Type};

/// SQL is `&'static str` here, so that nothing that was sent can become part of it.
pub(super) struct Statement(QueryBuilder<Postgres>);

impl Statement {
    pub(super) fn new(text: &'static str) -> Self {
        Self(QueryBuilder::new(text))
    }

    pub(super) fn text(&mut self, text: &'static str) -> &mut Self {
        self.0.push(text);
        self
    }

    pub(super) fn bind<T>(&mut self, value: T)
    where
        T: for<'q> Encode<'q, Postgres> + Type<Postgres>,
    {
        self.0.push_bind(value);
    }

    pub(super) fn query(&mut self) -> Query<'_, Postgres, PgArguments> {
        self.0.build()
    }

    pub(super) fn scalar<T>(&mut self) -> QueryScalar<'_, Postgres, T, PgArguments>
    where
        (T,): for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>,
    {
        self.0.build_query_scalar()
    }

    /// What the database will read.
    #[cfg(test)]
    pub(super) fn sql(&self) -> String {
        use sqlx::SqlSafeStr;
        self.0.sql().into_sql_str().as_str().to_owned()
    }
}
