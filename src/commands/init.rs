//! `sealpost init`: asks what it needs, writes a commented configuration, makes the ledger, makes or imports the team key.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{App, Done, books, files, keys, secrets};
use crate::cli::init::Args;
use crate::config;
use crate::error::{Error, Kind, usage};
use crate::output::Said;
use crate::pgp::certs;
use crate::secret::Password;

/// What the questions came to.
struct Answers {
    address: String,
    source: Source,
    smtp: Option<(String, Option<u16>)>,
    user: Option<String>,
    password_command: Option<String>,
    ca_file: Option<PathBuf>,
    policy: Option<PathBuf>,
    key: Key,
    passphrase_command: Option<String>,
}

enum Source {
    Imap(String, Option<u16>),
    Maildir(PathBuf),
}

enum Key {
    New,
    Existing(PathBuf),
    None,
}

/// Runs it.
pub fn run(app: &App, args: &Args) -> anyhow::Result<Done> {
    let file = app.config_path();
    if file.exists() {
        return Err(Error::new(Kind::Config, format!("{} exists already", file.display()))
            .hint("edit it, or write another one with --config FILE")
            .into());
    }
    let complete = args.address.is_some() && (args.imap.is_some() || args.maildir.is_some());
    let answers = if complete { given(args)? } else { asked(app, args)? };
    let folder = file.parent().unwrap_or(Path::new(".")).to_owned();
    files::private_folder(&folder)?;
    let secret_key = team_key(app, &answers, &folder)?;
    let text = compose(app, &answers, secret_key.as_deref());
    // What is about to be written must be readable; a wrong answer is found here, not at the first poll.
    config::parse(&text, &file, &app.around)?;
    files::write_new(&file, text.as_bytes())?;
    let config = app.config()?;
    let made = books::write(&config, &books::stamp(app))?;
    let ring = keys::load(&config)?;
    let fingerprint = ring.own().first().map(certs::fingerprint);
    let mut line = format!("wrote {}\nmade the ledger {}", file.display(), made.path().display());
    if let Some(fingerprint) = &fingerprint {
        let _ = write!(line, "\nteam key {}", crate::output::keys::grouped(fingerprint));
        line.push_str("\n  publish it: sealpost key export > security.asc");
    } else {
        line.push_str(
            "\nno team key yet: mail is kept and clocked, and opened once there is one (sealpost key generate)",
        );
    }
    line.push_str("\nnext: sealpost check, then sealpost poll");
    let json =
        json!({"config": file.to_string_lossy(), "ledger": made.path().to_string_lossy(), "fingerprint": fingerprint});
    Ok(Done::new(Said { line, json }))
}

/// All from the command line.
fn given(args: &Args) -> Result<Answers, Error> {
    let address = args.address.clone().ok_or_else(|| usage("--address is missing"))?;
    let source = match (&args.imap, &args.maildir) {
        (Some(host), _) => Source::Imap(host.clone(), args.imap_port),
        (None, Some(path)) => Source::Maildir(existing(path)?),
        (None, None) => return Err(usage("a source of mail is missing").hint("add --imap HOST or --maildir FOLDER")),
    };
    let key = match (&args.key, args.new_key) {
        (Some(path), _) => Key::Existing(existing(path)?),
        (None, true) => Key::New,
        (None, false) => Key::None,
    };
    Ok(Answers {
        address,
        source,
        smtp: args.smtp.clone().map(|host| (host, args.smtp_port)),
        user: args.user.clone(),
        password_command: args.password_command.clone(),
        ca_file: args.ca_file.as_deref().map(existing).transpose()?,
        policy: args.policy.as_deref().map(existing).transpose()?,
        key,
        passphrase_command: args.passphrase_command.clone(),
    })
}

