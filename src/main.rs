//! Minimal command line: `[--json] policy check FILE`.

use clap::Parser;
use sealpost::cli::policy::Policy;
use std::process::ExitCode;

#[derive(Parser)]
struct Arguments {
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    #[command(subcommand)]
    Policy(Policy),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Command::Policy(Policy::Check(check)) = arguments.command;
    match sealpost::commands::policy::check(&check) {
        Ok(checked) if arguments.json => {
            println!("{}", serde_json::to_string_pretty(&checked).unwrap_or_default());
            ExitCode::SUCCESS
        }
        Ok(checked) => {
            print!("{}", checked.human());
            ExitCode::SUCCESS
        }
        Err(error) => {
            if arguments.json {
                println!("{}", serde_json::json!({"error": {"kind": "policy", "message": error.to_string()}}));
            }
            eprintln!("error: {error}");
            ExitCode::from(1)
        }
    }
}
