//! `sealpost open`: one mail, looked at and not stored.

use super::keys::{self, Unlock};
use super::{App, Done, files, secrets};
use crate::cli::open::Args;
use crate::config::Config;
use crate::error::{Error, Kind};
use crate::output::message::{MessageView, Stored};
use crate::pgp::keyring::Keyring;
use crate::pgp::open::{self, Context};
use crate::report::Opened;
use crate::safe;
use crate::secret::Password;
use crate::verdict::EncryptionStatus;

/// The largest file that is looked at.
const LIMIT: u64 = 64 << 20;

/// Runs it. Without a configuration it tells what can be told without keys.
pub fn run(app: &App, args: &Args) -> anyhow::Result<Done> {
    let config = match app.config() {
        Ok(config) => Some(config),
        Err(e) if app.config_file.is_none() && !app.config_path().exists() => {
            app.say(format!("{e}; looking without keys"));
            None
        }
        Err(e) => return Err(e.into()),
    };
    let raw = files::read(&args.file, LIMIT)?;
    if raw.is_empty() {
        return Err(Error::new(Kind::File, format!("{} is empty", args.file.display())).into());
    }
    let ring = ring(app, config.as_ref())?;
    let own_addresses = config.iter().flat_map(|c| std::iter::once(&c.address).chain(&c.aliases).cloned()).collect();
    let context = Context { now: app.now, received_at: None, own_addresses };
    let mut reader = app.reader(ring);
    let mut opened = reader.open(&raw, &context).map_err(Error::from)?;
    if wants_password(&opened) {
        for source in passwords(app, args, config.as_ref()) {
            let password = match source() {
                Ok(Some(password)) => password,
                Ok(None) => continue,
                Err(e) if args.password_file.is_some() => return Err(e.into()),
                Err(e) => {
                    app.say(e.to_string());
                    continue;
                }
            };
            reader.set_message_password(password);
            opened = reader.open(&raw, &context).map_err(Error::from)?;
            if !wants_password(&opened) {
                break;
            }
            app.say("the password does not open it");
        }
    }
    let view = MessageView::new(&opened, Stored::default());
    let needed = view.needs_a_person();
    Ok(Done::new(view).needs_person(needed))
}

fn wants_password(opened: &Opened) -> bool {
    opened.verdict.encryption.status == EncryptionStatus::Unopened
        && opened.warnings.iter().any(|warning| warning.starts_with(open::PASSWORD))
}

type Source<'a> = Box<dyn Fn() -> Result<Option<Password>, Error> + 'a>;

/// Where the password of a mail may come from: the file that was named; else the passphrase of our keys, then a person.
fn passwords<'a>(app: &'a App, args: &'a Args, config: Option<&'a Config>) -> Vec<Source<'a>> {
    if let Some(file) = &args.password_file {
        return vec![Box::new(|| secrets::from_file(file).map(Some))];
    }
    let command = config.and_then(|config| config.openpgp.passphrase_command.as_deref());
    let ours =
        move || command.map(|command| secrets::from_command(command, "the passphrase of the team key")).transpose();
    vec![Box::new(ours), Box::new(|| Ok(secrets::ask(app, "The password of this mail")))]
}

/// The keys as far as they can be had: looking at odd mail must not fail for want of a passphrase.
fn ring(app: &App, config: Option<&Config>) -> Result<Keyring, Error> {
    let Some(config) = config else { return Ok(Keyring::default()) };
    let mut ring = keys::load(config)?;
    for problem in ring.problems() {
        app.say(format!("left out: {}", safe::line(problem)));
    }
    if let Err(e) = keys::unlock(app, config, &mut ring, Unlock::IfPossible) {
        app.say(format!("{e}; looking without that key"));
    }
    Ok(ring)
}
