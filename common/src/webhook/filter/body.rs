//! The body of an event, as filters look at it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use serde_json::Value as Json;
use unicode_normalization::UnicodeNormalization;

/// A body, read once for all filters. A text that many of them look into is folded once.
#[derive(Debug)]
pub(crate) struct Body {
    json: Json,
    /// By where the text is.
    folded: RefCell<HashMap<*const u8, Rc<str>>>,
}

impl Body {
    /// Reads a body; nothing of what is none.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let json: Json = serde_json::from_slice(text).ok()?;
        json.is_object().then(|| Self { json, folded: RefCell::default() })
    }

    pub(super) fn json(&self) -> &Json {
        &self.json
    }

    /// A text of this body, without case and accents.
    pub(super) fn folded(&self, text: &str) -> Rc<str> {
        let mut known = self.folded.borrow_mut();
        let of = || Rc::from(folded(text));
        // An empty text is nowhere.
        if text.is_empty() { of() } else { Rc::clone(known.entry(text.as_ptr()).or_insert_with(of)) }
    }
}

/// A text without case and accents, as the database's `tenon.folded` has it.
pub(super) fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(text.len());
    let letters = text.nfd().filter(|letter| !('\u{300}'..='\u{36f}').contains(letter));
    for letter in letters.flat_map(char::to_lowercase) {
        match letter {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'þ' => folded.push_str("th"),
            'ħ' => folded.push('h'),
            'ı' => folded.push('i'),
            letter => folded.push(letter),
        }
    }
    folded
}