/// From a person, one question at a time.
fn asked(app: &App, args: &Args) -> Result<Answers, Error> {
    if !app.interactive {
        return Err(usage("init asks questions, and nobody is there to answer")
            .hint("give the answers: sealpost init --address ADDRESS --imap HOST …; sealpost init --help lists them"));
    }
    app.say("This writes a configuration and makes an empty ledger. Nothing is sent anywhere.\n");
    let address = match &args.address {
        Some(address) => address.clone(),
        None => required("Address of the mailbox (security@example.org)")?,
    };
    let domain = address.split_once('@').map_or("example.org", |(_, d)| d).to_owned();
    let source = match (&args.maildir, &args.imap) {
        (Some(path), _) => Source::Maildir(existing(path)?),
        (None, Some(host)) => Source::Imap(host.clone(), args.imap_port),
        (None, None) => match ask(&format!("IMAP host, or the path of a Maildir [imap.{domain}]"))? {
            path if path.starts_with(['/', '~', '.']) => Source::Maildir(existing(Path::new(&path))?),
            host => Source::Imap(or(host, format!("imap.{domain}")), args.imap_port),
        },
    };
    let over_imap = matches!(source, Source::Imap(..));
    let smtp = match &args.smtp {
        Some(host) => Some((host.clone(), args.smtp_port)),
        None => match ask(&format!("SMTP host for answers, - for none [smtp.{domain}]"))?.as_str() {
            "-" => None,
            host => Some((or(host.to_owned(), format!("smtp.{domain}")), args.smtp_port)),
        },
    };
    let servers = over_imap || smtp.is_some();
    let user = match &args.user {
        None if servers => Some(or(ask(&format!("Login name [{address}]"))?, address.clone())),
        given => given.clone(),
    };
    let password_command = match &args.password_command {
        None if servers => {
            optional("Command that prints the password, such as pass show mail/security [ask each time]")?
        }
        given => given.clone(),
    };
    let policy = match &args.policy {
        Some(path) => Some(path.clone()),
        None => optional("Published policy, the path of your SECURITY.md [none yet]")?.map(PathBuf::from),
    };
    let key = match (args.new_key, &args.key) {
        (true, _) => Key::New,
        (false, Some(path)) => Key::Existing(existing(path)?),
        (false, None) => match ask("Team key: new, none, or the path of a secret key file [new]")?.as_str() {
            "" | "new" => Key::New,
            "none" => Key::None,
            path => Key::Existing(existing(Path::new(path))?),
        },
    };
    let passphrase_command = match (&key, &args.passphrase_command) {
        (Key::None, _) => None,
        (_, Some(command)) => Some(command.clone()),
        (_, None) => optional("Command that prints the team key's passphrase [none]")?,
    };
    Ok(Answers {
        address,
        source,
        smtp,
        user,
        password_command,
        ca_file: args.ca_file.as_deref().map(existing).transpose()?,
        policy: policy.as_deref().map(existing).transpose()?,
        key,
        passphrase_command,
    })
}

fn ask(question: &str) -> Result<String, Error> {
    let mut err = std::io::stderr();
    let mut line = String::new();
    let read =
        write!(err, "{question}: ").and_then(|()| err.flush()).and_then(|()| std::io::stdin().read_line(&mut line));
    match read {
        Ok(n) if n > 0 => Ok(line.trim().to_owned()),
        _ => Err(usage("the answers ended early; nothing was written")),
    }
}

fn required(question: &str) -> Result<String, Error> {
    for _ in 0..3 {
        let answer = ask(question)?;
        if !answer.is_empty() {
            return Ok(answer);
        }
    }
    Err(usage("without an address there is nothing to set up; nothing was written"))
}

fn optional(question: &str) -> Result<Option<String>, Error> {
    Ok(Some(ask(question)?).filter(|a| !a.is_empty()))
}

fn or(answer: String, default: String) -> String {
    if answer.is_empty() { default } else { answer }
}

/// The path from the root, so that it holds wherever the program is run; what is not there is told now.
fn existing(path: &Path) -> Result<PathBuf, Error> {
    let path = absolute(path)?;
    if !path.starts_with("~") && !path.exists() {
        return Err(usage(format!("there is no {}; nothing was written", path.display())));
    }
    Ok(path)
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    if path.starts_with("~") {
        return Ok(path.to_owned());
    }
    std::path::absolute(path).map_err(|e| usage(format!("{}: {e}", path.display())))
}

/// Makes or finds the team key; gives its path for the configuration.
fn team_key(app: &App, answers: &Answers, folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    match &answers.key {
        Key::None => Ok(None),
        Key::Existing(path) => Ok(Some(path.clone())),
        Key::New => {
            let path = folder.join("team.pgp");
            if path.exists() {
                // Perhaps of a run that ended before the configuration was written.
                return Err(Error::new(Kind::File, format!("there is a key {} already", path.display()))
                    .hint("run init again with that file as the team key, or move it away")
                    .into());
            }
            let passphrase = passphrase(app, answers)?;
            super::key::generate_to(&path, &answers.address, None, passphrase.as_ref(), 3, app.now)?;
            // As the configuration beside it names it, which may be moved together with it.
            Ok(Some(PathBuf::from("team.pgp")))
        }
    }
}

