//! The statements of a resource: put together once, from what it declares.

use super::{Link, Record};

/// The texts of a resource's statements.
#[derive(Debug)]
pub struct Statements {
    pub(super) insert: &'static str,
    pub(super) update: &'static str,
    pub(super) update_all: &'static str,
    pub(super) remove: &'static str,
    pub(super) find: &'static str,
    pub(super) find_all: &'static str,
    pub(super) lock: &'static str,
    pub(super) lock_all: &'static str,
    pub(super) lock_deleted: &'static str,
    pub(super) collision: &'static str,
    pub(super) takers: &'static str,
    /// Of each unique value, and of the id.
    pub(super) keys: Vec<KeyStatements>,
    /// Of each link.
    pub(super) links: Vec<LinkStatements>,
}

/// The texts of a unique value.
#[derive(Debug)]
pub(super) struct KeyStatements {
    pub(super) find: &'static str,
    pub(super) lock: &'static str,
    pub(super) lock_all: &'static str,
}

/// The texts of a link.
#[derive(Debug)]
pub(super) struct LinkStatements {
    pub(super) hide: &'static str,
    pub(super) show: &'static str,
    pub(super) remove: &'static str,
}

impl Statements {
    /// Puts them together; they stay for as long as the program runs.
    pub(crate) fn of<R: Record>() -> Self {
        let (table, columns) = (R::listing().table, R::listing().columns);
        let select = format!("select {columns} from {table} where tenant_id = $1");
        let key = |column: &str, cast: &str| KeyStatements {
            find: kept(format!("{select} and {column} = $2{cast} and deleted_at is null")),
            lock: kept(format!("{select} and {column} = $2{cast} and deleted_at is null for no key update")),
            lock_all: kept(format!(
                "{select} and {column} = any ($2{many}) and deleted_at is null order by id for no key update",
                many = if cast.is_empty() { String::new() } else { format!("{cast}[]") }
            )),
        };
        Self {
            insert: kept(insert::<R>(table)),
            update: kept(update::<R>(table)),
            update_all: kept(update_all::<R>(table)),
            remove: kept(format!("delete from {table} where tenant_id = $1 and id = any ($2)")),
            find: kept(format!("{select} and id = $2 and deleted_at is null")),
            find_all: kept(format!("{select} and id = any ($2) and deleted_at is null")),
            lock: kept(format!("{select} and id = $2 and (deleted_at is not null) = $3 for no key update")),
            lock_all: kept(format!(
                "{select} and id = any ($2) and deleted_at is null order by id for no key update"
            )),
            // By id, however many are deleted: `is true` keeps the index of what is deleted out of it.
            lock_deleted: kept(format!(
                "{select} and id = any ($2) and (deleted_at < now() - make_interval(secs => $3)) is true order by id for no key update"
            )),
            collision: kept(collision::<R>(table)),
            takers: kept(takers::<R>(table)),
            keys: R::UNIQUE
                .iter()
                .map(|unique| key(unique.column, ""))
                .chain([key("id", "::uuid")])
                .collect(),
            links: R::LINKS.iter().map(|link| LinkStatements::of(link, table)).collect(),
        }
    }
}

impl LinkStatements {
    fn of(link: &Link, record: &str) -> Self {
        let Link { table, column, condition } = link;
        Self {
            hide: kept(format!(
                "update {table} l set deleted_at = d.at, delete_batch_id = d.batch_id
                 from unnest($2::uuid[], $3::timestamptz[], $4::uuid[]) as d (id, at, batch_id)
                 where l.tenant_id = $1 and l.{column} = d.id and l.deleted_at is null{condition}"
            )),
            show: kept(format!(
                "update {table} l set deleted_at = null, delete_batch_id = null from {record} r
                 where r.tenant_id = $1 and r.id = $2 and l.tenant_id = $1 and l.{column} = r.id
                   and l.delete_batch_id = r.delete_batch_id{condition}"
            )),
            remove: kept(format!(
                "delete from {table} l where l.tenant_id = $1 and l.{column} = any ($2){condition}"
            )),
        }
    }
}

fn kept(text: String) -> &'static str {
    text.leak()
}

