//! Whoever knows the key and gets round the triggers is found by `audit`, which says where.

use rusqlite::types::Value;
use sealpost::case::What;
use sealpost::clock::policy::ResponsePolicy;
use sealpost::ledger::*;

use crate::sample::*;

/// A ledger with something in every table.
fn full_home() -> Home {
    let home = Home::new();
    let mut ledger = home.open();
    let reports: Vec<Stored> = (1..=4).map(|number| file_report(&mut ledger, number, "text of it")).collect();
    let moved = Incoming { mailbox: "maildir:/home/alice/Mail", epoch: 0, key: "17.host", ..incoming(&[], "") };
    ledger.store(&Incoming { raw: &mail(1, 200), ..moved }, &stamp()).unwrap();
    let cursor = Cursor { epoch: 7, next_uid: 5, below: 2, polled_at: stamp().at };
    ledger.set_cursor(INBOX, cursor).unwrap();
    let number = queue(&mut ledger, &reports[0].uid, "<r1@example.org>").unwrap();
    ledger.outbox_step(number, &Step::Send, &stamp()).unwrap();
    ledger.outbox_step(number, &Step::Sent, &stamp()).unwrap();
    ledger.import_cert("BB", "bob@example.org", b"certificate", &stamp()).unwrap();
    ledger.adopt_policy("SECURITY.md", b"within 2 days", &ResponsePolicy::default(), &stamp()).unwrap();
    let pinned = What::Pinned { address: "bob@example.org".into(), fingerprint: "BB".into() };
    ledger.append(&[event(None, None, pinned)], &stamp()).unwrap();
    sound(&ledger);
    home
}

/// Runs SQL past the triggers, which are there again afterwards, and audits.
fn audit_after(home: &Home, sql: &str) -> Vec<String> {
    let conn = home.intruder();
    change(&conn, sql);
    drop(conn);
    problems(home)
}

fn problems(home: &Home) -> Vec<String> {
    // What shows at a glance when opening is said there already.
    match Ledger::open_read(&home.places().ledger, &home.key()).and_then(|ledger| ledger.audit()) {
        Ok(audit) => {
            assert_eq!(audit.ok, audit.problems.is_empty());
            audit.problems
        }
        Err(error) => vec![error.to_string()],
    }
}

fn change(conn: &rusqlite::Connection, sql: &str) {
    conn.pragma_update(None, "foreign_keys", 0).unwrap();
    without_triggers(conn, || conn.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}")));
}

