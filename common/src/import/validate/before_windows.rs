//! Texts in the encodings of the Mac and of MS-DOS, in which spreadsheet programs save tables to this day. To whoever knows neither they look
//! like windows-1252, with odd signs for the letters that are not ASCII.

use encoding_rs::{Encoding, MACINTOSH};

/// Small letters that are not ASCII, as the Mac writes them: äöüß, then those of other western languages.
const OF_MAC: &[u8] = b"\x8a\x9a\x9f\xa7\x87\x88\x89\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98\x99\x9b\x9c\x9d\x9e\xbe\xbf";

/// The same, as MS-DOS does (code page 850).
const OF_DOS: &[u8] = b"\x84\x94\x81\xe1\x82\x83\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x91\x93\x95\x96\x97\x9b\xa0\xa1\xa2\xa3\xa4\xc6\xe4";

/// What of these stands within words of windows-1252: an apostrophe and Š, š, Ž, ž, œ.
const OF_WINDOWS: &[u8] = b"\x92\x8a\x9a\x8e\x9e\x9c";

/// Bytes that are not ASCII and stand within words, by whose letters they may be.
#[derive(Debug, Default)]
pub(super) struct Letters {
    windows: u64,
    not_windows: u64,
    mac: u64,
    dos: u64,
}

/// Who wrote a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    Windows,
    Mac,
    Dos,
}

impl Writer {
    /// The encoding; none that is known of MS-DOS.
    pub(super) fn encoding(self, windows: &'static Encoding) -> Option<&'static Encoding> {
        match self {
            Self::Windows => Some(windows),
            Self::Mac => Some(MACINTOSH),
            Self::Dos => None,
        }
    }
}

impl Letters {
    /// Looks at a line.
    pub(super) fn line(&mut self, line: &[u8]) {
        for three in line.windows(3) {
            let [before, letter, behind] = three else { continue };
            if letter.is_ascii() || !before.is_ascii_alphabetic() || !behind.is_ascii_lowercase() {
                continue;
            }
            self.windows += u64::from(*letter >= 0xc0);
            self.not_windows += u64::from((0x80..0xa0).contains(letter) && !OF_WINDOWS.contains(letter));
            self.mac += u64::from(OF_MAC.contains(letter));
            self.dos += u64::from(OF_DOS.contains(letter));
        }
    }

    /// Who wrote them, of those three.
    pub(super) fn writer(&self) -> Writer {
        match self.not_windows > self.windows {
            true if self.mac > self.dos => Writer::Mac,
            true => Writer::Dos,
            false => Writer::Windows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(text: &[u8]) -> Writer {
        let mut letters = Letters::default();
        text.split(|byte| *byte == b'\n').for_each(|line| letters.line(line));
        letters.writer()
    }

    #[test]
    fn letters_tell_who_wrote_them() {
        let german = "Jürgen Müller;Bäckerei Groß\nZoë;Café Noël\n";
        let windows = |text: &str| encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
        assert_eq!(writer(&windows(german)), Writer::Windows);
        assert_eq!(writer(&windows("Seán O’Brien; „Foo“ – 5 €; Škoda, Beneš, Sacré-Cœur")), Writer::Windows);
        assert_eq!(writer(b"J\x9frgen M\x9fller;B\x8ackerei Gro\xa7e\nBj\x9arn\n"), Writer::Mac);
        assert_eq!(writer(b"Fran\x8dois Lef\x8fvre\n"), Writer::Mac);
        assert_eq!(writer(b"J\x81rgen M\x81ller;B\x84ckerei\nBj\x94rn;K\x94ln\n"), Writer::Dos);
        assert_eq!(writer(b"Ada"), Writer::Windows);
    }
}
