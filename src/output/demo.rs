//! What `demo` prints: each step's command and what it gave.

use std::io::{self, Write};
use std::path::PathBuf;

use super::{FAINT, HEAD, Screen, View, styled};

/// The whole show.
pub struct Demo {
    /// Where everything lies.
    pub folder: PathBuf,
    /// In order.
    pub steps: Vec<Step>,
}

/// One command and what it gave.
pub struct Step {
    /// What happens, in a sentence.
    pub about: String,
    /// As a person would type it; empty where somebody else acts.
    pub command: String,
    /// Its exit status.
    pub status: u8,
    /// What it printed.
    pub view: Box<dyn View>,
}

impl View for Demo {
    fn json(&self) -> serde_json::Value {
        let steps: Vec<_> = self
            .steps
            .iter()
            .map(|s| serde_json::json!({"about": s.about, "command": s.command, "status": s.status, "output": s.view.json()}))
            .collect();
        serde_json::json!({"folder": self.folder.to_string_lossy(), "steps": steps})
    }

    fn show(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        for (n, step) in self.steps.iter().enumerate() {
            writeln!(out, "{}", styled(HEAD, format!("{}. {}", n + 1, step.about)))?;
            if !step.command.is_empty() {
                writeln!(out, "{}", styled(FAINT, format!("$ {}", step.command)))?;
            }
            step.view.show(screen, out)?;
            if step.status == 3 {
                writeln!(out, "{}", styled(FAINT, "(exit status 3: a person is needed)"))?;
            }
            writeln!(out)?;
        }
        let config = self.folder.join("config.toml");
        writeln!(out, "{}", styled(HEAD, "Everything lies in"))?;
        writeln!(out, "{}\n", self.folder.display())?;
        writeln!(out, "{}", styled(HEAD, "Try next"))?;
        writeln!(out, "export SEALPOST_CONFIG={}", config.display())?;
        writeln!(out, "sealpost show 2             the look-alike: sealpost link 2 1 makes them one case")?;
        writeln!(out, "sealpost save 1 2           the proof of concept, to a file")?;
        writeln!(out, "sealpost show 3             what could not be opened, and why")?;
        writeln!(out, "sealpost --now 2030-01-01T00:00:00Z list --overdue")?;
        writeln!(out, "sealpost init               your own mailbox")
    }
}
