//! GnuPG with a home of its own, to be measured against.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A GnuPG home; its agent ends when this is dropped.
pub struct Gpg {
    home: PathBuf,
}

impl Gpg {
    /// A home in `parent` with these keys, certificates or TSKs without a passphrase. `None` where there is no `gpg`.
    pub fn with_keys(parent: &Path, keys: &[&[u8]]) -> Option<Gpg> {
        Command::new("gpg").arg("--version").stdout(Stdio::null()).status().ok().filter(|status| status.success())?;
        let home = parent.join("gnupg");
        super::private_folder(&home);
        let gpg = Gpg { home };
        for (number, key) in keys.iter().enumerate() {
            let file = parent.join(format!("import-{number}.asc"));
            super::private(&file, key);
            assert!(gpg.command().arg("--import").arg(&file).status().unwrap().success(), "gpg does not take a key");
        }
        Some(gpg)
    }

    /// `gpg --decrypt`, a process of its own, the text thrown away. It must succeed.
    pub fn decrypt(&self, mail: &Path) {
        let status = self.command().arg("--decrypt").arg(mail).status().unwrap();
        assert!(status.success(), "gpg does not decrypt {}", mail.display());
    }

    /// `gpg --decrypt-files`: one process for all. Beside each file, named `….asc`, it leaves one without that ending.
    pub fn decrypt_together(&self, files: &[PathBuf]) {
        let status = self.command().arg("--decrypt-files").args(files).status().unwrap();
        assert!(status.success(), "gpg does not decrypt {} files", files.len());
    }

    /// What it says about the signature in a mail: its machine-readable status lines.
    pub fn status_lines(&self, mail: &Path) -> String {
        let output = self.command().args(["--status-fd", "2", "--decrypt"]).arg(mail).stderr(Stdio::piped()).output();
        String::from_utf8_lossy(&output.unwrap().stderr).into_owned()
    }

    fn command(&self) -> Command {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(&self.home).args([
            "--batch",
            "--quiet",
            "--no-tty",
            "--yes",
            "--trust-model",
            "always",
        ]);
        command.env_remove("GNUPGHOME").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").arg("--homedir").arg(&self.home).args(["--kill", "all"]).status();
    }
}
