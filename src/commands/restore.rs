//! `sealpost restore FILE`

use std::fs::File;

use super::keys::{self, Unlock};
use super::{App, Done, books, files};
use crate::cli::restore::Args;
use crate::config::{Config, LedgerKeySource};
use crate::error::{Error, Kind, usage};
use crate::ledger::{KeyHome, LedgerError, Receiving, Unpacked, restore_key};
use crate::output::backup::{KeyRestored, Restored};
use crate::pgp::keyring::Keyring;
use crate::pgp::open::{FileError, Unwrapped, decrypt_file};

/// Runs it.
pub fn run(app: &App, args: &Args) -> anyhow::Result<Done> {
    let config = app.config()?;
    if args.key_only {
        return key_only(app, &config, args);
    }
    let home = match &config.ledger_key {
        LedgerKeySource::File(path) => KeyHome::File(path.clone()),
        LedgerKeySource::Command(_) => KeyHome::Elsewhere(books::key(&config)?),
    };
    // What is in the way shows before anybody is asked for a passphrase.
    let mut receiving = Receiving::begin(&config.ledger, home, args.replace)?;
    let ring = unlocked(app, &config)?;
    let ((), proof) = decrypt(app, &ring, args, |plain| Ok(receiving.take(plain)?))?;
    let signed_by = signer(proof, args)?;
    let restored = receiving.finish(&books::stamp(app))?;
    let view = Restored {
        file: args.file.to_string_lossy().into_owned(),
        ledger: config.ledger.to_string_lossy().into_owned(),
        made_at: restored.manifest.made_at,
        events: restored.manifest.events,
        messages: restored.manifest.messages,
        head: restored.manifest.head,
        signed_by,
        held: restored.held,
        other_key: restored.other_key,
        moved_aside: restored.aside.map(|path| path.to_string_lossy().into_owned()),
    };
    Ok(Done::new(view).zone(&config.calendar.zone))
}

/// The ledger is here, its key file is not.
fn key_only(app: &App, config: &Config, args: &Args) -> anyhow::Result<Done> {
    let LedgerKeySource::File(key) = &config.ledger_key else {
        return Err(usage("the ledger's key comes from key_command, so there is no key file to restore").into());
    };
    if !config.ledger.exists() {
        return Err(usage(format!("there is no ledger {} that lacks its key", config.ledger.display()))
            .hint("sealpost restore FILE puts both in place")
            .into());
    }
    let ring = unlocked(app, config)?;
    let take = |plain: &mut dyn std::io::Read| Ok(Unpacked::for_its_key(plain, &config.ledger)?);
    let (unpacked, proof) = decrypt(app, &ring, args, take)?;
    // A key that opens the ledger is the right one, whoever says so.
    drop(proof);
    restore_key(&unpacked, &config.ledger, key).map_err(|e| match e {
        LedgerError::Unreadable { path } => {
            Error::new(Kind::Ledger, format!("the key in this backup does not open {}", path.display()))
                .hint("nothing was changed; try another: a ledger that was restored beside another key has that one")
                .hint("where no backup has it: sealpost restore --replace BACKUP")
        }
        e => e.into(),
    })?;
    Ok(Done::new(KeyRestored { key: key.to_string_lossy().into_owned() }))
}

fn unlocked(app: &App, config: &Config) -> Result<Keyring, Error> {
    let mut ring = keys::load(config)?;
    keys::unlock(app, config, &mut ring, Unlock::Must)?;
    Ok(ring)
}

fn decrypt<T>(
    app: &App,
    ring: &Keyring,
    args: &Args,
    take: impl FnOnce(&mut dyn std::io::Read) -> anyhow::Result<T>,
) -> anyhow::Result<(T, Unwrapped)> {
    let file = File::open(&args.file).map_err(|e| files::cannot("read", &args.file, &e))?;
    decrypt_file(file, ring, app.now, take).map_err(|e| match e.downcast::<FileError>() {
        Ok(e @ FileError::NoKey(_)) => Error::new(Kind::Key, format!("the backup cannot be opened: {e}"))
            .hint("name the team key it was made for in secret_keys of [openpgp]")
            .into(),
        Ok(e) => Error::new(Kind::File, format!("{} cannot be restored: {e}", args.file.display()))
            .hint("nothing was changed; try another backup")
            .into(),
        Err(e) => e,
    })
}

/// Whoever has our certificate can encrypt something to us, a ledger of their own making as well.
fn signer(proof: Unwrapped, args: &Args) -> Result<Option<String>, Error> {
    match proof.signed_by {
        Ok(by) => Ok(Some(by)),
        Err(_) if args.unsigned => Ok(None),
        Err(why) => {
            let message = format!("the backup has no good signature of the team key: {}", crate::safe::line(&why));
            Err(Error::new(Kind::Key, message)
                .hint("anybody who has our certificate could have made it; nothing was changed")
                .hint("where you know that it is yours: sealpost restore --unsigned FILE"))
        }
    }
}
