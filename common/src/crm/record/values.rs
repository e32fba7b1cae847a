//! Values that are bound, where their number depends on the record.

use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::{Query, QueryAs, QueryScalar};
use sqlx::{Arguments, Encode, FromRow, Postgres, Type};

/// Values in the order of a statement's parameters; or why one of them cannot be bound.
pub(super) struct Values(Result<PgArguments, BoxDynError>);

impl Values {
    pub(super) fn new() -> Self {
        Self(Ok(PgArguments::default()))
    }

    pub(super) fn bind<'t, T>(mut self, value: T) -> Self
    where
        T: Encode<'t, Postgres> + Type<Postgres>,
    {
        if let Ok(arguments) = &mut self.0
            && let Err(error) = arguments.add(value)
        {
            self.0 = Err(error);
        }
        self
    }

    pub(super) fn query(
        self,
        text: &'static str,
    ) -> Result<Query<'static, Postgres, PgArguments>, sqlx::Error> {
        Ok(sqlx::query_with(text, self.0.map_err(sqlx::Error::Encode)?))
    }

    pub(super) fn query_as<T>(
        self,
        text: &'static str,
    ) -> Result<QueryAs<'static, Postgres, T, PgArguments>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, PgRow>,
    {
        Ok(sqlx::query_as_with(text, self.0.map_err(sqlx::Error::Encode)?))
    }

    pub(super) fn query_scalar<T>(
        self,
        text: &'static str,
    ) -> Result<QueryScalar<'static, Postgres, T, PgArguments>, sqlx::Error>
    where
        (T,): for<'r> FromRow<'r, PgRow>,
    {
        Ok(sqlx::query_scalar_with(text, self.0.map_err(sqlx::Error::Encode)?))
    }
}
