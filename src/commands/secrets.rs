//! Passwords and passphrases: from the command that the configuration names, or from a person.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

use super::{App, files};
use crate::error::{Error, Kind};
use crate::secret::Password;

/// More than any password: a command that prints more is not a password command.
const LONGEST: usize = 64 * 1024;

/// Runs a command that prints a secret. The command inherits the terminal, so that it can ask; what it prints is never shown.
pub fn from_command(command: &[String], purpose: &str) -> Result<Password, Error> {
    let failed = |why: String| {
        Error::new(Kind::Failed, format!("the command for {purpose} failed: {why}"))
            .hint(format!("run it by hand: {}", command.join(" ")))
    };
    let (program, arguments) = command.split_first().ok_or_else(|| failed("it is empty".into()))?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| failed(format!("{program}: {e}")))?;
    // One allocation, so that growing leaves no copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    if let Some(out) = child.stdout.take() {
        let mut limited = out.take(LONGEST as u64 + 1);
        let mut chunk = Zeroizing::new([0u8; 4096]);
        loop {
            let n = limited.read(chunk.as_mut()).map_err(|e| failed(e.to_string()))?;
            if n == 0 {
                break;
            }
            text.extend_from_slice(chunk.get(..n).unwrap_or_default());
        }
    }
    let status = child.wait().map_err(|e| failed(e.to_string()))?;
    if !status.success() {
        return Err(failed(status.to_string()));
    }
    if text.is_empty() || text.len() > LONGEST {
        return Err(failed("it printed nothing that could be a secret".into()));
    }
    let line = text.split(|b| *b == b'\n').next().unwrap_or_default();
    let line = std::str::from_utf8(line).map_err(|_| failed("what it printed is not UTF-8".into()))?;
    Ok(Password::new(line.to_owned()))
}

/// The first line of a file that a person named.
pub fn from_file(path: &Path) -> Result<Password, Error> {
    let text = Zeroizing::new(files::read(path, LONGEST as u64)?);
    let line = text.split(|b| *b == b'\n').next().unwrap_or_default();
    let line =
        std::str::from_utf8(line).map_err(|_| Error::new(Kind::File, format!("{} is not UTF-8", path.display())))?;
    if line.trim().is_empty() {
        return Err(Error::new(Kind::File, format!("{} begins with an empty line, no password", path.display())));
    }
    Ok(Password::new(line.to_owned()))
}

/// Asks a person; `None` where nobody is there.
pub fn ask(app: &App, question: &str) -> Option<Password> {
    if !app.interactive {
        return None;
    }
    rpassword::prompt_password(format!("{question}: ")).ok().map(Password::new)
}
