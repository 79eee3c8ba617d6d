//! `samconfig.toml`: the stack's name, and the template's parameters on this machine.

use std::path::Path;

use toml::{Table, Value};

use crate::error::StartError;

/// The settings outside the template.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The stack's name.
    pub(crate) stack: String,
    /// The template's parameters; of several values of one, the last counts.
    pub(crate) parameters: Vec<(String, String)>,
}

/// Reads the `stack_name` of `[default.deploy.parameters]` and the `parameter_overrides` of `[local.local_start_api.parameters]`.
/// It reads no `deploy` section for parameters: a value for this machine only, such as a secret that everybody knows, could be
/// deployed from there.
pub(crate) fn read(root: &Path) -> Result<Settings, StartError> {
    let path = root.join("samconfig.toml");
    let text =
        if path.exists() { std::fs::read_to_string(&path).map_err(StartError::file(&path))? } else { String::new() };
    settings(&text).map_err(|why| StartError::Template(format!("{}: {why}", path.display())))
}

fn settings(text: &str) -> Result<Settings, String> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let said =
        |environment: &str, command: &str, key: &str| table.get(environment)?.get(command)?.get("parameters")?.get(key);
    let stack = said("default", "deploy", "stack_name").and_then(Value::as_str).unwrap_or("local").to_owned();
    let parameters = said("local", "local_start_api", "parameter_overrides").map_or(Some(Vec::new()), parse);
    let parameters = parameters.ok_or(
        "local.local_start_api.parameters.parameter_overrides must be NAME=VALUE pairs, in a list or a string"
            .to_owned(),
    )?;
    Ok(Settings { stack, parameters })
}

fn parse(overrides: &Value) -> Option<Vec<(String, String)>> {
    let words: Vec<String> = match overrides {
        Value::String(text) => split_words(text),
        Value::Array(list) => {
            list.iter().map(|word| Some(split_words(word.as_str()?).concat())).collect::<Option<_>>()?
        }
        _ => return None,
    };
    words
        .iter()
        .map(|word| {
            let (name, value) = word.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect()
}

/// Splits at white space outside of quotes, and takes the quotes away, as SAM does.
fn split_words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for letter in text.chars() {
        match quote {
            Some(open) if open == letter => quote = None,
            None if letter == '"' || letter == '\'' => quote = Some(letter),
            None if letter.is_whitespace() => words.push(String::new()),
            _ => {
                if let Some(word) = words.last_mut() {
                    word.push(letter);
                }
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(toml: &str) -> Option<Vec<(String, String)>> {
        let table: Table = toml.parse().ok()?;
        parse(table.get("o")?)
    }

    #[test]
    fn overrides_may_be_a_list_or_a_string_with_quotes() {
        let expected =
            Some(vec![("Stage".to_owned(), "local".to_owned()), ("Text".to_owned(), "two words".to_owned())]);
        assert_eq!(pairs(r#"o = ["Stage=local", "Text='two words'"]"#), expected);
        assert_eq!(pairs(r#"o = 'Stage=local Text="two words"'"#), expected);
        let json = Some(vec![("Keys".to_owned(), r#"{"a":"b c"}"#.to_owned())]);
        assert_eq!(pairs(r#"o = ["""Keys='{"a":"b c"}'"""]"#), json);
    }

    #[test]
    fn the_stack_is_named_as_it_is_deployed() {
        let named = settings("[default.deploy.parameters]\nstack_name = 'some'").expect("valid settings");
        assert_eq!((named.stack.as_str(), named.parameters.len()), ("some", 0));
        let local =
            settings("[local.local_start_api.parameters]\nparameter_overrides = ['A=b']").expect("valid settings");
        assert_eq!((local.stack.as_str(), local.parameters.len()), ("local", 1));
    }

    #[test]
    fn what_is_deployed_is_not_what_runs_here() {
        let deployed = settings("[local.deploy.parameters]\nparameter_overrides = ['A=b']").expect("valid settings");
        assert!(deployed.parameters.is_empty());
    }

    #[test]
    fn what_is_no_pair_is_refused() {
        assert_eq!(pairs(r#"o = "Stage""#), None);
        assert_eq!(pairs("o = 3"), None);
    }
}
