//! Settings: the command line first, the environment second, a TOML file third, the default last. One mechanism for all: what
//! the file says is put in front of the command line for every setting that the environment does not set, so that each value
//! goes through the same parser and each error names the setting and what was expected.
//!
//! For a secret `X` the variable `X_FILE` names a file that holds it.

mod sections;

use std::ffi::OsString;
use std::path::Path;

use clap::{Arg, Command, CommandFactory, FromArgMatches};

pub use sections::{DatabaseArgs, ImportArgs, LogArgs, RetentionArgs, SecretArgs, StorageArgs, seconds};

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that is named cannot be read.
    #[error("{setting} names {path}, which cannot be read: {reason}")]
    Unreadable {
        /// The variable or flag.
        setting: String,
        /// The file.
        path: String,
        /// Why not.
        reason: std::io::Error,
    },
    /// The TOML file is not TOML.
    #[error("{path} is not valid TOML: {reason}")]
    Toml {
        /// The file.
        path: String,
        /// Where and why.
        reason: toml::de::Error,
    },
    /// A key of the file that is no setting.
    #[error("{path}: unknown setting {key:?}; settings are the long flags of --help without their dashes")]
    UnknownKey {
        /// The file.
        path: String,
        /// The key.
        key: String,
    },
    /// A value of the file that is neither text, number, boolean nor a list of these.
    #[error("{path}: {key} should be text, a number, true or false, or a list of these")]
    Shape {
        /// The file.
        path: String,
        /// The key.
        key: String,
    },
    /// What clap found: a wrong value, an unknown flag; or help and version, which are no errors.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
}

/// Parses the program's arguments with the settings of the environment and of the file that `--config` or `TENON_CONFIG` names.
pub fn parse<T: CommandFactory + FromArgMatches>(arguments: Vec<OsString>) -> Result<T, ConfigError> {
    Ok(T::from_arg_matches(&matches(&T::command(), arguments)?)?)
}

/// The same, for `config print`: with where each value came from.
pub fn matches(command: &Command, arguments: Vec<OsString>) -> Result<clap::ArgMatches, ConfigError> {
    let mut extra = secret_files(command)?;
    if let Some(path) = config_path(&arguments) {
        extra.extend(from_file(command, Path::new(&path), &arguments)?);
    }
    // Settings are global flags: they may stand before the subcommand.
    let mut all: Vec<OsString> = arguments;
    let at = all.len().min(1);
    let mut own = Vec::new();
    for subcommand in chosen(command, &all) {
        own.extend(secret_files(subcommand)?);
    }
    all.splice(at..at, extra);
    // A subcommand's own flags stand after it.
    all.extend(own);
    Ok(command.clone().try_get_matches_from(all)?)
}

fn config_path(arguments: &[OsString]) -> Option<OsString> {
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let word = word.to_str().unwrap_or_default();
        if word == "--config" {
            return words.next().cloned();
        }
        if let Some(path) = word.strip_prefix("--config=") {
            return Some(path.into());
        }
    }
    std::env::var_os("TENON_CONFIG")
}

/// The subcommands that the words name, outermost first.
fn chosen<'c>(command: &'c Command, words: &[OsString]) -> Vec<&'c Command> {
    let mut chosen = Vec::new();
    let mut current = command;
    for word in words.iter().skip(1).filter_map(|word| word.to_str()) {
        if let Some(subcommand) = current.find_subcommand(word) {
            chosen.push(subcommand);
            current = subcommand;
        }
    }
    chosen
}

fn settings(command: &Command) -> impl Iterator<Item = (&Arg, &str, String)> {
    command.get_arguments().filter_map(|arg| {
        let variable = arg.get_env()?.to_str()?.to_owned();
        Some((arg, arg.get_long()?, variable))
    })
}

/// `X_FILE` for every secret `X` that is not set itself. A setting is secret when its value is hidden in the help.
fn secret_files(command: &Command) -> Result<Vec<OsString>, ConfigError> {
    let mut flags = Vec::new();
    for (arg, long, variable) in settings(command) {
        if !arg.is_hide_env_values_set() || std::env::var_os(&variable).is_some() {
            continue;
        }
        let setting = format!("{variable}_FILE");
        let Some(path) = std::env::var_os(&setting) else { continue };
        let content = std::fs::read_to_string(&path).map_err(|reason| ConfigError::Unreadable {
            setting,
            path: path.display().to_string(),
            reason,
        })?;
        flags.push(format!("--{long}={}", content.trim_end_matches(['\r', '\n'])).into());
    }
    Ok(flags)
}

fn from_file(command: &Command, path: &Path, arguments: &[OsString]) -> Result<Vec<OsString>, ConfigError> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|reason| ConfigError::Unreadable {
        setting: "TENON_CONFIG".to_owned(),
        path: name.clone(),
        reason,
    })?;
    let table: toml::Table =
        text.parse().map_err(|reason| ConfigError::Toml { path: name.clone(), reason })?;
    let mut flags = Vec::new();
    for (key, value) in &table {
        let Some((_, long, variable)) = settings(command).find(|(_, long, _)| long == key) else {
            return Err(ConfigError::UnknownKey { path: name, key: key.clone() });
        };
        let given = format!("--{long}");
        let on_command_line = arguments.iter().filter_map(|word| word.to_str()).any(|word| {
            word.strip_prefix(&given).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        });
        if on_command_line || std::env::var_os(variable).is_some() {
            continue;
        }
        let value =
            text_of(value).ok_or_else(|| ConfigError::Shape { path: name.clone(), key: key.clone() })?;
        flags.push(format!("--{long}={value}").into());
    }
    Ok(flags)
}

fn text_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(value) => Some(value.to_string()),
        toml::Value::Array(values) => {
            values.iter().map(text_of).collect::<Option<Vec<_>>>().map(|v| v.join(","))
        }
        _ => None,
    }
}

/// `config print`: every setting with the value in force and where it came from; secrets are hidden.
pub fn print(command: &Command, matches: &clap::ArgMatches) -> String {
    let mut lines = String::new();
    for (arg, long, variable) in settings(command) {
        let id = arg.get_id().as_str();
        let value = if arg.is_hide_env_values_set() {
            matches.contains_id(id).then(|| "(set, hidden)".to_owned())
        } else {
            matches.get_raw(id).map(|raw| raw.map(|v| v.to_string_lossy()).collect::<Vec<_>>().join(","))
        };
        let source = match matches.value_source(id) {
            Some(clap::parser::ValueSource::EnvVariable) => "environment",
            Some(clap::parser::ValueSource::CommandLine) => "flag or file",
            _ => "default",
        };
        lines.push_str(&format!(
            "{long} = {}  # {variable}, {source}\n",
            value.map_or("(not set)".to_owned(), |v| format!("{v:?}"))
        ));
    }
    lines
}
