//! What `report --html` writes: one page, drawn by us, that needs nothing and runs nothing. Every word passes `safe::html`.

use std::fmt::Write as _;

use data_encoding::BASE64;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::stats::{Month, Stats, plain_share};
use crate::clock::propose::GROUND;
use crate::clock::words;
use crate::safe::{self, Foreign};

/// A page of figures.
pub struct Page {
    /// Whose.
    pub address: Foreign,
    /// From this day on; from the first report where there is none.
    pub since: Option<Date>,
    /// The day it was drawn.
    pub until: Date,
    /// What it shows.
    pub figures: Stats,
}

const STYLE: &str = include_str!("page.css");
/// Columns of the drawing that belong to one month.
const STEP: usize = 44;
/// The height that the tallest bar has.
const HEIGHT: usize = 140;
/// More months than this are not drawn one by one: the table has them all.
const DRAWN: usize = 36;

impl Page {
    /// The whole of it.
    pub fn html(&self) -> String {
        let hash = BASE64.encode(&Sha256::digest(STYLE.as_bytes()));
        let mut out = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{hash}'; \
             base-uri 'none'; form-action 'none'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
             <title>How the security policy was kept</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        );
        self.head(&mut out);
        self.tiles(&mut out);
        self.first_response(&mut out);
        self.months(&mut out);
        out.push_str("</main>\n</body>\n</html>\n");
        out
    }

    fn head(&self, out: &mut String) {
        let since = self.since.map_or_else(|| "all reports".into(), |day| format!("reports received since {day}"));
        let _ = writeln!(
            out,
            "<h1>How the security policy was kept</h1>\n<p class=\"about\">{}, {since}, as of {}</p>",
            safe::html(&self.address),
            self.until
        );
        for notice in &self.figures.notices {
            let _ = writeln!(out, "<p class=\"notice\">{}</p>", safe::html(notice));
        }
    }

    fn tiles(&self, out: &mut String) {
        let figures = &self.figures;
        out.push_str("<section class=\"tiles\">\n");
        for (value, name, class) in [
            (figures.reports, "reports", ""),
            (figures.answered, "answered by a person", ""),
            (figures.open, "open", ""),
            (figures.overdue, "overdue", if figures.overdue > 0 { " late" } else { "" }),
        ] {
            let _ = writeln!(out, "<div class=\"tile{class}\"><b>{value}</b><span>{name}</span></div>");
        }
        out.push_str("</section>\n");
    }

    fn first_response(&self, out: &mut String) {
        out.push_str("<h2>First answer by a person</h2>\n<table>\n<tr><th></th><th>in time</th><th>median</th><th>nine in ten</th><th>worst</th></tr>\n");
        let without = self.figures.without_away.as_ref().map(|times| ("without announced times away", times));
        for (name, times) in [("as the clock ran", &self.figures.first_response)].into_iter().chain(without) {
            let span = |seconds: Option<i64>| seconds.map_or_else(|| "–".into(), words::span);
            let _ = writeln!(
                out,
                "<tr><td>{name}</td><td>{} <small>of {}</small></td><td>{}</td><td>{}</td><td>{}</td></tr>",
                plain_share(times.within_policy),
                times.counted,
                span(times.median_s),
                span(times.p90_s.filter(|_| self.figures.answered >= GROUND)),
                span(times.worst_s)
            );
        }
        out.push_str("</table>\n");
    }

    fn months(&self, out: &mut String) {
        let months = self.figures.by_month.as_deref().unwrap_or_default();
        if months.is_empty() {
            out.push_str("<p>No report was received in this time.</p>\n");
            return;
        }
        out.push_str("<h2>By month of arrival</h2>\n");
        drawing(&unbroken(months), out);
        out.push_str("<table>\n<tr><th>month</th><th>reports</th><th>median</th><th>in time</th></tr>\n");
        for month in months.iter().rev() {
            let median = month.median_s.map_or_else(|| "–".into(), words::span);
            let share = plain_share(month.within_policy);
            let _ = writeln!(
                out,
                "<tr><td>{}</td><td>{}</td><td>{median}</td><td>{share}</td></tr>",
                safe::html(&month.month),
                month.reports
            );
        }
        out.push_str("</table>\n");
    }
}

/// A month that is drawn: its name, its reports, the share of them answered in time.
type Bar = (String, usize, Option<f64>);

