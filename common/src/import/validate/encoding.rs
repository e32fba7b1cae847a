//! How a file's text is encoded, by all of it: what is UTF-8 for a million lines may say in the next that it is not.

use chardetng::EncodingDetector;
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use futures::StreamExt;

use super::before_windows::Letters;
use crate::error::{Error, Result};
use crate::import::format::{self, Detected};
use crate::import::reader::MAX_ROW_BYTES;
use crate::storage::Storage;

/// Of lines that are not ASCII, one in so many may be UTF-8 by chance in a file that is not.
const BY_CHANCE: u64 = 20;

/// The encoding of a file of text whose first bytes were looked at. Refuses one that is said to be UTF-8 and is not.
pub(super) async fn of(storage: &Storage, key: &str, found: &Detected) -> Result<&'static Encoding> {
    if found.encoding != UTF_8 && (found.is_marked || found.is_said) {
        return Ok(found.encoding);
    }
    let tally = tally(storage, key).await?;
    match tally.first_wrong {
        None => Ok(UTF_8),
        Some(line) if found.is_said => Err(does_not_fit(UTF_8, line)),
        Some(_) if found.is_marked || tally.is_utf8() => Ok(UTF_8),
        Some(_) => guessed(tally),
    }
}

/// The encoding of text that is not UTF-8. Refuses what is taken for windows-1252 and was written under MS-DOS.
fn guessed(tally: Tally) -> Result<&'static Encoding> {
    let guess = format::guess(tally.detector);
    if guess != WINDOWS_1252 {
        return Ok(guess);
    }
    let message = "The file is in an encoding of MS-DOS, which is not read: save it as UTF-8; or say in `encoding` which it is";
    tally.letters.writer().encoding(guess).ok_or_else(|| Error::File("WRONG_ENCODING", message.to_owned()))
}

/// The refusal of a file that is not encoded as it was said to be.
pub(super) fn does_not_fit(encoding: &'static Encoding, line: u64) -> Error {
    let name = encoding.name();
    let message =
        format!("Line {line} is not {name}, as `encoding` says; leave it out to have the encoding found out");
    Error::File("WRONG_ENCODING", message)
}

/// Lines of a file by what they are.
struct Tally {
    /// Not ASCII, and UTF-8.
    utf8: u64,
    wrong: u64,
    /// The number of the first line that is not UTF-8, from 1.
    first_wrong: Option<u64>,
    /// Was fed all lines that are not UTF-8.
    detector: EncodingDetector,
    /// Those of such lines.
    letters: Letters,
}

impl Tally {
    /// Whether it is UTF-8 but for some lines, which are refused.
    fn is_utf8(&self) -> bool {
        self.utf8 * BY_CHANCE > self.wrong
    }

    fn line(&mut self, line: &[u8], number: u64) {
        if line.is_ascii() {
            return;
        }
        if std::str::from_utf8(line).is_ok() {
            self.utf8 += 1;
            return;
        }
        self.wrong += 1;
        self.first_wrong.get_or_insert(number);
        self.detector.feed(line, false);
        self.letters.line(line);
    }
}

