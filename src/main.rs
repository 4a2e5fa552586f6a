//! The command line. (Only what `open` needs; the rest joins when the modules do.)

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use sealpost::cli::open::OpenArgs;
use sealpost::pgp::keyring::Keyring;
use sealpost::pgp::open::Context;
use sealpost::secret::Password;

#[derive(Parser)]
struct Cli {
    #[arg(long, env = "SEALPOST_CONFIG")]
    config: Option<PathBuf>,
    #[arg(long)]
    json: bool,
    #[arg(long)]
    now: Option<jiff::Timestamp>,
    #[command(subcommand)]
    command: Commands,
}

#[derive(Subcommand)]
enum Commands {
    Open(OpenArgs),
}

#[derive(Default, serde::Deserialize)]
struct Config {
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    openpgp: OpenPgp,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct OpenPgp {
    secret_keys: Vec<PathBuf>,
    passphrase_command: Vec<String>,
    certs: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => code,
        Err(error) => {
            if cli.json {
                let document = serde_json::json!({"error": {"kind": "failed", "message": format!("{error:#}")}});
                let _ = writeln!(std::io::stdout(), "{document}");
            }
            eprintln!("error: {}", sealpost::safe::line(&format!("{error:#}")));
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    let (config, folder) = match &cli.config {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            (toml::from_str(&text)?, path.parent().map(Path::to_path_buf).unwrap_or_default())
        }
        None => (Config::default(), PathBuf::new()),
    };
    let join = |paths: &[PathBuf]| paths.iter().map(|path| folder.join(path)).collect::<Vec<_>>();
    let mut keys = Keyring::load(&join(&config.openpgp.secret_keys), &join(&config.openpgp.certs))?;
    for problem in keys.problems() {
        eprintln!("warning: {}", sealpost::safe::line(problem));
    }
    if let Some((program, arguments)) = config.openpgp.passphrase_command.split_first() {
        let output = Command::new(program).args(arguments).output()?;
        keys.unlock(&Password::new(String::from_utf8(output.stdout)?)).or_else(|error| {
            eprintln!("warning: {error}");
            anyhow::Ok(())
        })?;
    }
    let context = Context {
        now: cli.now.unwrap_or_else(jiff::Timestamp::now),
        received_at: None,
        own_addresses: config.address.into_iter().chain(config.aliases).collect(),
    };
    let Commands::Open(args) = &cli.command;
    let mut raw = Vec::new();
    if args.file.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut raw)?;
    } else {
        raw = std::fs::read(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    }
    let view = sealpost::commands::open::run(&raw, &keys, &context);
    let mut out = std::io::stdout();
    if cli.json {
        writeln!(out, "{}", serde_json::to_string(&view)?)?;
    } else {
        write!(out, "{}", view.to_text())?;
    }
    Ok(if view.needs_a_person() { ExitCode::from(3) } else { ExitCode::SUCCESS })
}
