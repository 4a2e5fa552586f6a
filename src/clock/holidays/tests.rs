use super::*;

fn read(body: &str) -> Result<Holidays, HolidayError> {
    Holidays::read(format!("BEGIN:VCALENDAR\r\n{body}END:VCALENDAR\r\n").as_bytes(), &TimeZone::UTC)
}

fn event(lines: &str) -> Result<Holidays, HolidayError> {
    read(&format!("BEGIN:VEVENT\r\n{lines}\r\nEND:VEVENT\r\n"))
}

fn dates(holidays: &Holidays) -> Vec<String> {
    holidays.iter().map(|(date, name)| format!("{date} {name}")).collect()
}

#[test]
fn the_end_of_an_all_day_event_is_exclusive() {
    let got = event("DTSTART;VALUE=DATE:20261224\r\nDTEND;VALUE=DATE:20261227\r\nSUMMARY:Christmas\\, long").unwrap();
    assert_eq!(dates(&got), ["2026-12-24 Christmas, long", "2026-12-25 Christmas, long", "2026-12-26 Christmas, long"]);
}

#[test]
fn lines_are_unfolded_and_errors_name_the_line_on_disk() {
    let got = event("SUMMARY:Good\r\n  Fri\r\n\tday\r\nDTSTART;VALUE=DATE:20260403").unwrap();
    assert_eq!(dates(&got), ["2026-04-03 Good Friday"]);
    let error = event("SUMMARY:Good\r\n  Friday\r\nDTSTART;VALUE=DATE:2026-04-03").unwrap_err();
    assert_eq!(error.line, 5);
}

#[test]
fn a_time_of_day_makes_no_day_off_and_says_so() {
    let got = event("DTSTART:20261224T120000\r\nDTEND:20261224T180000\r\nSUMMARY:Half day").unwrap();
    assert!(dates(&got).is_empty());
    assert_eq!(got.warnings, ["line 2: “Half day” has a time of day, so it is no day off"]);
}

#[test]
fn midnight_to_midnight_is_a_day_off_in_the_zone() {
    let got = event("DTSTART;TZID=Europe/Berlin:20261225T000000\r\nDTEND;TZID=Europe/Berlin:20261226T000000").unwrap();
    assert_eq!(dates(&got), ["2026-12-25 unnamed"]);
    let zone = super::super::calendar::Calendar::zone_named("Europe/Berlin").unwrap();
    let text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261224T230000Z\nDTEND:20261225T230000Z\nSUMMARY:Day\nEND:VEVENT\nEND:VCALENDAR";
    assert_eq!(dates(&Holidays::read(text.as_bytes(), &zone).unwrap()), ["2026-12-25 Day"]);
}

#[test]
fn cancelled_moved_and_excepted_days_are_not_off() {
    assert!(dates(&event("DTSTART:20260101\r\nSTATUS:CANCELLED").unwrap()).is_empty());
    let got = read(
        "BEGIN:VEVENT\nUID:a\nDTSTART:20260501\nRRULE:FREQ=YEARLY;COUNT=3\nEXDATE:20280501\nSUMMARY:May\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:a\nRECURRENCE-ID:20270501\nDTSTART:20270503\nSUMMARY:May moved\nEND:VEVENT\n",
    );
    assert_eq!(dates(&got.unwrap()), ["2026-05-01 May", "2027-05-03 May moved"]);
}

#[test]
fn an_alarm_inside_an_event_is_not_the_event() {
    let got = event("DTSTART:20260501\r\nSUMMARY:May\r\nBEGIN:VALARM\r\nDURATION:PT5M\r\nSUMMARY:Wake\r\nEND:VALARM")
        .unwrap();
    assert_eq!(dates(&got), ["2026-05-01 May"]);
}

#[test]
fn two_names_of_one_day_are_both_kept() {
    let mut both = event("DTSTART:20260501\r\nSUMMARY:May").unwrap();
    both.merge(event("DTSTART:20260501\r\nSUMMARY:Labour").unwrap());
    both.merge(event("DTSTART:20260501\r\nSUMMARY:May").unwrap());
    assert_eq!(dates(&both), ["2026-05-01 May / Labour"]);
}

#[test]
fn absurd_files_are_refused_in_good_time() {
    let began = std::time::Instant::now();
    let daily = "BEGIN:VEVENT\nDTSTART:19700101\nDURATION:P900D\nRRULE:FREQ=DAILY\nEND:VEVENT\n";
    assert!(read(daily).unwrap_err().what.contains("more than 100000 days off"));
    let yearly = "BEGIN:VEVENT\nDTSTART:20260101\nRRULE:FREQ=YEARLY\nEND:VEVENT\n".repeat(1_001);
    assert!(read(&yearly).unwrap_err().what.contains("more than 1000 recurring"));
    let deep = "BEGIN:VEVENT\n".repeat(100_000);
    assert!(read(&deep).unwrap_err().what.contains("too deep"));
    let long = format!("BEGIN:VEVENT\nDTSTART:20260101\nSUMMARY:{}\nEND:VEVENT\n", "x\n y".repeat(300_000));
    assert_eq!(read(&long).unwrap().iter().count(), 1);
    assert!(began.elapsed().as_secs() < 2, "{:?}", began.elapsed());
}

#[test]
fn bad_files_name_the_place() {
    let cases: [(&[u8], u32); 9] = [
        (b"", 1),
        (b"\n\n<html>", 3),
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261301\nEND:VEVENT\nEND:VCALENDAR", 3),
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:x\nEND:VEVENT\nEND:VCALENDAR", 2),
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101\n", 2),
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR", 3),
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260102\nDTEND:20260101\nEND:VEVENT\nEND:VCALENDAR", 4),
        (
            b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260102\nRRULE:FREQ=YEARLY;BYWEEKNO=2\nEND:VEVENT\nEND:VCALENDAR",
            4,
        ),
        (b"BEGIN:VCALENDAR\nSUMMARY:\xff", 2),
    ];
    for (bytes, line) in cases {
        let error = Holidays::read(bytes, &TimeZone::UTC).unwrap_err();
        assert_eq!(error.line, line, "{error} in {:?}", String::from_utf8_lossy(bytes));
    }
}
