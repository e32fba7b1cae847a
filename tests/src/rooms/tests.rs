use super::graph::Graph;
use super::read::{File, named};

fn graph(rooms: &[(&str, &[&str])]) -> Graph {
    let mut graph = Graph::default();
    for (room, imports) in rooms {
        let named = imports.iter().map(|to| ((*to).to_owned(), 1)).collect();
        graph.add(&File { room: (*room).to_owned(), lines: 1, named });
    }
    graph.forget_strangers();
    graph
}

#[test]
fn paths_and_groups_name_rooms_and_comments_do_not() {
    let text = "use crate::http::Body;\nuse crate::{app::App, crm::{self, leads}, http};\n// crate::audit\nlet x = crate::webhook::y(); $crate::no; mycrate::no;";
    let named = named(text);
    let expected = [("app", 1), ("crm", 1), ("http", 2), ("webhook", 1)];
    assert_eq!(named, expected.map(|(name, count)| (name.to_owned(), count)).into());
}

#[test]
fn a_room_stands_above_all_that_it_names_and_a_ring_on_one_floor() {
    let graph =
        graph(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &["d"]), ("d", &["c"]), ("e", &["nowhere"])]);
    let floors = graph.floors();
    let names = |floor: &[&[&str]]| -> Vec<Vec<String>> {
        floor.iter().map(|ring| ring.iter().map(|name| (*name).to_owned()).collect()).collect()
    };
    assert_eq!(floors, [names(&[&["c", "d"], &["e"]]), names(&[&["b"]]), names(&[&["a"]])]);
}

/// The directions that api/README.md and common/README.md promise.
#[test]
fn rooms_of_the_api_name_only_what_is_below_them() {
    let api = super::of_package("api").expect("the sources");
    let domain = ["account", "audit", "bulk", "changes", "crm", "webhook"];
    for (from, to, _) in api.arrows() {
        let sideways = domain.contains(&from) && domain.contains(&to);
        let upwards = ["app", "calls", "http", "openapi", "shown"].contains(&from) && domain.contains(&to)
            || from == "http"
            || to == "routes" && !["commands", "serve"].contains(&from);
        assert!(!sideways && !upwards, "{from} names {to}");
    }
}

#[test]
fn no_rooms_of_the_product_name_each_other_in_a_ring() {
    for package in ["api", "common", "worker"] {
        let floors = super::of_package(package).expect("the sources").floors();
        let ring = floors.iter().flatten().find(|ring| ring.len() > 1);
        assert_eq!(ring, None, "{package}");
    }
}
