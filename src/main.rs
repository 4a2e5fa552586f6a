//! Parses the command line, runs one command, prints what it gives and chooses the exit status: the only place that reads
//! the wall clock and the only exit.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sealpost::cli::Cli;
use sealpost::commands::{self, App, Done};
use sealpost::config::Surroundings;
use sealpost::error::{Error, Kind};
use sealpost::output::Screen;
use sealpost::safe;
use sealpost::worker;
use serde_json::json;

fn main() -> ExitCode {
    // Nobody types it: at a terminal it is an unknown argument like any other.
    if std::env::args_os().nth(1).is_some_and(|first| first == worker::ARGUMENT) && !std::io::stdin().is_terminal() {
        return worker::serve();
    }
    let json_wanted = std::env::args_os().any(|a| a == "--json");
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) if e.use_stderr() && json_wanted => return fail(&usage_error(&e), true),
        Err(e) => {
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
        }
    };
    commands::harden();
    let app = app(&cli);
    match commands::run(&app, &cli.command) {
        Ok(done) => finish(&app, &done),
        Err(e) => {
            let error = commands::as_error(e);
            // Overlapping runs under cron leave without a word; the exit status tells.
            if error.kind == Kind::InUse && cli.quiet && !cli.json {
                return ExitCode::from(error.kind.status());
            }
            fail(&error, cli.json)
        }
    }
}

fn app(cli: &Cli) -> App {
    // Whole seconds: what people type and compare.
    let wall = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
    App {
        config_file: cli.config.clone(),
        around: surroundings(),
        program: program(),
        who: std::env::var("USER")
            .or_else(|_| std::env::var("LOGNAME"))
            .unwrap_or_else(|_| format!("uid {}", rustix::process::getuid().as_raw())),
        now: cli.now.unwrap_or(wall),
        wall,
        json: cli.json,
        verbose: cli.verbose,
        quiet: cli.quiet,
        watched: std::io::stderr().is_terminal() && !cli.quiet && !cli.json,
        interactive: std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
    }
}

/// This very program, also where its file was replaced meanwhile.
fn program() -> PathBuf {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() { running } else { std::env::current_exe().unwrap_or(running) }
}

fn surroundings() -> Surroundings {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let home = folder("HOME").unwrap_or_else(|| PathBuf::from("/"));
    Surroundings {
        config_home: folder("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")),
        data_home: folder("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share")),
        runtime: folder("XDG_RUNTIME_DIR"),
        zone: TimeZone::system(),
        home,
    }
}

fn finish(app: &App, done: &Done) -> ExitCode {
    let printed = if app.json {
        print_json(&done.view.json())
    } else {
        let width = terminal_width();
        let screen = Screen { now: app.now, zone: done.zone.clone().unwrap_or_else(|| app.around.zone.clone()), width };
        print_text(done, &screen)
    };
    match printed {
        // A closed pipe is not an error worth words.
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            fail(&Error::new(Kind::Failed, format!("cannot write the output: {e}")), app.json)
        }
        _ => ExitCode::from(done.status),
    }
}

fn print_text(done: &Done, screen: &Screen) -> std::io::Result<()> {
    if done.view.is_raw() {
        let mut out = std::io::stdout().lock();
        return done.view.show(screen, &mut out).and_then(|()| out.flush());
    }
    let mut out = anstream::stdout().lock();
    done.view.show(screen, &mut out).and_then(|()| out.flush())
}

fn print_json(document: &serde_json::Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, document)?;
    writeln!(out)?;
    out.flush()
}

fn fail(error: &Error, json: bool) -> ExitCode {
    if json {
        let _ =
            print_json(&json!({"error": {"kind": error.kind.name(), "message": error.message, "hints": error.hints}}));
    } else {
        let mut err = anstream::stderr().lock();
        let _ = writeln!(err, "sealpost: {}", safe::lines(&error.message));
        for hint in &error.hints {
            let _ = writeln!(err, "  {}", safe::lines(hint));
        }
    }
    ExitCode::from(error.kind.status())
}

fn usage_error(e: &clap::Error) -> Error {
    let text = e.to_string();
    // What is missing or possible stands on indented lines below the first; the rest is advice.
    let mut lines = text.lines().take_while(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let more: Vec<&str> = lines.map(str::trim).collect();
    let error = Error::new(Kind::Usage, [vec![first.as_str()], more].concat().join(" "));
    error.hint("sealpost --help")
}

fn terminal_width() -> usize {
    let columns = rustix::termios::tcgetwinsize(std::io::stdout()).map_or(0, |size| usize::from(size.ws_col));
    if columns == 0 { 80 } else { columns.clamp(40, 140) }
}
