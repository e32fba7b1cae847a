//! Rooms, arrows, floors.

use std::collections::{BTreeMap, BTreeSet};

use super::read::File;

/// A room.
#[derive(Debug, Default)]
pub struct Room {
    /// Its files.
    pub files: usize,
    /// Their lines.
    pub lines: usize,
    /// How often it names each other room.
    pub imports: BTreeMap<String, usize>,
}

/// The rooms of a package.
#[derive(Debug, Default)]
pub struct Graph {
    /// By name.
    pub rooms: BTreeMap<String, Room>,
}

impl Graph {
    pub(super) fn add(&mut self, file: &File) {
        let room = self.rooms.entry(file.room.clone()).or_default();
        room.files += 1;
        room.lines += file.lines;
        for (to, count) in file.named.iter().filter(|(to, _)| **to != file.room) {
            *room.imports.entry(to.clone()).or_default() += count;
        }
    }

    /// What is named and is no room is an item of the package's root.
    pub(super) fn forget_strangers(&mut self) {
        let names: BTreeSet<String> = self.rooms.keys().cloned().collect();
        for room in self.rooms.values_mut() {
            room.imports.retain(|to, _| names.contains(to));
        }
    }

    /// Who names whom, and how often.
    pub fn arrows(&self) -> impl Iterator<Item = (&str, &str, usize)> {
        self.rooms.iter().flat_map(|(from, room)| {
            room.imports.iter().map(move |(to, count)| (from.as_str(), to.as_str(), *count))
        })
    }

    /// Rooms that reach each other, each with those that it is in a ring with, and alone otherwise.
    fn rings(&self) -> Vec<Vec<String>> {
        let reached: BTreeMap<&str, BTreeSet<&str>> =
            self.rooms.keys().map(|name| (name.as_str(), self.reached(name))).collect();
        let mut rings: Vec<Vec<String>> = Vec::new();
        for name in self.rooms.keys() {
            let of = |ring: &&mut Vec<String>| {
                let other = ring[0].as_str();
                reached[name.as_str()].contains(other) && reached[other].contains(name.as_str())
            };
            match rings.iter_mut().find(of) {
                Some(ring) => ring.push(name.clone()),
                None => rings.push(vec![name.clone()]),
            }
        }
        rings
    }

    /// All that a room names, and what those name.
    fn reached(&self, from: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&str> = self.rooms[from].imports.keys().map(String::as_str).collect();
        while let Some(room) = next.pop() {
            if reached.insert(room) {
                next.extend(self.rooms[room].imports.keys().map(String::as_str));
            }
        }
        reached
    }

    /// The lowest first: what names nothing, what names only that, and so on. A ring is on one floor.
    pub fn floors(&self) -> Vec<Vec<Vec<String>>> {
        let mut left = self.rings();
        let mut below: BTreeSet<String> = BTreeSet::new();
        let mut floors = Vec::new();
        while !left.is_empty() {
            let stands = |ring: &Vec<String>| {
                ring.iter().all(|name| {
                    self.rooms[name].imports.keys().all(|to| below.contains(to) || ring.contains(to))
                })
            };
            let (floor, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(stands);
            below.extend(floor.iter().flatten().cloned());
            floors.push(floor);
            left = rest;
        }
        floors
    }
}
