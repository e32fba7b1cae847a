//! An array of JSON objects as one object on each line, in whatever pieces it comes.

/// Takes an array apart. Only brackets, quotes and commas are looked at: what is between them is checked when the lines are read.
#[derive(Debug, Default)]
pub struct Splitter {
    depth: usize,
    in_text: bool,
    escaped: bool,
    begun: bool,
    ended: bool,
    /// Whether something of an element was written.
    element: bool,
}

impl Splitter {
    /// Appends the lines of a piece. Refuses what is no array.
    pub fn split(&mut self, piece: &[u8], lines: &mut Vec<u8>) -> Result<(), &'static str> {
        for byte in piece {
            self.byte(*byte, lines)?;
        }
        Ok(())
    }

    /// Whether the array was closed.
    pub fn is_whole(&self) -> bool {
        self.ended
    }

    fn byte(&mut self, byte: u8, lines: &mut Vec<u8>) -> Result<(), &'static str> {
        if self.in_text {
            self.in_text = self.escaped || byte != b'"';
            self.escaped = byte == b'\\' && !self.escaped;
            // A line break within a text is no JSON: the line will be refused.
            lines.push(byte);
            return Ok(());
        }
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {
                if self.element {
                    lines.push(b' ');
                }
            }
            b'\xef' | b'\xbb' | b'\xbf' if !self.begun => {}
            b'[' if !self.begun => self.begun = true,
            _ if !self.begun => return Err("Expected an array of objects"),
            _ if self.ended => return Err("Something follows the end of the array"),
            b']' if self.depth == 0 => {
                self.end_element(lines);
                self.ended = true;
            }
            b',' if self.depth == 0 => self.end_element(lines),
            _ => {
                match byte {
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                    b'"' => self.in_text = true,
                    _ => {}
                }
                self.element = true;
                lines.push(byte);
            }
        }
        Ok(())
    }

    fn end_element(&mut self, lines: &mut Vec<u8>) {
        if std::mem::take(&mut self.element) {
            lines.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn lines(pieces: &[&[u8]]) -> Result<(String, bool), &'static str> {
        let mut splitter = Splitter::default();
        let mut lines = Vec::new();
        for piece in pieces {
            splitter.split(piece, &mut lines)?;
        }
        Ok((String::from_utf8_lossy(&lines).into_owned(), splitter.is_whole()))
    }

    #[test]
    fn each_element_is_a_line() {
        let array = b" [ {\"a\": \"x,]\\\"\"},\n {\"b\":\n [1, 2]} ] ";
        let wanted = "{\"a\": \"x,]\\\"\"}\n{\"b\":  [1, 2]} \n";
        assert_eq!(lines(&[array]), Ok((wanted.to_owned(), true)));
        assert_eq!(lines(&[b"[]"]), Ok((String::new(), true)));
        assert_eq!(lines(&[b"[{\"a\":1}"]), Ok(("{\"a\":1}".to_owned(), false)));
        assert!(lines(&[b"{}"]).is_err() && lines(&[b"[] x"]).is_err());
    }

    proptest! {
        #[test]
        fn what_is_taken_apart_is_what_was_there(
            texts in prop::collection::vec("\\PC{0,10}", 0..8), pretty: bool, cut in 0usize..400
        ) {
            let elements: Vec<Value> = texts.iter().map(|text| json!({"text": text, "list": [1, {"x": text}]})).collect();
            let whole = if pretty { serde_json::to_vec_pretty(&elements) } else { serde_json::to_vec(&elements) };
            let whole = whole.expect("JSON");
            let cut = cut.min(whole.len());
            let (lines, closed) = lines(&[&whole[..cut], &whole[cut..]]).expect("an array");
            let read: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
            prop_assert_eq!(read, elements);
            prop_assert!(closed);
        }

        #[test]
        fn no_bytes_are_too_odd(file in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = lines(&[&file]);
        }
    }
}
