//! Rust source as words, without its comments, texts and tests.

/// The words of a source file: names, `::`, and every other sign by itself. Comments and texts are left out.
pub(crate) fn words(text: &str) -> Vec<String> {
    let signs: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(&sign) = signs.get(at) {
        let after = skip(&signs, at);
        if after > at {
            at = after;
        } else if is_of_a_name(sign) {
            let end = (at..signs.len()).find(|&end| !is_of_a_name(signs[end])).unwrap_or(signs.len());
            words.push(signs[at..end].iter().collect());
            at = end;
        } else if signs[at..].starts_with(&[':', ':']) {
            words.push("::".to_owned());
            at += 2;
        } else {
            words.extend((!sign.is_whitespace()).then(|| sign.to_string()));
            at += 1;
        }
    }
    words
}

fn is_of_a_name(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
}

/// The end of the comment or the text that begins at `at`, else `at`.
fn skip(signs: &[char], at: usize) -> usize {
    let rest = &signs[at..];
    let begins = |with: &str| with.chars().enumerate().all(|(n, sign)| rest.get(n) == Some(&sign));
    let is_alone = at == 0 || !is_of_a_name(signs[at - 1]);
    if begins("//") {
        at + rest.iter().position(|sign| *sign == '\n').unwrap_or(rest.len())
    } else if begins("/*") {
        at + 2 + position(&rest[2..], "*/").map_or(rest.len(), |end| end + 2)
    } else if is_alone && begins("r") && raw(rest).is_some() {
        raw(rest).map_or(at, |length| at + length)
    } else if begins("\"") {
        at + quoted(rest, '"')
    } else if begins("'") && (rest.get(1) == Some(&'\\') || rest.get(2) == Some(&'\'')) {
        at + quoted(rest, '\'')
    } else {
        at
    }
}

/// The length of the raw text that begins here, if one does.
fn raw(rest: &[char]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|sign| **sign == '#').count();
    let open = 1 + hashes + 1;
    (rest.get(open - 1) == Some(&'"')).then(|| {
        let end = format!("\"{}", "#".repeat(hashes));
        position(&rest[open..], &end).map_or(rest.len(), |at| open + at + end.len())
    })
}

/// The length of a text in these quotes, in which a backslash hides the next sign.
fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while let Some(&sign) = rest.get(at) {
        match sign {
            '\\' => at += 2,
            sign if sign == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn position(signs: &[char], wanted: &str) -> Option<usize> {
    let wanted: Vec<char> = wanted.chars().collect();
    signs.windows(wanted.len()).position(|window| window == wanted)
}

/// Takes out what is compiled for tests only, and gives the names of the modules among it that are files.
pub(crate) fn without_tests(words: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut kept, mut modules) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < words.len() {
        if !words[at..].iter().map(String::as_str).take(7).eq(["#", "[", "cfg", "(", "test", ")", "]"]) {
            kept.push(words[at].clone());
            at += 1;
            continue;
        }
        let item = &words[at + 7..];
        let length = item_length(item);
        if let Some(name) = item[..length].iter().position(|word| word == "mod").filter(|_| item[length - 1] == ";") {
            modules.push(item[name + 1].clone());
        }
        at += 7 + length;
    }
    (kept, modules)
}

/// The number of words of the item that begins here: it ends with a `;`, or with the brace that closes its body.
fn item_length(item: &[String]) -> usize {
    let (mut depth, mut is_import) = (0_usize, false);
    for (at, word) in item.iter().enumerate() {
        match word.as_str() {
            "use" if depth == 0 => is_import = true,
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth -= 1;
                if depth == 0 && word == "}" && !is_import {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}
