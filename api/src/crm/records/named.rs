//! The words of a resource in the operations that all resources have.

use std::collections::{BTreeSet, HashMap};
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem_openapi::registry::{MetaApi, MetaOperation, MetaPath, MetaSchema, Registry};
use poem_openapi::{OpenApi, Tags};
use tenon_common::crm::record::Record;

use crate::calls::caller::Needs;
use crate::crm::records::Resource;
use crate::http::export;
use crate::http::lists;

/// The operations `A` of the resource `R`: `{record}`, `{records}`, `{a record}`, `{read}`, `{write}`, `{delete}`, `{keys}`, `{unique}`,
/// `{relations}` and `{note}` in their ids and texts become the resource's own words, and its list has the parameters of its listing.
/// Operations of the same path may stand in several of `A`.
#[derive(Debug, Default)]
pub struct Named<R, A>(A, PhantomData<R>);

impl<R: Resource, A: OpenApi> OpenApi for Named<R, A> {
    fn meta() -> Vec<MetaApi> {
        let mut paths: Vec<MetaPath> = Vec::new();
        for path in A::meta().into_iter().flat_map(|api| api.paths) {
            match paths.iter_mut().find(|known| known.path == path.path) {
                Some(known) => known.operations.extend(path.operations),
                None => paths.push(path),
            }
        }
        let words = Words::of::<R>();
        for operation in paths.iter_mut().flat_map(|path| &mut path.operations) {
            if operation.operation_id == Some("list_{records}") {
                operation.params.extend(lists::parameters(R::Record::listing()));
                operation.params.push(lists::parameter("include", INCLUDE, MetaSchema::new("string")));
            }
            if operation.operation_id == Some("export_{records}") {
                operation.params.extend(export::parameters(R::Record::listing()));
            }
            operation.params.retain(|parameter| parameter.name != "include" || !R::RELATIONS.is_empty());
            operation.tags = vec![R::TAG.name()];
            words.name(operation, R::NOTES);
        }
        vec![MetaApi { paths }]
    }

    fn register(registry: &mut Registry) {
        R::TAG.register(registry);
        A::register(registry);
    }

    fn add_routes(self, routes: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        self.0.add_routes(routes);
    }
}

const INCLUDE: &str =
    "Records that the {records} name, to be answered beside them, parted by commas: {relations}.";

/// What stands for what.
struct Words(Vec<(&'static str, String)>);

impl Words {
    fn of<R: Resource>() -> Self {
        let (record, records) = (R::Record::KIND.name(), R::Record::listing().name);
        let article = if record.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        let permission = |needs: Option<tenon_common::role::Permission>| {
            needs.map(|permission| permission.name().to_owned()).unwrap_or_default()
        };
        let listed = |names: Vec<&str>, word: &str| {
            names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(word)
        };
        let keys: Vec<&str> = R::Record::UNIQUE.iter().map(|unique| unique.field).collect();
        let relations = R::RELATIONS.iter().map(|relation| relation.name).collect();
        Self(vec![
            ("{record}", record.to_owned()),
            ("{records}", records.to_owned()),
            ("{a record}", format!("{article} {record}")),
            ("{read}", permission(R::Read::PERMISSION)),
            ("{write}", permission(R::Write::PERMISSION)),
            ("{delete}", permission(R::Delete::PERMISSION)),
            ("{unique}", listed(keys.clone(), ", ")),
            ("{keys}", listed(keys, " or ")),
            ("{relations}", listed(relations, ", ")),
        ])
    }

    fn name(&self, operation: &mut MetaOperation, notes: &[(&'static str, &'static str)]) {
        operation.operation_id = operation.operation_id.map(|id| kept(self.fill(id)));
        let note = notes.iter().find(|(id, _)| Some(*id) == operation.operation_id);
        let note = note.map(|(_, note)| format!("{note} ")).unwrap_or_default();
        operation.summary = operation.summary.map(|text| kept(self.fill(text)));
        operation.description =
            operation.description.map(|text| kept(self.fill(&text.replace("{note} ", &note))));
        for parameter in &mut operation.params {
            parameter.description = parameter.description.take().map(|text| self.fill(&text));
        }
    }

    fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, word)| text.replace(name, word))
    }
}

/// The document borrows its texts for good. Each is kept once, however often the document is made.
fn kept(text: String) -> &'static str {
    static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut known = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(text) = known.get(text.as_str()) {
        return text;
    }
    let text: &'static str = text.leak();
    known.insert(text);
    text
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::crm::companies::Companies;
    use crate::crm::contacts::Contacts;
    use crate::crm::leads::Leads;
    use crate::crm::pipelines::Pipelines;

    /// The operations of the document by their ids.
    fn operations() -> HashMap<String, Value> {
        let document: Value = serde_json::from_str(&crate::spec().expect("a document").v31).expect("JSON");
        let paths = document["paths"].as_object().expect("paths").values();
        let operations = paths.flat_map(|methods| methods.as_object().expect("methods").values());
        let by_id =
            |operation: &Value| Some((operation["operationId"].as_str()?.to_owned(), operation.clone()));
        operations.filter_map(by_id).collect()
    }

    /// What stands in braces and blanks, as the words do.
    fn has_a_word(text: &str) -> bool {
        text.split('{').skip(1).any(|rest| {
            let word = rest.split('}').next().unwrap_or_default();
            word.len() < rest.len() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b' ')
        })
    }

    #[test]
    fn no_word_is_left_for_the_reader() {
        for (id, operation) in operations() {
            let texts = [&operation["summary"], &operation["description"]];
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let texts = texts.into_iter().chain(parameters.map(|parameter| &parameter["description"]));
            for text in texts.filter_map(Value::as_str) {
                assert!(!has_a_word(text), "{id}: {text}");
            }
        }
        assert!(has_a_word("Create {a record}") && !has_a_word("`{\"a\": 1}`, {"));
    }

    #[test]
    fn every_note_is_read() {
        let operations = operations();
        let notes = [Contacts::NOTES, Companies::NOTES, Leads::NOTES, Pipelines::NOTES].concat();
        assert!(!notes.is_empty());
        for (id, note) in notes {
            let description = operations.get(id).and_then(|operation| operation["description"].as_str());
            assert!(description.is_some_and(|text| text.contains(note)), "{id} does not say: {note}");
        }
    }
}