#[test]
fn each_kind_of_tampering_is_found_and_named() {
    let cases: &[(&str, &str)] = &[
        ("UPDATE event SET at = at + 1 WHERE number = 3", "event 3 is not what was recorded"),
        ("UPDATE event SET who = 'mallory' WHERE number = 4", "event 4 is not what was recorded"),
        ("UPDATE event SET what = replace(what, 'opening', 'resend ') WHERE number = 5", "event 5 "),
        ("DELETE FROM event WHERE number = 6", "events 6 to 6 are missing"),
        ("DELETE FROM event WHERE number = 1", "events 1 to 1 are missing"),
        ("UPDATE event SET number = number + 1000 WHERE number IN (3, 4);
          UPDATE event SET number = 1007 - number WHERE number > 1000", "event 3 is not what was recorded"),
        ("UPDATE event SET id = id + 1000 WHERE number IN (3, 4); UPDATE event SET id = 1007 - id WHERE id > 1000",
            "does not stand where it was recorded"),
        ("DELETE FROM event WHERE number = (SELECT max(number) FROM event)", "its history ends with event"),
        // A tail cut off with the device's row set back, as if it had never been.
        ("DELETE FROM event WHERE number = (SELECT max(number) FROM event);
          UPDATE device SET events = (SELECT max(number) FROM event), head = (SELECT hash FROM event ORDER BY number DESC)",
            "table event: "),
        ("DELETE FROM event WHERE number = (SELECT max(number) FROM event);
          UPDATE sqlite_sequence SET seq = seq - 1 WHERE name = 'event';
          UPDATE device SET events = (SELECT max(number) FROM event), head = (SELECT hash FROM event ORDER BY number DESC)",
            "its pinned certificate is not what its events say"),
        ("UPDATE device SET head = zeroblob(32)", "its history ends with event"),
        ("UPDATE device SET name = 'other'", "event 1 is not what was recorded"),
        ("DELETE FROM device", "its own device is missing"),
        ("UPDATE raw SET bytes = CAST(replace(CAST(bytes AS TEXT), 'report 2', 'report 9') AS BLOB) WHERE message = 2",
            "its bytes are not those that came"),
        // Line ends do not count for identity; they count here.
        ("UPDATE raw SET bytes = CAST(replace(CAST(bytes AS TEXT), char(13, 10), char(10) || char(13)) AS BLOB)
          WHERE message = 2", "message"),
        ("DELETE FROM raw WHERE message = 3", "its bytes are missing"),
        ("DELETE FROM message WHERE id = 4; DELETE FROM raw WHERE message = 4", "table message: "),
        ("UPDATE message SET received_at = received_at + 1000000 WHERE id = 2", "is not what its event recorded"),
        ("UPDATE message SET direction = 'out' WHERE id = 2", "is not what its event recorded"),
        ("UPDATE message SET event = (SELECT event FROM opening WHERE message = 2) WHERE id = 2", "no event recorded"),
        ("UPDATE sighting SET key = '5' WHERE id = 2", "is not what its event recorded"),
        ("UPDATE sighting SET epoch = 1 WHERE mailbox LIKE 'maildir%'", "sighting 5 of message"),
        ("DELETE FROM sighting WHERE mailbox LIKE 'maildir%'", "table sighting: "),
        ("INSERT INTO sighting (message, mailbox, epoch, key, direction, received_at, first_seen, event)
          SELECT message, mailbox, epoch, '99', direction, received_at, first_seen, 1 FROM sighting WHERE id = 1",
            "sighting 6 of message"),
        ("UPDATE opening SET value = replace(value, 'text of it', 'text of me') WHERE message = 3", "opening 3 of message"),
        ("UPDATE opening SET tried_with = 'keys-2' WHERE message = 3", "opening 3 of message"),
        ("DELETE FROM opening WHERE message = 4; DELETE FROM opened WHERE message = 4", "table opening: "),
        ("UPDATE opened SET subject = 'harmless' WHERE message = 1", "its lookup columns are not those of its last opening"),
        ("UPDATE opened SET signature = 'good' WHERE message = 1", "its lookup columns are not"),
        ("DELETE FROM opened WHERE message = 1", "its lookup columns are not"),
        ("DELETE FROM mention WHERE message = 1 AND position = 0", "its lookup columns are not"),
        ("DELETE FROM search WHERE rowid = 2", "message number 2 is opened or indexed for search, not both"),
        ("UPDATE report SET received_at = received_at + 1 WHERE id = 2", "report 2: "),
        ("UPDATE report SET id = id + 10; UPDATE report SET id = 15 - id", "report 1: "),
        ("DELETE FROM report WHERE id = 4", "3 reports are here, 4 were opened"),
        ("UPDATE filing SET role = 'automatic' WHERE message = 2", "where it is filed is not what its events say"),
        ("DELETE FROM filing WHERE message = 2", "where it is filed is missing"),
        ("UPDATE pin SET fingerprint = 'EE'", "its pinned certificate is not what its events say"),
        ("DELETE FROM pin", "its pinned certificate is missing"),
        ("UPDATE cert SET bytes = x'00' WHERE source = 'imported'", "is not to the byte what was stored"),
        ("UPDATE cert SET address = 'eve@example.org' WHERE source = 'imported'", "is not what its event recorded"),
        ("UPDATE cert SET address = 'eve@example.org' WHERE source = 'autocrypt' AND id = 1", "did not come with the mail"),
        ("DELETE FROM cert WHERE source = 'imported'", "table cert: "),
        ("UPDATE policy SET text = x'00'", "its text is not what was adopted"),
        ("UPDATE policy SET parsed = replace(parsed, '[]', '[ ]')", "policy version 1 is not what its event recorded"),
        ("DELETE FROM policy", "table policy: "),
        ("UPDATE outbox SET sealed = x'00'", "its bytes are not those that were queued"),
        ("UPDATE outbox SET recipients = '[\"eve@example.org\"]'", "reply 1 in the outbox is not what its event recorded"),
        ("UPDATE outbox SET state = 'queued'", "its events say otherwise"),
        ("DELETE FROM outbox", "table outbox: "),
        ("UPDATE cursor SET next_uid = 500", "is not what was written"),
        ("UPDATE event SET what = 'x' WHERE number = 3", "event 3 cannot be read"),
        ("UPDATE event SET number = 9223372036854775807 WHERE number = 3", "are missing"),
        ("UPDATE event SET at = 9223372036854775807 WHERE number = 3", "event 3 is not what was recorded"),
    ];
    let template = full_home();
    for (sql, expected) in cases {
        let home = template.copy();
        let found = audit_after(&home, sql);
        assert!(found.iter().any(|problem| problem.contains(expected)), "{sql}\nshould find {expected:?}: {found:#?}");
    }
    println!("{} kinds of tampering found", cases.len());
}

/// A copy that lies in Sent is looked for before another is filed there, so this note says nothing that is relied upon.
const FREE: [(&str, &str); 1] = [("outbox", "copied")];

/// Every table that holds rows of ours, as the file itself tells, so that a new one is attacked without anybody thinking of
/// it. (The search index has no rows but its inner ones, which say where words stand; `each_kind…` attacks it.)
fn tables(conn: &rusqlite::Connection) -> Vec<String> {
    let sql =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'search%'";
    let mut statement = conn.prepare(sql).unwrap();
    let found = statement.query_map([], |row| row.get(0)).unwrap().map(|name| name.unwrap());
    found.collect()
}

/// The columns of a table, and its rows with the rowid first.
fn rows_of(conn: &rusqlite::Connection, table: &str) -> (Vec<String>, Vec<Vec<Value>>) {
    let mut statement = conn.prepare(&format!("SELECT rowid, * FROM {table}")).unwrap();
    let columns: Vec<String> = statement.column_names().skip(1).map(str::to_owned).collect();
    let rows = statement.query_map([], |row| (0..=columns.len()).map(|at| row.get(at)).collect());
    let rows: Vec<Vec<Value>> = rows.unwrap().map(|row| row.unwrap()).collect();
    assert!(!rows.is_empty(), "{table} is empty: give full_home something in it");
    (columns, rows)
}

#[test]
fn a_change_to_any_column_of_any_row_is_found() {
    let home = full_home();
    let conn = home.intruder();
    conn.pragma_update(None, "foreign_keys", 0).unwrap();
    let (mut changed, mut refused) = (0, 0);
    let tables = tables(&conn);
    assert!(tables.len() >= 15, "{tables:?}");
    for table in &tables {
        let (columns, rows) = rows_of(&conn, table);
        for row in &rows {
            for (column, value) in columns.iter().zip(&row[1..]) {
                if FREE.contains(&(table.as_str(), column.as_str())) {
                    continue;
                }
                let other = match value {
                    Value::Integer(number) => Value::Integer(if column == "own" { 0 } else { number + 1_000_003 }),
                    Value::Text(text) if text.is_empty() => Value::Text("x".into()),
                    Value::Text(text) => Value::Text(flip(text)),
                    Value::Blob(bytes) if bytes.is_empty() => Value::Blob(vec![0; 32]),
                    Value::Blob(bytes) => {
                        let mut bytes = bytes.clone();
                        let middle = bytes.len() / 2;
                        bytes[middle] ^= 1;
                        Value::Blob(bytes)
                    }
                    _ => unreachable!(),
                };
                let found = is_found(&home, &conn, (table, column), &row[0], value, &other);
                changed += usize::from(found);
                refused += usize::from(!found);
            }
        }
    }
    drop(conn);
    assert!(problems(&home).is_empty(), "all was put back: {:#?}", problems(&home));
    let told = format!(
        "{changed} values of {} tables changed and found, {refused} refused by the file itself, 0 unnoticed",
        tables.len()
    );
    crate::support::figure("tampered-values", &told);
    assert!(changed > 300, "{changed}");
}

#[test]
fn any_row_that_is_deleted_or_changes_places_is_found() {
    let home = full_home();
    let conn = home.intruder();
    conn.pragma_update(None, "foreign_keys", 0).unwrap();
    let (mut deleted, mut swapped) = (0, 0);
    for table in tables(&conn) {
        let (columns, rows) = rows_of(&conn, &table);
        for row in &rows {
            without_triggers(&conn, || {
                conn.execute(&format!("DELETE FROM {table} WHERE rowid = ?1"), [&row[0]]).unwrap();
            });
            // Where a cursor is gone, the next poll looks at the whole mailbox again, and finds nothing new in it.
            assert!(table == "cursor" || !problems(&home).is_empty(), "{table}: row {:?} was deleted", row[0]);
            let marks = vec!["?"; columns.len() + 1].join(", ");
            without_triggers(&conn, || {
                let names = columns.join(", ");
                // Where the number is a column of its own, it stands there twice.
                let sql = if columns.iter().any(|c| c == "id") || matches!(table.as_str(), "raw" | "opened" | "filing")
                {
                    format!("INSERT INTO {table} ({names}) VALUES ({})", vec!["?"; columns.len()].join(", "))
                } else {
                    format!("INSERT INTO {table} (rowid, {names}) VALUES ({marks})")
                };
                let values = if sql.contains("(rowid") { &row[..] } else { &row[1..] };
                conn.execute(&sql, rusqlite::params_from_iter(values)).unwrap();
            });
            deleted += 1;
        }
        for pair in rows.windows(2) {
            let [one, other] = pair else { unreachable!() };
            let swap = |from: &Value, to: &Value| {
                let moved = conn.execute(&format!("UPDATE {table} SET rowid = ?2 WHERE rowid = ?1"), [from, to]);
                assert_eq!(moved.unwrap(), 1, "{table}");
            };
            let exchange = || {
                let aside = Value::Integer(77_000_077);
                without_triggers(&conn, || {
                    swap(&one[0], &aside);
                    swap(&other[0], &one[0]);
                    swap(&aside, &other[0]);
                });
            };
            exchange();
            // Rows without a number of their own have no order.
            let ordered = columns.iter().any(|c| c == "id") || matches!(table.as_str(), "raw" | "opened" | "filing");
            if ordered {
                assert!(!problems(&home).is_empty(), "{table}: rows {:?} and {:?} changed places", one[0], other[0]);
                swapped += 1;
            }
            exchange();
        }
    }
    drop(conn);
    assert!(problems(&home).is_empty(), "all was put back: {:#?}", problems(&home));
    crate::support::figure("tampered-rows", &format!("{deleted} rows deleted, {swapped} pairs exchanged, all found"));
    assert!(deleted > 60 && swapped > 40, "{deleted} {swapped}");
}

/// Writes another value, audits, and writes the old one back. False where a CHECK or a key refuses the other value, so
/// that nobody can write it.
fn is_found(
    home: &Home,
    conn: &rusqlite::Connection,
    place: (&str, &str),
    rowid: &Value,
    was: &Value,
    other: &Value,
) -> bool {
    let (table, column) = place;
    let set = |to: &Value, at: &Value| {
        let mut done = Ok(0);
        let sql = format!("UPDATE {table} SET {column} = ?1 WHERE rowid = ?2");
        without_triggers(conn, || done = conn.execute(&sql, [to, at]));
        done
    };
    if let Err(error) = set(other, rowid) {
        assert!(error.to_string().contains("constraint"), "{table}.{column}: {error}");
        return false;
    }
    assert!(!problems(home).is_empty(), "{table}.{column} of row {rowid:?} became {other:?}");
    // A column that is the row's number itself has moved the row.
    let moved = set(was, rowid).unwrap() == 0;
    assert!(!moved || set(was, other).unwrap() == 1, "{table}.{column} was put back");
    true
}

/// Another character of the same length in the middle.
fn flip(text: &str) -> String {
    let middle = text.chars().count() / 2;
    let letters = text.chars().enumerate();
    letters.map(|(at, letter)| if at == middle { if letter == 'a' { 'b' } else { 'a' } } else { letter }).collect()
}

fn trigger_list(conn: &rusqlite::Connection) -> Vec<(String, String)> {
    let mut statement = conn.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").unwrap();
    let triggers = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    triggers.map(|trigger| trigger.unwrap()).collect()
}

/// Takes the triggers off for as long as `work` runs.
fn without_triggers(conn: &rusqlite::Connection, work: impl FnOnce()) {
    let triggers = trigger_list(conn);
    assert!(triggers.len() >= 20);
    triggers.iter().for_each(|(name, _)| conn.execute_batch(&format!("DROP TRIGGER {name}")).unwrap());
    work();
    triggers.iter().for_each(|(_, sql)| conn.execute_batch(sql).unwrap());
}

#[test]
fn triggers_refuse_and_their_loss_is_found() {
    let home = full_home();
    let conn = home.intruder();
    conn.pragma_update(None, "recursive_triggers", 1).unwrap();
    for table in ["event", "message", "raw", "sighting", "opening", "cert", "policy", "report"] {
        for sql in [
            format!("UPDATE {table} SET rowid = rowid + 1"),
            format!("DELETE FROM {table}"),
            format!("INSERT OR REPLACE INTO {table} SELECT * FROM {table}"),
        ] {
            let refused = conn.execute(&sql, []).unwrap_err().to_string();
            assert!(refused.contains("the ledger only grows"), "{sql}: {refused}");
        }
    }
    assert!(conn.execute("UPDATE device SET events = events - 1", []).is_err());
    assert!(conn.execute("UPDATE outbox SET sealed = x'00'", []).is_err());
    assert!(conn.execute("DELETE FROM outbox", []).is_err());
    drop(conn);
    assert!(problems(&home).is_empty());
    home.intruder().execute_batch("DROP TRIGGER raw_keeps").unwrap();
    assert_eq!(problems(&home), ["trigger raw_keeps is missing"]);
    let theirs = "CREATE TRIGGER raw_keeps BEFORE UPDATE ON raw BEGIN SELECT 1; END";
    home.intruder().execute_batch(theirs).unwrap();
    assert_eq!(problems(&home), ["trigger raw_keeps was changed"]);
}

#[test]
fn a_page_that_was_changed_on_the_disk_is_found() {
    let home = full_home();
    let good = std::fs::read(home.places().ledger).unwrap();
    assert!(good.len() > 20 * 4096);
    for page in 0..good.len() / 4096 {
        let mut bad = good.clone();
        bad[page * 4096 + 1234] ^= 0x10;
        std::fs::write(home.places().ledger, &bad).unwrap();
        let found = problems(&home);
        assert!(!found.is_empty(), "page {}", page + 1);
        for rest in ["ledger.db-wal", "ledger.db-shm"] {
            let _ = std::fs::remove_file(home.file(rest));
        }
    }
}

/// Without the key: SQLCipher authenticates every page to its last byte, so no flipped bit anywhere goes unnoticed.
#[test]
fn a_bit_flipped_anywhere_in_the_file_is_found() {
    let home = full_home();
    let good = std::fs::read(home.places().ledger).unwrap();
    let count = crate::support::rounds(100);
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    for round in 0..count {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(state >> 20).unwrap() % good.len();
        let mut bad = good.clone();
        bad[at] ^= 1 << (round % 8);
        std::fs::write(home.places().ledger, &bad).unwrap();
        assert!(!problems(&home).is_empty(), "bit {} of byte {at}", round % 8);
        for rest in ["ledger.db-wal", "ledger.db-shm"] {
            let _ = std::fs::remove_file(home.file(rest));
        }
    }
    crate::support::figure("flipped-bits", &format!("{count} bits flipped without the key, {count} found"));
}

#[test]
fn an_index_or_table_that_was_changed_is_found() {
    let home = full_home();
    home.intruder().execute_batch("DROP INDEX event_report").unwrap();
    assert_eq!(problems(&home), ["index event_report is missing"]);
    home.intruder().execute_batch("CREATE INDEX event_report ON event (report) WHERE report = 'none'").unwrap();
    assert_eq!(problems(&home), ["index event_report was changed"]);
    let home = full_home();
    home.intruder().execute_batch("CREATE VIEW more AS SELECT 1; CREATE TABLE theirs (a TEXT) STRICT").unwrap();
    assert_eq!(problems(&home), ["table \"theirs\" is not ours", "view \"more\" is not ours"]);
}

#[test]
fn a_whole_ledger_rolled_back_lacks_the_head_that_was_remembered() {
    let home = full_home();
    let before = home.copy();
    let mut ledger = home.open();
    let old = ledger.head().unwrap();
    file_report(&mut ledger, 9, "text");
    let new = ledger.head().unwrap();
    assert!(ledger.knows_head(&old).unwrap() && ledger.knows_head(&new).unwrap());
    let rolled_back = before.read();
    sound(&rolled_back);
    assert!(rolled_back.knows_head(&old).unwrap() && !rolled_back.knows_head(&new).unwrap());
}
