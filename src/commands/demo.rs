//! `sealpost demo`: the main job end to end, in a folder of its own. Everything it shows is made by the commands that it names;
//! only the people are invented.

mod mails;

use std::path::{Path, PathBuf};

use super::{App, Done, files};
use crate::cli::{demo::Args, key, list, mark, poll, reply, show, stats};
use crate::error::{Error, Kind};
use crate::output::demo::{Demo, Step};
use crate::output::message::{MessageView, Stored};
use crate::pgp::open::Context;

const ANSWER: &str = "Thank you for the report. We could reproduce it and are working on a fix.
You will hear from us again within two weeks, or sooner if we need to know more.
";

/// Runs it.
pub fn run(app: &App, args: &Args) -> anyhow::Result<Done> {
    let folder = folder(app, args)?;
    let people = mails::set_up(&folder, app.now)?;
    let inner = App {
        config_file: Some(folder.join("config.toml")),
        quiet: true,
        watched: false,
        interactive: false,
        json: false,
        who: "you".into(),
        ..app.clone()
    };
    let mut steps = Vec::new();
    let mut step = |about: &str, command: &str, done: anyhow::Result<Done>| -> anyhow::Result<()> {
        let done = done?;
        steps.push(Step { about: about.into(), command: command.into(), status: done.status, view: done.view });
        Ok(())
    };
    let loud = App { quiet: false, watched: true, ..inner.clone() };
    step(
        "Mail has come in. It is kept first, then opened, filed and clocked.",
        "sealpost poll",
        super::poll::run(&App { verbose: true, ..loud }, &poll::Args { retry_quarantined: false, no_send: false }),
    )?;
    let all = list::Args { all: false, overdue: false, state: None, automatic: false, search: None, csv: false };
    step("What is due, by the SECURITY.md in this folder:", "sealpost list", super::list::run(&inner, &all))?;
    let report = mails::REPORT.to_string();
    step(
        "One report. The text was encrypted; nobody can write outside the bar.",
        &format!("sealpost show {report}"),
        super::show::run(&inner, &show::Args { id: report.clone(), raw: None, why_due: false }),
    )?;
    let pin = key::Action::Pin { address: mails::FINDER.into(), fingerprint: people.finder_fingerprint.clone() };
    step(
        "An answer is encrypted only to a certificate that a person has confirmed.",
        &format!("sealpost key pin {} {}", mails::FINDER, people.finder_fingerprint),
        super::key::run(&inner, &key::Args { action: pin }),
    )?;
    let answer = folder.join("answer.txt");
    files::write_new(&answer, ANSWER.as_bytes())?;
    let reply_args = reply::Args {
        id: report.clone(),
        message_file: Some(answer),
        template: None,
        attach: Vec::new(),
        dry_run: false,
        to: None,
        later: false,
        plaintext: None,
    };
    step(
        "Signed with the team key, encrypted to the finder and to the team, sent.",
        &format!("sealpost reply {report} --message-file answer.txt"),
        super::reply::run(&inner, &reply_args),
    )?;
    step("What the finder's mail program makes of it:", "", finder_opens(app, &folder, &people))?;
    let valid = mark::Args { id: report, fact: mark::Fact::Valid, at: None, note: Some("reproduced".into()) };
    step("Triage is done.", "sealpost mark 1 valid --note reproduced", super::change::mark(&inner, &valid))?;
    step(
        "How well the policy was kept:",
        "sealpost stats",
        super::stats::run(&inner, &stats::Args { since: None, by: None, csv: false }),
    )?;
    step(
        "The history is a hash chain; any edit shows.",
        "sealpost audit",
        super::audit::run(&inner, &crate::cli::audit::Args::default()),
    )?;
    Ok(Done::new(Demo { folder, steps }))
}

fn folder(app: &App, args: &Args) -> Result<PathBuf, Error> {
    if let Some(folder) = &args.folder {
        if folder.exists() {
            return Err(
                Error::new(Kind::File, format!("{} exists already", folder.display())).hint("name a new folder")
            );
        }
        files::private_folder(folder)?;
        return folder.canonicalize().map_err(|e| files::cannot("use", folder, &e));
    }
    for n in 1..10_000 {
        let folder = std::env::temp_dir().join(format!("sealpost-demo-{}-{n}", app.wall.as_second()));
        if files::new_private_folder(&folder)? {
            return Ok(folder);
        }
    }
    Err(Error::new(Kind::File, "no free name for a folder in the temporary folder").hint("name one: --folder FOLDER"))
}

/// The sent mail, opened with the finder's key alone.
fn finder_opens(app: &App, folder: &Path, people: &mails::People) -> anyhow::Result<Done> {
    let sent = files::read(&folder.join("sent.eml"), 1 << 24)?;
    let context = Context { now: app.now, received_at: None, own_addresses: vec![mails::FINDER.into()] };
    let opened = app.reader(people.finder_ring()?).open(&sent, &context).map_err(Error::from)?;
    Ok(Done::new(MessageView::new(&opened, Stored::default())))
}