/// The newest months with those between them in which nothing arrived.
fn unbroken(months: &[Month]) -> Vec<Bar> {
    let number = |name: &str| {
        let (year, month) = name.split_once('-')?;
        Some(year.parse::<i64>().ok()? * 12 + month.parse::<i64>().ok()? - 1)
    };
    let mut bars: Vec<Bar> = Vec::new();
    let mut next = None;
    for month in months {
        let Some(this) = number(&month.month) else { continue };
        let gap = next.map_or(0, |next| this - next).clamp(0, DRAWN as i64);
        bars.extend(
            (this - gap..this).map(|n| (format!("{:04}-{:02}", n.div_euclid(12), n.rem_euclid(12) + 1), 0, None)),
        );
        bars.push((month.month.clone(), month.reports, month.within_policy));
        next = Some(this + 1);
    }
    bars.split_off(bars.len().saturating_sub(DRAWN))
}

/// Bars as tall as the reports of a month are many; the part that was answered in time is filled.
fn drawing(bars: &[Bar], out: &mut String) {
    let most = bars.iter().map(|(_, reports, _)| *reports).max().unwrap_or(0).max(1);
    let width = bars.len() * STEP + 40;
    let _ = writeln!(
        out,
        "<figure><svg viewBox=\"0 0 {width} {}\" width=\"{width}\" role=\"img\" aria-label=\"Reports by month; the filled share of those answered or past due was answered in time\">",
        HEIGHT + 52
    );
    let _ = writeln!(out, "<line class=\"axis\" x1=\"30\" y1=\"{0}\" x2=\"{width}\" y2=\"{0}\"/>", HEIGHT + 20);
    for (n, (name, reports, share)) in bars.iter().enumerate() {
        let (x, tall) = (36 + n * STEP, reports * HEIGHT / most);
        let kept = share.map_or(0, |share| (tall as f64 * share).floor() as usize);
        let top = HEIGHT + 20 - tall;
        let name = safe::html(name);
        let _ = writeln!(out, "<g><title>{name}: {reports}, {} in time</title>", plain_share(*share));
        let _ = writeln!(out, "<rect class=\"all\" x=\"{x}\" y=\"{top}\" width=\"28\" height=\"{tall}\"/>");
        let _ = writeln!(
            out,
            "<rect class=\"kept\" x=\"{x}\" y=\"{}\" width=\"28\" height=\"{kept}\"/>",
            HEIGHT + 20 - kept
        );
        if *reports > 0 {
            let _ = writeln!(out, "<text x=\"{}\" y=\"{}\">{reports}</text>", x + 14, top.saturating_sub(5));
        }
        // Every month where there is room; the year stands below the first of each.
        let (year, month) = name.split_once('-').unwrap_or((&name, ""));
        let _ = writeln!(out, "<text x=\"{}\" y=\"{}\">{month}</text>", x + 14, HEIGHT + 35);
        if n == 0 || month == "01" {
            let _ = writeln!(out, "<text class=\"year\" x=\"{}\" y=\"{}\">{year}</text>", x + 14, HEIGHT + 49);
        }
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n<figcaption><span class=\"key all\"></span> reports <span class=\"key kept\"></span> the share answered in time, of those answered or past due</figcaption></figure>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::stats::FirstResponse;

    fn month(name: &str, reports: usize) -> Month {
        Month { month: name.into(), reports, median_s: Some(60), within_policy: Some(0.5) }
    }

    #[test]
    fn months_without_reports_are_drawn_too() {
        let bars = unbroken(&[month("2025-11", 3), month("2026-02", 4)]);
        let names: Vec<&str> = bars.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["2025-11", "2025-12", "2026-01", "2026-02"]);
        // A wrong clock somewhere makes no page of a hundred thousand bars.
        assert_eq!(unbroken(&[month("0001-01", 1), month("9999-12", 1)]).len(), DRAWN);
    }

    #[test]
    fn words_stay_words() {
        let times = || FirstResponse { median_s: None, p90_s: None, worst_s: None, within_policy: None, counted: 0 };
        let figures = Stats {
            reports: 1,
            answered: 0,
            open: 1,
            overdue: 1,
            first_response: times(),
            without_away: Some(times()),
            by_month: Some(vec![month("<script>-01", 1)]),
            notices: vec!["</p><script>alert(1)</script>\u{202e}".into()],
        };
        let page =
            Page { address: "\"><img src=x>".into(), since: None, until: jiff::civil::date(2026, 3, 2), figures };
        let html = page.html();
        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains('\u{202e}'), "{html}");
        assert!(html.contains("default-src 'none'"));
    }
}
