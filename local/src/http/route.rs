//! The route of an HTTP API that a request takes.

use crate::{gateway::percent_decode, template::HttpRoute};

/// A route that matches, with the values of its `{parameters}`.
#[derive(Debug)]
pub(crate) struct Match<'a> {
    /// The route.
    pub(crate) route: &'a HttpRoute,
    /// Path parameters, decoded.
    pub(crate) parameters: Vec<(String, String)>,
}

/// The route that matches best: the most literal path, then the method rather than `ANY`, then `$default`.
pub(crate) fn select<'a>(routes: &'a [HttpRoute], method: &str, path: &str) -> Option<Match<'a>> {
    let fitting = routes.iter().filter_map(|route| {
        let (rank, parameters) = fit(&route.key, method, path)?;
        Some((rank, Match { route, parameters }))
    });
    fitting.min_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, found)| found)
}

/// The rank of a route, the least being the best match: for each segment 0 if literal, 1 for a parameter, 2 for a greedy one.
type Rank = (bool, Vec<u8>, bool);

fn fit(key: &str, method: &str, path: &str) -> Option<(Rank, Vec<(String, String)>)> {
    if key == "$default" {
        return Some(((true, Vec::new(), true), Vec::new()));
    }
    let (wanted, pattern) = key.split_once(' ')?;
    if wanted != "ANY" && wanted != method {
        return None;
    }
    let mut rank = Vec::new();
    let mut parameters = Vec::new();
    let mut rest = Some(path);
    for segment in pattern.split('/') {
        let here = rest?;
        let (value, following) = here.split_once('/').map_or((here, None), |(value, rest)| (value, Some(rest)));
        rest = following;
        match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => {
                let greedy = name.strip_suffix('+');
                let value = if greedy.is_some() { rest.take().map_or(value, |_| here) } else { value };
                if value.is_empty() {
                    return None;
                }
                rank.push(if greedy.is_some() { 2 } else { 1 });
                parameters.push((greedy.unwrap_or(name).to_owned(), percent_decode(value)));
            }
            None if percent_decode(value) == segment => rank.push(0),
            None => return None,
        }
    }
    rest.is_none().then_some(((false, rank, wanted == "ANY"), parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(keys: &[&str]) -> Vec<HttpRoute> {
        keys.iter().map(|key| HttpRoute { key: (*key).to_owned(), function: String::new(), throttle: None }).collect()
    }

    fn selected(keys: &[&str], method: &str, path: &str) -> Option<(String, Vec<(String, String)>)> {
        let routes = routes(keys);
        let found = select(&routes, method, path)?;
        Some((found.route.key.clone(), found.parameters))
    }

    #[test]
    fn a_literal_segment_beats_a_parameter() {
        let keys = ["GET /a/{x}", "GET /a/b", "GET /{any+}"];
        assert_eq!(selected(&keys, "GET", "/a/b").map(|found| found.0).as_deref(), Some("GET /a/b"));
        assert_eq!(selected(&keys, "GET", "/a/c").map(|found| found.0).as_deref(), Some("GET /a/{x}"));
        assert_eq!(selected(&keys, "GET", "/a/c/d").map(|found| found.0).as_deref(), Some("GET /{any+}"));
    }

    #[test]
    fn parameters_are_decoded_after_the_path_is_split() {
        let found = selected(&["GET /a/{x}/b"], "GET", "/a/user%3Aal%2Fice/b").expect("a route");
        assert_eq!(found.1, [("x".to_owned(), "user:al/ice".to_owned())]);
        assert!(selected(&["GET /a/{x}/b"], "GET", "/a//b").is_none());
    }

    #[test]
    fn a_greedy_parameter_takes_the_rest() {
        assert_eq!(
            selected(&["GET /a/{rest+}"], "GET", "/a/b/c").expect("a route").1,
            [("rest".to_owned(), "b/c".to_owned())]
        );
    }

    #[test]
    fn the_method_counts_and_the_whole_path_must_fit() {
        assert!(selected(&["GET /a"], "POST", "/a").is_none());
        assert!(selected(&["GET /a"], "GET", "/a/").is_none());
        assert!(selected(&["GET /a"], "GET", "/a/b").is_none());
        assert!(selected(&["ANY /a"], "PATCH", "/a").is_some());
        assert_eq!(selected(&["$default", "ANY /a"], "GET", "/b").map(|found| found.0).as_deref(), Some("$default"));
    }
}
