//! Texts that have to be shorter.

/// Ends a text that goes on elsewhere.
const ELLIPSIS: char = '…';

/// The text if it fits, else as much of its start as fits with an ellipsis behind it; nothing where not even that does.
///
/// A text that fits must still fit when it is shorter.
#[must_use]
pub(crate) fn to_fit(text: &str, fits: impl Fn(&str) -> bool) -> String {
    if fits(text) {
        return text.to_owned();
    }
    let ends: Vec<usize> = text.char_indices().map(|(start, _)| start).collect();
    let shortened = |end: usize| format!("{}{ELLIPSIS}", text[..end].trim_end());
    // Of all cuts, from the shortest to the longest, those that fit come first.
    match ends.partition_point(|end| fits(&shortened(*end))) {
        0 => String::new(),
        count => shortened(ends[count - 1]),
    }
}

/// The text without what neither a phone nor a mail can show: control characters, line breaks and tabs excepted.
#[must_use]
pub(crate) fn printable(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_cut_only_where_it_has_to_be() {
        let cut = |text, longest| to_fit(text, |text| text.chars().count() <= longest);
        assert_eq!(cut("four", 4), "four");
        assert_eq!(cut("fours", 4), "fou…");
        assert_eq!(cut("for ever", 5), "for…", "no space before the ellipsis");
        assert_eq!(cut("grüße", 3), "gr…");
        assert_eq!(cut("long", 1), "…");
        assert_eq!(cut("long", 0), "");
    }

    #[test]
    fn line_breaks_are_kept_and_other_control_characters_are_not() {
        assert_eq!(printable("a\r\nb\rc\td\0\u{1b}[31m\u{85}"), "a\nb\nc\td[31m");
    }

    proptest! {
        #[test]
        fn what_is_cut_fits_and_begins_as_the_text_does(text in "\\PC{0,80}", longest in 0usize..80) {
            let cut = to_fit(&text, |text| text.len() <= longest);
            prop_assert!(cut.len() <= longest);
            prop_assert!(text.starts_with(cut.trim_end_matches(ELLIPSIS)) || text == cut);
        }
    }
}