fn passphrase(app: &App, answers: &Answers) -> anyhow::Result<Option<Password>> {
    match &answers.passphrase_command {
        Some(command) => Ok(Some(secrets::from_command(&shell_words(command), "the passphrase of the team key")?)),
        None => {
            app.say("the team key gets no passphrase: whoever reads the file can read the reports");
            Ok(None)
        }
    }
}

/// A command line into words: spaces separate, single and double quotes hold together.
pub(super) fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match quote {
            Some(q) if c == q => quote = None,
            Some(_) => word.push(c),
            None if c == '\'' || c == '"' => (quote, begun) = (Some(c), true),
            None if c.is_whitespace() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                    begun = false;
                }
            }
            None => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn path_quoted(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

fn command_quoted(line: &str) -> String {
    toml::Value::Array(shell_words(line).into_iter().map(toml::Value::String).collect()).to_string()
}

/// The configuration, with a comment where a person may want to change something.
fn compose(app: &App, a: &Answers, secret_key: Option<&Path>) -> String {
    let mut text =
        String::from("# sealpost: see the README for every key. Relative paths are relative to this file.\n\n");
    let mut line = |words: String| {
        text.push_str(&words);
        text.push('\n');
    };
    line(format!("address = {}", quoted(&a.address)));
    line("# aliases = [\"vulnerabilities@example.org\"]   # more addresses of the same mailbox".into());
    line("# team = [\"alice@example.org\"]                # people whose signed replies are ours\n".into());
    match &a.source {
        Source::Imap(host, port) => {
            line(format!("[imap]\nhost = {}", quoted(host)));
            server(a, *port, &mut line);
            line("# inbox = \"INBOX\"\n# sent = \"Sent\"                               # answers written in any mail program count\n# timeout = 60                              # seconds the server may be silent\n".into());
        }
        Source::Maildir(path) => line(format!("[maildir]\npath = {}\n# sent = \"~/Mail/Sent\"\n", path_quoted(path))),
    }
    match &a.smtp {
        Some((host, port)) => {
            line(format!("[smtp]\nhost = {}", quoted(host)));
            server(a, *port, &mut line);
            line(String::new());
        }
        None => line("# [smtp]                                      # or: [sendmail] command = [\"msmtp\", \"-t\"]\n# host = \"smtp.example.org\"\n".into()),
    }
    line("[openpgp]".into());
    match secret_key {
        Some(path) => line(format!("secret_keys = [{}]", path_quoted(path))),
        None => line("# secret_keys = [\"team.pgp\"]".into()),
    }
    match &a.passphrase_command {
        Some(command) => line(format!("passphrase_command = {}", command_quoted(command))),
        None => line("# passphrase_command = [\"pass\", \"show\", \"pgp/team\"]".into()),
    }
    line("# certs = [\"reporters.pgp\"]                   # extra certificates, files or folders\n".into());
    line("[policy]".into());
    match &a.policy {
        Some(path) => line(format!("file = {}", path_quoted(path))),
        None => line(
            "# file = \"SECURITY.md\"                         # until then a first answer is due in 2 working days"
                .into(),
        ),
    }
    match app.around.zone.iana_name() {
        Some(zone) => line(format!("timezone = {}", quoted(zone))),
        None => line("# timezone = \"Europe/Berlin\"".into()),
    }
    line("# holidays = [\"holidays.ics\"]\n# weekend = [\"saturday\", \"sunday\"]".into());
    if a.passphrase_command.is_none() {
        line("\n# [check]\n# accept = [\"key-without-passphrase\"]       # told by check, and nobody is reminded every day".into());
    }
    text
}

fn server(a: &Answers, port: Option<u16>, line: &mut impl FnMut(String)) {
    if let Some(port) = port {
        line(format!("port = {port}"));
    }
    if let Some(ca) = &a.ca_file {
        line(format!("ca_file = {}", path_quoted(ca)));
    }
    line(format!("user = {}", quoted(a.user.as_deref().unwrap_or(&a.address))));
    match &a.password_command {
        Some(command) => line(format!("password_command = {}", command_quoted(command))),
        None => line("# password_command = [\"pass\", \"show\", \"mail/security\"]   # needed under cron".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::shell_words;

    #[test]
    fn commands_are_split_as_a_shell_would() {
        assert_eq!(shell_words("pass show 'mail/my security' \"\""), ["pass", "show", "mail/my security", ""]);
        assert_eq!(shell_words("  "), Vec::<String>::new());
    }
}