/// The names of the own columns, each as `each` writes it.
fn own<R: Record>(each: impl Fn(usize, &str, &str) -> String) -> String {
    let all = R::OWN.iter().enumerate();
    all.map(|(place, column)| each(place, column.name, column.sql_type())).collect::<Vec<_>>().join(", ")
}

/// `$1` the tenant, `$2` the ids, `$3` when, `$4` by whom, from `$5` the own columns.
fn insert<R: Record>(table: &str) -> String {
    let names = own::<R>(|_, name, _| name.to_owned());
    let values = own::<R>(|_, name, _| format!("r.{name}"));
    let arrays = own::<R>(|place, _, kind| format!("${}::{kind}[]", place + 5));
    format!(
        "insert into {table} (tenant_id, id, {names}, created_at, created_by, updated_at, updated_by)
         select $1, r.id, {values}, $3, $4, $3, $4 from unnest($2::uuid[], {arrays}) as r (id, {names})
         on conflict do nothing
         returning id"
    )
}

/// `$1` the tenant, `$2` the id, `$3` the version, `$4` when, `$5` by whom, `$6` when it was deleted, `$7` the delete batch, from
/// `$8` the own columns.
fn update<R: Record>(table: &str) -> String {
    let values = own::<R>(|place, name, _| format!("{name} = ${}", place + 8));
    format!(
        "update {table} set version = $3, updated_at = $4, updated_by = $5, deleted_at = $6,
                deleted_by = case when $6::timestamptz is null then null when $7::uuid is null then deleted_by else $5 end,
                delete_batch_id = case when $6::timestamptz is null then null else coalesce($7, delete_batch_id) end, {values}
         where tenant_id = $1 and id = $2"
    )
}

/// `$1` the tenant, `$2` the ids, `$3` the versions, `$4` when each, `$5` by whom, `$6` when each was deleted, `$7` their delete
/// batches, from `$8` the own columns.
fn update_all<R: Record>(table: &str) -> String {
    let names = own::<R>(|_, name, _| name.to_owned());
    let values = own::<R>(|_, name, _| format!("{name} = u.{name}"));
    let arrays = own::<R>(|place, _, kind| format!("${}::{kind}[]", place + 8));
    format!(
        "update {table} r set version = u.version, updated_at = u.updated_at, updated_by = $5, deleted_at = u.deleted_at,
                deleted_by = case when u.deleted_at is null then null when u.batch_id is null then r.deleted_by else $5 end,
                delete_batch_id = case when u.deleted_at is null then null else coalesce(u.batch_id, r.delete_batch_id) end, {values}
         from unnest($2::uuid[], $3::bigint[], $4::timestamptz[], $6::timestamptz[], $7::uuid[], {arrays})
             as u (id, version, updated_at, deleted_at, batch_id, {names})
         where r.tenant_id = $1 and r.id = u.id"
    )
}

/// `$1` the tenant, `$2` the id of the record that collided, from `$3` its unique values. Answers who has one, and the place of it.
fn collision<R: Record>(table: &str) -> String {
    let each = |write: &dyn Fn(usize, &str) -> String, joint: &str| {
        let all = R::UNIQUE.iter().enumerate().map(|(place, unique)| write(place, unique.column));
        all.collect::<Vec<_>>().join(joint)
    };
    let places = each(&|place, column| format!("when {column} = ${} then {place}", place + 3), " ");
    let same = each(&|place, column| format!("{column} = ${}", place + 3), " or ");
    match R::UNIQUE.is_empty() {
        true => format!("select id, 0 from {table} where tenant_id = $1 and id = $2 and false"),
        false => format!(
            "select id, case {places} end from {table}
             where tenant_id = $1 and id <> $2 and ({same}) and deleted_at is null
             order by 2 limit 1"
        ),
    }
}

/// `$1` the tenant, from `$2` arrays of the unique values. Answers who has one, and all of its unique values.
fn takers<R: Record>(table: &str) -> String {
    let columns: String = R::UNIQUE.iter().map(|unique| format!(", {}", unique.column)).collect();
    let all = R::UNIQUE.iter().enumerate();
    let among = all.map(|(place, unique)| format!("{} = any (${})", unique.column, place + 2));
    let among = among.collect::<Vec<_>>().join(" or ");
    let among = if among.is_empty() { "false" } else { &among };
    format!("select id{columns} from {table} where tenant_id = $1 and ({among}) and deleted_at is null")
}
