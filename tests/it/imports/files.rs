//! What files can be, and what is refused at once.

use serde_json::{Value, json};
use tenon_tests::eventually;
use tenon_tests::stack::{Stack, text};

use super::{contacts, counts, ended, import, rows};

#[tokio::test]
async fn every_format_and_encoding_is_read() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let table = "name;email\nJürgen Weiß;j{n}@example.com\nAda;a{n}@example.com\n";
    let of = |n: u8| table.replace("{n}", &n.to_string());
    let latin: Vec<u8> = of(2).chars().map(|c| u8::try_from(u32::from(c)).expect("Latin-1")).collect();
    let wide: Vec<u8> =
        std::iter::once(0xfeff).chain(of(3).encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let objects = |n: u8| json!([{"name": "Jürgen Weiß", "email": format!("j{n}@example.com")}, {"email": format!("a{n}@example.com"), "name": "Ada", "x": [1]}]);
    let lines = |n: u8| {
        let all = objects(n);
        all.as_array().expect("objects").iter().map(|row| format!("{row}\n")).collect::<String>()
    };
    let pretty = serde_json::to_vec_pretty(&objects(5)).expect("JSON");
    for (what, file) in [
        ("UTF-8", of(0).into_bytes()),
        ("UTF-8 with a mark", [b"\xef\xbb\xbf".as_slice(), of(1).as_bytes()].concat()),
        ("Latin-1", latin),
        ("UTF-16", wide),
        ("NDJSON", lines(4).into_bytes()),
        ("JSON", pretty),
        ("XLSX", workbook()),
    ] {
        let import = import(owner, json!({"object": "contacts"}), file).await;
        assert_eq!(
            (text(&import, "state"), counts(&import)),
            ("succeeded", json!([2, 0, 0, 0, 0])),
            "{what}: {import}"
        );
    }
    let made = contacts(owner, "&filter=name%20startsWith%20%22J%22").await;
    assert_eq!(made.len(), 7);
    assert!(made.iter().all(|contact| contact["name"] == "Jürgen Weiß"), "{made:?}");
}

/// A workbook of two rows.
fn workbook() -> Vec<u8> {
    workbook_of(
        r#"<row r="1"><c r="A1" t="inlineStr"><is><t>name</t></is></c><c r="B1" t="inlineStr"><is><t>email</t></is></c><c r="C1" t="inlineStr"><is><t>title</t></is></c></row>
<row r="2"><c r="A2" t="inlineStr"><is><t>Jürgen Weiß</t></is></c><c r="B2" t="inlineStr"><is><t>j9@example.com</t></is></c></row>
<row r="4"><c r="A4" t="inlineStr"><is><t>Ada</t></is></c><c r="C4"><v>42</v></c></row>"#,
    )
}

/// A workbook of these rows, as its parts in a ZIP archive without compression.
fn workbook_of(rows: &str) -> Vec<u8> {
    let sheet = format!(
        r#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>"#
    );
    let parts = [
        (
            "[Content_Types].xml",
            r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>"#,
        ),
        (
            "_rels/.rels",
            r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
        ),
        (
            "xl/workbook.xml",
            r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="People" sheetId="1" r:id="r1"/></sheets></workbook>"#,
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
        ),
        ("xl/worksheets/sheet1.xml", sheet.as_str()),
    ];
    archive(&parts)
}

/// A ZIP archive of stored files.
fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let (name, text) = (name.as_bytes(), text.as_bytes());
        let offset = archive.len();
        let mut facts = Vec::new();
        // Version, flags, method, time, date.
        for word in [20u16, 0, 0, 0, 0x21] {
            facts.extend_from_slice(&word.to_le_bytes());
        }
        for word in [crc32(text), text.len() as u32, text.len() as u32] {
            facts.extend_from_slice(&word.to_le_bytes());
        }
        facts.extend_from_slice(&(name.len() as u16).to_le_bytes());
        facts.extend_from_slice(&0u16.to_le_bytes());
        archive.extend_from_slice(b"PK\x03\x04");
        archive.extend_from_slice(&facts);
        archive.extend_from_slice(name);
        archive.extend_from_slice(text);
        directory.extend_from_slice(b"PK\x01\x02\x14\0");
        directory.extend_from_slice(&facts);
        // Comment, disk, attributes inside and outside.
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&(offset as u32).to_le_bytes());
        directory.extend_from_slice(name);
    }
    let begin = archive.len() as u32;
    let count = (files.len() as u16).to_le_bytes();
    archive.extend_from_slice(&directory);
    archive.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    archive.extend_from_slice(&[count, count].concat());
    archive.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    archive.extend_from_slice(&begin.to_le_bytes());
    archive.extend_from_slice(&[0, 0]);
    archive
}

