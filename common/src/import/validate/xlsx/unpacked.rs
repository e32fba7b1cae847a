//! What a workbook is unpacked: a file of a few megabytes may be made to fill all memory. Measured by unpacking it once, for what an archive
//! says of its own sizes need not be true.

use std::fs::File;
use std::io::{self, BufReader, Write};

use zip::ZipArchive;

use super::refused;
use crate::error::{Error, Result};
use crate::import::reader::MAX_ROW_BYTES;

/// Bytes of a part that is no sheet: the texts and the styles are in memory while the rows are read.
const MAX_TEXTS: u64 = 256 << 20;
/// Bytes of a sheet, which is read piece by piece.
const MAX_SHEET: u64 = 4 << 30;

/// Refuses a workbook with a part that is too large, or in which a single text is.
pub(super) fn check(file: &File) -> Result<()> {
    check_parts(file, MAX_TEXTS, MAX_SHEET)
}

fn check_parts(file: &File, texts: u64, sheet: u64) -> Result<()> {
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(refused)?;
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).map_err(refused)?;
        // Parts are found by their names in any case.
        let name = part.name().map_err(refused)?.to_lowercase();
        let is_sheet = name.starts_with("xl/worksheets/");
        let mut gauge = Gauge {
            left: if is_sheet { sheet } else { texts },
            without_tag: if is_sheet || name.ends_with(".xml") { MAX_ROW_BYTES } else { usize::MAX },
            since_tag: 0,
            is_over: false,
        };
        match io::copy(&mut part, &mut gauge) {
            Err(_) if gauge.is_over => {
                let message = format!("The workbook's part {name} is too large unpacked; save it as CSV");
                return Err(Error::File("FILE_TOO_LARGE", message));
            }
            Err(error) => return Err(refused(error)),
            Ok(_) => {}
        }
    }
    Ok(())
}

/// Counts bytes, and how many stand without a tag in between: so much of XML is held at once.
struct Gauge {
    left: u64,
    without_tag: usize,
    since_tag: usize,
    is_over: bool,
}

impl Write for Gauge {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pieces = bytes.split(|byte| *byte == b'<').map(<[u8]>::len);
        self.since_tag += pieces.next().unwrap_or_default();
        let mut longest = self.since_tag;
        for piece in pieces {
            longest = longest.max(piece);
            self.since_tag = piece;
        }
        let length = bytes.len() as u64;
        self.is_over = length > self.left || longest > self.without_tag;
        self.left = self.left.saturating_sub(length);
        if self.is_over { Err(io::Error::other("too large")) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn packed(name: &str, content: &[u8]) -> File {
        let mut archive = ZipWriter::new(tempfile::tempfile().unwrap());
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
        archive.finish().unwrap()
    }

    fn code(name: &str, content: &[u8]) -> Option<&'static str> {
        match check_parts(&packed(name, content), 100_000, 3_000_000) {
            Ok(()) => None,
            Err(Error::File(code, _)) => Some(code),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn parts_are_as_large_as_they_may_be() {
        let tags = "<t>x</t>".repeat(20_000);
        assert_eq!(code("xl/sharedStrings.xml", tags.as_bytes()), Some("FILE_TOO_LARGE"));
        assert_eq!(code("xl/sharedStrings.xml", &tags.as_bytes()[..90_000]), None);
        assert_eq!(code("xl/worksheets/sheet1.xml", tags.as_bytes()), None);
        assert_eq!(code("xl/worksheets/sheet1.xml", tags.repeat(20).as_bytes()), Some("FILE_TOO_LARGE"));
        assert_eq!(code("xl/worksheets/sheet1.xml", &vec![b' '; 2_000_000]), Some("FILE_TOO_LARGE"));
        assert_eq!(code("XL/SharedStrings.XML", tags.as_bytes()), Some("FILE_TOO_LARGE"));
        assert_eq!(
            code("xl/media/image1.png", &vec![0; 4_000_000]),
            Some("FILE_TOO_LARGE"),
            "it might be read as a sheet"
        );
        assert_eq!(code("xl/media/image1.png", &[0; 90_000]), None);
    }
}
