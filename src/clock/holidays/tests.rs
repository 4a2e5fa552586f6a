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
    assert_eq!(got.no_days, ["line 2: “Half day” has a time of day, so it is no day off"]);
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
fn an_event_that_a_later_version_of_it_withdraws_is_none() {
    let twice = |more: &str| {
        let first = "BEGIN:VEVENT\nUID:a\nDTSTART:20260501\nSEQUENCE:1\nSUMMARY:May\nEND:VEVENT\n";
        dates(&read(&format!("{first}BEGIN:VEVENT\nUID:a\n{more}\nEND:VEVENT\n")).unwrap())
    };
    assert!(twice("DTSTART:20260501\nSEQUENCE:2\nSTATUS:CANCELLED").is_empty());
    assert_eq!(twice("DTSTART:20260504\nSEQUENCE:2\nSUMMARY:moved"), ["2026-05-04 moved"]);
    // An older one, and one of the same number: a file that gives each holiday the same name for good.
    assert_eq!(twice("DTSTART:20260504\nSEQUENCE:0\nSTATUS:CANCELLED"), ["2026-05-01 May"]);
    assert_eq!(twice("DTSTART:20260504\nSEQUENCE:1\nSUMMARY:other"), ["2026-05-01 May", "2026-05-04 other"]);
    let withdrawn = read("METHOD:CANCEL\nBEGIN:VEVENT\nDTSTART:20260501\nEND:VEVENT\n").unwrap();
    assert!(dates(&withdrawn).is_empty());
}

#[test]
fn an_end_in_utc_is_a_day_on_the_wall() {
    let berlin = super::super::calendar::Calendar::zone_named("Europe/Berlin").unwrap();
    let text = |start: &str, until: &str| {
        format!(
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART{start}\nDURATION:P1D\nRRULE:FREQ=YEARLY;UNTIL={until}\nEND:VEVENT\nEND:VCALENDAR"
        )
    };
    for (start, until, last) in [
        // Midnight of the 25th in Berlin, as RFC 5545 wants it written.
        (";TZID=Europe/Berlin:20251225T000000", "20271224T230000Z", "2027-12-25"),
        (":20251225", "20271225", "2027-12-25"),
        (":20251225", "20271225T000000Z", "2027-12-25"),
        (":20251225", "20271225T235959Z", "2027-12-25"),
        (";TZID=Europe/Berlin:20251225T000000", "20271224T225959Z", "2026-12-25"),
    ] {
        let got = Holidays::read(text(start, until).as_bytes(), &berlin).unwrap();
        assert_eq!(got.last().unwrap().to_string(), last, "{start} {until}");
    }
}

#[test]
fn hours_are_times_in_the_zone_that_is_named() {
    let berlin = super::super::calendar::Calendar::zone_named("Europe/Berlin").unwrap();
    let times = |lines: &str| {
        let text = format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Away\n{lines}\nEND:VEVENT\nEND:VCALENDAR");
        let got = Holidays::read(text.as_bytes(), &berlin).unwrap();
        assert!(dates(&got).is_empty());
        let shown = got.times().iter().map(|(from, to)| format!("{from} {to}")).collect::<Vec<_>>();
        (shown, got.warnings)
    };
    let sure = |lines: &str| {
        let (shown, warnings) = times(lines);
        assert!(warnings.is_empty(), "{warnings:?}");
        shown.join(", ")
    };
    let noon = "2026-12-24T11:00:00Z 2026-12-27T08:00:00Z";
    assert_eq!(sure("DTSTART:20261224T120000\nDTEND:20261227T090000"), noon);
    assert_eq!(sure("DTSTART:20261224T110000Z\nDTEND:20261227T080000Z"), noon);
    assert_eq!(sure("DTSTART;TZID=\"America/New_York\":20261224T060000\nDURATION:P2DT21H"), noon);
    assert_eq!(sure("DTSTART;VALUE=DATE:20261224\nDTEND:20261224T120000"), "2026-12-23T23:00:00Z 2026-12-24T11:00:00Z");
    // Each Friday at 15:00 on the wall, over the end of summer time.
    assert_eq!(
        sure("DTSTART;TZID=Europe/Berlin:20261023T150000\nDURATION:PT2H\nRRULE:FREQ=WEEKLY;COUNT=2"),
        "2026-10-23T13:00:00Z 2026-10-23T15:00:00Z, 2026-10-30T14:00:00Z 2026-10-30T16:00:00Z"
    );
    let (shown, warnings) = times("DTSTART;TZID=Mars/Base:20261224T120000\nDTEND;TZID=Mars/Base:20261227T090000");
    assert_eq!((shown.join(""), warnings.len()), (noon.to_owned(), 1));
    assert!(warnings[0].contains("time zone that is not known"), "{warnings:?}");
    let (shown, warnings) = times("DTSTART:20261224T120000");
    assert!(shown.is_empty() && warnings[0].contains("no end"), "{shown:?} {warnings:?}");
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
    let endless = "BEGIN:VEVENT\nDTSTART:20260101T120000\nDURATION:PT1H\nRRULE:FREQ=DAILY\nEND:VEVENT\n".repeat(3);
    assert!(read(&endless).unwrap_err().what.contains("more than 100000 days off"));
    assert!(began.elapsed().as_secs() < 2, "{:?}", began.elapsed());
}

#[test]
fn bad_files_name_the_place() {
    let cases: [(&[u8], u32); 16] = [
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260102T120000Z\nDTEND:20260102T110000Z\nEND:VEVENT\nEND:VCALENDAR", 4),
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260102T120000Z\nDTEND:20360102T110000Z\nEND:VEVENT\nEND:VCALENDAR", 4),
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260102T250000Z\nEND:VEVENT\nEND:VCALENDAR", 3),
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260102\nDURATION:-P1D\nEND:VEVENT\nEND:VCALENDAR", 4),
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260102\nDURATION:P1M\nEND:VEVENT\nEND:VCALENDAR", 4),
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260102\nEXRULE:FREQ=YEARLY\nEND:VEVENT\nEND:VCALENDAR", 4),
        (
            b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nRECURRENCE-ID;RANGE=THISANDFUTURE:20260102\nEND:VEVENT\nEND:VCALENDAR",
            3,
        ),
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
