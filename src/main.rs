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
use serde::Serialize;
use serde_json::json;

/// Everything that is freed is wiped first, whichever library held it: what was opened, typed or fetched does not outlive its
/// use on the heap (docs/decisions/0013-memory.md).
#[global_allocator]
static WIPING: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

/// Larger than what the C library keeps of ended threads for the next one (40 MiB), so that it goes back to the system, and
/// with it what key arithmetic and parsers left there. Only what is used of it takes memory.
const STACK: usize = 64 << 20;

fn main() -> ExitCode {
    // Nobody types it: at a terminal it is an unknown argument like any other.
    if std::env::args_os().nth(1).is_some_and(|first| first == worker::ARGUMENT) && !std::io::stdin().is_terminal() {
        return worker::serve();
    }
    commands::harden();
    let work = std::thread::Builder::new().name("main".into()).stack_size(STACK).spawn(work);
    match work.map(std::thread::JoinHandle::join) {
        Ok(Ok(status)) => status,
        // The panic hook has told it.
        Ok(Err(_)) => ExitCode::FAILURE,
        // Too little memory may be used for such a stack: then what is left on this one is not wiped, and the work is done.
        Err(_) => self::work(),
    }
}

fn work() -> ExitCode {
    let json_wanted = std::env::args_os().any(|a| a == "--json");
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) if e.use_stderr() && json_wanted => return fail(&usage_error(&e), true),
        Err(e) => return misused(&e),
    };
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
    let mut out = safe::Wall::new(anstream::stdout().lock(), &sealpost::output::styles());
    done.view.show(screen, &mut out).and_then(|()| out.flush())
}

fn print_json(document: &serde_json::Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    document.serialize(&mut serde_json::Serializer::with_formatter(&mut out, safe::Careful::default()))?;
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

/// Help that was asked for, or what is wrong with the command line: that repeats arguments, which may come out of a mail.
fn misused(e: &clap::Error) -> ExitCode {
    if !e.use_stderr() {
        let _ = e.print();
        return ExitCode::SUCCESS;
    }
    let mut styles = sealpost::output::styles();
    styles.push("\x1b[4m".into());
    let mut err = safe::Wall::new(anstream::stderr().lock(), &styles);
    let _ = write!(err, "{}", e.render().ansi()).and_then(|()| err.flush());
    ExitCode::from(2)
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