async fn tally(storage: &Storage, key: &str) -> Result<Tally> {
    let letters = Letters::default();
    let mut tally = Tally { utf8: 0, wrong: 0, first_wrong: None, detector: format::detector(), letters };
    let mut pieces = storage.stream(key).await?;
    let (mut rest, mut number): (Vec<u8>, u64) = (Vec::new(), 1);
    loop {
        let piece = pieces.next().await.transpose()?;
        rest.extend_from_slice(piece.as_deref().unwrap_or_default());
        let whole = match rest.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')) {
            _ if piece.is_none() => std::mem::take(&mut rest),
            Some(end) => rest.drain(..=end).collect(),
            // A row that is too long is refused where rows are read.
            None if rest.len() > MAX_ROW_BYTES => return Ok(tally),
            None => continue,
        };
        // Most files are ASCII for the most part.
        match whole.is_ascii() {
            true => number += whole.iter().filter(|byte| **byte == b'\n').count() as u64,
            false => {
                for line in whole.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
                    tally.line(line, number);
                    number += u64::from(line.ends_with(b"\n"));
                }
            }
        }
        if piece.is_none() {
            return Ok(tally);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{Object, Options};

    /// The encoding of a file, as an import finds it out.
    async fn found(file: &[u8], said: Option<&str>) -> Result<&'static str> {
        let folder = tempfile::tempdir().expect("a folder");
        let storage = Storage::open(&folder.path().to_string_lossy()).expect("a storage");
        let mut upload = storage.upload("file").await.expect("begun");
        upload.write(file.to_vec().into()).await.expect("written");
        upload.finish().await.expect("finished");
        let options = Options { encoding: said.map(str::to_owned), ..Options::new(Object::Contacts) };
        let head = &file[..file.len().min(format::HEAD)];
        let detected = format::detect(head, head.len() == file.len(), &options);
        let detected = detected.map_err(|(code, message)| Error::File(code, message))?;
        Ok(of(&storage, "file", &detected).await?.name())
    }

    fn code(result: Result<&'static str>) -> &'static str {
        match result {
            Err(Error::File(code, _)) => code,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn the_encoding_is_guessed_from_all_of_the_file() {
        let ascii = "name,email\n".to_owned() + &"Ada Lovelace,ada@example.com\n".repeat(3_000);
        let behind = |last: &[u8]| [ascii.as_bytes(), last].concat();
        assert!(ascii.len() > format::HEAD);
        assert_eq!(found(&behind(b"J\xfcrgen,j@example.com\n"), None).await.unwrap(), "windows-1252");
        assert_eq!(found(&behind(b"J\xfcrgen,j@example.com"), None).await.unwrap(), "windows-1252");
        assert_eq!(found(&behind("Jürgen,j@example.com".as_bytes()), None).await.unwrap(), "UTF-8");
        let mixed = [("José\n").repeat(3).as_bytes(), b"J\xfcrgen\n"].concat();
        assert_eq!(found(&behind(&mixed), None).await.unwrap(), "UTF-8", "one row of it is refused");
        let (japanese, ..) = encoding_rs::SHIFT_JIS.encode("山田太郎,東京都新宿区\n");
        assert_eq!(found(&behind(&japanese.repeat(20)), None).await.unwrap(), "Shift_JIS");
        let mac = b"Name;Company\nJ\x9frgen M\x9fller;B\x8ackerei Gro\xa7\nZo\x91;Caf\x8e No\x91l\nBj\x9arn \x81ngstr\x9am;Malm\x9a\n";
        assert_eq!(found(mac, None).await.unwrap(), "macintosh");
        let dos = b"Name;Company\nJ\x81rgen M\x81ller;B\x84ckerei Gro\xe1\nBj\x94rn;K\x94ln\n";
        assert_eq!(code(found(dos, None).await), "WRONG_ENCODING");
        assert_eq!(found(dos, Some("windows-1252")).await.unwrap(), "windows-1252");
    }

    #[tokio::test]
    async fn what_is_said_of_the_encoding_counts_and_what_does_not_fit_is_refused() {
        assert_eq!(found(b"name\nJ\xfcrgen\n", Some("iso-8859-2")).await.unwrap(), "ISO-8859-2");
        assert_eq!(found("name\nJürgen\n".as_bytes(), Some("latin1")).await.unwrap(), "windows-1252");
        let refused = found(b"name\nAda\nJ\xfcrgen\n", Some("utf-8")).await;
        assert!(
            matches!(&refused, Err(Error::File(_, message)) if message.starts_with("Line 3 ")),
            "{refused:?}"
        );
        assert_eq!(code(refused), "WRONG_ENCODING");
        assert_eq!(code(found(b"\xef\xbb\xbfname\n", Some("utf-16le")).await), "WRONG_ENCODING");
        assert_eq!(found(b"\xfe\xff\0n\0a\0m\0e", Some("utf-16")).await.unwrap(), "UTF-16BE");
    }
}