/// CRC-32 (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[tokio::test]
async fn what_is_no_table_and_what_does_not_fit_is_refused_at_once() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let contacts = || json!({"object": "contacts"});
    let upload = async |options: Value, file: &[u8]| owner.upload("/imports", &options, "file", file).await;
    for (file, code) in
        [(b"%PDF-1.7".as_slice(), "NOT_A_TABLE"), (b"\x1f\x8b\x08", "NOT_A_TABLE"), (b"", "EMPTY_FILE")]
    {
        let refused = upload(contacts(), file).await.refused(400, "VALIDATION_ERROR").json();
        assert_eq!(
            (&refused["errors"][0]["pointer"], &refused["errors"][0]["code"]),
            (&json!("/file"), &json!(code))
        );
    }
    let refused = upload(json!({"object": "contacts", "format": "xlsx"}), b"name\nAda\n").await;
    assert_eq!(refused.refused(400, "VALIDATION_ERROR").json()["errors"][0]["code"], "FORMAT_MISMATCH");
    for (options, pointer) in [
        (json!({}), "/options/object"),
        (json!({"object": "contacts", "matchOn": ["shoe"]}), "/options/matchOn/0"),
        (json!({"object": "contacts", "phoneCountry": "ZZ"}), "/options/phoneCountry"),
        (json!({"object": "contacts", "defaults": {"shoe": "1"}}), "/options/defaults/shoe"),
    ] {
        let refused = upload(options, b"name\nAda\n").await.refused(400, "VALIDATION_ERROR").json();
        let told = refused["errors"][0]["pointer"] == pointer
            || refused["details"][pointer.trim_start_matches('/').replace('/', ".")].is_string();
        assert!(told, "{pointer}: {refused}");
    }
    let refused =
        upload(json!({"object": "contacts", "mapping": {"a": "shoe", "b": "name"}}), b"a,name\n1,Ada\n")
            .await;
    let refused = refused.refused(422, "IMPORT_MAPPING_INVALID").json();
    assert_eq!(refused["errors"].as_array().map(Vec::len), Some(2), "{refused}");
    assert_eq!(refused["errors"][0]["code"], "UNKNOWN_COLUMN");
    // Nothing of all that is left.
    let imports: Vec<Value> = owner.get("/imports").await.ok();
    assert_eq!(imports, Vec::<Value>::new());
    let left = walk(std::path::Path::new(stack.database.files()));
    assert_eq!(left, Vec::<std::path::PathBuf>::new());
}

/// The files below a folder.
pub(super) fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn what_only_all_of_a_file_says_ends_the_import() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let open = format!("name,title\nAda,\"never closed\n{}", "x,y\n".repeat(400_000));
    let import = import(owner, json!({"object": "contacts"}), open).await;
    assert_eq!((text(&import, "state"), text(&import, "failure")), ("failed", "ROW_TOO_LARGE"), "{import}");
    let wide = format!("name\nAda{}\n", ",".repeat(3 << 20));
    let wide = super::import(owner, json!({"object": "contacts"}), wide).await;
    assert_eq!((text(&wide, "state"), text(&wide, "failure")), ("failed", "ROW_TOO_LARGE"), "{wide}");
    let header = super::import(owner, json!({"object": "contacts"}), "name,title\n").await;
    assert_eq!((text(&header, "state"), text(&header, "failure")), ("failed", "EMPTY_FILE"));
    let array = super::import(owner, json!({"object": "contacts"}), "[{\"name\":\"Ada\"}").await;
    assert_eq!((text(&array, "state"), text(&array, "failure")), ("failed", "MALFORMED_JSON"));
    assert_eq!(contacts(owner, "").await, Vec::<Value>::new());
    let storage = stack.database.storage();
    for refused in [&import, &header, &array] {
        let key = format!("imports/{}/{}/file", text(refused, "tenantId"), text(refused, "id"));
        eventually("the file is removed at once", async || match storage.size(&key).await {
            Err(_) => Ok(()),
            Ok(bytes) => Err(format!("{bytes} bytes of {key}")),
        })
        .await;
    }
}

