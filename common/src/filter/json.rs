//! A filter as JSON: `{"and": […]}`, `{"or": […]}`, `{"not": …}`, `{"field": …, "op": …, "value": …}`.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json, json};

use super::{
    Arity, Filter, FilterError, MAX_DEPTH, MAX_VALUES, Operator, Place, Placed, Predicate, Value, too_deep,
};

/// Objects in each other that are read at all; what nests too deep for the rules is refused afterwards.
const MAX_NESTING: usize = 4 * MAX_DEPTH;

pub(super) fn read(value: &Json) -> Result<Placed, FilterError> {
    let mut reader = Reader { pointer: String::new(), nesting: 0, places: Vec::new() };
    let filter = reader.filter(value)?;
    Ok(Placed { filter, places: reader.places })
}

struct Reader {
    pointer: String,
    nesting: usize,
    places: Vec<Place>,
}

impl Reader {
    fn wrong(&self, message: impl Into<String>) -> FilterError {
        FilterError { place: Place::Pointer(self.pointer.clone()), message: message.into() }
    }

    /// Reads something one step further down.
    fn at<T>(
        &mut self,
        step: &str,
        inner: impl FnOnce(&mut Self) -> Result<T, FilterError>,
    ) -> Result<T, FilterError> {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(step);
        let result = inner(self)?;
        self.pointer.truncate(length);
        Ok(result)
    }

    fn filter(&mut self, value: &Json) -> Result<Filter, FilterError> {
        let forms = "Expected an object with and, or, not, or with field, op and value";
        let object = value.as_object().ok_or_else(|| self.wrong(forms))?;
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(self.wrong(too_deep()));
        }
        let form = match object.iter().next() {
            Some((name, inner)) if object.len() == 1 => Some((name.as_str(), inner)),
            _ => None,
        };
        let filter = match form {
            Some(("and", parts)) => self.at("and", |reader| reader.parts(parts, Filter::And)),
            Some(("or", parts)) => self.at("or", |reader| reader.parts(parts, Filter::Or)),
            Some(("not", inner)) => self.at("not", |reader| Ok(Filter::Not(Box::new(reader.filter(inner)?)))),
            _ if object.contains_key("field") => self.predicate(object),
            _ => Err(self.wrong(forms)),
        };
        self.nesting -= 1;
        filter
    }

    fn parts(&mut self, parts: &Json, many: fn(Vec<Filter>) -> Filter) -> Result<Filter, FilterError> {
        let parts = parts.as_array().filter(|parts| !parts.is_empty());
        let parts = parts.ok_or_else(|| self.wrong("Expected an array with at least one filter"))?;
        let mut read = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            read.push(self.at(&index.to_string(), |reader| reader.filter(part))?);
        }
        // One alone is what it is, in text too.
        Ok(if read.len() == 1 { read.remove(0) } else { many(read) })
    }

    fn predicate(&mut self, object: &Map<String, Json>) -> Result<Filter, FilterError> {
        self.places.push(Place::Pointer(self.pointer.clone()));
        if let Some(name) = object.keys().find(|name| !["field", "op", "value"].contains(&name.as_str())) {
            return Err(self.wrong(format!("Expected field, op and value, found {name:?} beside them")));
        }
        let field = self.at("field", |reader| match object.get("field").and_then(Json::as_str) {
            Some(field) => Ok(field.to_owned()),
            None => Err(reader.wrong("Expected the name of a field")),
        })?;
        let operator = self.at("op", |reader| {
            let word = object.get("op").and_then(Json::as_str).unwrap_or_default();
            Operator::of_word(word).ok_or_else(|| {
                let words: Vec<&str> = Operator::ALL.iter().map(|operator| operator.word()).collect();
                reader.wrong(format!("Expected one of: {}", words.join(", ")))
            })
        })?;
        let values = self.at("value", |reader| reader.values(operator, object.get("value")))?;
        Ok(Filter::Predicate(Predicate { field, operator, values }))
    }

    fn values(&mut self, operator: Operator, value: Option<&Json>) -> Result<Vec<Value>, FilterError> {
        let word = operator.word();
        match (operator.arity(), value) {
            (Arity::Zero, None | Some(Json::Null)) => Ok(Vec::new()),
            (Arity::Zero, Some(_)) => Err(self.wrong(format!("{word:?} takes no value"))),
            (Arity::One, Some(value)) => Ok(vec![self.value(value)?]),
            (Arity::One, None) => Err(self.wrong(format!("{word:?} takes a value"))),
            (Arity::Two, Some(Json::Array(values))) if values.len() == 2 => self.list(values),
            (Arity::Two, _) => Err(self.wrong(format!("{word:?} takes an array of two values"))),
            (Arity::Many, Some(Json::Array(values))) if (1..=MAX_VALUES).contains(&values.len()) => {
                self.list(values)
            }
            (Arity::Many, _) => {
                Err(self.wrong(format!("{word:?} takes an array of 1 to {MAX_VALUES} values")))
            }
        }
    }

    fn list(&mut self, values: &[Json]) -> Result<Vec<Value>, FilterError> {
        let each = values.iter().enumerate();
        each.map(|(index, value)| self.at(&index.to_string(), |reader| reader.value(value))).collect()
    }

    fn value(&mut self, value: &Json) -> Result<Value, FilterError> {
        match value {
            Json::String(text) if text.contains('\0') => {
                Err(self.wrong("A value must not contain the character U+0000"))
            }
            Json::String(text) => Ok(Value::Text(text.clone())),
            Json::Bool(boolean) => Ok(Value::Boolean(*boolean)),
            Json::Number(number) => {
                Ok(number.as_i64().map_or_else(|| Value::Text(number.to_string()), Value::Integer))
            }
            Json::Null => Err(self.wrong("Nothing equals null; use \"is null\" or \"is not null\"")),
            Json::Array(_) | Json::Object(_) => Err(self.wrong("Expected a string, a number or a boolean")),
        }
    }
}

impl Filter {
    /// The filter as JSON.
    pub fn to_json(&self) -> Json {
        let all = |parts: &[Self]| parts.iter().map(Self::to_json).collect::<Vec<_>>();
        match self {
            Self::And(parts) => json!({"and": all(parts)}),
            Self::Or(parts) => json!({"or": all(parts)}),
            Self::Not(inner) => json!({"not": inner.to_json()}),
            Self::Predicate(predicate) => predicate.to_json(),
        }
    }
}

impl Predicate {
    fn to_json(&self) -> Json {
        let mut values = self.values.iter().map(Value::to_json);
        let (field, op) = (&self.field, self.operator.word());
        match self.operator.arity() {
            Arity::Zero => json!({"field": field, "op": op}),
            Arity::One => json!({"field": field, "op": op, "value": values.next()}),
            Arity::Two | Arity::Many => {
                json!({"field": field, "op": op, "value": values.collect::<Vec<_>>()})
            }
        }
    }
}

impl Value {
    fn to_json(&self) -> Json {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Integer(number) => (*number).into(),
            Self::Boolean(boolean) => (*boolean).into(),
        }
    }
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}
