//! What `samconfig.toml` gives the template's parameters on this machine.

use std::path::Path;

use toml::{Table, Value};

use crate::error::StartError;

/// The `parameter_overrides` of `[local.deploy.parameters]`; none if there is no such file or section.
pub(crate) fn local_parameters(root: &Path) -> Result<Vec<(String, String)>, StartError> {
    let path = root.join("samconfig.toml");
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(&path).map_err(StartError::file(&path))?;
    let table: Table = text.parse().map_err(|error| StartError::Template(format!("{}: {error}", path.display())))?;
    let overrides =
        table.get("local").and_then(|local| local.get("deploy")?.get("parameters")?.get("parameter_overrides"));
    overrides.map_or(Ok(Vec::new()), |value| {
        parse(value).ok_or_else(|| {
            StartError::Template(
                "samconfig.toml: local.deploy.parameters.parameter_overrides must be NAME=VALUE pairs, in a list or a string"
                    .to_owned(),
            )
        })
    })
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
    }

    #[test]
    fn what_is_no_pair_is_refused() {
        assert_eq!(pairs(r#"o = "Stage""#), None);
        assert_eq!(pairs("o = 3"), None);
    }
}