#[tokio::test]
async fn rows_come_in_the_request_too_and_contacts_have_a_path_of_their_own() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let body = json!({"options": {"defaults": {"lifecycle": "lead"}}, "rows": [{"name": "Ada", "title": null}, {"name": "Grace", "lifecycle": "client"}]});
    let sent = owner.post("/connection/contacts/import", body).await.status(202).json()["data"].clone();
    let import = ended(owner, &sent).await;
    assert_eq!((text(&import, "state"), counts(&import)), ("succeeded", json!([2, 0, 0, 0, 0])), "{import}");
    let made = contacts(owner, "").await;
    assert_eq!((text(&made[0], "lifecycle"), text(&made[1], "lifecycle")), ("lead", "client"));
    let refused = owner.post("/imports", json!({"options": {"object": "contacts"}, "rows": []})).await;
    refused.refused(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn files_are_read_as_people_write_them() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let activities = || json!({"object": "activities"});
    let open = import(owner, activities(), "kind,body\nnote,good\nnote,\"x\nnote,lost\n").await;
    assert_eq!((text(&open, "state"), text(&open, "failure")), ("failed", "OPEN_QUOTE"), "{open}");
    assert!(text(&open, "failureMessage").contains("row 2 opens in line 3"), "{open}");
    assert_eq!(owner.get("/connection/activities").await.ok::<Vec<Value>>(), Vec::<Value>::new());

    let table =
        "sep=;\r\nName;Title;;Notes\r\n;;;\r\nX; \r\n\"Ada\" \"x\";y\r\nY;;aside;n;;\r\nZ;a;b;c;d\r\n";
    let table = import(owner, json!({"object": "contacts"}), table).await;
    assert_eq!((text(&table, "state"), counts(&table)), ("partial", json!([2, 0, 0, 0, 2])), "{table}");
    let codes: Vec<String> = rows(owner, &table, "failed")
        .await
        .iter()
        .map(|row| text(&row["errors"][0], "code").to_owned())
        .collect();
    assert_eq!(codes, ["TEXT_BEHIND_QUOTE", "WRONG_CELL_COUNT"]);
    let reading = &table["reading"];
    assert_eq!(
        (&reading["delimiter"], &reading["encoding"], &reading["ignored"]),
        (
            &json!(";"),
            &json!("UTF-8"),
            &json!([{"column": "Column 3", "values": 2}, {"column": "Notes", "values": 2}])
        )
    );
}

#[tokio::test]
async fn bytes_that_are_no_text_come_back_in_the_file_of_errors() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let contacts_only = || json!({"object": "contacts"});
    let ascii = format!("name,title\n{}", "Ada,x\n".repeat(11_000));
    let behind = [ascii.as_bytes(), b"J\xfcrgen,x\n"].concat();
    let mapping = json!({"object": "contacts", "dryRun": true});
    let guessed = import(owner, mapping, &behind).await;
    assert_eq!(
        (&guessed["reading"]["encoding"], &guessed["failed"]),
        (&json!("windows-1252"), &json!(0)),
        "{guessed}"
    );
    let said = import(owner, json!({"object": "contacts", "encoding": "utf-8"}), &behind).await;
    assert_eq!((text(&said, "state"), text(&said, "failure")), ("failed", "WRONG_ENCODING"), "{said}");

    let mixed = ["name\nJosé\n".as_bytes(), b"J\xfcrgen\n"].concat();
    let mixed = import(owner, contacts_only(), &mixed).await;
    assert_eq!(counts(&mixed), json!([1, 0, 0, 0, 1]), "{mixed}");
    let errors = owner.get(&format!("/imports/{}/errors.csv", text(&mixed, "id"))).await.status(200);
    let lines: Vec<&[u8]> = errors.body.split(|byte| *byte == b'\n').collect();
    assert!(lines[1].starts_with(b"J\xfcrgen,2,INVALID_TEXT,"), "{errors}");
    let again = import(owner, contacts_only(), &errors.body).await;
    assert_eq!(counts(&again), json!([1, 0, 0, 0, 0]), "{again}");
    let names: Vec<String> =
        contacts(owner, "").await.iter().map(|contact| text(contact, "name").to_owned()).collect();
    assert_eq!(names, ["José", "Jürgen"]);
}

#[tokio::test]
async fn a_formula_without_a_value_and_one_with_an_error_are_refused_by_name() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let row = |number: usize, name: &str, title: &str| {
        format!(r#"<row r="{number}"><c r="A{number}" t="inlineStr"><is><t>{name}</t></is></c>{title}</row>"#)
    };
    let rows_of_sheet = [
        row(1, "name", r#"<c r="B1" t="inlineStr"><is><t>title</t></is></c>"#),
        row(2, "Ada", r#"<c r="B2"><f>1+1</f><v></v></c>"#),
        row(3, "Eve", r#"<c r="B3" t="str"><f>""</f><v></v></c>"#),
        row(4, "Grace", r#"<c r="B4" t="e"><f>NA()</f><v>#N/A</v></c>"#),
        row(5, "Jean", r#"<c r="B5"><f>1+1</f><v>2</v></c>"#),
    ];
    let import = import(owner, json!({"object": "contacts"}), workbook_of(&rows_of_sheet.concat())).await;
    assert_eq!(counts(&import), json!([2, 0, 0, 0, 2]), "{import}");
    let failed = rows(owner, &import, "failed").await;
    let codes: Vec<&str> = failed.iter().map(|row| text(&row["errors"][0], "code")).collect();
    assert_eq!(codes, ["CELL_ERROR", "CELL_ERROR"]);
    let made = contacts(owner, "").await;
    assert_eq!((&made[0]["title"], &made[1]["title"]), (&Value::Null, &json!("2")));
}
