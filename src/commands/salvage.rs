//! `sealpost audit --salvage FOLDER`: what a damaged ledger still holds, as files.
//!
//! ```text
//! FOLDER/received/000001-b3f0c1d2e4.eml   mail as it came, with received-at.tsv that `import` reads
//! FOLDER/sent/…                           the same of the Sent mailbox
//! FOLDER/outbox/000001.eml                replies as they were sealed
//! FOLDER/history.jsonl                    the events, one a line
//! FOLDER/salvage.json                     what was found and what was not
//! ```

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::json;

use super::{App, Done, books, files};
use crate::config::Config;
use crate::error::{Error, Kind};
use crate::ledger::{Salvage, Salvaged, Saved};
use crate::output::health::SalvageView;
use crate::wire::files::RECEIVED_AT;

/// Runs it; exit status 1 where not everything could be read.
pub fn run(app: &App, config: &Config, folder: &Path) -> anyhow::Result<Done> {
    let missing = |what: &str| {
        Error::new(Kind::Ledger, format!("there is nothing to rescue: {what}")).hint("sealpost restore BACKUP")
    };
    if std::fs::metadata(&config.ledger).map_err(|_| missing("the ledger file is not there"))?.len() == 0 {
        return Err(missing("the ledger file is empty").into());
    }
    let key = books::key(config)?;
    if !files::new_private_folder(folder)? {
        return Err(Error::new(Kind::File, format!("{} exists already", folder.display()))
            .hint("name a new folder")
            .into());
    }
    let mut shelf = Shelf::new(folder)?;
    let read = Salvaged::read(&config.ledger, &key, folder, &mut shelf);
    let found = match read {
        Ok(found) => found,
        Err(e) => {
            shelf.take_down();
            return Err(e.into());
        }
    };
    shelf.finish(&found).map_err(|e| files::cannot("write", folder, &e))?;
    let index = json!({
        "format": "sealpost salvage 1",
        "ledger": config.ledger.to_string_lossy(),
        "made_at": app.now,
        "schema_mended": found.mended,
        "messages": found.saved,
        "lost": found.lost,
        "replies": found.replies,
        "replies_lost": found.replies_lost,
        "events": found.events,
        "events_lost": found.events_lost,
    });
    files::write_new(&folder.join("salvage.json"), serde_json::to_string_pretty(&index)?.as_bytes())?;
    let view = SalvageView {
        folder: folder.to_string_lossy().into_owned(),
        messages: found.saved.len() as u64,
        messages_lost: found.lost.len() as u64,
        sent: found.saved.iter().filter(|saved| saved.sent).count() as u64,
        replies: found.replies,
        replies_lost: found.replies_lost,
        events: found.events,
        events_lost: found.events_lost,
        mended: found.mended,
    };
    let mut done = Done::new(view);
    done.status = u8::from(found.lost.len() as u64 + found.replies_lost + found.events_lost > 0);
    Ok(done)
}

/// The folder that is being filled.
struct Shelf {
    folder: PathBuf,
    history: BufWriter<File>,
    /// For each of the two mail folders: file name and time, a line each.
    times: [(&'static str, String); 2],
}

impl Shelf {
    fn new(folder: &Path) -> Result<Shelf, Error> {
        for name in ["received", "sent", "outbox"] {
            files::new_private_folder(&folder.join(name))?;
        }
        let history = BufWriter::new(files::create_new(&folder.join("history.jsonl"))?);
        Ok(Shelf { folder: folder.into(), history, times: [("received", String::new()), ("sent", String::new())] })
    }

    fn finish(&mut self, found: &Salvaged) -> std::io::Result<()> {
        self.history.flush()?;
        self.history.get_ref().sync_all()?;
        for (name, lines) in &self.times {
            if lines.is_empty() {
                // An empty folder would only puzzle.
                let _ = std::fs::remove_dir(self.folder.join(name));
            } else {
                write_new(&self.folder.join(name).join(RECEIVED_AT), lines.as_bytes())?;
            }
        }
        if found.replies == 0 {
            let _ = std::fs::remove_dir(self.folder.join("outbox"));
        }
        Ok(())
    }

    /// Nothing was found: what was begun goes again. Only what is empty or ours is removed.
    fn take_down(self) {
        drop(self.history);
        let _ = std::fs::remove_file(self.folder.join("history.jsonl"));
        for name in ["received", "sent", "outbox", "."] {
            let _ = std::fs::remove_dir(self.folder.join(name));
        }
        let _ = std::fs::remove_dir(&self.folder);
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<File> {
    let mut file = files::create_new(path).map_err(|e| std::io::Error::other(e.message))?;
    file.write_all(bytes).and_then(|()| file.sync_all())?;
    Ok(file)
}

impl Salvage for Shelf {
    fn mail(&mut self, found: &Saved, raw: &[u8]) -> std::io::Result<()> {
        let name = format!("{:06}-{}.eml", found.number, found.uid);
        let [received, sent] = &mut self.times;
        let (place, lines) = if found.sent { sent } else { received };
        let file = write_new(&self.folder.join(*place).join(&name), raw)?;
        if let Some(at) = found.received_at {
            lines.push_str(&format!("{name}\t{at}\n"));
            // For other programs; ours reads the line above, which is exact.
            let _ = file.set_modified(SystemTime::from(at));
        }
        Ok(())
    }

    fn reply(&mut self, number: i64, sealed: &[u8]) -> std::io::Result<()> {
        write_new(&self.folder.join("outbox").join(format!("{number:06}.eml")), sealed).map(drop)
    }

    fn event(&mut self, line: &str) -> std::io::Result<()> {
        writeln!(self.history, "{line}")
    }
}
