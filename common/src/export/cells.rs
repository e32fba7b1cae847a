//! From the members of a record to cells: what its serialization says of each, without a tree of values in between.

use std::fmt::Display;

use serde::Serialize;
use serde::ser::{Error as _, Impossible, SerializeStruct, Serializer};

/// A row that is written cell by cell.
pub(super) trait Cells {
    /// There is no value.
    fn nothing(&mut self);
    /// Yes or no.
    fn boolean(&mut self, value: bool);
    /// A whole number.
    fn integer(&mut self, value: i64);
    /// A number.
    fn number(&mut self, value: f64);
    /// A text.
    fn text(&mut self, value: &str);
    /// A list or an object, as JSON.
    fn nested(&mut self, json: &str);
}

/// Writes the cells of a record's members, of those that are `wanted` where that is said.
pub(super) fn write<C: Cells>(
    record: &impl Serialize,
    cells: &mut C,
    wanted: Option<&[bool]>,
) -> Result<(), NoCell> {
    record.serialize(Cell { cells, members: Some(Wanted(wanted)) })
}

/// Why there is no cell of a value.
#[derive(Debug)]
pub(super) enum NoCell {
    /// It has values in it.
    Nested,
    /// It cannot be written.
    Failed(String),
}

impl Display for NoCell {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nested => formatter.write_str("a value with others in it"),
            Self::Failed(why) => formatter.write_str(why),
        }
    }
}

impl std::error::Error for NoCell {}

impl serde::ser::Error for NoCell {
    fn custom<T: Display>(why: T) -> Self {
        Self::Failed(why.to_string())
    }
}

/// Which members of a record are wanted, where not all are.
#[derive(Clone, Copy)]
struct Wanted<'a>(Option<&'a [bool]>);

/// One value; or a record, whose members are.
struct Cell<'a, C> {
    cells: &'a mut C,
    members: Option<Wanted<'a>>,
}

/// The members of a record, one after the other.
struct Members<'a, C> {
    cells: &'a mut C,
    wanted: Wanted<'a>,
    place: usize,
}

impl<C: Cells> SerializeStruct for Members<'_, C> {
    type Ok = ();
    type Error = NoCell;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<(), NoCell> {
        let place = self.place;
        self.place += 1;
        if self.wanted.0.is_some_and(|wanted| wanted.get(place) != Some(&true)) {
            return Ok(());
        }
        match value.serialize(Cell { cells: &mut *self.cells, members: None }) {
            Err(NoCell::Nested) => {
                let json = serde_json::to_string(value).map_err(NoCell::custom)?;
                self.cells.nested(&json);
                Ok(())
            }
            written => written,
        }
    }

    fn skip_field(&mut self, name: &'static str) -> Result<(), NoCell> {
        self.serialize_field(name, &())
    }

    fn end(self) -> Result<(), NoCell> {
        Ok(())
    }
}

type No = Impossible<(), NoCell>;

macro_rules! integers {
    ($($method:ident: $type:ty),+) => {$(
        fn $method(self, value: $type) -> Result<(), NoCell> {
            self.cells.integer(value.into());
            Ok(())
        }
    )+};
}

impl<'a, C: Cells> Serializer for Cell<'a, C> {
    type Ok = ();
    type Error = NoCell;
    type SerializeSeq = No;
    type SerializeTuple = No;
    type SerializeTupleStruct = No;
    type SerializeTupleVariant = No;
    type SerializeMap = No;
    type SerializeStruct = Members<'a, C>;
    type SerializeStructVariant = No;

    integers!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32);

    fn serialize_u64(self, value: u64) -> Result<(), NoCell> {
        self.cells.integer(i64::try_from(value).map_err(NoCell::custom)?);
        Ok(())
    }

    fn serialize_bool(self, value: bool) -> Result<(), NoCell> {
        self.cells.boolean(value);
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), NoCell> {
        self.cells.number(value.into());
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), NoCell> {
        self.cells.number(value);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), NoCell> {
        self.cells.text(value.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), NoCell> {
        self.cells.text(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), NoCell> {
        self.cells.nothing();
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), NoCell> {
        self.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NoCell> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), NoCell> {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Result<(), NoCell> {
        self.serialize_str(name)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), NoCell> {
        Err(NoCell::Nested)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), NoCell> {
        Err(NoCell::Nested)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), NoCell> {
        Err(NoCell::Nested)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<No, NoCell> {
        Err(NoCell::Nested)
    }

    fn serialize_tuple(self, _: usize) -> Result<No, NoCell> {
        Err(NoCell::Nested)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<No, NoCell> {
        Err(NoCell::Nested)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<No, NoCell> {
        Err(NoCell::Nested)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<No, NoCell> {
        Err(NoCell::Nested)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members<'a, C>, NoCell> {
        let wanted = self.members.ok_or(NoCell::Nested)?;
        Ok(Members { cells: self.cells, wanted, place: 0 })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<No, NoCell> {
        Err(NoCell::Nested)
    }
}
